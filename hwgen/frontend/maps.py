"""Ops on maps (C, H, W) and (C, L): convolution, pools and means."""

from __future__ import annotations

import numpy as np
from onnx import NodeProto

from hwgen.exact.convolution import Geometry
from hwgen.frontend import attributes
from hwgen.frontend.attributes import problem
from hwgen.frontend.constants import QuantizedConstant
from hwgen.frontend.context import Context
from hwgen.frontend.dense import integer_weights
from hwgen.frontend.geometry import ceiled, geometry, map_size, sees_map, whole_map
from hwgen.frontend.registry import handles
from hwgen.frontend.shapes import axis_in
from hwgen.ir.graph import Value
from hwgen.ir.tensor import Array, Tensor
from hwgen.ops.quantized import Reshape
from hwgen.ops.quantized_maps import AveragePool, Conv, MaxPool


@handles("onnx", "Conv")
def conv(context: Context, node: NodeProto) -> None:
    """Cross-correlation by constant weights (M, C / group, kH, kW) or (M, C / group, k)."""
    value = context.real_value(node)
    map_size(node, value)
    constant = context.constant(node, 1)
    weight = constant if isinstance(constant, QuantizedConstant) else integer_weights(context, node, constant)
    groups = attributes.integer(node, "group", 1)
    check_channels(node, value, weight.shape, groups)
    size = geometry(node, value, weight.shape[2:])
    integers, scale, zero = (over_rows(node, part, name) for part, name in (
        (weight.integers, ""), (weight.scale, "scale"), (weight.zero_point, "zero point")))
    context.add(node, Conv(size, integers, scale, zero, bias(context, node, weight.shape[0]), groups), value)


def check_channels(node: NodeProto, value: Value, shape: tuple[int, ...], groups: int) -> None:
    """The weights have the value's rank, and the groups divide the channels of both sides."""
    fits = len(shape) == len(value.shape) + 1 and groups > 0 and shape[0] % groups == 0
    if not fits or shape[1] * groups != value.shape[0]:
        raise problem(node, "shape-mismatch", f"a value of shape {[1, *value.shape]} does not fit weights of shape "
                      f"{list(shape)} in {groups} group{'s' if groups != 1 else ''}")


def over_rows(node: NodeProto, array: Array, parameter: str) -> Tensor:
    """(M, C / group, kH, kW) of any weights; a scale or zero point as a scalar or (M, 1, 1, 1)."""
    full = array if array.ndim == 4 else array[:, :, None, :]
    if not parameter:
        return Tensor(full)
    rows = full[:, :1, :1, :1]
    if not np.all(full == rows):
        raise problem(node, "weight-scale", f"the {parameter} of its weights differs inside an output channel",
                      "Use one per layer or per output channel.")
    return Tensor(np.array(rows[0, 0, 0, 0]) if np.all(rows == rows[0]) else rows)


def bias(context: Context, node: NodeProto, rows: int) -> Tensor | None:
    """The exact bias of shape (M,)."""
    if context.optional(node, 2) is None:
        return None
    array = context.exact(node, 2)
    if array.shape != (rows,):
        raise problem(node, "shape-mismatch", f"a bias of shape {list(array.shape)} does not fit {rows} outputs")
    return Tensor(array)


@handles("onnx", "MaxPool")
def max_pool(context: Context, node: NodeProto) -> None:
    """The largest element of each window; its indices are not supported."""
    value = context.real_value(node)
    if any(node.output[1:]):
        raise problem(node, "unsupported-form", "the indices of MaxPool are used", "Only its values are supported.")
    size = ceiled(node, geometry(node, value), map_size(node, value))
    if not sees_map(size, map_size(node, value)):
        raise problem(node, "padding", "one of its windows lies in the border only, where nothing is largest",
                      "Use pads smaller than the kernel.")
    context.add(node, MaxPool(size), value)


@handles("onnx", "AveragePool")
def average_pool(context: Context, node: NodeProto) -> None:
    """The mean of each window; a border counts as zeros."""
    value = context.real_value(node)
    plain = geometry(node, value)
    size = ceiled(node, plain, map_size(node, value))
    counted = attributes.integer(node, "count_include_pad", 0) != 0
    if size != plain or (any(size.pads) and not counted):
        raise problem(node, "unsupported-form", "its windows at the border average fewer elements than the others",
                      "Use count_include_pad=1 and no ceil_mode, or a pool without a border.")
    context.add(node, AveragePool(size), value)


@handles("onnx", "GlobalAveragePool")
def global_average_pool(context: Context, node: NodeProto) -> None:
    """The mean of the whole map."""
    value = context.real_value(node)
    context.add(node, AveragePool(whole_map(node, value)), value)


@handles("onnx", "GlobalMaxPool")
def global_max_pool(context: Context, node: NodeProto) -> None:
    """The largest element of the whole map."""
    value = context.real_value(node)
    context.add(node, MaxPool(whole_map(node, value)), value)


@handles("onnx", "ReduceMean")
def mean_by_attribute(context: Context, node: NodeProto) -> None:
    """Axes in an attribute, up to opset 17."""
    mean(context, node, attributes.integers(node, "axes"))


@handles("onnx", "ReduceMean", since=18)
def mean_by_input(context: Context, node: NodeProto) -> None:
    """Axes in a constant input."""
    axes = None if context.optional(node, 1) is None else context.sizes(node, 1)
    if not axes and attributes.integer(node, "noop_with_empty_axes", 0):
        context.same(node, context.real_value(node))
    else:
        mean(context, node, axes or None)


def mean(context: Context, node: NodeProto, axes: list[int] | None) -> None:
    """The mean over some of the axes of a map."""
    value = context.real_value(node)
    height, width = map_size(node, value)
    rank = len(value.shape) + 1
    reduced = set(range(rank)) if axes is None else {axis_in(node, axis, rank) for axis in axes}
    if not reduced <= set(range(2, rank)):
        raise problem(node, "unsupported-form", f"it takes the mean over axes {sorted(reduced)} of shape "
                      f"{[1, *value.shape]}", "Only means over the axes after the channels are supported.")
    vertical, horizontal = rank == 4 and 2 in reduced, rank - 1 in reduced
    pool = AveragePool(Geometry((height if vertical else 1, width if horizontal else 1)))
    if attributes.integer(node, "keepdims", 1):
        context.add(node, pool, value)
        return
    shape = tuple(size for axis, size in enumerate(value.shape, 1) if axis not in reduced)
    context.add(node, Reshape(shape), context.add_inner(node, pool, value, "mean"))
