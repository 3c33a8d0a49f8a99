"""Products behind a concatenation of unequal scales: narrow products and sums, and the same integers everywhere."""

from __future__ import annotations

import numpy as np
import pytest

from hwgen.exact.common_factors import split_columns
from hwgen.exact.convolution import Geometry
from hwgen.ir.graph import Graph, GraphBuilder, Level, Value
from hwgen.ir.tensor import Tensor
from hwgen.ir.types import REAL, full_range
from hwgen.model import IntegerModel
from hwgen.ops.add import Add
from hwgen.ops.matmul import MatMul
from hwgen.ops.quantized_maps import Concat, Conv
from hwgen.passes.pipeline import TO_INTEGERS, lower
from hwgen.passes.split_products import split_products
from hwgen.reference import exact
from tests.networks import quant


def concatenated(rng: np.random.Generator, scales: list[float]) -> Graph:
    """One input quantized with several scales, the maps side by side, and a padded convolution of all."""
    builder = GraphBuilder("concat", Level.QUANTIZED)
    builder.add_input(Value("x", (2, 4, 3), REAL))
    builder.add("quant", quant(0.25, full_range(5, True)), ["x"], ["a"])
    for i, scale in enumerate(scales):
        builder.add(f"quant{i}", quant(scale, full_range(int(rng.integers(2, 5)), True)), ["a"], [f"b{i}"])
    sides = [f"b{i}" for i in range(len(scales))]
    builder.add("concat", Concat(), sides, ["all"])
    weights, geometry = Tensor(rng.integers(-3, 4, (4, 2 * len(scales), 3, 3))), Geometry((3, 3), pads=(1, 1, 1, 1))
    builder.add("conv", Conv(geometry, weights, Tensor(0.125), Tensor(0.0)), ["all"], ["acc"])
    builder.add("last", quant(0.5, full_range(4, True)), ["acc"], ["y"])
    return builder.build(["y"])


def f32(*scales: float) -> list[float]:
    return [float(np.float32(s)) for s in scales]


@pytest.mark.parametrize("scales", [f32(0.31, 0.47), f32(0.31, 0.47, 0.77), f32(0.31, 0.47, 0.77, 0.11)],
                         ids=["two", "three", "four"])
def test_every_stage_gives_the_reference(scales: list[float], seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph = concatenated(rng, scales)
    x = {"x": rng.normal(size=(40, 2, 4, 3))}
    expected = exact.run(graph, x).integers["y"].reshape(40, -1)
    made = dict(lower(graph, TO_INTEGERS))
    for name in ("fold-scales", "narrow-types", "split-products", "narrow-joins"):
        model = IntegerModel(made[name])
        values = model.activations(model.encode(x))
        np.testing.assert_array_equal(made[name].in_imported_order("y", values["y"]), expected)
    last = made["narrow-joins"]
    products = [node.op for node in last.nodes if isinstance(node.op, MatMul)]
    assert [op.weight_type.bits for op in products] == [3] * len(scales)
    sums = [node.op for node in last.nodes if isinstance(node.op, Add)]
    assert len(sums) == len(scales) - 1
    if len(scales) == 2:
        assert max(abs(sums[0].first), abs(sums[0].second)).bit_length() <= 12
    list(lower(graph))


def test_equal_and_nearly_equal_scales_stay_together(seed: int) -> None:
    """A small ratio costs less in the weights than in products of its own."""
    rng = np.random.default_rng(seed)
    for scales in ([0.25, 0.25], [0.25, 0.5], [0.25, 0.75]):
        made = dict(lower(concatenated(rng, scales), TO_INTEGERS))["narrow-types"]
        assert split_products(made) == made


def test_columns_find_their_factors(seed: int) -> None:
    rng = np.random.default_rng(seed)
    factors = np.array([10007, 3 * 10009, 10037])
    for _ in range(20):
        owner = rng.integers(3, size=12)
        owner[:3] = range(3)
        narrow = rng.integers(-7, 8, (9, 12)) * np.where(np.arange(12) % 4 == 3, 2, 1)
        narrow[0, :3] = 1
        weight = narrow * factors[owner]
        parts = split_columns(weight)
        assert sorted(f for f, _ in parts) == sorted(factors)
        np.testing.assert_array_equal(sum(f * part for f, part in parts), weight)


def test_what_does_not_pay_is_left_alone(seed: int) -> None:
    rng = np.random.default_rng(seed)
    narrow = rng.integers(-7, 8, (6, 10))
    assert split_columns(narrow) == []
    assert split_columns(narrow * 10007) == [], "one factor"
    assert split_columns(rng.integers(-(1 << 20), 1 << 20, (64, 10))) == [], "no factor"
    primes = np.array([10007, 10009, 10037, 10039, 10061] * 2)
    assert split_columns(narrow * primes) == [], "five factors"
