"""float32 replay: the graph of the quantized level as torch and onnxruntime execute it, in ONNX op order.

Not the truth: it differs from the exact reference where float32 rounding crosses a decision. The distances to the
decisions tell such near-ties from bugs (doctrine item 4).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from hwgen.ir.graph import Graph, Node
from hwgen.ir.tensor import Array, Tensor
from hwgen.ir.types import BipolarType
from hwgen.ops.quantized import (
    BatchNorm,
    Dense,
    Elementwise,
    MultiThreshold,
    Quant,
    Relu,
    Reshape,
    Softmax,
    TopK,
    Transpose,
)
from hwgen.rounding import Rounding

DIRECTED = {Rounding.FLOOR, Rounding.CEIL, Rounding.AWAY, Rounding.TOWARD_ZERO}


@dataclass(frozen=True)
class ReplayResult:
    """integers, outputs: as in ExactResult, but computed in float32.

    distances: float64 of the integers' shape: how far the value is from the nearest decision, in steps of its
    quantizer (MultiThreshold: in its input's units).
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
        x, name = values[node.inputs[0]], node.outputs[0]
        if isinstance(node.op, Quant | MultiThreshold):
            integers[name], values[name], distances[name] = decide(node.op, x)
        else:
            values[name] = execute(node, x)
            if isinstance(node.op, TopK):
                integers[name] = values[name]
    return ReplayResult(integers, {name: values[name].astype(np.float64) for name in graph.outputs}, distances)


def single(tensor: Tensor) -> Array:
    """A constant in float32."""
    return tensor.array.astype(np.float64).astype(np.float32)


def execute(node: Node, x: Array) -> Array:
    """One op that is no quantizer."""
    rules: dict[type, Callable[..., Array]] = {
        Relu: relu, Elementwise: elementwise, BatchNorm: batch_norm, Dense: dense, Reshape: reshape,
        Transpose: transpose, Softmax: softmax, TopK: top}
    return partial(rules[type(node.op)], node.op)(x)


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


def reshape(op: Reshape, x: Array) -> Array:
    """Every frame's elements in another shape."""
    return x.reshape(x.shape[0], *op.shape)


def transpose(op: Transpose, x: Array) -> Array:
    """Every frame's axes permuted."""
    return x.transpose(0, *(axis + 1 for axis in op.permutation))


def softmax(op: Softmax, x: Array) -> Array:
    """Along the last axis."""
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


def top(op: TopK, x: Array) -> Array:
    """Indices of the k largest, lowest first among equals."""
    order = np.argsort(-x, axis=-1, kind="stable")[..., :op.k].astype(np.int64)
    return order if op.keepdims else order[..., 0]


def decide(op: Quant | MultiThreshold, x: Array) -> tuple[Array, Array, Array]:
    """Integers, dequantized values, and distances to the nearest decision."""
    return quantize(op, x) if isinstance(op, Quant) else count(op, x)


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
        Rounding.HALF_EVEN: lambda: np.round(x), Rounding.HALF_UP: lambda: np.floor(x + half),
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
    """Integers, values, and distances to the nearest threshold; channels last."""
    reached = np.zeros(x.shape, dtype=np.int64)
    nearest = np.full(x.shape, np.inf)
    for column in single(op.thresholds).T:
        reached += x >= column
        nearest = np.minimum(nearest, np.abs(x.astype(np.float64) - column))
    q = 2 * reached - 1 if isinstance(op.type, BipolarType) else reached + op.type.lo
    return q, reached.astype(np.float32) * single(op.out_scale) + single(op.out_bias), nearest
