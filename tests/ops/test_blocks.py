"""The integer model in blocks: the same integers as node by node, and no more of them at a time than was said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from hwgen.blocks import chains
from hwgen.ir.graph import Graph, GraphBuilder, Level, Value
from hwgen.ir.tensor import Array, Tensor
from hwgen.ir.types import BIPOLAR, IntType, Type
from hwgen.model import IntegerModel
from hwgen.ops.add import Add
from hwgen.ops.concat import Concat
from hwgen.ops.depthwise import Depthwise
from hwgen.ops.integer import IntegerOp, int_type
from hwgen.ops.matmul import MatMul
from hwgen.ops.pad import Pad
from hwgen.ops.pool import Pool
from hwgen.ops.threshold import Threshold
from hwgen.ops.window import Window

FRAMES = 5
NIBBLE = IntType(-8, 7)


def weights(rng: np.random.Generator, rows: int, columns: int) -> Tensor:
    return Tensor(rng.integers(-8, 8, (rows, columns)))


def steps(rng: np.random.Generator, value: Value, kind: IntType) -> Threshold:
    """A random Threshold of the value's channels to the kind."""
    a, channels = int_type(value), value.shape[-1]
    rows = np.sort(rng.integers(a.lo, a.hi + 2, (channels, kind.levels - 1)), axis=1)
    return Threshold(Tensor(rows), Tensor(rng.integers(0, 2, channels).astype(bool)), kind)


def branched(rng: np.random.Generator) -> Graph:
    """Convolutions, a residual join, a concat, both pools, values that are read twice, an output amid the graph."""
    builder = GraphBuilder("g", Level.INTEGER)
    x = builder.add_input(Value("x", (9, 8, 3), IntType(0, 255)))

    def add(name: str, op: IntegerOp, *inputs: Value) -> Value:
        return builder.add(name, op, [value.name for value in inputs], [f"{name}_y"])[0]

    def conv(name: str, source: Value, rows: int, stride: tuple[int, int]) -> Value:
        padded = add(f"{name}_pad", Pad(1, 1, 1, 1, Tensor(np.zeros(1, dtype=np.int64))), source)
        taps = add(f"{name}_window", Window((3, 3), stride, (1, 1)), padded)
        return add(name, MatMul(weights(rng, rows, taps.shape[-1]), NIBBLE), taps)

    accumulated = conv("c0", x, 6, (1, 1))
    trunk = add("q0", steps(rng, accumulated, NIBBLE), accumulated)
    inner = conv("c1", trunk, 6, (1, 1))
    joined = add("join", Add(3, -2), add("q1", steps(rng, inner, NIBBLE), inner), trunk)
    wide = add("concat", Concat(), joined, trunk)
    taps = add("d_window", Window((2, 3), (2, 1), (1, 1)), wide)
    deep = add("d", Depthwise(weights(rng, 12, 6), NIBBLE), taps)
    small = add("q2", steps(rng, deep, BIPOLAR), deep)
    pooled = add("p", Pool("max", 12, Tensor(rng.integers(0, 2, 12).astype(bool))),
                 add("p_window", Window((2, 2), (2, 2), (1, 1)), small))
    mean = add("mean", Pool("sum", 12, Tensor(np.zeros(1, dtype=bool))), pooled)
    dense = add("dense", MatMul(weights(rng, 4, mean.elements), NIBBLE), mean)
    return builder.build([dense.name, joined.name])


def plain(graph: Graph, x: Array) -> dict[str, Array]:
    """Every op's own run(), node by node."""
    values = {"x": x}
    for node in graph.nodes:
        (values[node.outputs[0]],) = node.op.run(*(values[name] for name in node.inputs))
    return values


@pytest.mark.parametrize(("block", "kept"), [(1 << 18, 1 << 20), (1 << 18, 1), (1500, 1 << 20), (1500, 1000), (1, 1)])
def test_blocks_change_nothing(seed: int, block: int, kept: int) -> None:
    rng = np.random.default_rng(seed)
    graph = branched(rng)
    x = rng.integers(0, 256, (FRAMES, 9, 8, 3))
    want, model = plain(graph, x), IntegerModel(graph, block=block, kept=kept)
    for found in (model.run({"x": x}), model.activations({"x": x})):
        for name, integers in found.items():
            np.testing.assert_array_equal(integers, want[name], err_msg=name)
    assert set(model.activations({"x": x})) == set(want)


def test_chains_hold_every_node_once(seed: int) -> None:
    graph = branched(np.random.default_rng(seed))
    found = chains(graph)
    assert sum(len(chain.stages) for chain in found) == len(graph.nodes)
    assert len(found) < len(graph.nodes) - 5
    ready = {"x"}
    for chain in found:
        assert ready.issuperset(chain.inputs)
        ready.update(chain.outputs)


@dataclass(frozen=True)
class Probe(IntegerOp):
    """Identity that writes down how many elements it was given at a time."""

    sizes: list[int] = field(default_factory=list)
    honest: bool = True

    def infer(self, inputs: Sequence[Value]) -> tuple[tuple[tuple[int, ...], Type], ...]:
        return ((inputs[0].shape, inputs[0].type),)

    def run(self, *inputs: Array) -> tuple[Array, ...]:
        (x,) = inputs
        self.sizes.append(x.size)
        return (x if self.honest else np.flip(x, axis=1),)

    def by_position(self, inputs: Sequence[Value]) -> bool:
        return True

    def compiled(self, inputs: Sequence[Value]) -> Callable[..., Array]:
        return lambda x: self.run(x)[0]


def probed(probe: Probe) -> Graph:
    builder = GraphBuilder("g", Level.INTEGER)
    builder.add_input(Value("x", (12, 5, 4), NIBBLE))
    builder.add("window", Window((3, 3), (1, 1), (1, 1)), ["x"], ["taps"])
    builder.add("probe", probe, ["taps"], ["y"])
    return builder.build(["y"])


@pytest.mark.parametrize("block", [200, 500, 3000])
def test_no_more_than_a_block_at_a_time(block: int) -> None:
    probe = Probe()
    frame, row = 10 * 3 * 36, 3 * 36
    IntegerModel(probed(probe), block=block).run({"x": np.zeros((FRAMES, 12, 5, 4), dtype=np.int64)})
    assert sum(probe.sizes) == FRAMES * frame
    assert max(probe.sizes) <= block
    assert len(probe.sizes) <= FRAMES * -(-frame // (block - min(row, block // 2)))


def test_an_op_that_wrongly_goes_by_position_is_seen(seed: int) -> None:
    x = np.random.default_rng(seed).integers(-8, 8, (FRAMES, 12, 5, 4))
    graph = probed(Probe(honest=False))
    want = plain(graph, x)["y"]
    assert (IntegerModel(graph).run({"x": x})["y"] == want).all()
    assert not (IntegerModel(graph, block=200).run({"x": x})["y"] == want).all()
