"""Quantizers between a value and its product with itself: marked where nothing else needs their integers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from hwgen.errors import HwgenError
from hwgen.frontend.inner_quantizers import way_of, with_inner_quantizers
from hwgen.ir.graph import Graph, GraphBuilder, Level, Op, Value
from hwgen.ir.tensor import Tensor
from hwgen.ir.types import BIPOLAR, REAL, full_range
from hwgen.ops.quantized import Quant
from hwgen.ops.quantized_curves import Curve, Product
from hwgen.ops.quantized_maps import Concat
from hwgen.passes.pipeline import integers_of
from tests.networks import quant as quantizer

GATE = quantizer(1 / 100, full_range(8, False))


def graph_of(nodes: Mapping[str, tuple[Op, list[str]]], outputs: list[str]) -> Graph:
    """Of an input x of 3 channels; a node's name is its output's."""
    builder = GraphBuilder("gates", Level.QUANTIZED)
    builder.add_input(Value("x", (3, 2, 2), REAL))
    for name, (op, inputs) in nodes.items():
        builder.add(name, op, inputs, [name])
    return builder.build(outputs)


def silu(gate: Quant = GATE) -> dict[str, tuple[Op, list[str]]]:
    """q, its sigmoid s, that quantized g, the product p, and that quantized y."""
    return {"q": (quantizer(0.1, full_range(6, True)), ["x"]), "s": (Curve("sigmoid"), ["q"]), "g": (gate, ["s"]),
            "p": (Product(), ["q", "g"]), "y": (quantizer(0.05, full_range(6, True)), ["p"])}


def inner(graph: Graph) -> set[str]:
    return {node.name for node in graph.nodes if isinstance(node.op, Quant) and node.op.inner}


def test_the_gate_is_marked_and_the_others_are_not() -> None:
    graph = with_inner_quantizers(graph_of(silu(), ["y"]))
    assert inner(graph) == {"g"}
    assert len(integers_of(graph).nodes) == 1


def test_a_gate_that_is_read_elsewhere_keeps_its_integers() -> None:
    """It is an output, or a join reads it; then the product is refused by name."""
    more: dict[str, tuple[Op, list[str]]] = {"c": (Concat(), ["g", "y"])}
    for nodes, outputs in ((silu(), ["y", "g"]), (silu() | more, ["c"])):
        graph = graph_of(nodes, outputs)
        assert with_inner_quantizers(graph) is graph
        with pytest.raises(HwgenError, match="product: p: it multiplies two values that are computed from different"):
            integers_of(graph)


def test_which_products_have_one_source() -> None:
    """Not through a scale a channel or two-valued numbers, nor from the real input; x * x needs no mark."""
    per_channel = Quant(Tensor(np.array([0.1, 0.2, 0.3]).reshape(3, 1, 1)), Tensor(0.0), full_range(8, False))
    bipolar = Quant(Tensor(1.0), Tensor(0.0), BIPOLAR)
    for gate in (per_channel, bipolar):
        assert inner(with_inner_quantizers(graph_of(silu(gate), ["y"]))) == set()
    makers = {node.outputs[0]: node for node in graph_of(silu(), ["y"]).nodes}
    way = way_of(makers, ["q", "g"])
    assert way is not None and (way.source, way.quantized, way.others) == ("q", {"g"}, {"s"})
    assert way_of(makers, ["x", "g"]) is None
    square = way_of(makers, ["q", "q"])
    assert square is not None and square.quantized == set()


def test_many_products_in_a_row_take_no_longer() -> None:
    """x to the power of 2^40: each factor is read twice."""
    nodes: dict[str, tuple[Op, list[str]]] = {"v0": (quantizer(0.1, full_range(6, True)), ["x"])}
    for index in range(40):
        nodes[f"p{index}"] = (Product(), [f"v{index}"] * 2)
        nodes[f"v{index + 1}"] = (quantizer(0.1, full_range(6, True)), [f"p{index}"])
    assert inner(with_inner_quantizers(graph_of(nodes, ["v40"]))) == set()
