"""Exact real arithmetic on tensors: Python integers over one denominator, with an error radius where roots occur.

A Ball holds n / d exactly, or within e / d of it where e is given. Only BatchNorm's square root brings an error; every
float is a dyadic rational. This file and exact.py share no code with hwgen.passes and hwgen.exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from hwgen.ir.tensor import Array

FRACTION_BITS = 256
Product = Callable[[Array, Array], Array]


@dataclass(frozen=True)
class Ball:
    """n: object array of Python integers; d: positive integer; e: object array of radii, or None for exact."""

    n: Array
    d: int
    e: Array | None = None

    @property
    def error(self) -> Array | int:
        """The radius, 0 where the value is exact."""
        return 0 if self.e is None else self.e

    def plus(self, constant: Array) -> Ball:
        """Sum with an array of exact constants."""
        n, d = rational(constant)
        return self._with(self.n * d + n * self.d, self.d * d, lambda e: e * d)

    def times(self, constant: Array) -> Ball:
        """Product with an array of exact constants."""
        n, d = rational(constant)
        return self._with(self.n * n, self.d * d, lambda e: e * np.abs(n))

    def over(self, constant: Array) -> Ball:
        """Quotient by an array of exact constants, none of them zero."""
        return self.times(inverses(constant))

    def negated(self) -> Ball:
        """-x."""
        return Ball(-self.n, self.d, self.e)

    def joined(self, other: Ball) -> Ball:
        """x + y."""
        d = math.lcm(self.d, other.d)
        a, b = d // self.d, d // other.d
        e = None if self.e is None and other.e is None else np.asarray(self.error * a + other.error * b, dtype=object)
        return Ball(self.n * a + other.n * b, d, e)

    def clipped(self, low: Fraction | None, high: Fraction | None) -> Ball:
        """min(max(x, low), high)."""
        limits = [limit for limit in (low, high) if limit is not None]
        d = math.lcm(self.d, *(limit.denominator for limit in limits))
        low, high = (None if limit is None else limit * d for limit in (low, high))

        def clip(n: Array) -> Array:
            raised = n if low is None else np.maximum(n, int(low))
            return raised if high is None else np.minimum(raised, int(high))

        return self._with(self.n * (d // self.d), d, lambda e: e * (d // self.d)).through(clip)

    def through(self, rising: Callable[[Array], Array]) -> Ball:
        """A function of the numerators that never falls: exact at both ends of every ball."""
        if self.e is None:
            return Ball(rising(self.n), self.d)
        low, high = rising(self.n - self.e), rising(self.n + self.e)
        n = (low + high) // 2
        return Ball(n, self.d, high - n)

    def bent(self, slope: Array) -> Ball:
        """x where it is not negative, slope * x elsewhere."""
        n, d = rational(slope)
        steepest = np.maximum(np.abs(n), d)
        return self._with(np.where(self.n >= 0, self.n * d, self.n * n), self.d * d, lambda e: e * steepest)

    def over_root(self, radicand: Array) -> Ball:
        """Quotient by the square roots of positive constants, to FRACTION_BITS after the binary point.

        The radius is proportional to each element, so zero stays exactly zero.
        """
        roots = [inverse_root(Fraction(v)) for v in np.asarray(radicand).ravel().tolist()]
        r = objects([root for root, _ in roots], np.shape(radicand))
        slack = objects([error for _, error in roots], np.shape(radicand))
        e = np.abs(self.n) * slack + self.error * (r + slack)
        return Ball(self.n * r, self.d << FRACTION_BITS, e if np.any(e != 0) else None)

    def moved(self, move: Callable[[Array], Array]) -> Ball:
        """A reshape, transpose or the like."""
        return Ball(move(self.n), self.d, None if self.e is None else move(self.e))

    def matmul(self, weight: Array) -> Ball:
        """x @ weight^T for integers of shape (M, K); the product runs over the last axis."""
        return self.linear(weight, lambda x, w: x @ w.T)

    def linear(self, weight: Array, product: Product) -> Ball:
        """A product that is linear in x, for integer weights (M, ...), each output summing over one row of them."""
        whole = int(np.gcd.reduce(self.n.ravel())) if self.n.size else 1
        common = math.gcd(whole, self.d)
        factor = whole // common or 1
        n = by_limbs(self.n // (common * factor), weight, product) * factor
        e = None if self.e is None else by_limbs(-(-self.e // common), np.abs(weight), product)
        return Ball(n, self.d // common, e)

    def floats(self) -> Array:
        """The nearest float64 of each midpoint (Python's integer division is correctly rounded)."""
        return np.asarray(self.n / self.d, dtype=np.float64)

    def _with(self, n: Array, d: int, scaled: Callable[[Array], Array]) -> Ball:
        return Ball(n, d, None if self.e is None else scaled(self.e) + np.zeros(n.shape, dtype=object))


def objects(values: list[int], shape: tuple[int, ...]) -> Array:
    """Python integers as an object array."""
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out.reshape(shape)


def rational(constant: Array) -> tuple[Array, int]:
    """Numerators and one denominator of an array of integers, floats or Fractions."""
    array = np.asarray(constant)
    if array.dtype.kind in "iub":
        return array.astype(object), 1
    if array.dtype.kind == "f":
        return dyadic(array.astype(np.float64))
    values = [Fraction(v) for v in array.ravel().tolist()]
    d = math.lcm(*(v.denominator for v in values)) if values else 1
    return objects([v.numerator * (d // v.denominator) for v in values], array.shape), d


def dyadic(array: Array) -> tuple[Array, int]:
    """Finite floats as integers over a power of two."""
    if not np.all(np.isfinite(array)):
        raise ValueError("NaN or infinity has no exact value")
    mantissa, exponent = np.frexp(array.ravel())
    n = (mantissa * 2.0**53).astype(np.int64)
    low = np.where(n == 0, 0, n & -n)
    zeros = np.where(n == 0, 0, np.frexp(low.astype(np.float64))[1] - 1)
    power = np.where(n == 0, 0, exponent - 53 + zeros)
    bits = max(-int(power.min(initial=0)), 0)
    return ((n >> zeros).astype(object) << (power + bits).astype(object)).reshape(array.shape), 1 << bits


def inverses(constant: Array) -> Array:
    """1 / constant as Fractions."""
    out = np.empty(np.shape(constant), dtype=object)
    out.ravel()[:] = [1 / Fraction(v) for v in np.asarray(constant).ravel().tolist()]
    return out


def inverse_root(v: Fraction) -> tuple[int, int]:
    """floor(2**FRACTION_BITS / sqrt(v)) and its error in units: 0 where the root is rational, else 1."""
    shifted = v.denominator << (2 * FRACTION_BITS)
    root = math.isqrt(shifted // v.numerator)
    return root, int(root * root * v.numerator != shifted)


def by_limbs(x: Array, weight: Array, product: Product) -> Array:
    """product(x, weight) exactly: float64 BLAS on limbs of x so short that every sum stays below 2**53."""
    bound = int(np.abs(weight).max(initial=0)) * math.prod(weight.shape[1:])
    bits = 52 - max(bound, 1).bit_length()
    if bits < 4:
        return np.asarray(product(x, weight.astype(object)))
    matrix = weight.astype(np.float64)
    total: Array | int = 0
    shift = 0
    while int(np.abs(x).max(initial=0)) >= 1 << bits:
        total += exact_product(x & ((1 << bits) - 1), matrix, product) << shift
        x, shift = x >> bits, shift + bits
    return np.asarray(total + (exact_product(x, matrix, product) << shift))


def exact_product(limb: Array, matrix: Array, product: Product) -> Array:
    """One float64 product whose sums are all exact."""
    return np.asarray(product(limb.astype(np.float64), matrix).astype(np.int64).astype(object))
