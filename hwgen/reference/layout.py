"""Ops that move or add pixels, and transposed convolution, on maps (frames, C, H, W): plain numpy, any dtype."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import lcm

import numpy as np

from hwgen.ir.tensor import Array
from hwgen.ops.quantized_layout import ConstantPad, ConvTranspose, Crop, MoveOp, PixelShuffle, Resize, SpaceToDepth
from hwgen.reference.ball import Ball, rational
from hwgen.reference.windows import as_map


def moved(op: MoveOp, array: Array) -> Array:
    """Every frame's elements at their new places; (frames, C, L) is a map of height 1 in between."""
    return _flat(array, _moved(op, as_map(array)))


def _moved(op: MoveOp, x: Array) -> Array:
    if isinstance(op, Resize):
        rows, columns = (np.arange(n * f) // f for n, f in zip(x.shape[2:], op.factors, strict=True))
        return x[:, :, rows][:, :, :, columns]
    if isinstance(op, PixelShuffle):
        return _shuffled(op, x)
    if isinstance(op, SpaceToDepth):
        (down, right) = op.block
        return np.concatenate([x[:, :, p::down, q::right] for p in range(down) for q in range(right)], axis=1)
    if isinstance(op, Crop):
        box = (slice(a, b, s) for a, b, s in zip(op.start, op.stop, (1, *op.step), strict=True))
        return x[(slice(None), *box)]
    raise TypeError(f"no reference for {op.label}")


def _shuffled(op: PixelShuffle, x: Array) -> Array:
    frames, channels, height, width = x.shape
    down, right = op.block
    rest = channels // (down * right)
    y = np.empty((frames, rest, height * down, width * right), x.dtype)
    for p in range(down):
        for q in range(right):
            part = p * right + q
            picked = x[:, part::down * right] if op.interleaved else x[:, part * rest:(part + 1) * rest]
            y[:, :, p::down, q::right] = picked
    return y


def padded(op: ConstantPad, array: Array, value: object) -> Array:
    """A border of the value around every map."""
    top, left, bottom, right = op.sides
    sides = ((0, 0), (0, 0), (top, bottom), (left, right))
    return _flat(array, np.pad(as_map(array), sides, constant_values=value))  # type: ignore[call-overload]


def exact_padded(op: ConstantPad, x: Ball) -> Ball:
    """The same on balls."""
    value = Fraction(op.value.fractions().item())
    d = lcm(x.d, value.denominator)
    n, e = x.n * (d // x.d), None if x.e is None else x.e * (d // x.d)
    return Ball(padded(op, n, int(value * d)), d, None if e is None else padded(op, e, 0))


def conv_transpose(op: ConvTranspose) -> Callable[[Array, Array], Array]:
    """A product of maps (frames, C, H, W) and weights (M, C / groups, KH, KW): inputs add to the outputs they meet."""
    return lambda x, weight: _scattered(op, x, weight)


def _scattered(op: ConvTranspose, x: Array, weight: Array) -> Array:
    frames, channels, height, width = x.shape
    rows, _, *kernel = weight.shape
    (down, right), sizes = op.stride, zip((height, width), op.stride, kernel, op.before, op.outputs, strict=True)
    size = [max((n - 1) * s + k, b + o) for n, s, k, b, o in sizes]
    y = np.zeros((frames, rows, *size), dtype=np.result_type(x, weight))
    for group in range(op.groups):
        out, seen = (slice(group * n // op.groups, (group + 1) * n // op.groups) for n in (rows, channels))
        for i in range(kernel[0]):
            for j in range(kernel[1]):
                product = np.moveaxis(np.tensordot(weight[out, :, i, j], x[:, seen], axes=(1, 1)), 0, 1)
                y[:, out, i:i + (height - 1) * down + 1:down, j:j + (width - 1) * right + 1:right] += product
    return y[:, :, op.before[0]:op.before[0] + op.outputs[0], op.before[1]:op.before[1] + op.outputs[1]]


def exact_conv_transpose(op: ConvTranspose, ball: Ball) -> Ball:
    """The sum of x * (w - zero_point), times the row's scale, plus bias."""
    w, d = rational(op.weight.array - op.zero_point.array if np.any(op.zero_point.array) else op.weight.array)
    x = ball.moved(as_map)
    y = x.linear(w.astype(np.int64), conv_transpose(op))
    y = Ball(y.n, y.d * d, y.e).times(op.scale.array.reshape(-1, 1, 1))
    y = y if op.bias is None else y.plus(op.bias.array.reshape(-1, 1, 1))
    return y.moved(lambda a: a[:, :, 0, :]) if ball.n.ndim == 3 else y


def float32_conv_transpose(op: ConvTranspose, x: Array) -> Array:
    """The same with dequantized float32 weights."""
    weight, zero, scale = (t.array.astype(np.float64).astype(np.float32) for t in (op.weight, op.zero_point, op.scale))
    y = _scattered(op, as_map(x), (weight - zero) * scale)
    if op.bias is not None:
        y = y + op.bias.array.astype(np.float64).astype(np.float32).reshape(-1, 1, 1)
    return _flat(x, y)


def _flat(given: Array, made: Array) -> Array:
    """A map of height 1 as (frames, C, L) where the given value was one."""
    return made[:, :, 0, :] if given.ndim == 3 else made
