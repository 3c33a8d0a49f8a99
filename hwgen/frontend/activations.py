"""Activation functions: Relu, Clip, LeakyRelu, PRelu, HardSigmoid, Neg."""

from __future__ import annotations

import numpy as np
from onnx import NodeProto

from hwgen.frontend import attributes
from hwgen.frontend.attributes import problem
from hwgen.frontend.context import Context, tensor
from hwgen.frontend.integers import limits
from hwgen.frontend.qcdq import narrow
from hwgen.frontend.registry import handles
from hwgen.ir.tensor import Tensor
from hwgen.ops.quantized import Clip, Elementwise, LeakyRelu, Relu

FLOAT32_MAX = float(np.finfo(np.float32).max)


@handles("onnx", "Relu", since=6)
def relu(context: Context, node: NodeProto) -> None:
    """y = max(x, 0)."""
    context.add(node, Relu(), context.real_value(node))


@handles("onnx", "Clip", since=6)
def clip_by_attribute(context: Context, node: NodeProto) -> None:
    """Limits in attributes, up to opset 10."""
    add_clip(context, node, attributes.real(node, "min", -FLOAT32_MAX), attributes.real(node, "max", FLOAT32_MAX))


@handles("onnx", "Clip", since=11)
def clip_by_input(context: Context, node: NodeProto) -> None:
    """Limits in constant inputs, both optional."""
    low, high = (limit(context, node, index, default) for index, default in ((1, -FLOAT32_MAX), (2, FLOAT32_MAX)))
    add_clip(context, node, low, high)


def limit(context: Context, node: NodeProto, index: int, default: float) -> float:
    """A limit; an infinite one is none."""
    if context.optional(node, index) is None:
        return default
    array = context.plain(node, index).array
    if array.size == 1 and array.dtype.kind == "f" and np.isinf(array).all():
        return float(array.ravel()[0])
    return context.scalar(node, index)


def add_clip(context: Context, node: NodeProto, low: float, high: float) -> None:
    """The op; limits at the ends of float32 are none. The upper limit wins where they cross."""
    if np.isnan(low) or np.isnan(high):
        raise problem(node, "bad-attribute", "a limit of Clip is not a number")
    low = min(low, high)
    if context.input(node, 0) in context.pending:
        narrow(context, node, low, high)
        return
    if context.input(node, 0) in context.integers:
        low, high = limits(context, node, low, high)
    op = Clip(low if low > -FLOAT32_MAX else None, high if high < FLOAT32_MAX else None)
    context.add(node, op, context.real_value(node))


@handles("onnx", "LeakyRelu", since=6)
def leaky_relu(context: Context, node: NodeProto) -> None:
    """y = x for x >= 0, alpha * x below."""
    alpha = attributes.real(node, "alpha", float(np.float32(0.01)))
    if not np.isfinite(alpha):
        raise problem(node, "bad-attribute", f"its alpha is {alpha:g}")
    context.add(node, LeakyRelu(Tensor(alpha)), context.real_value(node))


@handles("onnx", "PRelu", since=7)
def parametric_relu(context: Context, node: NodeProto) -> None:
    """y = x for x >= 0, slope * x below, with constant slopes."""
    value = context.real_value(node)
    context.add(node, LeakyRelu(tensor(context.frame(node, context.exact(node, 1), value))), value)


@handles("onnx", "HardSigmoid", since=6)
def hard_sigmoid(context: Context, node: NodeProto) -> None:
    """y = min(max(alpha * x + beta, 0), 1)."""
    alpha, beta = (attributes.real(node, name, float(np.float32(default)))
                   for name, default in (("alpha", 0.2), ("beta", 0.5)))
    if not np.isfinite(alpha) or not np.isfinite(beta):
        raise problem(node, "bad-attribute", f"its alpha and beta are {alpha:g} and {beta:g}")
    scaled = context.add_inner(node, Elementwise("mul", Tensor(alpha)), context.real_value(node), "scaled")
    moved = context.add_inner(node, Elementwise("add", Tensor(beta)), scaled, "moved")
    context.add(node, Clip(0.0, 1.0), moved)


@handles("onnx", "Neg", since=6)
def negate(context: Context, node: NodeProto) -> None:
    """y = -x."""
    context.add(node, Elementwise("mul", Tensor(-1.0)), context.real_value(node))
