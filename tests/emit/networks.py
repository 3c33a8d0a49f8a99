"""Small hardware graphs to emit, all made by the real passes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hwgen.ir.graph import Graph, GraphBuilder, Level, Value
from hwgen.ir.tensor import Tensor
from hwgen.ir.types import BIPOLAR, REAL, full_range
from hwgen.kernels.base import Kernel
from hwgen.ops.quantized import Dense
from hwgen.passes.pipeline import lower
from hwgen.passes.size_fifos import size_fifos
from tests.networks import quant, random_mlp

HOSTILE = ['"; $finish; //', "a\nendmodule\nmodule b", "$::env(HOME)", "[exec touch owned]", "../../evil", "naïve日本",
           "module", "x" * 300, "{{ 7 * 7 }}", "*/ `include", "\\", "Module", "9", ""]
"""Names that break out of any language that they reach."""


def lowered(graph: Graph) -> Graph:
    """The hardware graph with the smallest foldings."""
    return list(lower(graph))[-1][1]


def refolded(graph: Graph, rng: np.random.Generator) -> Graph:
    """Every kernel at some other legal folding, so that streams of all widths meet."""
    nodes = []
    for node in graph.nodes:
        assert isinstance(node.op, Kernel)
        foldings = list(node.op.foldings())
        nodes.append(replace(node, op=node.op.folded(foldings[int(rng.integers(len(foldings)))])))
    return graph.replaced(nodes=tuple(nodes))


def random_network(rng: np.random.Generator) -> Graph:
    """A random MLP at random foldings, with converters and FIFOs."""
    sizes = tuple(int(n) for n in rng.choice([2, 3, 4, 6, 8], 4))
    return size_fifos(refolded(lowered(random_mlp(rng, sizes, outputs=bool(rng.integers(2)))), rng))


def tiny_network() -> Graph:
    """Two inputs, a bipolar layer of three, an integer layer of two: always the same."""
    builder = GraphBuilder("tiny", Level.QUANTIZED)
    builder.add_input(Value("x", (2,), REAL))
    builder.add("quant_in", quant(1.0, BIPOLAR), ["x"], ["v0"])
    builder.add("fc0", Dense(Tensor([[1, -1], [-1, -1], [1, 1]]), Tensor(0.5), Tensor(0.0), None), ["v0"], ["v1"])
    builder.add("quant0", quant(1.0, full_range(2, True)), ["v1"], ["v2"])
    builder.add("fc1", Dense(Tensor([[3, -2, 1], [0, 1, -4]]), Tensor(0.25), Tensor(0.0), None), ["v2"], ["y"])
    return size_fifos(lowered(builder.build(["y"])))


def hostile_network() -> Graph:
    """A network whose model, nodes, values and ports all have names that attack."""
    graph = random_mlp(np.random.default_rng(5), (3, 4, 2), outputs=False)
    values = dict(zip(graph.values, _cycle(len(graph.values)), strict=True))
    nodes = tuple(replace(node, name=name, inputs=tuple(values[v] for v in node.inputs),
                          outputs=tuple(values[v] for v in node.outputs), origin=(name,))
                  for node, name in zip(graph.nodes, _cycle(len(graph.nodes)), strict=True))
    renamed = Graph(HOSTILE[0], graph.level, tuple(values[v] for v in graph.inputs),
                    tuple(values[v] for v in graph.outputs), nodes,
                    {values[v.name]: replace(v, name=values[v.name]) for v in graph.values.values()}, graph.ports)
    return size_fifos(lowered(renamed))


def _cycle(count: int) -> list[str]:
    return [HOSTILE[i % len(HOSTILE)] + " " * (i // len(HOSTILE)) for i in range(count)]


def beats_network() -> Graph:
    """Six 4-bit inputs in three beats, an integer layer, two outputs in two beats."""
    builder = GraphBuilder("beats", Level.QUANTIZED)
    builder.add_input(Value("x", (6,), REAL))
    builder.add("quant_in", quant(0.5, full_range(4, True)), ["x"], ["v0"])
    weights = np.random.default_rng(3).integers(-2, 2, (2, 6))
    builder.add("fc0", Dense(Tensor(weights), Tensor(0.5), Tensor(0.0), None), ["v0"], ["y"])
    return size_fifos(lowered(builder.build(["y"])))


def two_chains() -> Graph:
    """Two inputs, each with its own output."""
    builder = GraphBuilder("pair", Level.QUANTIZED)
    for name in ("a", "b"):
        builder.add_input(Value(f"x_{name}", (2,), REAL))
        builder.add(f"quant_{name}", quant(1.0, full_range(3, True)), [f"x_{name}"], [f"v_{name}"])
        builder.add(f"fc_{name}", Dense(Tensor([[1, -2], [2, 1]]), Tensor(0.5), Tensor(0.0), None), [f"v_{name}"],
                    [f"y_{name}"])
    return size_fifos(lowered(builder.build(["y_a", "y_b"])))
