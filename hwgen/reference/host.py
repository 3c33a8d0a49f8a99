"""The float boundary: a quantizer that stands directly on a graph input of floats works in float32.

Everything after it is exact. Inputs that lie on ties of their quantizer (pixels on a 2/255 grid) would else differ from
what the network was trained with.
"""

from __future__ import annotations

import numpy as np

from hwgen.ir.tensor import Array, Tensor
from hwgen.ir.types import BipolarType
from hwgen.ops.quantized import Quant
from hwgen.reference.ball import rational
from hwgen.reference.rounding import round_ratio


def decides_in_float32(op: Quant, x: Array) -> bool:
    """Floats as input, and parameters that are float32 numbers."""
    return x.dtype.kind == "f" and not isinstance(op.type, BipolarType) and is_single(op.scale) and is_single(
        op.zero_point)


def is_single(parameter: Tensor) -> bool:
    """Whether every element is a float32 number."""
    if parameter.array.dtype == object:
        return False
    values = parameter.array.astype(np.float64)
    return bool(np.all(values.astype(np.float32) == values))


def quantize(op: Quant, x: Array) -> Array:
    """clip(round(fl(fl(x / scale) + zero_point))), or the zero point after the rounding; x down to a float32 first."""
    nearest = x.astype(np.float32)
    single = np.where(nearest > x, np.nextafter(nearest, np.float32(-np.inf)), nearest)
    scale, zero = (p.array.astype(np.float32) for p in (op.scale, op.zero_point))
    with np.errstate(over="ignore"):
        ratio = np.asarray(single / scale)
        ratio = ratio + zero if op.zero_point_inside else ratio
    after = 0 if op.zero_point_inside else op.zero_point.array.astype(np.int64)
    bounded = np.clip(ratio.astype(np.float64), op.type.lo - after - 2, op.type.hi - after + 2)
    rounded = round_ratio(*rational(bounded), op.rounding).astype(np.int64)
    return np.asarray(np.clip(rounded + after, op.type.lo, op.type.hi))
