"""Ops at the end of a classifier: Softmax, TopK, ArgMax."""

from __future__ import annotations

from onnx import NodeProto

from hwgen.frontend import attributes
from hwgen.frontend.attributes import problem
from hwgen.frontend.context import Context
from hwgen.frontend.registry import handles
from hwgen.frontend.shapes import axis_in
from hwgen.ir.graph import Value
from hwgen.ops.quantized import Softmax, TopK


def last_axis(node: NodeProto, value: Value, axis: int) -> None:
    """Refuse an axis that is not the last, or that is the batch."""
    rank = len(value.shape) + 1
    if axis_in(node, axis, rank) != rank - 1 or rank == 1:
        raise problem(node, "unsupported-form", f"{node.op_type} along axis {axis} of shape {[1, *value.shape]}",
                         "Only the last axis is supported.")


@handles("onnx", "Softmax")
@handles("onnx", "LogSoftmax")
def softmax_flattened(context: Context, node: NodeProto) -> None:
    """Up to opset 12: axis 1 by default, and all axes from it on are one."""
    value = context.real_value(node)
    last_axis(node, value, attributes.integer(node, "axis", 1))
    context.add(node, Softmax(node.op_type == "LogSoftmax"), value)


@handles("onnx", "Softmax", since=13)
@handles("onnx", "LogSoftmax", since=13)
def softmax(context: Context, node: NodeProto) -> None:
    """Along one axis, the last by default."""
    value = context.real_value(node)
    last_axis(node, value, attributes.integer(node, "axis", -1))
    context.add(node, Softmax(node.op_type == "LogSoftmax"), value)


@handles("onnx", "TopK")
def topk_by_attribute(context: Context, node: NodeProto) -> None:
    """Opset 9: k is an attribute."""
    add_topk(context, node, attributes.integer(node, "k", 0))


@handles("onnx", "TopK", since=10)
def topk(context: Context, node: NodeProto) -> None:
    """k is a constant input."""
    sizes = context.sizes(node, 1)
    add_topk(context, node, sizes[0] if len(sizes) == 1 else 0)


def add_topk(context: Context, node: NodeProto, k: int) -> None:
    """Indices only, of the largest, sorted."""
    value = context.real_value(node)
    last_axis(node, value, attributes.integer(node, "axis", -1))
    if not 1 <= k <= value.shape[-1]:
        raise problem(node, "bad-constant", f"k is {k} for {value.shape[-1]} elements")
    if not attributes.integer(node, "largest", 1) or not attributes.integer(node, "sorted", 1):
        raise problem(node, "unsupported-form", "TopK of the smallest or unsorted elements",
                         "Only largest=1 and sorted=1 are supported.")
    if len(node.output) < 2 or not node.output[1] or node.output[0] in context.used:
        raise problem(node, "unsupported-form", "the values of TopK are used", "Only its indices are supported.")
    context.add(node, TopK(k), value, output=1)


@handles("onnx", "ArgMax")
def argmax(context: Context, node: NodeProto) -> None:
    """Index of the first largest element."""
    value = context.real_value(node)
    last_axis(node, value, attributes.integer(node, "axis", 0))
    if attributes.integer(node, "select_last_index", 0):
        raise problem(node, "unsupported-form", "ArgMax takes the last of equal elements",
                         "Only select_last_index=0 is supported.")
    context.add(node, TopK(1, attributes.integer(node, "keepdims", 1) != 0), value)
