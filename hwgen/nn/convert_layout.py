"""Converters of functions that change the size of a map: indexing, padding, resizing, transposed convolution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from hwgen.frontend.conv_transpose import by_outputs, dilated
from hwgen.ir.graph import Value
from hwgen.ir.tensor import Tensor
from hwgen.nn.calls import Site, along_width, constant, converts, pair, refuse
from hwgen.nn.converters import bias_of, weights_of
from hwgen.nn.record import Call
from hwgen.ops.quantized import Reshape
from hwgen.ops.quantized_layout import ConstantPad, ConvTranspose, Crop, PixelShuffle, Resize, SpaceToDepth

Range = tuple[int, int, int]
"""Start, stop (not included) and step over one axis."""


@converts(F.conv_transpose1d, F.conv_transpose2d,
          takes="input weight bias stride padding output_padding groups dilation")
def transposed_convolution(site: Site, call: Call) -> None:
    """Weights (C, M / groups, kh, kw) or (C, M / groups, k); what padding cuts off is `before`."""
    given, value = site.arguments(call), site.value(call)
    integers, scale, zero = weights_of(given["weight"])
    groups, flat = given.get("groups", 1), len(value.shape) == 2
    made = [_over_rows(part, integers.shape, groups) for part in (integers, scale, zero)]
    stride, dilation, before = (along_width(given.get(name, rest), floor) if flat else pair(given.get(name, rest))
                                for name, rest, floor in (("stride", 1, 1), ("dilation", 1, 1), ("padding", 0, 0)))
    spread = dilated(made[0], made[2], dilation)
    outputs = (1, call.shape[2]) if flat else (call.shape[2], call.shape[3])
    op = ConvTranspose(spread, made[1], made[2], bias_of(given.get("bias")), stride, before, outputs, groups)
    site.add(call, op, value)


def _over_rows(part: Tensor, shape: tuple[int, ...], groups: int) -> Tensor:
    """(C, M / groups, k...) to (M, C / groups, kh, kw); a parameter of each output to (M, 1, 1, 1)."""
    if part.array.size == 1 and shape != part.shape:
        return part
    array = by_outputs(np.broadcast_to(part.array, shape), groups)
    array = array if array.ndim == 4 else array[:, :, None, :]
    return Tensor(array if part.shape == shape else array[:, :1, :1, :1])


@converts(F.pixel_shuffle, takes="input upscale_factor")
def pixel_shuffle(site: Site, call: Call) -> None:
    """Channels to blocks of pixels."""
    block = site.arguments(call)["upscale_factor"]
    site.add(call, PixelShuffle((block, block), True), site.value(call))


@converts(F.pixel_unshuffle, takes="input downscale_factor")
def pixel_unshuffle(site: Site, call: Call) -> None:
    """Blocks of pixels to channels; torch has the channels outside of the blocks, hardware inside."""
    value, block = site.value(call), site.arguments(call)["downscale_factor"]
    if value.shape[0] != 1:
        raise refuse(call, f"it unshuffles {value.shape[0]} channels", "Only maps of one channel can be unshuffled.")
    site.add(call, SpaceToDepth((block, block)), value)


@converts(F.interpolate, takes="input size scale_factor mode")
def interpolate(site: Site, call: Call) -> None:
    """Nearest neighbours that repeat each pixel, or take every n-th: which they are is read from a ramp."""
    value, given = site.value(call), site.arguments(call)
    mode = given.get("mode", "nearest")
    if mode not in ("nearest", "nearest-exact") or len(call.shape) > 4:
        raise refuse(call, f"its mode is {mode!r}", "Only nearest neighbours keep integers.")
    rows, columns = (_taken(call, *sizes, mode) for sizes in zip(_map(value.shape), _map(call.shape[1:]), strict=True))
    factors = (rows[1], columns[1])
    top, left = rows[0], columns[0]
    box = [(top[0], top[1], top[2]), (left[0], left[1], left[2])]
    source = _cropped(site, call, value, [(0, value.shape[0], 1), *box], role="thinned")
    if factors == (1, 1):
        site.same(call, source)
    else:
        site.add(call, Resize(factors), source)


def _map(shape: Sequence[int]) -> tuple[int, int]:
    """Height and width of a frame."""
    return (shape[1], shape[2]) if len(shape) == 3 else (1, shape[1])


def _taken(call: Call, old: int, new: int, mode: str) -> tuple[Range, int]:
    """Which of `old` elements are taken, and how often each: found by resizing a ramp as the call does."""
    ramp = torch.arange(float(old)).reshape(1, 1, old)
    found = [int(i) for i in F.interpolate(ramp, new, mode=mode).flatten()] if old != new else list(range(old))
    factor = max(new // old, 1)
    kept = found[::factor]
    step = kept[1] - kept[0] if len(kept) > 1 else 1
    if step < 1 or found != [kept[0] + step * (i // factor) for i in range(new)]:
        raise refuse(call, f"it makes {new} pixels of {old}", "Resize by a whole factor, or by a divisor of the size.")
    return (kept[0], kept[-1] + 1, step), factor


@converts(F.pad, takes="input pad mode value")
def pad(site: Site, call: Call) -> None:
    """A border of one constant; where a side is negative, it is cut off."""
    value, given = site.value(call), site.arguments(call)
    if given.get("mode", "constant") != "constant":
        raise refuse(call, f"its mode is {given['mode']!r}", "Only a border of one constant is supported.")
    pairs = list(zip(given["pad"][::2], given["pad"][1::2], strict=True))[::-1]
    sides = [(0, 0)] * (len(value.shape) - len(pairs)) + pairs
    if len(pairs) > len(value.shape) or len(value.shape) < 2 or max(sides[0]) > 0:
        raise refuse(call, "it pads the channels", "Only rows and columns can be padded.")
    box = [(max(-a, 0), n - max(-b, 0), 1) for (a, b), n in zip(sides, value.shape, strict=True)]
    border = [(0, 0)] * (3 - len(sides)) + [(max(a, 0), max(b, 0)) for a, b in sides[1:]]
    source = _cropped(site, call, value, box, role="crop")
    if any(map(any, border)):
        (top, bottom), (left, right) = border
        site.add(call, ConstantPad((top, left, bottom, right), constant(given.get("value") or 0.0)), source)
    else:
        site.same(call, source)


@converts(torch.Tensor.__getitem__, takes="input index")
def index(site: Site, call: Call) -> None:
    """Slices, single elements and new axes behind the batch; channels by steps of 1."""
    value, given = site.value(call), site.arguments(call)["index"]
    parts = list(given) if isinstance(given, tuple) else [given]
    if not all(isinstance(part, int | slice | type(None)) or part is Ellipsis for part in parts):
        raise refuse(call, "its index is computed, or a list", "Index with numbers and slices.")
    places = _filled([part for part in parts if part is not None], len(value.shape) + 1)
    if parts[0] is None or places[0] not in (slice(None), slice(None, None, 1)):
        raise refuse(call, "it takes a part of the batch", "Keep axis 0 as it is: x[:, ...].")
    _sliced(site, call, value, [_range(part, size) for part, size in zip(places[1:], value.shape, strict=True)])


def _filled(parts: list[Any], rank: int) -> list[Any]:
    """One index for each axis."""
    missing = [slice(None)] * (rank - sum(part is not Ellipsis for part in parts))
    at = next((i for i, part in enumerate(parts) if part is Ellipsis), len(parts))
    return [*parts[:at], *missing, *parts[at + 1:]]


def _range(part: int | slice, size: int) -> Range:
    start, stop, step = part.indices(size) if isinstance(part, slice) else (part % size, part % size + 1, 1)
    return start, stop, step


@converts(torch.narrow, torch.Tensor.narrow, takes="input dim start length")
def narrow(site: Site, call: Call) -> None:
    """Some elements of one axis."""
    given = site.arguments(call)
    _part(site, call, given["dim"], given["start"], given["length"])


@converts(torch.select, torch.Tensor.select, takes="input dim index")
def select(site: Site, call: Call) -> None:
    """One element of one axis."""
    given = site.arguments(call)
    _part(site, call, given["dim"], given["index"], 1)


@converts(torch.chunk, torch.Tensor.chunk, takes="input chunks dim")
def chunk(site: Site, call: Call) -> None:
    """One of several parts of about equal size."""
    given = site.arguments(call)
    dim = given.get("dim", 0)
    size = -(-_size(site, call, dim) // given["chunks"])
    _part(site, call, dim, call.part * size, call.shape[dim])


@converts(torch.split, takes="tensor split_size_or_sections dim")
def split(site: Site, call: Call) -> None:
    """One of several parts of given sizes."""
    _split(site, call, site.arguments(call)["split_size_or_sections"], "tensor")


@converts(torch.Tensor.split, takes="input split_size dim")
def split_method(site: Site, call: Call) -> None:
    """One of several parts of given sizes."""
    _split(site, call, site.arguments(call)["split_size"], "input")


def _split(site: Site, call: Call, sizes: int | list[int], name: str) -> None:
    dim = site.arguments(call).get("dim", 0)
    start = call.part * sizes if isinstance(sizes, int) else sum(sizes[:call.part])
    _part(site, call, dim, start, call.shape[dim], name)


@converts(torch.unbind, torch.Tensor.unbind, takes="input dim")
def unbind(site: Site, call: Call) -> None:
    """One element of one axis."""
    _part(site, call, site.arguments(call).get("dim", 0), call.part, 1)


def _size(site: Site, call: Call, dim: int) -> int:
    value = site.value(call)
    return (1, *value.shape)[dim]


def _part(site: Site, call: Call, dim: int, start: int, length: int, name: str = "input") -> None:
    """`length` elements of axis dim from start on."""
    value = site.value(call, name)
    axis = dim % (len(value.shape) + 1)
    if axis == 0:
        raise refuse(call, "it takes a part of the batch", "Keep axis 0 as it is.")
    box = [(0, size, 1) for size in value.shape]
    start %= value.shape[axis - 1]
    box[axis - 1] = (start, start + length, 1)
    _sliced(site, call, value, box)


def _sliced(site: Site, call: Call, value: Value, box: list[Range]) -> None:
    """The box of a frame, in the shape that the call gives it. Vectors are maps of one pixel."""
    shape = (*value.shape, *(1,) * (2 - len(value.shape)))
    source = site.add_inner(call, Reshape(shape), value, role="map") if shape != value.shape else value
    if len(shape) > 3 or box[0][2] != 1:
        raise refuse(call, "it takes channels in steps, or parts of a value of more than three axes",
                     "Slice maps of shape (C, H, W) or (C, L), channels by steps of 1.")
    made = _cropped(site, call, source, [*box, *[(0, 1, 1)] * (len(shape) - len(box))], role="slice")
    if made.shape == call.shape[1:]:
        site.same(call, made)
    else:
        site.add(call, Reshape(call.shape[1:]), made)


def _cropped(site: Site, call: Call, value: Value, box: list[Range], role: str) -> Value:
    """A box of (C, H, W) or (C, L); the value itself where it is whole."""
    if len(value.shape) == 2:
        box = [box[0], (0, 1, 1), box[-1]]
    shape = value.shape if len(value.shape) == 3 else (value.shape[0], 1, value.shape[1])
    if [(a, b, s) for a, b, s in box] == [(0, n, 1) for n in shape]:
        return value
    (c0, c1, _), (h0, h1, down), (w0, w1, right) = box
    return site.add_inner(call, Crop((c0, h0, w0), (c1, h1, w1), (down, right)), value, role=role)
