"""Ops that change the size of a map: transposed convolution, Resize, DepthToSpace, Pad, Slice, Split."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import accumulate

import numpy as np
from onnx import NodeProto

from hwgen.frontend import attributes
from hwgen.frontend.attributes import problem
from hwgen.frontend.context import Context
from hwgen.frontend.geometry import map_size
from hwgen.frontend.registry import handles
from hwgen.frontend.shapes import axis_in
from hwgen.ir.graph import Value
from hwgen.ir.tensor import Tensor
from hwgen.ops.quantized_layout import ConstantPad, Crop, PixelShuffle, SpaceToDepth

Box = tuple[list[int], list[int]]
LARGEST = (1 << 31) - 1


@handles("onnx", "DepthToSpace")
def depth_to_space(context: Context, node: NodeProto) -> None:
    """DCR, the only mode up to opset 10, or CRD."""
    value = context.real_value(node)
    block, mode = block_size(node, value), attributes.text(node, "mode", "DCR")
    if mode not in ("DCR", "CRD"):
        raise problem(node, "bad-attribute", f"{mode!r} is no mode of DepthToSpace")
    if value.shape[0] % block**2:
        raise problem(node, "shape-mismatch", f"{value.shape[0]} channels are no blocks of {block}x{block}")
    context.add(node, PixelShuffle((block, block), mode == "CRD"), value)


@handles("onnx", "SpaceToDepth")
def space_to_depth(context: Context, node: NodeProto) -> None:
    """Blocks of pixels to channels."""
    value = context.real_value(node)
    block = block_size(node, value)
    if value.shape[1] % block or value.shape[2] % block:
        raise problem(node, "shape-mismatch", f"a map of {value.shape[1]}x{value.shape[2]} is no blocks of "
                      f"{block}x{block}")
    context.add(node, SpaceToDepth((block, block)), value)


def block_size(node: NodeProto, value: Value) -> int:
    """The side of a block, on a map with two axes."""
    if len(value.shape) != 3:
        raise problem(node, "unsupported-form", f"{node.op_type} of a value of shape {[1, *value.shape]}",
                      "Only maps of shape [batch, C, H, W] are supported.")
    block = attributes.integer(node, "blocksize", 0)
    if not 1 <= block <= LARGEST:
        raise problem(node, "bad-attribute", f"its blocksize is {block}")
    return block


@handles("onnx", "Pad", since=2)
def pad_by_attribute(context: Context, node: NodeProto) -> None:
    """Pads and value in attributes, up to opset 10."""
    sides = attributes.integers(node, "pads") or []
    pad(context, node, sides, list(range(len(context.real_value(node).shape) + 1)), attributes.real(node, "value", 0.0))


@handles("onnx", "Pad", since=11)
def pad_by_input(context: Context, node: NodeProto) -> None:
    """Pads, value and (from opset 18 on) axes in constant inputs."""
    rank = len(context.real_value(node).shape) + 1
    axes = list(range(rank)) if context.optional(node, 3) is None else context.sizes(node, 3)
    value = 0.0 if context.optional(node, 2) is None else context.scalar(node, 2)
    pad(context, node, context.sizes(node, 1), axes, value)


def pad(context: Context, node: NodeProto, sides: list[int], axes: list[int], constant: float) -> None:
    """A border of one constant; where a side is negative, it is cut off."""
    value = context.real_value(node)
    map_size(node, value)
    mode = attributes.text(node, "mode", "constant")
    if mode != "constant":
        raise problem(node, "unsupported-form", f"Pad with mode {mode!r}", "Only mode 'constant' is supported.")
    rank = len(value.shape) + 1
    places = [axis_in(node, axis, rank) for axis in axes]
    if len(sides) != 2 * len(axes) or len(set(places)) != len(places) or max(map(abs, sides), default=0) > LARGEST:
        raise problem(node, "bad-attribute", f"its pads are {sides} for axes {axes}")
    before, after = [0] * rank, [0] * rank
    for place, first, last in zip(places, sides[:len(axes)], sides[len(axes):], strict=True):
        before[place], after[place] = first, last
    if before[0] or after[0] or before[1] > 0 or after[1] > 0:
        raise problem(node, "unsupported-form", f"it pads the axes of shape {[1, *value.shape]} by {sides}",
                      "Only the axes after the channels can be padded.")
    box = ([max(-n, 0) for n in before[1:]],
           [size - max(-n, 0) for n, size in zip(after[1:], value.shape, strict=True)])
    border = tuple(max(n, 0) for n in (*([0] * (4 - rank)), *before[2:], *([0] * (4 - rank)), *after[2:]))
    add_pad(context, node, value, box, border, meaning(context, node, constant))


def add_pad(context: Context, node: NodeProto, value: Value, box: Box, border: tuple[int, ...], real: Fraction) -> None:
    """The box of the value, then its border."""
    cuts = box != ([0] * len(value.shape), list(value.shape))
    if cuts and not any(border):
        context.add(node, crop(node, value, box), value)
        return
    inner = context.add_inner(node, crop(node, value, box), value, "crop") if cuts else value
    top, left, bottom, right = border
    context.add(node, ConstantPad((top, left, bottom, right), Tensor(np.array(real, dtype=object))), inner)


def meaning(context: Context, node: NodeProto, constant: float) -> Fraction:
    """The real number that a constant stands for beside the node's input, which may be a tensor of integers."""
    if not np.isfinite(constant):
        raise problem(node, "non-finite", f"it pads with {constant}", "Pad with a number.")
    kind = context.integers.get(context.input(node, 0))
    if kind is None:
        return Fraction(constant)
    scale, zero = (parameter.fractions().ravel()[0] for parameter in (kind.scale, kind.zero_point))
    return (Fraction(constant) - zero) * scale  # type: ignore[no-any-return]


@handles("onnx", "Slice", since=1)
def slice_by_attributes(context: Context, node: NodeProto) -> None:
    """Starts, ends and axes in attributes, up to opset 9."""
    starts, ends = (attributes.integers(node, name) or [] for name in ("starts", "ends"))
    add_slice(context, node, starts, ends, attributes.integers(node, "axes"), None)


@handles("onnx", "Slice", since=10)
def slice_by_inputs(context: Context, node: NodeProto) -> None:
    """Starts, ends, axes and steps in constant inputs."""
    axes, steps = (None if context.optional(node, i) is None else context.sizes(node, i) for i in (3, 4))
    add_slice(context, node, context.sizes(node, 1), context.sizes(node, 2), axes, steps)


def add_slice(context: Context, node: NodeProto, starts: list[int], ends: list[int], axes: list[int] | None,
              steps: list[int] | None) -> None:
    """A box of a map; rows and columns may be taken in steps."""
    value = context.real_value(node)
    map_size(node, value)
    shape = [1, *value.shape]
    axes, steps = list(range(len(starts))) if axes is None else axes, [1] * len(starts) if steps is None else steps
    places = [axis_in(node, axis, len(shape)) for axis in axes]
    if not len(starts) == len(ends) == len(places) == len(steps) == len(set(places)):
        raise problem(node, "bad-attribute", f"its starts {starts}, ends {ends}, axes {axes} and steps {steps} do not "
                      "fit each other")
    first, last, every = [0] * len(shape), list(shape), [1] * len(shape)
    for place, start, end, step in zip(places, starts, ends, steps, strict=True):
        check_slice(node, place, start, end, step)
        every[place] = step
        first[place], last[place] = (min(max(n + shape[place] * (n < 0), 0), shape[place]) for n in (start, end))
    made = crop(node, value, (first[1:], last[1:]))
    context.add(node, replace(made, step=(every[2] if len(shape) == 4 else 1, every[-1])), value)


def check_slice(node: NodeProto, place: int, start: int, end: int, step: int) -> None:
    """The batch is whole; channels go by 1."""
    if place == 0 and (start != 0 or end < LARGEST or step != 1):
        raise problem(node, "batch-axis", "it takes a part of the batch dimension", "Keep dimension 0 as the batch.")
    if step < 1 or step > LARGEST or (place == 1 and step != 1):
        raise problem(node, "unsupported-form", f"it takes axis {place} in steps of {step}",
                      "Only positive steps over the axes after the channels are supported.")


def crop(node: NodeProto, value: Value, box: Box) -> Crop:
    """The box from its first up to without its last place, over (C, H, W) or (C, L)."""
    start, stop = box
    if any(a >= b for a, b in zip(start, stop, strict=True)):
        raise problem(node, "zero-size", f"nothing is left of a value of shape {[1, *value.shape]} between {start} "
                      f"and {stop}")
    if len(value.shape) == 2:
        start, stop = [start[0], 0, start[1]], [stop[0], 1, stop[1]]
    return Crop((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))


@handles("onnx", "Split", since=2)
def split_by_attribute(context: Context, node: NodeProto) -> None:
    """Sizes in an attribute, up to opset 12."""
    split(context, node, attributes.integers(node, "split"))


@handles("onnx", "Split", since=13)
def split_by_input(context: Context, node: NodeProto) -> None:
    """Sizes in a constant input, or equal parts; from opset 18 on the last one may be smaller."""
    split(context, node, None if context.optional(node, 1) is None else context.sizes(node, 1))


def split(context: Context, node: NodeProto, sizes: list[int] | None) -> None:
    """A slice for each output that is used."""
    value = context.real_value(node)
    map_size(node, value)
    axis = axis_in(node, attributes.integer(node, "axis", 0), len(value.shape) + 1)
    if axis == 0:
        raise problem(node, "batch-axis", "it splits the batch dimension", "Keep dimension 0 as the batch.")
    whole, count = value.shape[axis - 1], len(node.output)
    part = -(-whole // count)
    sizes = [min(part, whole - i * part) for i in range(count)] if sizes is None else sizes
    if len(sizes) != count or sum(sizes) != whole or min(sizes) < 1:
        raise problem(node, "bad-attribute", f"it splits {whole} into {sizes} for {count} outputs")
    for index, end in enumerate(accumulate(sizes)):
        if node.output[index] in context.used:
            start, stop = [0] * len(value.shape), list(value.shape)
            start[axis - 1], stop[axis - 1] = end - sizes[index], end
            context.add(node, crop(node, value, (start, stop)), value, output=index)
