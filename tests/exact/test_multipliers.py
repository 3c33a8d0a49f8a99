"""The smallest multipliers of a sum: every decision kept for every pair of inputs, and no smaller pair keeps them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from hwgen.exact.multipliers import MAX_CORNERS, simplest_between, smallest_sum
from hwgen.ir.tensor import Array
from hwgen.ir.types import BIPOLAR, IntType, full_range


def values(kind: IntType) -> Array:
    return np.array([-1, 1]) if kind == BIPOLAR else np.arange(kind.lo, kind.hi + 1)


def random_kind(rng: np.random.Generator, most: int) -> IntType:
    lo = int(rng.integers(-20, 20))
    return BIPOLAR if rng.random() < 0.1 else IntType(lo, lo + int(rng.integers(1, most)))


def random_factor(rng: np.random.Generator, most_bits: int) -> int:
    return int(rng.choice([-1, 1])) * int(rng.integers(1, 1 << int(rng.integers(1, most_bits))))


def sums(first: int, second: int, a: IntType, b: IntType) -> Array:
    """Of every pair of inputs."""
    return np.asarray(first * values(a).astype(object)[:, None] + second * values(b).astype(object))


def random_cuts(rng: np.random.Generator, totals: Array) -> Array:
    """Some of the sums themselves, and some beyond either end."""
    low, high = int(totals.min()), int(totals.max())
    drawn = [low + int(part * (high - low)) for part in rng.uniform(-0.1, 1.1, int(rng.integers(1, 16)))]
    return np.unique(np.array([*drawn, *rng.choice(totals.ravel(), 2)], dtype=object))


@pytest.mark.parametrize("most_bits", [6, 24, 58])
def test_every_decision_is_kept(most_bits: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(100):
        a, b = random_kind(rng, 30), random_kind(rng, 30)
        first, second = random_factor(rng, most_bits), random_factor(rng, most_bits)
        before = sums(first, second, a, b)
        cuts = random_cuts(rng, before)
        small = smallest_sum(first, second, a, b, cuts)
        assert small is not None
        after = sums(small.first, small.second, a, b)
        for old, new in zip(cuts, small.cuts, strict=True):
            np.testing.assert_array_equal(before >= old, after >= new)
        assert after.min() <= small.cuts.min() and small.cuts.max() <= after.max() + 1
        assert (np.diff(small.cuts) >= 0).all()
        assert small.first * first > 0 and small.second * second > 0


def keeps(first: int, second: int, a: IntType, b: IntType, before: Array, cuts: Array) -> bool:
    """Whether some cut of these sums parts the pairs as each old one does."""
    after = sums(first, second, a, b)
    parted = [(after[before >= cut], after[before < cut]) for cut in cuts]
    return all(not len(above) or not len(below) or above.min() > below.max() for above, below in parted)


def test_no_smaller_pair_keeps_them(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(15):
        a, b = (IntType(lo, lo + int(rng.integers(2, 9))) for lo in (-3, 0))
        first, second = random_factor(rng, 20), random_factor(rng, 20)
        before = sums(first, second, a, b)
        cuts = random_cuts(rng, before)
        small = smallest_sum(first, second, a, b, cuts)
        assert small is not None
        p, q = abs(small.first), abs(small.second)
        for m1 in range(1, p + 1):
            for m2 in range(1, q + 1):
                signed = (m1 if first > 0 else -m1, m2 if second > 0 else -m2)
                assert keeps(*signed, a, b, before, cuts) == ((m1, m2) == (p, q))


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_one_bit_more_than_the_inputs_is_enough(bits: int, seed: int) -> None:
    """Corners are at most 2^bits - 1 apart: the interval's ends are such fractions, and their mediant lies between."""
    rng = np.random.default_rng(seed)
    kind, largest = full_range(bits, signed=False), 0
    for _ in range(20):
        first, second = (1 << 30) + int(rng.integers(1 << 30)), int(rng.integers(1 << 26, 1 << 31))
        cuts = np.unique(rng.integers(0, (first + second) * kind.hi, (8, kind.hi)))
        small = smallest_sum(first, second, kind, kind, cuts)
        assert small is not None
        largest = max(largest, small.first, small.second)
    assert largest.bit_length() <= bits + 1


def test_equal_scales_need_no_multipliers() -> None:
    small = smallest_sum(1000, 1000, IntType(0, 15), IntType(-8, 7), np.array([-7999, -500, 0, 500, 1001]))
    assert small is not None
    assert (small.first, small.second, small.cuts.tolist()) == (1, 1, [-7, 0, 0, 1, 2])


def test_wide_ranges_are_left_alone() -> None:
    wide = full_range(25, signed=True)
    assert wide.levels * 2 > MAX_CORNERS
    assert smallest_sum(3, 5, wide, wide, np.array([0, 7])) is None
    assert smallest_sum(3, 5, wide, full_range(4, signed=True), np.array([0, 7])) is not None


def test_simplest_fraction_is_the_first_by_denominator(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(200):
        ends = sorted(Fraction(int(n), int(d)) for n, d in rng.integers(1, 60, (2, 2)))
        if ends[0] == ends[1]:
            continue
        first = next(Fraction(n, d) for d in range(1, 4000) for n in [int(ends[0] * d) + 1] if Fraction(n, d) < ends[1])
        assert simplest_between(*ends) == first
    assert simplest_between(Fraction(0), None) == 1
    assert simplest_between(Fraction(7, 2), None) == 4
    assert simplest_between(Fraction(0), Fraction(1, 3)) == Fraction(1, 4)
