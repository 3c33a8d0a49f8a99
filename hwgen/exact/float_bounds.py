"""Enclosures of many real numbers at once, in float64 rounded outwards: fast, rigorous, and undecided near a cut.

Every IEEE operation is within half a unit in the last place, so one step outwards bounds it. The functions use only
such operations: Taylor series whose errors are bounded below, then widened by far more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import inf, log, nextafter

import numpy as np

from hwgen.exact.interval import Interval
from hwgen.exact.surd import Real
from hwgen.ir.tensor import Array

SLACK = 2.0**-40
"""Relative widening of exp, erf and ln(1 + x): over ten times the sum of their rounding and truncation errors."""


@dataclass(frozen=True)
class Bounds:
    """low <= x <= high, element by element; an operation that fails gives (-inf, inf)."""

    low: Array
    high: Array

    @classmethod
    def of(cls, low: Array, high: Array) -> Bounds:
        """Ends that may be NaN: then nothing is known."""
        bad = np.isnan(low) | np.isnan(high)
        return cls(np.where(bad, -inf, low), np.where(bad, inf, high))

    def plus(self, other: Bounds) -> Bounds:
        """x + y."""
        return Bounds.of(_down(self.low + other.low), _up(self.high + other.high))

    def times(self, other: Bounds) -> Bounds:
        """x * y: its extremes are products of ends."""
        products = [a * b for a in (self.low, self.high) for b in (other.low, other.high)]
        return Bounds.of(_down(np.minimum.reduce(products)), _up(np.maximum.reduce(products)))

    def clipped(self, low: Fraction | None, high: Fraction | None) -> Bounds:
        """min(max(x, low), high)."""
        bottom, top = (-inf, -inf) if low is None else ends(low), (inf, inf) if high is None else ends(high)
        return Bounds(np.clip(self.low, bottom[0], top[0]), np.clip(self.high, bottom[1], top[1]))

    def through(self, rising: Callable[[Array], tuple[Array, Array]]) -> Bounds:
        """A rising function, given by bounds of its value at a point."""
        with np.errstate(all="ignore"):
            return Bounds.of(rising(self.low)[0], rising(self.high)[1])

    def at(self, index: Array) -> Bounds:
        """Some of the elements."""
        return Bounds(self.low[index], self.high[index])


def ends(x: Real | int) -> tuple[float, float]:
    """The doubles beside an exact real, the same twice where it is one."""
    inside = Interval.of(x, 256) if not isinstance(x, int) else Interval(Fraction(x), Fraction(x))
    low, high = float(inside.low), float(inside.high)
    return (low if Fraction(low) <= inside.low else nextafter(low, -inf),
            high if Fraction(high) >= inside.high else nextafter(high, inf))


def bounds_of(values: Array) -> Bounds:
    """Exact reals of any shape, flattened."""
    pairs = np.array([ends(x) for x in values.ravel()], dtype=np.float64).reshape(-1, 2)
    return Bounds(pairs[:, 0], pairs[:, 1])


def _down(x: Array) -> Array:
    return np.asarray(np.nextafter(x, -inf))


def _up(x: Array) -> Array:
    return np.asarray(np.nextafter(x, inf))


def _widened(x: Array) -> tuple[Array, Array]:
    """Bounds of a number that is not negative and known to SLACK, relative."""
    return np.maximum(x * (1 - SLACK), 0.0), _up(x * (1 + SLACK))


_LN2_HIGH = float(np.round(log(2) * 2**32) / 2**32)
_LN2_LOW = float(Fraction("0.693147180559945309417232121458176568") - Fraction(_LN2_HIGH))
LARGEST = 700.0


def exp(x: Array) -> tuple[Array, Array]:
    """e^x = 2^k e^r with |r| < 0.35: r is known to 1e-16, fourteen Taylor terms to 1e-17, their sum to 1e-15."""
    inside = np.clip(x, -LARGEST, LARGEST)
    k = np.round(inside / log(2))
    r = (inside - k * _LN2_HIGH) - k * _LN2_LOW
    total = np.ones_like(r)
    for n in range(14, 0, -1):
        total = 1 + total * r / n
    low, high = _widened(np.ldexp(total, k.astype(np.int64)))
    return np.where(x < -LARGEST, 0.0, low), np.where(x > LARGEST, inf, high)


def sigmoid(x: Array) -> tuple[Array, Array]:
    """1 / (1 + e^-x)."""
    low, high = exp(-x)
    return _down(1 / _up(1 + high)), np.minimum(_up(1 / _down(1 + low)), 1.0)


def tanh(x: Array) -> tuple[Array, Array]:
    """2 sigmoid(2x) - 1; nearer to zero by its series, so that its relative error stays small."""
    low, high = sigmoid(2 * x)
    return np.maximum(_down(2 * low - 1), -1.0), np.minimum(_up(2 * high - 1), 1.0)


def softplus(x: Array) -> tuple[Array, Array]:
    """max(x, 0) + ln(1 + e^-|x|)."""
    low, high = exp(-np.abs(x))
    base = np.maximum(x, 0.0)
    return _down(base + _log1p(low)[0]), _up(base + _log1p(np.minimum(high, 1.0 + SLACK))[1])


def _log1p(x: Array) -> tuple[Array, Array]:
    """ln(1 + x) = 2 artanh(z), z = x / (2 + x) <= 1/3: 24 positive terms, the rest is below 3^-48."""
    z = x / (2 + x)
    square, total = z * z, np.zeros_like(x)
    for n in range(47, 0, -2):
        total = 1 / n + square * total
    return _widened(2 * z * total)


def erf(x: Array) -> tuple[Array, Array]:
    """2 / sqrt(pi) e^(-x^2) x sum of (2 x^2)^n / (1 3 5 ... (2n + 1)) up to |x| = 6, 1 - 1e-16 at least beyond."""
    z = np.minimum(np.abs(x), 6.0)
    square = 2 * z * z
    total = term = np.ones_like(z)
    for n in range(1, 200):
        term = term * square / (2 * n + 1)
        if not term.size or (term < 1e-20 * total).all():
            break
        total = total + term
    decay = exp(-z * z)
    low, high = _widened(1.1283791670955126 * z * total)
    low, high = _down(low * decay[0]), np.minimum(_up(high * decay[1]), 1.0)
    low, high = np.where(np.abs(x) > 6, 1 - 1e-15, np.maximum(low, 0.0)), np.where(np.abs(x) > 6, 1.0, high)
    return np.where(x < 0, -high, low), np.where(x < 0, -low, high)


def normal(x: Array) -> tuple[Array, Array]:
    """(1 + erf(x / sqrt 2)) / 2."""
    y = x * 0.7071067811865476
    step = np.abs(y) * 2.0**-50
    low, high = erf(y - step)[0], erf(y + step)[1]
    return np.maximum(_down(0.5 + low / 2), 0.0), np.minimum(_up(0.5 + high / 2), 1.0)


def gate(x: Array) -> tuple[Array, Array]:
    """sigmoid(2 sqrt(2 / pi) (x + 0.044715 x^3)): terms of one sign, so their sum is known to 1e-14, relative."""
    y = 1.5957691216057308 * (x + 0.044715 * x * x * x)
    step = np.abs(y) * 2.0**-46
    return sigmoid(y - step)[0], sigmoid(y + step)[1]
