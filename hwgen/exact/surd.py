"""Exact real numbers of the form sum of p * sqrt(q), p and q rational: what BatchNorm makes of float constants.

Square roots of positive integers from different square classes are linearly independent over the rationals, so a
sum kept in normal form is zero only if it has no terms. Comparisons are therefore always decided.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from math import isqrt
from typing import Any


def _square_root(n: int) -> int | None:
    root = isqrt(n)
    return root if root * root == n else None


def sqrt(value: Fraction) -> Fraction | Surd:
    """The exact square root of a rational that is not negative."""
    if value < 0:
        raise ValueError(f"square root of {value}")
    return simplified(((value.numerator * value.denominator, Fraction(1, value.denominator)),))


def simplified(terms: Iterable[tuple[int, Fraction]]) -> Fraction | Surd:
    """The sum of p * sqrt(q) over (q, p), as a Fraction where it is rational."""
    merged: dict[int, Fraction] = {}
    for q, p in terms:
        key, factor = _class_of(q, merged)
        merged[key] = merged.get(key, Fraction(0)) + p * factor
    kept = tuple((q, p) for q, p in merged.items() if p)
    if not kept:
        return Fraction(0)
    return kept[0][1] if len(kept) == 1 and kept[0][0] == 1 else Surd(kept)


def _class_of(q: int, known: dict[int, Fraction]) -> tuple[int, Fraction]:
    """A representative k of q's square class and the rational r with sqrt(q) = r * sqrt(k)."""
    root = _square_root(q)
    if root is not None:
        return 1, Fraction(root)
    if q in known:
        return q, Fraction(1)
    for k in known:
        product = _square_root(k * q)
        if k != 1 and product is not None:
            return k, Fraction(product, k)
    return q, Fraction(1)


class Surd:
    """An irrational sum of p * sqrt(q); mixes with Fraction and int in +, -, *, / and comparisons."""

    __slots__ = ("terms",)

    def __init__(self, terms: tuple[tuple[int, Fraction], ...]) -> None:
        self.terms = terms

    def __add__(self, other: Any) -> Any:
        return simplified((*self.terms, *_terms(other)))

    __radd__ = __add__

    def __neg__(self) -> Surd:
        return Surd(tuple((q, -p) for q, p in self.terms))

    def __sub__(self, other: Any) -> Any:
        return simplified((*self.terms, *((q, -p) for q, p in _terms(other))))

    def __rsub__(self, other: Any) -> Any:
        return (-self) + other

    def __mul__(self, other: Any) -> Any:
        return simplified((q * r, p * s) for q, p in self.terms for r, s in _terms(other))

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        return self * reciprocal(other)

    def __rtruediv__(self, other: Any) -> Any:
        return reciprocal(self) * other

    def __lt__(self, other: Any) -> bool:
        return sign(self - other) < 0

    def __le__(self, other: Any) -> bool:
        return sign(self - other) <= 0

    def __gt__(self, other: Any) -> bool:
        return sign(self - other) > 0

    def __ge__(self, other: Any) -> bool:
        return sign(self - other) >= 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Surd | Fraction | int) and sign(self - other) == 0

    def __hash__(self) -> int:
        return hash(float(self))

    def __floor__(self) -> int:
        if len(self.terms) <= 2 and sum(q != 1 for q, _ in self.terms) == 1:
            return _floor_of_one_root(self.terms)
        return _floor_by_intervals(self.terms)

    def __float__(self) -> float:
        low, high, bits = _bounds(self.terms, 192)
        return float(Fraction(low + high, 2 << bits))

    def __repr__(self) -> str:
        return " + ".join(f"{p}" if q == 1 else f"{p}*sqrt({q})" for q, p in self.terms)


Real = Fraction | Surd


def _terms(value: Any) -> tuple[tuple[int, Fraction], ...]:
    return value.terms if isinstance(value, Surd) else ((1, Fraction(value)),)


def reciprocal(value: Real | int) -> Real:
    """1 / value, for a value of one term."""
    terms = _terms(value)
    if len(terms) != 1:
        raise ValueError(f"no reciprocal in one term: {value}")
    (q, p), = terms
    return simplified(((q, 1 / (p * q)),))


def sign(value: Real | int) -> int:
    """-1, 0 or 1, exactly."""
    if not isinstance(value, Surd):
        return (value > 0) - (value < 0)
    bits = 64
    while True:
        low, high, _ = _bounds(value.terms, bits)
        if low > 0 or high < 0:
            return 1 if low > 0 else -1
        bits *= 2


def _bounds(terms: tuple[tuple[int, Fraction], ...], bits: int) -> tuple[int, int, int]:
    """Integers low <= value * 2**bits <= high, and bits."""
    low = high = 0
    for q, p in terms:
        square = q * p.numerator * p.numerator << (2 * bits)
        scaled = isqrt(square // (p.denominator * p.denominator))
        low, high = (low + scaled, high + scaled + 1) if p > 0 else (low - scaled - 1, high - scaled)
    return low, high, bits


def _floor_of_one_root(terms: tuple[tuple[int, Fraction], ...]) -> int:
    """floor(r + p * sqrt(q)) = floor((A +- sqrt(B)) / C) in integers; sqrt(B) is irrational."""
    rational = next((p for q, p in terms if q == 1), Fraction(0))
    q, p = next((q, p) for q, p in terms if q != 1)
    denominator = rational.denominator * p.denominator
    root = isqrt(q * (p.numerator * rational.denominator) ** 2)
    a = rational.numerator * p.denominator
    return (a + root if p > 0 else a - root - 1) // denominator


def _floor_by_intervals(terms: tuple[tuple[int, Fraction], ...]) -> int:
    """Widen the precision until both bounds have one floor; ends, because the value is irrational."""
    bits = 64
    while True:
        low, high, _ = _bounds(terms, bits)
        if low >> bits == high >> bits:
            return low >> bits
        bits *= 2
