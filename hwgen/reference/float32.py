"""float32 replay: the graph of the quantized level as torch and onnxruntime execute it, in ONNX op order.

Not the truth: it differs from the exact reference where float32 rounding crosses a decision. The distances to the
decisions tell such near-ties from bugs (doctrine item 4).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial, reduce

import numpy as np

from hwgen.ir.graph import Graph, Node, Op
from hwgen.ir.tensor import Array, Tensor
from hwgen.ir.types import BipolarType
from hwgen.ops.quantized import (
    BatchNorm,
    Clip,
    Dense,
    Elementwise,
    LeakyRelu,
    MultiThreshold,
    Quant,
    Relu,
    Reshape,
    Softmax,
    TopK,
    Transpose,
)
from hwgen.ops.quantized_curves import Curve, Product
from hwgen.ops.quantized_layout import ConstantPad, ConvTranspose, Crop, PixelShuffle, Resize, SpaceToDepth
from hwgen.ops.quantized_maps import AveragePool, Concat, Conv, Join, MapOp, MaxPool, Trunc
from hwgen.reference import layout
from hwgen.reference.windows import as_map, convolve, taps
from hwgen.rounding import Rounding

DIRECTED = {Rounding.FLOOR, Rounding.CEIL, Rounding.AWAY, Rounding.TOWARD_ZERO}


@dataclass(frozen=True)
class ReplayResult:
    """integers, outputs: as in ExactResult, but computed in float32.

    distances: float64 of the integers' shape: how far the value is from the nearest decision, in steps of its
    quantizer (MultiThreshold: in its input's units; Trunc: in steps of the sum).
    """

    integers: Mapping[str, Array]
    outputs: Mapping[str, Array]
    distances: Mapping[str, Array]


def run(graph: Graph, inputs: Mapping[str, Array]) -> ReplayResult:
    """Execute on arrays (frames, *shape)."""
    values = {name: np.asarray(inputs[name]).astype(np.float32) for name in graph.inputs}
    integers: dict[str, Array] = {}
    distances: dict[str, Array] = {}
    for node in graph.nodes:
        arrays, name = [values[name] for name in node.inputs], node.outputs[0]
        if isinstance(node.op, Quant | MultiThreshold | Trunc):
            integers[name], values[name], distances[name] = decide(node.op, arrays[0])
        else:
            values[name] = execute(node, arrays)
            if isinstance(node.op, TopK):
                integers[name] = values[name]
    return ReplayResult(integers, {name: values[name].astype(np.float64) for name in graph.outputs}, distances)


def single(tensor: Tensor) -> Array:
    """A constant in float32."""
    return tensor.array.astype(np.float64).astype(np.float32)


def execute(node: Node, inputs: list[Array]) -> Array:
    """One op that is no quantizer."""
    rules: dict[type, Callable[..., Array]] = {
        Relu: relu, Elementwise: elementwise, BatchNorm: batch_norm, Dense: dense, Reshape: reshape,
        Transpose: transpose, Softmax: softmax, TopK: top, Clip: clip, LeakyRelu: leaky_relu, Conv: on_map,
        MaxPool: on_map, AveragePool: on_map, Join: join, Concat: concat, Curve: curve, Product: product,
        Resize: layout.moved, PixelShuffle: layout.moved, SpaceToDepth: layout.moved, Crop: layout.moved,
        ConstantPad: pad, ConvTranspose: layout.float32_conv_transpose}
    return partial(rules[type(node.op)], node.op)(*inputs)


def has_float_weights(op: Op) -> bool:
    """Whether it is a layer of the host's tail."""
    return isinstance(op, Dense | Conv | ConvTranspose) and op.weight.is_float


def pad(op: ConstantPad, x: Array) -> Array:
    """A border of one float32 number."""
    return layout.padded(op, x, single(op.value).item())


def relu(op: Relu, x: Array) -> Array:
    """max(x, 0)."""
    return np.asarray(np.maximum(x, np.float32(0)))


def elementwise(op: Elementwise, x: Array) -> Array:
    """One float32 operation."""
    c = single(op.constant)
    rules: dict[str, Callable[[], Array]] = {
        "add": lambda: x + c, "sub": lambda: x - c, "mul": lambda: x * c, "div": lambda: x / c,
        "rsub": lambda: c - x, "rdiv": lambda: c / x}
    return np.asarray(rules[op.kind]())


def batch_norm(op: BatchNorm, x: Array) -> Array:
    """x * alpha + beta' with alpha = gamma / sqrt(var + eps), as torch and onnxruntime do in evaluation."""
    shape = (-1, *[1] * (x.ndim - 2 - op.axis))
    gamma, beta, mean, variance = (single(t).reshape(shape) for t in (op.gamma, op.beta, op.mean, op.variance))
    alpha = gamma * (np.float32(1) / np.sqrt(variance + np.float32(op.epsilon)))
    return np.asarray(x * alpha + (beta - mean * alpha))


def dense(op: Dense, x: Array) -> Array:
    """The product with dequantized float32 weights."""
    weight = (op.weight.array.astype(np.float32) - single(op.zero_point)) * single(op.scale)
    y = x @ weight.T
    return np.asarray(y if op.bias is None else y + single(op.bias))


def clip(op: Clip, x: Array) -> Array:
    """min(max(x, low), high)."""
    low, high = -np.inf if op.low is None else op.low, np.inf if op.high is None else op.high
    return np.asarray(np.minimum(np.maximum(x, np.float32(low)), np.float32(high)))


def leaky_relu(op: LeakyRelu, x: Array) -> Array:
    """x, or slope * x below zero."""
    return np.where(x >= 0, x, x * single(op.slope))


def curve(op: Curve, x: Array) -> Array:
    """A transcendental function, rounded to float32 after each operation that frameworks round after."""
    one, half = np.float32(1), np.float32(0.5)
    error_function = np.vectorize(math.erf, otypes=[np.float32])
    with np.errstate(over="ignore"):
        rules: dict[str, Callable[[], Array]] = {
            "exp": lambda: np.exp(x), "sigmoid": lambda: one / (one + np.exp(-x)), "tanh": lambda: np.tanh(x),
            "softplus": lambda: np.logaddexp(np.float32(0), x), "erf": lambda: error_function(x),
            "normal": lambda: half * (one + error_function(x * np.float32(math.sqrt(0.5)))),
            "gate": lambda: half * (one + np.tanh(np.float32(math.sqrt(2 / math.pi))
                                                  * (x + np.float32(0.044715) * x * x * x)))}
        return np.asarray(rules[op.name]())


def product(op: Product, first: Array, second: Array) -> Array:
    """One float32 product."""
    return np.asarray(first * second)


def join(op: Join, first: Array, second: Array) -> Array:
    """One float32 sum or difference."""
    return np.asarray(first - second if op.subtract else first + second)


def concat(op: Concat, *inputs: Array) -> Array:
    """One after another along the channels."""
    return np.concatenate(inputs, axis=1)


def on_map(op: MapOp, x: Array) -> Array:
    """An op with a kernel; (frames, C, L) is a map of height 1 in between."""
    flat, x = x.ndim == 3, as_map(x)
    if isinstance(op, Conv):
        weight = (op.weight.array.astype(np.float32) - single(op.zero_point)) * single(op.scale)
        y = convolve(x, weight, op.geometry, op.groups)
        y = y if op.bias is None else y + single(op.bias).reshape(-1, 1, 1)
    elif isinstance(op, MaxPool):
        y = reduce(np.maximum, taps(x, op.geometry, -np.inf))
    else:
        size = np.float32(op.geometry.kernel[0] * op.geometry.kernel[1])
        y = np.asarray(sum(taps(x, op.geometry, 0))) / size
    return y[:, :, 0, :] if flat else y


def reshape(op: Reshape, x: Array) -> Array:
    """Every frame's elements in another shape."""
    return x.reshape(x.shape[0], *op.shape)


def transpose(op: Transpose, x: Array) -> Array:
    """Every frame's axes permuted."""
    return x.transpose(0, *(axis + 1 for axis in op.permutation))


def softmax(op: Softmax, x: Array) -> Array:
    """Along the last axis, or its logarithm."""
    shifted = x - x.max(axis=-1, keepdims=True)
    total = np.exp(shifted).sum(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(total) if op.log else np.exp(shifted) / total)


def top(op: TopK, x: Array) -> Array:
    """Indices of the k largest, lowest first among equals."""
    order = np.argsort(-x, axis=-1, kind="stable")[..., :op.k].astype(np.int64)
    return order if op.keepdims else order[..., 0]


def decide(op: Quant | MultiThreshold | Trunc, x: Array) -> tuple[Array, Array, Array]:
    """Integers, dequantized values, and distances to the nearest decision."""
    if isinstance(op, Quant):
        return quantize(op, x)
    return truncate(op, x) if isinstance(op, Trunc) else count(op, x)


def truncate(op: Trunc, x: Array) -> tuple[Array, Array, Array]:
    """Integers, values, and distances of the sum's integers to the nearest half."""
    ratio = x / single(op.scale) + single(op.zero_point)
    q = rounding(np.round(ratio) / np.float32(op.divisor), op.rounding)
    q = np.clip(q, op.type.lo, op.type.hi) if op.clips else q
    nearest = 0.5 - np.abs(ratio - np.round(ratio)).astype(np.float64)
    return q.astype(np.int64), (q.astype(np.float32) - single(op.out_zero_point)) * single(op.out_scale), nearest


def quantize(op: Quant, x: Array) -> tuple[Array, Array, Array]:
    """Integers, dequantized values, and distances to the nearest decision."""
    scale, zero = single(op.scale), single(op.zero_point)
    ratio = x / scale
    if isinstance(op.type, BipolarType):
        q = np.where(x >= 0, 1, -1)
        return q.astype(np.int64), q.astype(np.float32) * scale, np.abs(ratio).astype(np.float64)
    moved = ratio + zero if op.zero_point_inside else ratio
    rounded = rounding(moved, op.rounding)
    q = np.clip(rounded if op.zero_point_inside else rounded + zero, op.type.lo, op.type.hi)
    return q.astype(np.int64), (q.astype(np.float32) - zero) * scale, distance(op, moved.astype(np.float64))


def rounding(x: Array, mode: Rounding) -> Array:
    """float32 to whole float32, as the exporting frameworks compute the mode."""
    half = np.float32(0.5)
    rules: dict[Rounding, Callable[[], Array]] = {
        Rounding.HALF_EVEN: lambda: np.round(x), Rounding.HALF_UP: lambda: np.floor(x) + (x - np.floor(x) >= half),
        Rounding.HALF_AWAY: lambda: np.sign(x) * np.floor(np.abs(x) + half),
        Rounding.HALF_TOWARD_ZERO: lambda: np.sign(x) * np.ceil(np.abs(x) - half),
        Rounding.FLOOR: lambda: np.floor(x), Rounding.CEIL: lambda: np.ceil(x),
        Rounding.AWAY: lambda: np.sign(x) * np.ceil(np.abs(x)), Rounding.TOWARD_ZERO: lambda: np.trunc(x),
        Rounding.DPU_PY3: lambda: np.where((x < 0) & (x - np.floor(x) == half), np.ceil(x), np.round(x))}
    return np.asarray(rules[mode]())


def distance(op: Quant, ratio: Array) -> Array:
    """Steps between the ratio and the nearest place where the clipped integer changes."""
    shift = 0.0 if op.zero_point_inside else op.zero_point.array.astype(np.float64)
    nearest = np.full(ratio.shape, np.inf)
    for offset in (-2, -1, 0, 1):
        code = np.clip(np.floor(ratio + shift) + offset, op.type.lo, op.type.hi - 1)
        nearest = np.minimum(nearest, np.abs(ratio - border(code - shift, op.rounding)))
    return nearest


def border(code: Array, mode: Rounding) -> Array:
    """Where rounding goes from this integer to the next one."""
    if mode not in DIRECTED:
        return np.asarray(code + 0.5)
    early = {Rounding.FLOOR: code < np.inf, Rounding.CEIL: code == np.inf, Rounding.AWAY: code < 0,
             Rounding.TOWARD_ZERO: code >= 0}
    return np.asarray(code + early[mode])


def count(op: MultiThreshold, x: Array) -> tuple[Array, Array, Array]:
    """Integers, values, and distances to the nearest threshold, a row of thresholds for each channel."""
    reached = np.zeros(x.shape, dtype=np.int64)
    nearest = np.full(x.shape, np.inf)
    for column in single(op.thresholds).T.reshape(-1, op.thresholds.shape[0], *[1] * (x.ndim - 2)):
        reached += x >= column
        nearest = np.minimum(nearest, np.abs(x.astype(np.float64) - column))
    q = 2 * reached - 1 if isinstance(op.type, BipolarType) else reached + op.type.lo
    return q, reached.astype(np.float32) * single(op.out_scale) + single(op.out_bias), nearest
