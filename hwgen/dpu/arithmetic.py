"""What a DPU computes, on int64 arrays: numbers are int8 at fix positions, value = integer * 2^-position.

Every layer is exact integers, one shift that rounds, and a clip to int8. Sources of the constants: Vitis AI's quantizer
(vai_q_pytorch) and the reference runner of its library, as docs/targets.md says.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from math import ceil, log2

import numpy as np

from hwgen.ir.tensor import Array
from hwgen.ir.types import full_range
from hwgen.rounding import Rounding

INT8 = full_range(8, True)
LEAKY_SLOPE = (26, 8)
"""26 / 2^8 for 0.1."""
SIXTH = (2731, 14)
"""2731 / 2^14 for 1/6."""
GATE_POSITION = 7
"""Of the hard sigmoid inside a hard swish."""
_POOL_FACTORS = {(3, 3): (7, 6), (5, 5): (10, 8), (6, 6): (7, 8), (3, 6): (7, 7), (6, 3): (7, 7), (7, 7): (21, 10),
                 (14, 14): (21, 12)}
"""(m, s) with m / 2^s for the reciprocal of the kernel's size."""


FINEST = 12
"""The largest fix position of numbers of 8 bits."""
LEFT, RIGHT = 31, 61
"""Most places of a shift that int64 can do."""


class Activation(Enum):
    """What a layer applies before it rounds."""

    NONE = "NONE"
    RELU = "RELU"
    RELU6 = "RELU6"
    LEAKY_RELU = "LEAKYRELU"
    HARD_SIGMOID = "HSIGMOID"
    HARD_SWISH = "HSWISH"


def clipped(x: Array) -> Array:
    """To int8's range."""
    return np.clip(x, INT8.lo, INT8.hi)


def shifted(x: Array, places: int, mode: Rounding = Rounding.HALF_UP) -> Array:
    """x / 2^places, rounded half up or half to even; not clipped. |x| < 2^31; what saturates int8 stays below 2^63."""
    places = _bounded(places)
    if places <= 0:
        return np.asarray(x << -places)
    half = 1 << (places - 1)
    if mode is Rounding.HALF_UP:
        return np.asarray((x + half) >> places)
    return np.asarray((x + half - 1 + ((x >> places) & 1)) >> places)


def _bounded(places: int) -> int:
    """The same result after a clip to int8: further right all is 0, further left all but 0 saturates."""
    return min(max(places, -LEFT), RIGHT)


def half_away(x: Array, places: int) -> Array:
    """x / 2^places, rounded half away from zero: what weights, biases and inputs get. |x| < 2^31."""
    places = _bounded(places)
    if places <= 0:
        return np.asarray(x << -places)
    return np.asarray(np.sign(x) * ((np.abs(x) + (1 << (places - 1))) >> places))


def aligned_bias(bias: Array, shift_bias: int) -> Array:
    """The bias on the accumulator's grid; bits below it are dropped."""
    return np.asarray(bias << shift_bias if shift_bias >= 0 else bias >> -shift_bias)


def activated(x: Array, places: int, activation: Activation, position: int, mode: Rounding) -> Array:
    """An accumulator, 2^places finer than the output, through NONE, RELU, RELU6 or LEAKY_RELU to int8 at `position`."""
    if activation is Activation.LEAKY_RELU:
        slope, more = LEAKY_SLOPE
        low = clipped(shifted(np.minimum(x, 0) * slope, places + more, mode))
        return np.where(x < 0, low, clipped(shifted(np.maximum(x, 0), places, mode)))
    if activation is not Activation.NONE:
        x = np.maximum(x, 0)
    made = clipped(shifted(x, places, mode))
    return np.minimum(made, six_at(position, mode)) if activation is Activation.RELU6 else made


def six_at(position: int, mode: Rounding) -> int:
    """6 as an integer at a fix position, at most int8's largest."""
    return int(clipped(shifted(np.array(6 << max(position, 0)), max(-position, 0), mode)))


def total(inputs: Sequence[Array], positions: Sequence[int]) -> tuple[Array, int]:
    """The exact sum of numbers at different positions, and its position."""
    finest = max(positions)
    parts = [x << (finest - position) for x, position in zip(inputs, positions, strict=True)]
    return np.asarray(sum(parts[1:], parts[0])), finest


def hard_sigmoid(x: Array, position: int, out: int, mode: Rounding) -> Array:
    """relu6(x + 3) * 2731 / 2^14, x at `position`, which is not negative, the result at `out`."""
    factor, places = SIXTH
    gate = np.clip(x + (3 << position), 0, 6 << position)
    return clipped(shifted(gate * factor, places + position - out, mode))


def hard_swish(x: Array, position: int, out: int, mode: Rounding) -> Array:
    """x times its hard sigmoid, which is rounded to int8 at GATE_POSITION before."""
    gate = hard_sigmoid(x, position, GATE_POSITION, mode)
    return clipped(shifted(x * gate, position + GATE_POSITION - out, mode))


def pool_factor(kernel: tuple[int, int]) -> tuple[int, int]:
    """(m, s): m / 2^s is what a DPU multiplies sums over a kernel by. Unlisted sizes: the nearest to the reciprocal."""
    if kernel in _POOL_FACTORS:
        return _POOL_FACTORS[kernel]
    size = kernel[0] * kernel[1]
    candidates = [(round_half_up(1 << s, size), s) for s in range(ceil(log2(128 * size)))]
    return min(candidates, key=lambda found: abs(found[0] * size - (1 << found[1])) / (1 << found[1]))


def round_half_up(number: int, divisor: int) -> int:
    """floor(number / divisor + 1/2)."""
    return (2 * number + divisor) // (2 * divisor)
