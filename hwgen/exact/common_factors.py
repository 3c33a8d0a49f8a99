"""Wide integer weights as a few narrow ones times constants: what a concatenation of unequal scales leaves behind."""

from __future__ import annotations

import numpy as np

from hwgen.ir.tensor import Array

LEAST_BITS = 8
"""Narrower weights are not looked at."""
MOST_PARTS = 4
MOST_QUOTIENT = 16
"""Columns whose common factors are so many times another's join it."""


def split_columns(weight: Array) -> list[tuple[int, Array]]:
    """Pairs (factor, narrow) with weight = sum of factor * narrow, all of the shape of weight, (M, K).

    Columns with a common factor, or a small multiple of it, share a part; it has zeros elsewhere. Empty where the parts
    together have no fewer bits than the weights, or are too many.
    """
    if _bits(weight) < LEAST_BITS:
        return []
    columns = np.gcd.reduce(weight.astype(object), axis=0)
    factors: list[int] = []
    for n in sorted({int(c) for c in columns} - {0}):
        if not any(n % f == 0 and n // f <= MOST_QUOTIENT for f in factors):
            factors.append(n)
    owner = np.array([_owner(int(n), factors) for n in columns])
    made = [(f, np.where(owner == i, weight.astype(object) // f, 0)) for i, f in enumerate(factors)]
    if not 2 <= len(made) <= MOST_PARTS or sum(_bits(part) for _, part in made) >= _bits(weight):
        return []
    return made


def _owner(n: int, factors: list[int]) -> int:
    return next((i for i, f in enumerate(factors) if n % f == 0 and n // f <= MOST_QUOTIENT), 0)


def _bits(weight: Array) -> int:
    """Bits of the two's complement type that holds every weight."""
    return max(int(weight.max()).bit_length(), (-int(weight.min()) - 1).bit_length()) + 1
