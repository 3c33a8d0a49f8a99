"""Joins of unequal scales: small multipliers, and every integer behind them as before, for every pair of inputs."""

from __future__ import annotations

import numpy as np
import pytest

from hwgen.errors import HwgenError
from hwgen.exact.convolution import Geometry
from hwgen.ir.graph import Graph, GraphBuilder, Level, Value
from hwgen.ir.tensor import Tensor
from hwgen.ir.types import BIPOLAR, REAL, IntType, full_range
from hwgen.model import IntegerModel
from hwgen.ops.add import Add
from hwgen.ops.depthwise import Depthwise
from hwgen.ops.quantized import BatchNorm, Dense, Elementwise, QuantizedOp, Relu
from hwgen.ops.quantized_maps import Conv, Join
from hwgen.ops.scaled_add import ScaledAdd
from hwgen.passes.narrow_joins import narrow_joins
from hwgen.passes.pipeline import TO_INTEGERS, lower
from hwgen.reference import exact
from hwgen.rounding import Rounding
from tests.networks import quant

CHANNELS = 3


def stages(graph: Graph) -> dict[str, Graph]:
    return dict(lower(graph, TO_INTEGERS))


def joined(rng: np.random.Generator, subtract: bool, kinds: tuple[IntType, IntType], readers: int,
           slopes: tuple[list[float], list[float]] = ([1.0], [1.0])) -> Graph:
    """Two quantized vectors of unequal scales, their sum, slopes of either sign per channel, and some quantizers."""
    builder = GraphBuilder("join", Level.QUANTIZED)
    for side, kind in zip("ab", kinds, strict=True):
        builder.add_input(Value(f"x{side}", (CHANNELS,), REAL))
        scale = float(np.float32(rng.uniform(0.1, 1)))
        builder.add(f"quant_{side}", quant(scale, kind), [f"x{side}"], [side])
        factors = Tensor(np.float32(slopes["ab".index(side)]))
        builder.add(f"slope_{side}", Elementwise("mul", factors), [side], [f"{side}_scaled"])
    builder.add("join", Join(subtract), ["a_scaled", "b_scaled"], ["sum"])
    for i in range(readers):
        factors = rng.choice([-1.5, 0.7, 1.0, 2.0], CHANNELS)
        builder.add(f"mul{i}", Elementwise("mul", Tensor(factors)), ["sum"], [f"scaled{i}"])
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


SLOPES = {
    "one side": ([0.3, -1.7, 1.1], [1.0]),
    "both sides": ([0.3, 0.2, 1.1], [-0.77, 1.3, 5.1]),
    "dead channels": ([0.0, 0.2, 0.0], [0.9, 0.0, 0.0]),
    "equal after all": ([0.5, 0.5, 0.5], [1.5]),
}


@pytest.mark.parametrize("name", SLOPES)
@pytest.mark.parametrize("subtract", [False, True])
def test_scales_per_channel(name: str, subtract: bool, seed: int) -> None:
    kinds = (full_range(4, True), full_range(3, False))
    graph = joined(np.random.default_rng(seed), subtract, kinds, 2, SLOPES[name])
    inputs = every_pair(graph)
    expected = exact.run(graph, inputs).integers
    for made in stages(graph).values():
        if made.level != Level.INTEGER:
            continue
        model = IntegerModel(made)
        found = model.activations(model.encode(inputs))
        for value in ("a", "b", *graph.outputs):
            np.testing.assert_array_equal(found[value].reshape(len(found[value]), -1), expected[value])
    weights = [node.op.weight_type for node in made.nodes if isinstance(node.op, Depthwise)]
    assert len(weights) == {"one side": 1, "both sides": 2, "dead channels": 2, "equal after all": 0}[name] or (
        name == "one side" and len(weights) == 2)
    assert all(kind.bits <= 6 for kind in weights)
    assert all(not isinstance(node.op, ScaledAdd) for node in made.nodes)
    list(lower(graph))


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


def residual(scale: float, last: QuantizedOp) -> Graph:
    """A raw accumulator, whose scale is a product of two, plus a quantized input."""
    builder = GraphBuilder("residual", Level.QUANTIZED)
    builder.add_input(Value("x", (2,), REAL))
    builder.add("quant_a", quant(scale, full_range(4, True)), ["x"], ["a"])
    builder.add("dense", Dense(Tensor(np.array([[1, -2], [3, 1]])), Tensor(0.7310585), Tensor(0.0)), ["a"], ["acc"])
    builder.add("relu", Relu(), ["a"], ["positive"])
    builder.add("quant_b", quant(0.37, full_range(4, True)), ["positive"], ["b"])
    builder.add("join", Join(), ["acc", "b"], ["sum"])
    builder.add("last", last, ["sum"], ["y"])
    return builder.build(["y"])


def test_raw_accumulators_join_what_a_step_function_reads(seed: int) -> None:
    """The exact integers have about 100 bits, the smallest ones a dozen."""
    graph = residual(0.3141592653589793, quant(0.5, full_range(4, True)))
    made = stages(graph)
    (wide,), (small,) = ([node.op for node in made[name].nodes if isinstance(node.op, Add)]
                         for name in ("narrow-types", "narrow-joins"))
    assert max(abs(wide.first), abs(wide.second)).bit_length() > 60
    assert max(abs(small.first), abs(small.second)).bit_length() <= 6
    x = np.random.default_rng(seed).normal(size=(500, 2))
    expected = exact.run(graph, {"x": x}).integers["y"]
    for name in ("fold-scales", "thresholds", "narrow-joins"):
        model = IntegerModel(made[name])
        np.testing.assert_array_equal(model.activations(model.encode({"x": x}))["y"], expected)


def test_wide_multipliers_that_something_else_reads_are_refused() -> None:
    weights = Dense(Tensor(np.array([[1, 2]])), Tensor(1.0), Tensor(0.0))
    with pytest.raises(HwgenError) as caught:
        stages(residual(0.3141592653589793, weights))
    assert str(caught.value) == (
        "scale-alignment: join: no integers of 48 bits align the scales of the two sides of the sum. "
        "Quantize both sides with the same scale, or the sum before anything else reads it.")


def test_irrational_ratios_are_refused() -> None:
    builder = GraphBuilder("join", Level.QUANTIZED)
    builder.add_input(Value("x", (2,), REAL))
    builder.add("quant_a", quant(0.25, full_range(4, True)), ["x"], ["a"])
    builder.add("dense", Dense(Tensor(np.array([[1, -2], [3, 1]])), Tensor(0.5), Tensor(0.0)), ["a"], ["acc"])
    ones, zeros, variance = (Tensor(np.array(v)) for v in ([1.0, 1.0], [0.0, 0.0], [2.0, 3.0]))
    builder.add("norm", BatchNorm(ones, zeros, zeros, variance, 0.0), ["acc"], ["normed"])
    builder.add("join", Join(), ["normed", "a"], ["sum"])
    builder.add("quant_y", quant(0.5, full_range(4, True)), ["sum"], ["y"])
    with pytest.raises(HwgenError) as caught:
        stages(builder.build(["y"]))
    assert str(caught.value) == (
        "scale-alignment: join: the two sides of the sum have scales whose ratio is irrational. "
        "Quantize both sides, after the batch normalization.")


def test_graphs_without_joins_stay_as_they_are() -> None:
    builder = GraphBuilder("chain", Level.QUANTIZED)
    builder.add_input(Value("x", (4,), REAL))
    builder.add("quant", quant(0.375, full_range(4, True)), ["x"], ["a"])
    builder.add("quant2", quant(0.5, full_range(3, True)), ["a"], ["y"])
    made = stages(builder.build(["y"]))["narrow-types"]
    assert narrow_joins(made) == made
