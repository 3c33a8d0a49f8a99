"""Ops that join computed values: Add and Sub of two, Concat along the channels."""

from __future__ import annotations

from onnx import NodeProto

from hwgen.frontend import attributes
from hwgen.frontend.attributes import problem
from hwgen.frontend.context import Context
from hwgen.frontend.inner_quantizers import way_of
from hwgen.frontend.registry import handles
from hwgen.frontend.shapes import axis_in
from hwgen.ir.graph import Value
from hwgen.ops.quantized import Transpose
from hwgen.ops.quantized_curves import Product
from hwgen.ops.quantized_maps import Concat, Join


def join(context: Context, node: NodeProto) -> None:
    """Add, Sub or Mul of two computed values of one shape; Mul only of functions of the same value."""
    first, second = context.real_value(node, 0), context.real_value(node, 1)
    makers = {made.outputs[0]: made for made in context.builder.nodes}
    if node.op_type == "Div" or (node.op_type == "Mul" and way_of(makers, [first.name, second.name]) is None):
        raise problem(node, "unsupported-form", f"{node.op_type} joins two computed values", "Sums and differences are "
                      "supported, and products of functions of one value; make one operand a constant.")
    if first.shape != second.shape:
        raise problem(node, "broadcast", f"it joins values of shapes {[1, *first.shape]} and {[1, *second.shape]}",
                      "Join values of equal shape.")
    context.add(node, Product() if node.op_type == "Mul" else Join(node.op_type == "Sub"), first, second)


@handles("onnx", "Concat", since=4)
def concat(context: Context, node: NodeProto) -> None:
    """Values one after another along axis 1, or along the last, where a map's channels are after a transpose."""
    values = [context.real_value(node, index) for index in range(len(node.input))]
    rank = len(values[0].shape) + 1
    axis = axis_in(node, attributes.integer(node, "axis", 0), rank)
    if axis not in (1, rank - 1):
        raise problem(node, "unsupported-form", f"it joins along axis {axis}", "Only axis 1, the channels, is "
                      "supported.")
    if len({(*value.shape[:axis - 1], *value.shape[axis:]) for value in values}) != 1:
        shapes = ", ".join(str([1, *value.shape]) for value in values)
        raise problem(node, "shape-mismatch", f"shapes {shapes} differ beyond the channels")
    if axis == 1:
        context.add(node, Concat(), *values)
    else:
        join_last(context, node, values)


def join_last(context: Context, node: NodeProto, values: list[Value]) -> None:
    """The last axis goes first for the join, and back."""
    last = len(values[0].shape) - 1
    moved = [context.add_inner(node, Transpose((last, *range(last))), value, f"first{index}")
             for index, value in enumerate(values)]
    joined = context.add_inner(node, Concat(), moved, "joined")
    context.add(node, Transpose((*range(1, last + 1), 0)), joined)
