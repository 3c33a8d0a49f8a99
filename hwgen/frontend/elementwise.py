"""Arithmetic with constants and BatchNormalization."""

from __future__ import annotations

import numpy as np
from onnx import NodeProto

from hwgen.frontend import attributes
from hwgen.frontend.attributes import problem
from hwgen.frontend.context import Context, tensor
from hwgen.frontend.joins import join
from hwgen.frontend.registry import handles
from hwgen.ir.tensor import Tensor
from hwgen.ops.quantized import BatchNorm, Elementwise, ElementwiseKind

CONSTANT_RIGHT: dict[str, ElementwiseKind] = {"Add": "add", "Sub": "sub", "Mul": "mul", "Div": "div"}
CONSTANT_LEFT: dict[str, ElementwiseKind] = {"Add": "add", "Sub": "rsub", "Mul": "mul"}


@handles("onnx", "Add", "Sub", "Mul", "Div", since=7)
def arithmetic(context: Context, node: NodeProto) -> None:
    """A value and a constant, with numpy broadcasting that keeps the value's shape; or two values."""
    left = context.is_constant(context.input(node, 0))
    if not left and not context.is_constant(context.input(node, 1)):
        join(context, node)
        return
    if left and node.op_type == "Div":
        raise problem(node, "unsupported-form", "it divides a constant by a computed value",
                      "Only division by a constant is supported.")
    value = context.real_value(node, 1 if left else 0)
    constant = context.frame(node, context.exact(node, 0 if left else 1), value)
    kind = (CONSTANT_LEFT if left else CONSTANT_RIGHT)[node.op_type]
    if kind == "div" and np.any(constant == 0):
        raise problem(node, "bad-constant", "it divides by zero")
    context.add(node, Elementwise(kind, tensor(constant)), value)


@handles("onnx", "BatchNormalization", since=9)
def batch_normalization(context: Context, node: NodeProto) -> None:
    """Inference form, per channel of axis 1."""
    if attributes.integer(node, "training_mode", 0) or any(node.output[1:]):
        raise problem(node, "training-mode", "BatchNormalization is exported in training mode",
                         "Put the model in evaluation mode before the export.")
    value = context.real_value(node)
    epsilon = attributes.real(node, "epsilon", float(np.float32(1e-5)))
    gamma, beta, mean, variance = (context.exact(node, i) for i in range(1, 5))
    size = value.shape[0] if value.shape else 1
    for array in (gamma, beta, mean, variance):
        if array.shape != (size,):
            raise problem(node, "shape-mismatch", f"a parameter of shape {list(array.shape)} does not fit "
                             f"{size} channels")
    if not np.isfinite(epsilon) or not np.all(variance + epsilon > 0) or np.any(variance < 0):
        raise problem(node, "bad-constant", "its variance is not positive", "Train the model again.")
    context.add(node, BatchNorm(Tensor(gamma), Tensor(beta), Tensor(mean), Tensor(variance), epsilon), value)
