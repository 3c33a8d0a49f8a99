"""Exact surds: identities that hold only if the arithmetic is exact."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import numpy as np
import pytest

from hwgen.exact.surd import Real, Surd, reciprocal, sign, sqrt


def random_real(rng: np.random.Generator, terms: int) -> Real:
    value: Real = Fraction(int(rng.integers(-1000, 1000)), int(rng.integers(1, 50)))
    for _ in range(terms):
        p = Fraction(int(rng.integers(-50, 50)), int(rng.integers(1, 9)))
        value = value + p * sqrt(Fraction(int(rng.integers(0, 60)), int(rng.integers(1, 9))))
    return value


def test_like_radicals_merge() -> None:
    assert sqrt(Fraction(8)) / sqrt(Fraction(2)) == 2
    assert isinstance(sqrt(Fraction(2)) * sqrt(Fraction(18)), Fraction)
    assert sqrt(Fraction(1, 2)) == sqrt(Fraction(2)) / 2
    assert (1 + sqrt(Fraction(2))) * (1 - sqrt(Fraction(2))) == -1


@pytest.mark.parametrize("terms", [0, 1, 2, 3])
def test_field_and_order(seed: int, terms: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(200):
        x, y = random_real(rng, terms), random_real(rng, terms)
        assert sign(x - x) == 0
        assert (x + y) - y == x
        assert (x < y) == (sign(y - x) > 0)
        assert (x + y) * (x - y) == x * x - y * y


@pytest.mark.parametrize("terms", [0, 1, 2, 3])
def test_floor_brackets_the_value(seed: int, terms: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(300):
        x = random_real(rng, terms)
        whole = floor(x)
        assert whole <= x
        assert x < whole + 1


def test_reciprocal_of_one_term(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(100):
        x = Fraction(int(rng.integers(1, 99)), 7) * sqrt(Fraction(int(rng.integers(1, 99)), int(rng.integers(1, 99))))
        assert x * reciprocal(x) == 1


def test_a_near_tie_is_decided() -> None:
    """sqrt(2) against a rational that agrees with it to 300 digits."""
    scale = 10**300
    close = Fraction(floor(sqrt(Fraction(2)) * scale), scale)
    root = sqrt(Fraction(2))
    assert isinstance(root, Surd)
    assert close < root < close + Fraction(1, scale)


def test_reciprocal_of_a_sum_is_refused() -> None:
    with pytest.raises(ValueError, match="one term"):
        reciprocal(1 + sqrt(Fraction(2)))
