"""Exact convolution, pools, joins and bent activations on balls."""

from __future__ import annotations

from fractions import Fraction
from functools import partial, reduce

import numpy as np

from hwgen.ir.graph import Op
from hwgen.ops.quantized import Clip, LeakyRelu
from hwgen.ops.quantized_maps import AveragePool, Conv, MapOp, MaxPool
from hwgen.reference.ball import Ball, rational
from hwgen.reference.windows import as_map, convolve, taps


def conv(op: Conv, x: Ball) -> Ball:
    """Sum of x * (w - zero_point) under the kernel, times the row's scale, plus bias."""
    w, d = rational(op.weight.array - op.zero_point.array if np.any(op.zero_point.array) else op.weight.array)
    y = x.linear(w.astype(np.int64), partial(convolve, geometry=op.geometry, groups=op.groups))
    y = Ball(y.n, y.d * d, y.e).times(op.scale.array.reshape(-1, 1, 1))
    return y if op.bias is None else y.plus(op.bias.array.reshape(-1, 1, 1))


def max_pool(op: MaxPool, x: Ball) -> Ball:
    """The largest element under the kernel: a border below every element never wins."""
    return x.through(lambda n: reduce(np.maximum, taps(n, op.geometry, n.min())))


def average_pool(op: AveragePool, x: Ball) -> Ball:
    """The sum under the kernel over its size."""
    size = op.geometry.kernel[0] * op.geometry.kernel[1]
    n = sum(taps(x.n, op.geometry, 0))
    e = None if x.e is None else np.asarray(sum(taps(x.e, op.geometry, 0)))
    return Ball(np.asarray(n), x.d * size, e)


def on_map(op: MapOp, x: Ball) -> Ball:
    """An op with a kernel; (frames, C, L) is a map of height 1 in between."""
    flat = x.n.ndim == 3
    y = x.moved(as_map)
    if isinstance(op, Conv):
        y = conv(op, y)
    elif isinstance(op, MaxPool):
        y = max_pool(op, y)
    elif isinstance(op, AveragePool):
        y = average_pool(op, y)
    else:
        raise TypeError(f"no exact semantics for {op.label}")
    return y.moved(lambda a: a[:, :, 0, :]) if flat else y


def concat(balls: list[Ball]) -> Ball:
    """One after another along the channels, over one denominator."""
    d = int(np.lcm.reduce(np.array([ball.d for ball in balls], dtype=object)))
    n = np.concatenate([ball.n * (d // ball.d) for ball in balls], axis=1)
    if all(ball.e is None for ball in balls):
        return Ball(n, d)
    errors = [np.broadcast_to(np.asarray(ball.error * (d // ball.d), dtype=object), ball.n.shape) for ball in balls]
    return Ball(n, d, np.concatenate(errors, axis=1))


def bend(op: Op, x: Ball) -> Ball:
    """Clip and LeakyRelu."""
    if isinstance(op, Clip):
        return x.clipped(*(None if limit is None else Fraction(limit) for limit in (op.low, op.high)))
    if isinstance(op, LeakyRelu):
        return x.bent(op.slope.array)
    raise TypeError(f"no exact semantics for {op.label}")
