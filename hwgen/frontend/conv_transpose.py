"""Transposed convolution by constant weights."""

from __future__ import annotations

import numpy as np
from onnx import NodeProto

from hwgen.frontend import attributes
from hwgen.frontend.attributes import problem
from hwgen.frontend.constants import QuantizedConstant
from hwgen.frontend.context import Context
from hwgen.frontend.dense import integer_weights
from hwgen.frontend.geometry import MAX_NUMBER, Pair, map_size, pair
from hwgen.frontend.maps import bias, over_rows
from hwgen.frontend.registry import handles
from hwgen.ir.graph import Value
from hwgen.ir.tensor import Array, Tensor
from hwgen.ops.quantized_layout import ConvTranspose


@handles("onnx", "ConvTranspose")
def conv_transpose(context: Context, node: NodeProto) -> None:
    """Weights (C, M / group, kH, kW) or (C, M / group, k)."""
    value = context.real_value(node)
    size = map_size(node, value)
    constant = context.constant(node, 1)
    weight = constant if isinstance(constant, QuantizedConstant) else integer_weights(context, node, constant)
    groups = attributes.integer(node, "group", 1)
    check_channels(node, value, weight.shape, groups)
    integers, scale, zero = (over_rows(node, by_outputs(part, groups), name) for part, name in (
        (weight.integers, ""), (weight.scale, "scale"), (weight.zero_point, "zero point")))
    axes = len(value.shape) - 1
    kernel = attributes.integers(node, "kernel_shape")
    if kernel is not None and kernel != list(weight.shape[2:]):
        raise problem(node, "bad-attribute", f"its kernel_shape is {kernel}, its weights are of "
                      f"{list(weight.shape[2:])}")
    dilation = pair(node, "dilations", attributes.integers(node, "dilations"), axes)
    stride = pair(node, "strides", attributes.integers(node, "strides"), axes)
    spread = dilated(integers, zero, dilation)
    before, outputs = geometry(node, size, (spread.shape[2], spread.shape[3]), stride, axes)
    op = ConvTranspose(spread, scale, zero, bias(context, node, spread.shape[0]), stride, before, outputs, groups)
    context.add(node, op, value)


def check_channels(node: NodeProto, value: Value, shape: tuple[int, ...], groups: int) -> None:
    """The weights have the value's rank and channels, and the groups divide them."""
    fits = len(shape) == len(value.shape) + 1 and groups > 0 and shape[0] == value.shape[0]
    if not fits or shape[0] % groups:
        raise problem(node, "shape-mismatch", f"a value of shape {[1, *value.shape]} does not fit weights of shape "
                      f"{list(shape)} in {groups} group{'s' if groups != 1 else ''}")


def by_outputs(array: Array, groups: int) -> Array:
    """(C, M / groups, ...) to (M, C / groups, ...)."""
    channels, rows, *kernel = array.shape
    split = array.reshape(groups, channels // groups, rows, *kernel)
    return np.swapaxes(split, 1, 2).reshape(groups * rows, channels // groups, *kernel)


def dilated(integers: Tensor, zero: Tensor, dilation: Pair) -> Tensor:
    """The kernel with zeros between its elements."""
    rows, channels, *kernel = integers.shape
    spread = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    full = np.empty((rows, channels, *spread), integers.array.dtype)
    full[...] = zero.array
    full[:, :, :: dilation[0], :: dilation[1]] = integers.array
    return Tensor(full)


def geometry(node: NodeProto, size: Pair, extent: Pair, stride: Pair, axes: int) -> tuple[Pair, Pair]:
    """What is cut off at the top and the left; rows and columns of the output."""
    mode = attributes.text(node, "auto_pad", "NOTSET") or "NOTSET"
    if mode not in ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"):
        raise problem(node, "bad-attribute", f"{mode!r} is no auto_pad")
    more, wanted = (numbers(node, name, axes) for name in ("output_padding", "output_shape"))
    pads = attributes.integers(node, "pads")
    before, outputs = [], []
    for i, (n, k, s) in enumerate(list(zip(size, extent, stride, strict=True))[2 - axes :]):
        full = (n - 1) * s + k + (more[i] if more else 0)
        if wanted or mode.startswith("SAME"):
            out = wanted[-axes:][i] if wanted else n * s
            first = (full - out) // 2 if mode == "SAME_UPPER" else full - out - (full - out) // 2
        else:
            sides = (pads[i], pads[axes + i]) if pads and len(pads) == 2 * axes and mode == "NOTSET" else (0, 0)
            first, out = sides[0], full - sum(sides)
        check_axis(node, first, full - out - first, out)
        before.append(first)
        outputs.append(out)
    return ((0, before[0]), (1, outputs[0])) if axes == 1 else ((before[0], before[1]), (outputs[0], outputs[1]))


def numbers(node: NodeProto, name: str, axes: int) -> list[int]:
    """A list of numbers that are not negative, one for each axis after the channels, or nothing."""
    given = attributes.integers(node, name) or []
    if given and (len(given) < axes or min(given) < 0 or max(given) > MAX_NUMBER):
        raise problem(node, "bad-attribute", f"its {name} is {given}")
    return given


def check_axis(node: NodeProto, first: int, last: int, out: int) -> None:
    """The output is a part of all that the kernel reaches."""
    if first < 0 or last < 0:
        raise problem(node, "unsupported-form", "its output is larger than what its kernel reaches",
                      "Use pads that are not negative.")
    if not 1 <= out <= MAX_NUMBER:
        raise problem(node, "shape-mismatch", f"its output has {out} pixels along an axis")
