"""Rounding of rationals to integers, all modes, on object arrays of Python integers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hwgen.ir.tensor import Array
from hwgen.rounding import Rounding


def round_ratio(n: Array, d: Array | int, mode: Rounding) -> Array:
    """n / d to integers, d positive."""
    q = n // d
    rest = n - q * d
    return np.asarray(q + rounds_up(n, q, rest, 2 * rest - d, mode))


def rounds_up(n: Array, q: Array, rest: Array, beyond: Array, mode: Rounding) -> Array:
    """Whether the floor q of n / d is raised by one; beyond is the sign of the fraction minus a half."""
    part = rest != 0
    directed: dict[Rounding, Callable[[], Array]] = {
        Rounding.FLOOR: lambda: part & False, Rounding.CEIL: lambda: part,
        Rounding.AWAY: lambda: part & (n > 0), Rounding.TOWARD_ZERO: lambda: part & (n < 0)}
    ties: dict[Rounding, Callable[[], Array]] = {
        Rounding.HALF_EVEN: lambda: q % 2 == 1, Rounding.HALF_UP: lambda: beyond == 0,
        Rounding.HALF_AWAY: lambda: n > 0, Rounding.HALF_TOWARD_ZERO: lambda: n < 0,
        Rounding.DPU_PY3: lambda: (n < 0) | (q % 2 == 1)}
    if mode in directed:
        return np.asarray(directed[mode]()).astype(np.int64)
    return np.asarray((beyond > 0) | ((beyond == 0) & ties[mode]())).astype(np.int64)
