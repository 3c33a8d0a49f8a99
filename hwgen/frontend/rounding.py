"""Rounding of constants: what a quantizer of an initializer computes, every tie decided."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from hwgen.ir.tensor import Array
from hwgen.ir.types import BipolarType, IntType
from hwgen.rounding import Rounding

HALF = Fraction(1, 2)
DIRECTED = {Rounding.FLOOR, Rounding.CEIL, Rounding.AWAY, Rounding.TOWARD_ZERO}
MARGIN = 2.0 ** -40
STORED = 2.0 ** -22


def round_exact(x: Fraction, mode: Rounding) -> int:
    """One rational number to an integer."""
    low = math.floor(x)
    part = x - low
    if mode in DIRECTED:
        up = {Rounding.FLOOR: False, Rounding.CEIL: True, Rounding.AWAY: x > 0, Rounding.TOWARD_ZERO: x < 0}[mode]
        return low + (up and part != 0)
    if part != HALF:
        return low + (part > HALF)
    up = {Rounding.HALF_EVEN: low % 2 == 1, Rounding.HALF_UP: True, Rounding.HALF_AWAY: x > 0,
          Rounding.HALF_TOWARD_ZERO: x < 0, Rounding.DPU_PY3: x < 0 or low % 2 == 1}[mode]
    return low + up


def round_fast(x: Array, mode: Rounding) -> Array:
    """float64 rounding, right wherever x is not close to a decision."""
    directed = {Rounding.FLOOR: np.floor, Rounding.CEIL: np.ceil, Rounding.TOWARD_ZERO: np.trunc}
    if mode is Rounding.AWAY:
        return np.sign(x) * np.ceil(np.abs(x))
    return np.asarray(directed.get(mode, np.round)(x))


def quantize(x: Array, scale: Array, zero_point: Array, kind: IntType, mode: Rounding) -> Array:
    """clip(round(x / scale + zero_point), kind) as int64.

    x, scale, zero_point: float64 of one shape. Where all of them are float32, the quotient and the sum are too, as
    training and every runtime compute them; else they are exact. A directed mode on values that are stored as float32
    products integer * scale returns these integers: their last bit would otherwise decide (see docs/frontend.md).
    """
    if isinstance(kind, BipolarType):
        return np.where(x >= 0, 1, -1).astype(np.int64)
    single = all(np.array_equal(a.astype(np.float32), a) for a in (x, scale, zero_point))
    with np.errstate(over="ignore"):
        full = in_float32(x, scale, zero_point) if single else x / scale + zero_point
    ratio = np.clip(full, kind.lo - 1, kind.hi + 1)
    nearest = np.round(ratio)
    if mode in DIRECTED and bool((np.abs(ratio - nearest) <= STORED * np.maximum(np.abs(nearest), 1)).all()):
        return np.clip(nearest, kind.lo, kind.hi).astype(np.int64)
    result = round_fast(ratio, mode).astype(np.int64)
    distance = np.abs(ratio - nearest) if mode in DIRECTED else 0.5 - np.abs(ratio - nearest)
    for index in np.argwhere(distance <= MARGIN * np.maximum(np.abs(ratio), 1)):
        at = tuple(index)
        exact = Fraction(float(ratio[at])) if single else (
            Fraction(float(x[at])) / Fraction(float(scale[at])) + Fraction(float(zero_point[at])))
        if kind.lo - 1 <= exact <= kind.hi + 1:
            result[at] = round_exact(exact, mode)
    return np.clip(result, kind.lo, kind.hi)


def in_float32(x: Array, scale: Array, zero_point: Array) -> Array:
    """x / scale + zero_point in float32 operations, as float64."""
    quotient = x.astype(np.float32) / scale.astype(np.float32)
    return np.asarray(quotient + zero_point.astype(np.float32)).astype(np.float64)
