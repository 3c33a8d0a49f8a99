"""A quantizer inside an expression: its enclosures hold, and a product with its own input is found exactly."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from hwgen.exact.float_bounds import Bounds
from hwgen.exact.inner import RoundStage
from hwgen.exact.interval import Interval
from hwgen.exact.quantizer import UniformQuantizer
from hwgen.ir.graph import Graph, GraphBuilder, Level, Value
from hwgen.ir.tensor import Tensor
from hwgen.ir.types import REAL, IntType
from hwgen.model import IntegerModel
from hwgen.ops.quantized import Quant
from hwgen.ops.quantized_curves import Product
from hwgen.passes.pipeline import TO_INTEGERS, lower
from hwgen.reference import exact
from hwgen.rounding import Rounding

KIND = IntType(-20, 19)
MODES = [Rounding.HALF_UP, Rounding.HALF_EVEN, Rounding.FLOOR, Rounding.TOWARD_ZERO]


def stage(mode: Rounding, scale: Fraction, zero: Fraction) -> RoundStage:
    parameters = (np.array(value, dtype=object) for value in (scale, zero))
    return RoundStage(UniformQuantizer(KIND, *map(Tensor, parameters), mode))


@pytest.mark.parametrize("zero", [0, -7])
@pytest.mark.parametrize("mode", MODES)
def test_enclosures_hold_every_value_between_their_ends(mode: Rounding, zero: int, seed: int) -> None:
    rng, made = np.random.default_rng(seed), stage(mode, Fraction(3, 8), Fraction(zero))
    assert made.evaluate(Fraction(3, 4), 0) == Fraction(3, 4) and made.evaluate(Fraction(0), 0) == 0
    for _ in range(200):
        a, b = sorted(Fraction(int(v), 16) for v in rng.integers(-200, 200, 2))
        inside = [a + (b - a) * Fraction(i, 7) for i in range(8)]
        box = made.enclose(Interval(a, b), 0, 80)
        floats = made.bounds(Bounds(np.array([float(a)]), np.array([float(b)])), np.array([0]))
        for x in inside:
            y = made.evaluate(x, 0)
            assert box.low <= y <= box.high and floats.low[0] <= y <= floats.high[0]


def squared(mode: Rounding) -> Graph:
    """x times x rounded to steps of 1.5, in steps of 4; a network that no pass could build without the inner one."""
    builder = GraphBuilder("inner", Level.QUANTIZED)
    builder.add_input(Value("x", (3,), REAL))
    quantizers = {"q": Quant(Tensor(0.25), Tensor(0.0), IntType(-60, 60)),
                  "r": Quant(Tensor(1.5), Tensor(0.0), KIND, mode, inner=True),
                  "y": Quant(Tensor(4.0), Tensor(0.0), IntType(-128, 127), Rounding.HALF_UP)}
    builder.add("q", quantizers["q"], ["x"], ["q"])
    builder.add("r", quantizers["r"], ["q"], ["r"])
    builder.add("p", Product(), ["q", "r"], ["p"])
    builder.add("y", quantizers["y"], ["p"], ["y"])
    return builder.build(["y"])


@pytest.mark.parametrize("mode", MODES)
def test_a_product_with_a_rounded_factor(mode: Rounding) -> None:
    graph = squared(mode)
    *_, (_, lowered) = lower(graph, TO_INTEGERS)
    x = np.arange(-60, 60).reshape(-1, 3) / 4
    want = exact.run(graph, {"x": x}).integers["y"]
    found = IntegerModel(lowered).predict({"x": x.astype(np.float32)})["y"] / 4
    assert np.array_equal(found, want)
    rounded = {Rounding.FLOOR: np.floor, Rounding.TOWARD_ZERO: np.trunc, Rounding.HALF_EVEN: np.rint,
               Rounding.HALF_UP: lambda v: np.floor(v + 0.5)}[mode](x / 1.5).clip(KIND.lo, KIND.hi)
    assert np.array_equal(want, np.floor(x * rounded * 1.5 / 4 + 0.5).clip(-128, 127))
