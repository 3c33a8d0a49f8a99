"""Rounding modes and level cuts, against the decimal module."""

from __future__ import annotations

import decimal
from fractions import Fraction

import numpy as np
import pytest

from hwgen.exact.expression import HalfLine, expanded
from hwgen.exact.quantizer import CountQuantizer, UniformQuantizer, level_cut, round_exactly
from hwgen.ir.tensor import Tensor
from hwgen.ir.types import BIPOLAR, IntType
from hwgen.rounding import Rounding

DECIMAL = {
    Rounding.HALF_EVEN: decimal.ROUND_HALF_EVEN,
    Rounding.HALF_AWAY: decimal.ROUND_HALF_UP,
    Rounding.HALF_TOWARD_ZERO: decimal.ROUND_HALF_DOWN,
    Rounding.FLOOR: decimal.ROUND_FLOOR,
    Rounding.CEIL: decimal.ROUND_CEILING,
    Rounding.AWAY: decimal.ROUND_UP,
    Rounding.TOWARD_ZERO: decimal.ROUND_DOWN,
}


def exactly(value: float) -> Tensor:
    """A scalar parameter."""
    return Tensor(np.asarray(Fraction(value), dtype=object))


EIGHTHS = [Fraction(n, 8) for n in range(-60, 61)]


@pytest.mark.parametrize("mode", DECIMAL)
def test_rounding_is_decimals(mode: Rounding) -> None:
    for u in EIGHTHS:
        expected = (decimal.Decimal(u.numerator) / u.denominator).quantize(decimal.Decimal(1), DECIMAL[mode])
        assert round_exactly(u, mode) == int(expected), (mode, u)


def test_half_up_is_the_floor_of_x_plus_a_half() -> None:
    for u in EIGHTHS:
        assert round_exactly(u, Rounding.HALF_UP) == (u + Fraction(1, 2)).__floor__()


def test_dpu_mode_rounds_negative_ties_up() -> None:
    values = [Fraction(n, 2) for n in (-5, -3, -1, 1, 3, 5)]
    assert [round_exactly(u, Rounding.DPU_PY3) for u in values] == [-2, -1, 0, 0, 2, 2]


@pytest.mark.parametrize("mode", Rounding)
def test_cuts_are_where_the_rounding_changes(mode: Rounding) -> None:
    for u in EIGHTHS:
        for level in range(-8, 9):
            cut, closed = level_cut(level, mode)
            assert HalfLine(cut, closed).holds(u) == (round_exactly(u, mode) >= level)


@pytest.mark.parametrize("mode", Rounding)
@pytest.mark.parametrize("inside", [True, False])
def test_quantizer_cuts_agree_with_its_definition(mode: Rounding, inside: bool) -> None:
    quantizer = UniformQuantizer(IntType(-3, 4), exactly(0.375), exactly(1.0), mode, inside)
    quantizer = quantizer.mapped(expanded((1,)))
    for n in range(-80, 80):
        x = Fraction(n * 3, 64)
        expected = -3 + sum(cut.holds(x) for cut in quantizer.cuts(0))
        assert quantizer.quantize(x, 0) == expected


def test_odd_zero_points_turn_ties_unless_added_outside() -> None:
    """round(x + z) and round(x) + z differ at half-even ties when z is odd (number-semantics, C.3)."""
    made = [UniformQuantizer(IntType(-8, 7), exactly(1.0), exactly(1.0), Rounding.HALF_EVEN, inside)
            for inside in (True, False)]
    assert [q.quantize(Fraction(1, 2), 0) for q in made] == [2, 1]


def test_bipolar_and_counting_quantizers() -> None:
    bipolar = UniformQuantizer(BIPOLAR, exactly(1.0), exactly(0.0), Rounding.HALF_EVEN).mapped(expanded((1,)))
    assert [bipolar.quantize(Fraction(n), 0) for n in (-1, 0, 1)] == [-1, 1, 1]
    count = CountQuantizer.of(IntType(-1, 1), Tensor(np.array([[0.5, 2.0]])), 1).mapped(expanded((1,)))
    assert [count.quantize(Fraction(n, 2), 0) for n in (0, 1, 3, 4)] == [-1, 0, 0, 1]
