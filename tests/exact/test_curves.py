"""Smooth functions: both kinds of enclosures hold the true value, which the reference computes by other series."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import get_args

import numpy as np
import pytest

from hwgen.exact import float_bounds, transcendental
from hwgen.exact.curves import CurveName, CurveStage
from hwgen.exact.float_bounds import Bounds
from hwgen.exact.interval import Interval
from hwgen.reference import exact_curves

NAMES = get_args(CurveName)
RATIONAL = {"exp": Fraction(1), "sigmoid": Fraction(1, 2), "tanh": Fraction(0), "erf": Fraction(0),
            "normal": Fraction(1, 2), "gate": Fraction(1, 2)}
SLACK = Fraction(1, 1 << 180)


def points(seed: int) -> list[float]:
    rng = np.random.default_rng(seed)
    near = [rng.uniform(-9, 9, 40), rng.uniform(-1e-3, 1e-3, 10), rng.uniform(-30, 30, 15), [5.99, 6.0, 6.01, -1e-300]]
    return [float(x) for x in np.concatenate(near)]


def reference(name: str, x: float) -> Fraction:
    return Fraction(exact_curves.FUNCTIONS[name](math.floor(Fraction(x) * exact_curves.ONE)), exact_curves.ONE)


@pytest.mark.parametrize("name", NAMES)
def test_ends_hold_the_value_and_close_in_with_the_bits(name: str, seed: int) -> None:
    for x in points(seed):
        true = reference(name, x)
        slack = SLACK * max(1, int(true))
        for bits in (64, 150):
            found = getattr(transcendental, name)(Fraction(x), bits)
            assert found.low - slack <= true <= found.high + slack, (name, x, bits)
            assert found.high - found.low <= Fraction(1, 1 << (bits - 6)) * max(1, int(true) + 1), (name, x, bits)


@pytest.mark.parametrize("name", NAMES)
def test_float64_bounds_hold_the_value(name: str, seed: int) -> None:
    xs = points(seed)
    low, high = getattr(float_bounds, name)(np.array(xs))
    for x, a, b in zip(xs, low.tolist(), high.tolist(), strict=True):
        true = reference(name, x)
        slack = SLACK * max(1, int(true))
        assert Fraction(a) <= true + slack and true - slack <= Fraction(b), (name, x)
        assert b - a <= 1e-11 * max(1, b), (name, x)


@pytest.mark.parametrize("name", RATIONAL)
def test_the_rational_value_is_a_point(name: str) -> None:
    found = getattr(transcendental, name)(Fraction(0), 64)
    assert found == Interval(RATIONAL[name], RATIONAL[name])


@pytest.mark.parametrize(("name", "low", "high"), [("sigmoid", 0, 1), ("tanh", -1, 1), ("erf", -1, 1),
                                                   ("normal", 0, 1), ("gate", 0, 1)])
def test_limits_are_never_reached(name: CurveName, low: int, high: int) -> None:
    """However large x is: an open end decides what no precision could."""
    found = CurveStage(name).enclose(Interval(Fraction(-10**9), Fraction(10**9)), 0, 64)
    assert (found.low, found.open_low, found.high, found.open_high) == (low, True, high, True)


def test_far_values_of_exp_and_softplus() -> None:
    tiny = transcendental.exp(Fraction(-10**9), 64)
    assert (tiny.low, tiny.open_low) == (0, True) and tiny.high <= Fraction(1, 1 << 60)
    soft = transcendental.softplus(Fraction(10**6), 64)
    assert soft.low >= 10**6 and soft.high - 10**6 < Fraction(1, 1 << 60)


def test_overflowing_bounds_stay_bounds() -> None:
    x = Bounds(np.array([-800.0, 600.0]), np.array([800.0, 900.0]))
    y = x.through(float_bounds.exp)
    assert y.low[0] == 0 and y.high.tolist() == [np.inf, np.inf] and y.low[1] > 1e260
    with np.errstate(invalid="ignore"):
        nothing = y.times(Bounds(np.array([0.0, 0.0]), np.array([0.0, 0.0])))
    assert nothing.low[1] == -np.inf and nothing.high[1] == np.inf
