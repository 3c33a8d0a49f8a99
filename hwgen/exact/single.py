"""A quantizer that stands directly on a graph input, decided in float32 as training and every runtime decide it.

u = fl(fl(x / scale) + zero_point), or fl(x / scale) where the zero point is added after the rounding, is a rising
function of the float32 x; so each level is reached from a smallest float32 on, found by bisection over bit patterns.
"""

from __future__ import annotations

import numpy as np

from hwgen.exact.quantizer import Quantizer, UniformQuantizer, level_cut
from hwgen.ir.tensor import Array, Tensor
from hwgen.ir.types import BIPOLAR

INFINITY = 0x7F800000
SIGN = 0x80000000


def decided_in_float32(quantizer: Quantizer) -> bool:
    """Whether the parameters are float32 numbers; the sign that a bipolar quantizer takes needs no arithmetic."""
    return (isinstance(quantizer, UniformQuantizer) and quantizer.type != BIPOLAR
            and _single(quantizer.scale) and _single(quantizer.zero_point))


def _single(parameter: Tensor) -> bool:
    return all(v == float(np.float32(float(v))) for v in parameter.array.ravel())


def float32_cuts(quantizer: UniformQuantizer, index: int) -> list[float]:
    """The smallest float32 that reaches level 1, 2, ... of the element at `index` of flat parameters."""
    scale, zero = (np.float32(float(t.array.flat[index])) for t in (quantizer.scale, quantizer.zero_point))
    inside, outside = (zero, 0) if quantizer.zero_point_inside else (np.float32(0), int(zero))
    pairs = [level_cut(level - outside, quantizer.rounding)
             for level in range(quantizer.type.lo + 1, quantizer.type.hi + 1)]
    bounds, closed = np.array([float(cut) for cut, _ in pairs]), np.array([c for _, c in pairs])
    low, high = np.full(len(pairs), -INFINITY), np.full(len(pairs), INFINITY)
    while (high - low > 1).any():
        middle = (low + high) // 2
        with np.errstate(over="ignore"):
            u = (of_ordered(middle) / scale + inside).astype(np.float64)
        reached = (u > bounds) | (closed & (u == bounds))
        low, high = np.where(reached, low, middle), np.where(reached, middle, high)
    return of_ordered(high).astype(np.float64).tolist()  # type: ignore[no-any-return]


def of_ordered(position: Array) -> Array:
    """The float32 at a position of their order; 0 is at 0, the infinities are at both ends."""
    bits = np.where(position >= 0, position, SIGN - position)
    return bits.astype(np.uint32).view(np.float32)
