"""What the host computes after the last integer: plain numpy functions of (frames, *shape) float64 arrays.

It needs nothing but numpy: a build's host module holds a copy of what follows the imports (hwgen.emit.host), so that it
computes what hwgen computes. Names and arguments are those of hwgen.host.HostStep.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def evaluate(steps: Iterable[tuple[str, tuple[int, ...], Mapping[str, Any]]], y: Array) -> Array:
    """The last step's result. A step is a function's name, which values it reads (0: y, i: step i's), its arguments."""
    values = [y]
    for name, inputs, arguments in steps:
        values.append(FUNCTIONS[name](*(values[i] for i in inputs), **arguments))
    return values[-1]


def affine(x: Array, scale: Array, offset: Array) -> Array:
    """x * scale + offset."""
    return x * scale + offset


def clip(x: Array, low: float | None, high: float | None) -> Array:
    """min(max(x, low), high); None is no limit."""
    return np.asarray(np.clip(x, -np.inf if low is None else low, np.inf if high is None else high))


def leaky_relu(x: Array, slope: Array) -> Array:
    """x, or slope * x below zero."""
    return np.where(x >= 0, x, slope * x)


def softmax(x: Array) -> Array:
    """Along the last axis, shifted by the maximum."""
    shifted = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))


def log_softmax(x: Array) -> Array:
    """The logarithm of the softmax along the last axis."""
    shifted = x - x.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def top(x: Array, k: int, keepdims: bool) -> Array:
    """Indices of the k largest along the last axis, the lowest first among equals."""
    order = np.argsort(-x, axis=-1, kind="stable")[..., :k]
    return np.asarray(order if keepdims else order[..., 0])


def take(x: Array, index: Array) -> Array:
    """Every frame's elements in another order: (frames, elements)."""
    return x[:, index]


def reshape(x: Array, shape: tuple[int, ...]) -> Array:
    """Every frame's elements in another shape."""
    return x.reshape(len(x), *shape)


def transpose(x: Array, permutation: tuple[int, ...]) -> Array:
    """Every frame's axes permuted."""
    return np.transpose(x, (0, *(axis + 1 for axis in permutation)))


def join(x: Array, y: Array, sign: int) -> Array:
    """x + y, or x - y."""
    return np.asarray(x + sign * y)


def product(x: Array, y: Array) -> Array:
    """x * y."""
    return np.asarray(x * y)


def exp(x: Array) -> Array:
    """e^x."""
    return np.asarray(np.exp(x))


def sigmoid(x: Array) -> Array:
    """1 / (1 + e^-x)."""
    return np.asarray(0.5 * np.tanh(0.5 * x) + 0.5)


def tanh(x: Array) -> Array:
    """The hyperbolic tangent."""
    return np.asarray(np.tanh(x))


def softplus(x: Array) -> Array:
    """ln(1 + e^x)."""
    return np.asarray(np.logaddexp(0.0, x))


def erf(x: Array) -> Array:
    """The error function."""
    return np.reshape([math.erf(v) for v in x.ravel()], x.shape).astype(np.float64)


def normal(x: Array) -> Array:
    """(1 + erf(x / sqrt 2)) / 2."""
    return np.reshape([math.erfc(-v * 0.5**0.5) / 2 for v in x.ravel()], x.shape).astype(np.float64)


def gate(x: Array) -> Array:
    """(1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2."""
    return np.asarray(0.5 * np.tanh((2 / np.pi)**0.5 * (x + 0.044715 * x**3)) + 0.5)


def concat(*values: Array) -> Array:
    """One after another along the channels."""
    return np.concatenate(values, axis=1)


def dense(x: Array, weight: Array, bias: Array) -> Array:
    """x @ weight^T + bias."""
    return np.asarray(x @ weight.T + bias)


def conv(x: Array, weight: Array, bias: Array, groups: int, **geometry: Any) -> Array:
    """Cross-correlation of (frames, C, H, W) or (frames, C, L) with (M, C / groups, KH, KW); bias: (M,) or a number."""
    maps = _as_map(x)
    windows = np.stack(list(_taps(maps, 0.0, **geometry)), axis=2)
    rows, members = len(weight) // groups, maps.shape[1] // groups
    parts = [np.tensordot(weight[g * rows : (g + 1) * rows].reshape(rows, members, -1),
                          windows[:, g * members : (g + 1) * members], axes=([1, 2], [1, 2])) for g in range(groups)]
    y = np.concatenate(parts).swapaxes(0, 1) + np.reshape(bias, (-1, 1, 1))
    return np.asarray(y if x.ndim == 4 else y[:, :, 0])


def max_pool(x: Array, **geometry: Any) -> Array:
    """The largest element of each window; the border never wins."""
    y = np.max(np.stack(list(_taps(_as_map(x), -np.inf, **geometry))), axis=0)
    return np.asarray(y if x.ndim == 4 else y[:, :, 0])


def average_pool(x: Array, **geometry: Any) -> Array:
    """The mean of each window; a border counts as zeros."""
    y = np.mean(np.stack(list(_taps(_as_map(x), 0.0, **geometry))), axis=0)
    return np.asarray(y if x.ndim == 4 else y[:, :, 0])


def _as_map(x: Array) -> Array:
    """(frames, C, L) as (frames, C, 1, L)."""
    return x if x.ndim == 4 else x[:, :, None]


def _taps(x: Array, border: float, kernel: tuple[int, int], stride: tuple[int, int], pads: tuple[int, int, int, int],
          dilation: tuple[int, int]) -> Iterator[Array]:
    """For each element of the kernel, row by row, what it meets at every position."""
    top_, left, bottom, right = pads
    padded = np.pad(x, ((0, 0), (0, 0), (top_, bottom), (left, right)), constant_values=border)
    rows, columns = (1 + (size - (k - 1) * d - 1) // s
                     for size, k, s, d in zip(padded.shape[2:], kernel, stride, dilation, strict=True))
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            yield padded[:, :, i * dilation[0] :: stride[0], j * dilation[1] :: stride[1]][:, :, :rows, :columns]


FUNCTIONS: Mapping[str, Callable[..., Array]] = {function.__name__: function for function in (
    affine, clip, leaky_relu, softmax, log_softmax, top, take, reshape, transpose, join, concat, dense, conv, max_pool,
    average_pool, product, exp, sigmoid, tanh, softplus, erf, normal, gate)}
