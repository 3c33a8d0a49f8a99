"""Enclosures of real numbers by rational ends, open where the end itself is never taken.

Arithmetic on the ends is exact; only transcendental functions and square roots are rounded outwards, to a number of
bits that the caller raises until a comparison is decided. An open end decides what no precision could: sigmoid(x) is
below 1 for every x.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import floor

from hwgen.exact.surd import Real, Surd, sign


@dataclass(frozen=True)
class Interval:
    """{x : low <= x <= high}, without an end that is open."""

    low: Fraction
    high: Fraction
    open_low: bool = False
    open_high: bool = False

    @classmethod
    def of(cls, x: Real | int, bits: int) -> Interval:
        """A rational as it is; an irrational between two neighbours of 2^-bits."""
        if not isinstance(x, Surd):
            return cls(Fraction(x), Fraction(x))
        below = floor(x * (1 << bits))
        return cls(Fraction(below, 1 << bits), Fraction(below + 1, 1 << bits), True, True)

    def hull(self, other: Interval) -> Interval:
        """The smallest interval that holds both."""
        low, open_low = min((self.low, self.open_low), (other.low, other.open_low))
        high, closed = max((self.high, not self.open_high), (other.high, not other.open_high))
        return Interval(low, high, open_low, not closed)

    def plus(self, other: Interval) -> Interval:
        """x + y."""
        return Interval(self.low + other.low, self.high + other.high,
                        self.open_low or other.open_low, self.open_high or other.open_high)

    def times(self, other: Interval) -> Interval:
        """x * y: its extremes are products of ends."""
        products = [_product(a, b) for a in self.ends for b in other.ends]
        low, high = min(p for p, _ in products), max(p for p, _ in products)
        return Interval(low, high, all(o for p, o in products if p == low), all(o for p, o in products if p == high))

    def scaled(self, factor: Real | int, bits: int) -> Interval:
        """x times a constant."""
        return self.times(Interval.of(factor, bits))

    def clipped(self, low: Fraction | None, high: Fraction | None) -> Interval:
        """min(max(x, low), high)."""
        made = self
        if low is not None and made.low < low:
            made = Interval(low, max(low, made.high), False, made.open_high and made.high > low)
        if high is not None and made.high > high:
            made = Interval(min(high, made.low), high, made.open_low and made.low < high, False)
        return made

    @property
    def ends(self) -> tuple[tuple[Fraction, bool], tuple[Fraction, bool]]:
        """Both ends, each with whether it is open."""
        return (self.low, self.open_low), (self.high, self.open_high)

    @property
    def point(self) -> Fraction | None:
        """The only element, if there is one."""
        return self.low if self.low == self.high else None


def _product(a: tuple[Fraction, bool], b: tuple[Fraction, bool]) -> tuple[Fraction, bool]:
    """A product of two ends, and whether it is never taken: a zero that is taken makes it so with any factor."""
    (x, open_x), (y, open_y) = a, b
    taken = (not open_x and not open_y) or (x == 0 and not open_x) or (y == 0 and not open_y)
    return x * y, not taken


def positive(x: Real | int) -> bool:
    """Whether x > 0."""
    return sign(x) > 0
