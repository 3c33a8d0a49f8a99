"""Resize and Upsample, mode nearest, where each axis repeats its elements or takes every n-th."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from math import ceil, floor
from typing import TypeVar

from onnx import NodeProto, TensorProto

from hwgen.frontend import attributes
from hwgen.frontend.attributes import problem
from hwgen.frontend.context import Context
from hwgen.frontend.geometry import MAX_NUMBER, map_size
from hwgen.frontend.registry import handles
from hwgen.frontend.shapes import axis_in
from hwgen.ir.graph import Value
from hwgen.ops.quantized_layout import Crop, Resize

T = TypeVar("T")
HALF = Fraction(1, 2)
PLACES: dict[str, Callable[[int, int, int], Fraction]] = {
    "half_pixel": lambda i, old, new: (i + HALF) * old / new - HALF,
    "half_pixel_symmetric": lambda i, old, new: (i + HALF) * old / new - HALF,
    "pytorch_half_pixel": lambda i, old, new: (i + HALF) * old / new - HALF if new > 1 else Fraction(0),
    "align_corners": lambda i, old, new: Fraction(i * (old - 1), new - 1) if new > 1 else Fraction(0),
    "asymmetric": lambda i, old, new: Fraction(i * old, new),
    "tf_half_pixel_for_nn": lambda i, old, new: (i + HALF) * old / new}
"""Where output i of `new` lies among `old` inputs: coordinate_transformation_mode of the standard."""
NEAREST: dict[str, Callable[[Fraction], int]] = {
    "round_prefer_floor": lambda x: ceil(x - HALF), "round_prefer_ceil": lambda x: floor(x + HALF), "floor": floor,
    "ceil": ceil}


@handles("onnx", "Upsample", since=7)
def upsample_by_attribute(context: Context, node: NodeProto) -> None:
    """Scales in an attribute."""
    found = next((a for a in node.attribute if a.name == "scales"), None)
    scales = [] if found is None else [float(x) for x in found.floats]
    resize(context, node, by_scales(node, context.real_value(node), scales), "asymmetric", "floor")


@handles("onnx", "Upsample", since=9)
@handles("onnx", "Resize", since=10)
def upsample(context: Context, node: NodeProto) -> None:
    """Scales in a constant input."""
    scales = [float(x) for x in context.exact(node, 1).ravel()]
    resize(context, node, by_scales(node, context.real_value(node), scales), "asymmetric", "floor")


@handles("onnx", "Resize", since=11)
def resize_by_mode(context: Context, node: NodeProto) -> None:
    """Scales or sizes in constant inputs, for all axes or (from opset 18 on) for some."""
    value = context.real_value(node)
    scales = [] if context.optional(node, 2) is None else [float(x) for x in context.exact(node, 2).ravel()]
    given = attributes.integers(node, "axes")
    if scales:
        sizes = by_scales(node, value, scales, given)
    else:
        policy = attributes.text(node, "keep_aspect_ratio_policy", "stretch")
        if policy != "stretch":
            raise problem(node, "unsupported-form", f"Resize with keep_aspect_ratio_policy {policy!r}",
                          "Only 'stretch' is supported.")
        sizes = over_axes(node, value, context.sizes(node, 3), given, [1, *value.shape])
    resize(context, node, sizes, attributes.text(node, "coordinate_transformation_mode", "half_pixel"),
           attributes.text(node, "nearest_mode", "round_prefer_floor"))


def absent(context: Context, nodes: Sequence[NodeProto], stored: Mapping[str, TensorProto]) -> set[str]:
    """Stored tensors of no elements that only Resize reads: its way to leave an input out, which they become."""
    empty = {name for name, tensor in stored.items() if list(tensor.dims) == [0]}
    read = {name for node in nodes for name in node.input if node.op_type != "Resize"} | context.outputs
    for node in nodes:
        for index, name in enumerate(node.input):
            if index and name in empty - read:
                node.input[index] = ""
    return empty - read


def by_scales(node: NodeProto, value: Value, scales: list[float], axes: list[int] | None = None) -> list[int]:
    """The sizes of all axes that whole factors, or whole divisors, give."""
    sizes = []
    for old, scale in zip([1, *value.shape], over_axes(node, value, scales, axes, [1.0] * (len(value.shape) + 1)),
                          strict=True):
        exact = Fraction(scale) if 0 < scale < MAX_NUMBER else Fraction(0)
        if exact == 0 or 1 not in (exact.numerator, exact.denominator):
            raise problem(node, "unsupported-form", f"it resizes by {scale:g}", "Only whole factors are supported, and "
                          "powers of two below 1.")
        if (old * exact).denominator != 1:
            raise problem(node, "unsupported-form", f"{old} pixels are not divisible by {1 / exact}",
                          "Resize by a divisor of the size.")
        sizes.append(int(old * exact))
    return sizes


def over_axes(node: NodeProto, value: Value, given: list[T], axes: list[int] | None, rest: list[T]) -> list[T]:
    """One number for each axis of the value, the batch first."""
    places = list(range(len(rest))) if axes is None else [axis_in(node, axis, len(rest)) for axis in axes]
    if len(places) != len(given):
        raise problem(node, "bad-attribute", f"it has {len(given)} scales or sizes for the {len(places)} axes of shape "
                      f"{[1, *value.shape]}")
    made = list(rest)
    for place, number in zip(places, given, strict=True):
        made[place] = number
    return made


def resize(context: Context, node: NodeProto, sizes: list[int], place: str, nearest: str) -> None:
    """Each axis after the channels repeated or thinned out."""
    value = context.real_value(node)
    height, width = map_size(node, value)
    mode = attributes.text(node, "mode", "nearest")
    if mode != "nearest" or place not in PLACES or nearest not in NEAREST:
        raise problem(node, "unsupported-form", f"{node.op_type} with mode {mode!r}, {place!r}, {nearest!r}",
                      "Only mode 'nearest' is supported, with any coordinates but 'tf_crop_and_resize'.")
    if sizes[0] != 1 or sizes[1] != value.shape[0] or min(sizes) < 1:
        raise problem(node, "unsupported-form", f"it makes shape {sizes} of {[1, *value.shape]}",
                      "Only the axes after the channels can be resized.")
    rows, columns = sizes[2:] if len(sizes) == 4 else (1, sizes[2])
    axes = [line(node, *pair, place, nearest) for pair in ((height, rows), (width, columns))]
    (_, top, down), (_, left, right) = axes
    thinned = Crop((0, top, left), (value.shape[0], height, width), (down, right))
    repeats = Resize((axes[0][0], axes[1][0]))
    if (top, left, down, right) == (0, 0, 1, 1):
        context.add(node, repeats, value)
    elif repeats.factors == (1, 1):
        context.add(node, thinned, value)
    else:
        context.add(node, repeats, context.add_inner(node, thinned, value, "thinned"))


def line(node: NodeProto, old: int, new: int, place: str, nearest: str) -> tuple[int, int, int]:
    """Repetitions, first element and step of one axis; refuses any other choice of elements."""
    chosen = [min(max(NEAREST[nearest](PLACES[place](i, old, new)), 0), old - 1) for i in range(new)]
    factor = new // old or 1
    if chosen == [i // factor for i in range(new)] and new == factor * old:
        return factor, 0, 1
    step = old // new
    if step > 1 and chosen == list(range(chosen[0], old, step)):
        return 1, chosen[0], step
    raise problem(node, "unsupported-form", f"{node.op_type} of {old} to {new} pixels with {place!r} and {nearest!r} "
                  "does not repeat each pixel equally often", "Resize by a whole factor with 'asymmetric' and 'floor', "
                  "or with 'half_pixel' and a round mode.")
