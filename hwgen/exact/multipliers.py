"""The smallest integer multipliers of a sum that leave every decision about it unchanged.

A decision is [m1 a + m2 b >= T]. It parts the pairs (a, b) along a staircase: for each b the first a that reaches T.
Other multipliers p, q keep it exactly when every pair above the staircase has a larger p a + q b than every pair below.
Two such corners bound p / q on one side, so all of them leave an open interval, which holds m1 / m2; the simplest
fraction in it has the smallest numerator and the smallest denominator of all (Stern-Brocot).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from math import floor

import numpy as np

from hwgen.ir.tensor import Array
from hwgen.ir.types import BipolarType, IntType

MAX_CORNERS = 1 << 25
"""Corners of all staircases, beyond which the multipliers stay as they are."""
_BLOCK = 1 << 20
_INT64_BITS = 62


@dataclass(frozen=True)
class SmallSum:
    """first * a + second * b; cuts[i] is reached exactly when the old sum reaches the i-th old cut."""

    first: int
    second: int
    cuts: Array


def smallest_sum(first: int, second: int, a: IntType, b: IntType, cuts: Array) -> SmallSum | None:
    """For integers a, b of these types and ascending cuts (N,), N > 0; None where the search would be too large.

    New cuts lie in the range of the new sum, or one beyond its end.
    """
    if a.levels < b.levels:
        swapped = smallest_sum(second, first, b, a, cuts)
        return None if swapped is None else SmallSum(swapped.second, swapped.first, swapped.cuts)
    if b.levels * len(cuts) > MAX_CORNERS:
        return None
    stairs = _Stairs.of(first, second, a, b, cuts)
    p, q = _search(stairs.parting())
    first, second = p if first > 0 else -p, q if second > 0 else -q
    return SmallSum(first, second, stairs.reached_sums(p, q))


@dataclass(frozen=True)
class _Stairs:
    """x, y: a and b, negated where their multiplier is; corner[i, j]: the first x that reaches cut i at ys[j]."""

    low: int
    high: int
    ys: Array
    corner: Array

    @classmethod
    def of(cls, first: int, second: int, a: IntType, b: IntType, cuts: Array) -> _Stairs:
        low, high = (a.lo, a.hi) if first > 0 else (-a.hi, -a.lo)
        ys = np.arange(b.lo, b.hi + 1, 2 if isinstance(b, BipolarType) else 1) * (1 if second > 0 else -1)
        m1, m2 = abs(first), abs(second)
        dtype = _dtype(m1 * low, m1 * high, m2 * b.lo, m2 * b.hi, *(int(c) for c in cuts[[0, -1]]))
        rest: Array = np.asarray(cuts).astype(dtype)[:, None] - m2 * ys.astype(dtype)[None]
        corner = np.clip(-(-rest // m1), low, high + 1).astype(_dtype(low, high))
        return cls(low, high, ys, corner)

    def parting(self) -> _Stairs:
        """Those of cuts that part the pairs at all."""
        kept = (self.corner <= self.high).any(axis=1) & (self.corner > self.low).any(axis=1)
        return replace(self, corner=self.corner[kept])

    def blocks(self, p: int, q: int) -> Iterator[Array]:
        """Some rows of `corner` at a time, in a type that holds the sums."""
        size, dtype = max(1, _BLOCK // len(self.ys)), _dtype(2 * self._beyond(p, q))
        return (self.corner[i : i + size].astype(dtype) for i in range(0, len(self.corner), size))

    def _beyond(self, p: int, q: int) -> int:
        """More than any sum."""
        return p * (max(abs(self.low), abs(self.high)) + 1) + q * int(np.abs(self.ys).max()) + 1

    def wrong(self, p: int, q: int) -> Iterator[tuple[int, int]]:
        """(dx, dy) from a cut's outside to its inside corner, the closest ones, where p dx + q dy <= 0."""
        beyond = self._beyond(p, q)
        for corner in self.blocks(p, q):
            sums = p * corner + q * self.ys
            inside = np.where(corner <= self.high, sums, beyond)
            outside = np.where(corner > self.low, sums - p, -beyond)
            bad = np.flatnonzero(inside.min(axis=1) <= outside.max(axis=1))
            i, o = inside[bad].argmin(axis=1), outside[bad].argmax(axis=1)
            dx, dy = corner[bad, i] - corner[bad, o] + 1, self.ys[i] - self.ys[o]
            yield from zip(dx.tolist(), dy.tolist(), strict=True)

    def reached_sums(self, p: int, q: int) -> Array:
        """For each cut the smallest new sum that reaches it, or one beyond the largest sum."""
        beyond = p * self.high + q * int(self.ys.max()) + 1
        rows = [np.where(corner <= self.high, p * corner + q * self.ys, beyond).min(axis=1)
                for corner in self.blocks(p, q)]
        return np.concatenate([np.zeros(0, dtype=np.int64), *rows])


def _search(stairs: _Stairs) -> tuple[int, int]:
    """The simplest fraction that no corners contradict; each that they do narrows the interval."""
    low, high = Fraction(0), None
    while True:
        ratio = simplest_between(low, high)
        wrong = set(stairs.wrong(ratio.numerator, ratio.denominator))
        if not wrong:
            return ratio.numerator, ratio.denominator
        low = max([low, *(Fraction(-dy, dx) for dx, dy in wrong if dy < 0)])
        high = min([*([] if high is None else [high]), *(Fraction(dy, -dx) for dx, dy in wrong if dy > 0)],
                   default=None)


def simplest_between(low: Fraction, high: Fraction | None) -> Fraction:
    """The fraction of the smallest numerator and denominator in an open interval from low >= 0; high None: endless."""
    whole = floor(low)
    if high is None or whole + 1 < high:
        return Fraction(whole + 1)
    rest = simplest_between(1 / (high - whole), None if low == whole else 1 / (low - whole))
    return whole + 1 / rest


def _dtype(*extremes: int) -> type:
    """int64 where a few sums of such numbers fit, else Python's integers."""
    return np.int64 if max(abs(e) for e in extremes).bit_length() < _INT64_BITS - 2 else object
