"""Every rule of the verifier, each broken by one change of a good graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from hwgen.errors import Exit, HwgenError
from hwgen.ir.graph import Graph, Level, Value
from hwgen.ir.types import REAL, IntType
from hwgen.ir.verify import verify, verify_joined
from hwgen.kernels.base import Fold
from hwgen.passes.size_fifos import size_fifos
from hwgen.stream import Stream
from tests.passes.fakes import BYTE, Dense, Mix, network


@dataclass(frozen=True)
class Wrong(Dense):
    """A kernel whose output stream is not its value."""

    op: Mix

    def output_stream(self) -> Stream:
        return Stream(IntType(0, 1), self.op.rows, self.fold.pe)


def good() -> Graph:
    return network([4, 6, 8])


def node(graph: Graph, index: int, **changes: object) -> Graph:
    """One node changed."""
    nodes = list(graph.nodes)
    nodes[index] = replace(nodes[index], **changes)  # type: ignore[arg-type]
    return graph.replaced(nodes=tuple(nodes))


def value(graph: Graph, name: str, new: Value) -> Graph:
    return graph.replaced(values={**graph.values, name: new})


BROKEN: dict[str, tuple[Callable[[Graph], Graph], str]] = {
    "name twice": (lambda g: node(g, 1, name="layer0"), "layer0: two nodes have this name"),
    "order": (lambda g: g.replaced(nodes=g.nodes[::-1]), "layer1: it reads y0, which no earlier node makes"),
    "undefined": (lambda g: node(g, 0, inputs=("lost",)), "layer0: it reads lost, which no earlier node makes"),
    "made twice": (lambda g: node(g, 1, outputs=("y0",)), "layer1: it makes y0, which exists already"),
    "no value": (lambda g: node(g, 1, outputs=("new",)), "layer1: its output new has no value"),
    "no output": (lambda g: g.replaced(outputs=("z",)), "z: the graph output is never made"),
    "stray value": (lambda g: value(g, "q", Value("q", (1,), BYTE)), "q: the value belongs to no node"),
    "no input": (lambda g: g.replaced(inputs=("x", "w")), "w: the graph input has no value"),
    "type": (lambda g: value(g, "y1", Value("y1", (8,), IntType(0, 1))),
             "layer1: its outputs are uint1[8], but its op makes uint8[8]"),
    "shape": (lambda g: value(g, "y1", Value("y1", (9,), BYTE)),
              "layer1: its outputs are uint8[9], but its op makes uint8[8]"),
    "real": (lambda g: value(g, "x", Value("x", (4,), REAL)), "layer0: x: real[4] is real"),
    "level": (lambda g: node(g, 0, op=Mix(6)),
              "layer0: Mix is an op of the integer level in a graph of the hardware level"),
    "stream": (lambda g: node(g, 1, op=Wrong(Mix(8), (g.values["y0"],), Fold())),
               "layer1: its stream Stream(type=IntType(lo=0, hi=1), elements=8, lanes=1) does not carry y1: uint8[8]"),
    "empty": (lambda g: value(g, "x", Value("x", (0,), BYTE)), "layer0: x: uint8[0] is empty"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_graph_names_pass_node_and_fault(name: str) -> None:
    spoil, text = BROKEN[name]
    verify(good())
    with pytest.raises(HwgenError) as error:
        verify(spoil(good()), "the test")
    assert str(error.value) == (f"broken-graph: tiny, after the test: {text}. "
                                "This is a bug of hwgen: please report it with the model.")
    assert error.value.exit_code == Exit.INTERNAL


def test_lanes_must_agree_once_the_kernels_are_joined() -> None:
    graph = node(good(), 0, op=Dense(Mix(6), (good().values["x"],), Fold(3, 4)))
    verify(graph)
    with pytest.raises(HwgenError, match=r"layer1: it reads .*lanes=1.*, but layer0 gives .*lanes=3"):
        verify_joined(graph)
    verify_joined(size_fifos(graph))


def test_levels_are_told_apart() -> None:
    with pytest.raises(HwgenError, match="Dense is an op of the hardware level in a graph of the integer level"):
        verify(good().replaced(level=Level.INTEGER))
