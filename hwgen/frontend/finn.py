"""FINN-ONNX: MultiThreshold and the datatype annotations."""

from __future__ import annotations

import re
from fractions import Fraction

import numpy as np
from onnx import NodeProto

from hwgen.frontend import attributes
from hwgen.frontend.attributes import problem
from hwgen.frontend.context import Context
from hwgen.frontend.registry import handles
from hwgen.ir.graph import Value
from hwgen.ir.tensor import Array, Tensor
from hwgen.ir.types import BIPOLAR, BipolarType, IntType, full_range, parse_type
from hwgen.ops.quantized import MultiThreshold, Transpose


def parse_datatype(name: str) -> tuple[IntType, Fraction] | None:
    """Integer type and scale of a FINN datatype; None for FLOAT32 and names that say nothing about integers."""
    fixed = re.fullmatch(r"FIXED<([1-9][0-9]?),(-?[0-9]{1,2})>", name)
    if fixed is not None:
        return full_range(int(fixed[1]), True), Fraction(2) ** (int(fixed[2]) - int(fixed[1]))
    if re.fullmatch(r"U?INT[1-9][0-9]?|BIPOLAR|BINARY|TERNARY", name) is None:
        return None
    return parse_type(name), Fraction(1)


@handles("qonnx", "MultiThreshold")
def multi_threshold(context: Context, node: NodeProto) -> None:
    """y = out_scale * #(x >= thresholds[c, :]) + out_bias; the channel is axis 1, or the last of NHWC."""
    value, last = context.real_value(node), channels_last(node)
    channels = value.shape[-1 if last else 0] if value.shape else 1
    thresholds = np.sort(np.atleast_1d(context.exact(node, 1)), axis=-1)
    if thresholds.ndim != 2 or thresholds.shape[0] not in (1, channels):
        raise problem(node, "shape-mismatch", f"thresholds of shape {list(thresholds.shape)} do not fit a value "
                         f"of shape {[1, *value.shape]}")
    scale = attributes.real(node, "out_scale", 1.0)
    bias = attributes.real(node, "out_bias", 0.0)
    if not 0 < scale < np.inf or not np.isfinite(bias):
        raise problem(node, "bad-scale", f"out_scale {scale:g} and out_bias {bias:g} are not a positive scale "
                         "and a finite bias")
    kind = output_type(node, thresholds, scale, bias)
    add_threshold(context, node, MultiThreshold(Tensor(thresholds), Tensor(scale), Tensor(bias), kind), value, last)


def channels_last(node: NodeProto) -> bool:
    """Whether data_layout puts the channels last; axis 1 otherwise, also where it is absent."""
    layout = attributes.text(node, "data_layout", "").upper()
    if layout not in ("", "NCHW", "NCW", "NC", "NHWC", "NWC"):
        raise problem(node, "bad-attribute", f"{layout!r} is no data_layout of MultiThreshold")
    return layout in ("NHWC", "NWC")


def add_threshold(context: Context, node: NodeProto, op: MultiThreshold, value: Value, last: bool) -> None:
    """The op, which counts along the first axis: between two transposes where the channels are the last."""
    axes = len(value.shape)
    if not last or axes < 2:
        context.add(node, op, value)
        return
    moved = context.add_inner(node, Transpose((axes - 1, *range(axes - 1))), value, "first")
    context.add(node, Transpose((*range(1, axes), 0)), context.add_inner(node, op, moved, "counted"))


def output_type(node: NodeProto, thresholds: Array, scale: float, bias: float) -> IntType:
    """The type of the integers: y's own where scale and bias are integers, else that of the count."""
    steps = thresholds.shape[-1]
    if scale != int(scale) or bias != int(bias):
        return IntType(0, steps)
    reached = IntType(int(bias), int(bias + scale * steps))
    if (scale, bias, steps) == (2.0, -1.0, 1):
        return BIPOLAR
    if scale != 1.0:
        return IntType(0, steps)
    declared = parse_datatype(attributes.text(node, "out_dtype", ""))
    if declared is not None and (isinstance(declared[0], BipolarType) or not declared[0].contains(reached)):
        raise problem(node, "annotation", f"its outputs {reached.lo} to {reached.hi} do not fit the declared "
                         f"type {attributes.text(node, 'out_dtype', '')}")
    return reached
