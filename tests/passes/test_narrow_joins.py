"""Joins of unequal scales: small multipliers, and every integer behind them as before, for every pair of inputs."""

from __future__ import annotations

import numpy as np
import pytest

from hwgen.exact.convolution import Geometry
from hwgen.ir.graph import Graph, GraphBuilder, Level, Value
from hwgen.ir.tensor import Tensor
from hwgen.ir.types import BIPOLAR, REAL, IntType, full_range
from hwgen.model import IntegerModel
from hwgen.ops.add import Add
from hwgen.ops.quantized import Elementwise, Relu
from hwgen.ops.quantized_maps import Conv, Join
from hwgen.passes.narrow_joins import narrow_joins
from hwgen.passes.pipeline import TO_INTEGERS, lower
from hwgen.reference import exact
from hwgen.rounding import Rounding
from tests.networks import quant

CHANNELS = 3


def stages(graph: Graph) -> dict[str, Graph]:
    return dict(lower(graph, TO_INTEGERS))


def joined(rng: np.random.Generator, subtract: bool, kinds: tuple[IntType, IntType], readers: int) -> Graph:
    """Two quantized vectors of unequal scales, their sum, slopes of either sign per channel, and some quantizers."""
    builder = GraphBuilder("join", Level.QUANTIZED)
    for side, kind in zip("ab", kinds, strict=True):
        builder.add_input(Value(f"x{side}", (CHANNELS,), REAL))
        scale = float(np.float32(rng.uniform(0.1, 1)))
        builder.add(f"quant_{side}", quant(scale, kind), [f"x{side}"], [side])
    builder.add("join", Join(subtract), ["a", "b"], ["sum"])
    for i in range(readers):
        slopes = rng.choice([-1.5, 0.7, 1.0, 2.0], CHANNELS)
        builder.add(f"mul{i}", Elementwise("mul", Tensor(slopes)), ["sum"], [f"scaled{i}"])
        builder.add(f"relu{i}", Relu(), [f"scaled{i}"], [f"positive{i}"])
        mode = list(Rounding)[rng.integers(len(Rounding))]
        signed = bool(rng.integers(2))
        builder.add(f"quant{i}", quant(float(rng.choice([0.25, 0.3])), full_range(4, signed), mode),
                    [f"scaled{i}" if signed else f"positive{i}"], [f"y{i}"])
    return builder.build([f"y{i}" for i in range(readers)])


def every_pair(graph: Graph) -> dict[str, np.ndarray]:
    """Real inputs that give every pair of integers, in all channels alike."""
    model = IntegerModel(stages(graph)["fold-scales"])
    ports = {name: model.graph.values[name] for name in ("a", "b")}
    axes = [np.array([-1, 1]) if v.type == BIPOLAR else np.arange(v.type.lo, v.type.hi + 1)  # type: ignore[union-attr]
            for v in ports.values()]
    pairs = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    scales = [float(next(n.op for n in graph.nodes if n.name == f"quant_{s}").scale.array) for s in "ab"]  # type: ignore[attr-defined]
    return {f"x{s}": np.repeat(pairs[:, i : i + 1] * scales[i], CHANNELS, axis=1) for i, s in enumerate("ab")}


@pytest.mark.parametrize("readers", [1, 2])
@pytest.mark.parametrize("subtract", [False, True])
def test_every_pair_gives_the_reference(subtract: bool, readers: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for kinds in ((full_range(4, True), full_range(4, False)), (full_range(3, False), full_range(6, True)),
                  (BIPOLAR, full_range(5, True))):
        graph = joined(rng, subtract, kinds, readers)
        inputs = every_pair(graph)
        made = stages(graph)["narrow-joins"]
        model = IntegerModel(made)
        found, expected = model.activations(model.encode(inputs)), exact.run(graph, inputs).integers
        assert len(found["a"]) == kinds[0].levels * kinds[1].levels
        for name in ("a", "b", *graph.outputs):
            np.testing.assert_array_equal(found[name].reshape(len(found[name]), -1), expected[name])
        (join,) = (node.op for node in made.nodes if isinstance(node.op, Add))
        most = max(kind.levels for kind in kinds)
        assert max(abs(join.first), abs(join.second)) < 2 * most


def test_multipliers_shrink_and_sums_with_them(seed: int) -> None:
    graph = joined(np.random.default_rng(seed), False, (full_range(4, True), full_range(4, False)), 1)
    made = stages(graph)
    before, after = (next(node for node in made[name].nodes if isinstance(node.op, Add))
                     for name in ("narrow-types", "narrow-joins"))
    assert max(before.op.first, before.op.second).bit_length() > 20  # type: ignore[attr-defined]
    assert max(after.op.first, after.op.second).bit_length() <= 5  # type: ignore[attr-defined]
    assert made["narrow-joins"].values["sum"].type.bits <= 10  # type: ignore[union-attr]


def test_sums_that_more_than_step_functions_read_keep_their_integers(seed: int) -> None:
    rng = np.random.default_rng(seed)
    builder = GraphBuilder("join", Level.QUANTIZED)
    builder.add_input(Value("x", (2, 3, 3), REAL))
    builder.add("quant_a", quant(0.375, full_range(4, True)), ["x"], ["a"])
    first, second = (Conv(Geometry((1, 1)), Tensor(rng.integers(-3, 4, (2, 2, 1, 1))), Tensor(0.7), Tensor(0.0))
                     for _ in range(2))
    builder.add("conv", first, ["a"], ["acc"])
    builder.add("quant_b", quant(0.21875, full_range(4, True)), ["acc"], ["b"])
    builder.add("join", Join(), ["a", "b"], ["sum"])
    builder.add("quant_y", quant(0.5, full_range(4, True)), ["sum"], ["y"])
    builder.add("conv2", second, ["sum"], ["acc2"])
    builder.add("quant_z", quant(0.5, full_range(4, True)), ["acc2"], ["z"])
    made = stages(builder.build(["y", "z"]))["narrow-types"]
    assert narrow_joins(made) == made
    alone = stages(builder.build(["sum", "y"]))["narrow-types"]
    assert narrow_joins(alone) == alone


def test_graphs_without_joins_stay_as_they_are() -> None:
    builder = GraphBuilder("chain", Level.QUANTIZED)
    builder.add_input(Value("x", (4,), REAL))
    builder.add("quant", quant(0.375, full_range(4, True)), ["x"], ["a"])
    builder.add("quant2", quant(0.5, full_range(3, True)), ["a"], ["y"])
    made = stages(builder.build(["y"]))["narrow-types"]
    assert narrow_joins(made) == made
