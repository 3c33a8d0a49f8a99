"""Convolution and pooling on an exact view: border, window and product of integers, and a new affine view."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from hwgen.errors import HwgenError
from hwgen.exact.dense import aligned, integer_weights, typed
from hwgen.exact.expression import AffineStage, affine
from hwgen.exact.grid import on_grid
from hwgen.exact.surd import sign
from hwgen.exact.view import Site, View, linear, map_view
from hwgen.ir.tensor import Array, Tensor
from hwgen.ops.depthwise import Depthwise
from hwgen.ops.matmul import MatMul
from hwgen.ops.pad import Pad
from hwgen.ops.pool import Pool
from hwgen.ops.window import Window


@dataclass(frozen=True)
class Geometry:
    """How a kernel moves over a map; pads are (top, left, bottom, right), pairs (vertical, horizontal)."""

    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilation: tuple[int, int] = (1, 1)

    def output(self, height: int, width: int) -> tuple[int, int]:
        """Output rows and columns."""
        top, left, bottom, right = self.pads
        return self.window.positions(height + top + bottom, width + left + right)

    @property
    def window(self) -> Window:
        return Window(self.kernel, self.stride, self.dilation)

    @property
    def pointwise(self) -> bool:
        """Whether each window is one pixel, in the order of the pixels."""
        return self.kernel == (1, 1) and self.stride == (1, 1)


@dataclass(frozen=True)
class Filters:
    """weight: int (M, C / groups, KH, KW); scale, zero_point: scalar or (M, 1, 1, 1); bias: None or exact real (M,)."""

    weight: Tensor
    scale: Tensor
    zero_point: Tensor
    bias: Tensor | None
    groups: int


def fold_conv(filters: Filters, geometry: Geometry, view: View, site: Site) -> View:
    """value[m] = row[m] * common[m] * acc[m] + offset[m], as for a dense layer (hwgen.exact.dense).

    The border holds the integer that means zero, so the input's offsets count the same at every position.
    """
    view = map_view(on_grid(view, site), site)
    stage = linear(view, site)
    channels, rows = view.shape[0], filters.weight.shape[0]
    scales, offsets = (np.broadcast_to(t.array.reshape(-1), (channels,)) for t in (stage.scale, stage.offset))
    source = _windows(geometry, _real_zero(stage, site) if any(geometry.pads) else None, view, site)
    weights = integer_weights(filters.weight, filters.zero_point, site)
    members = _members(rows, channels, filters.groups)
    if filters.groups == channels == rows:
        common = scales
        site.emit(Depthwise(*typed(weights.reshape(rows, -1))), source)
    else:
        multipliers, factor = aligned(scales, site)
        common = np.full(rows, factor)
        site.emit(MatMul(*typed(_matrix(weights * multipliers[members][:, :, None, None], members, channels))), source)
    row_scale = np.broadcast_to(filters.scale.fractions().reshape(-1), (rows,))
    moved = row_scale * (weights.sum(axis=(2, 3)) * offsets[members]).sum(axis=1)
    total = moved if filters.bias is None else moved + filters.bias.fractions()
    made = _map_of(site, (rows, *geometry.output(*view.shape[1:])))
    return made.then(affine((row_scale * common).reshape(-1, 1, 1), total.reshape(-1, 1, 1)))


def fold_max_pool(geometry: Geometry, view: View, site: Site) -> View:
    """On the integers: max(f(a)) = f(max(a)) where f rises, f(min(a)) where it falls; the border never wins.

    A function that falls and rises becomes integers first.
    """
    view = map_view(view, site)
    if 0 in _directions(view):
        view = map_view(on_grid(view, site), site)
    falling = np.array([direction < 0 for direction in _directions(view)])
    falling = falling[:1] if (falling == falling[0]).all() else falling
    low, high = site.range(view.source)
    border = Tensor(np.where(falling, high, low))
    _emit_pool(Pool("max", view.shape[0], Tensor(falling)), geometry, border, view, site)
    made = _map_of(site, (view.shape[0], *geometry.output(*view.shape[1:])))
    return replace(made, expression=view.expression)


def fold_average_pool(geometry: Geometry, view: View, site: Site) -> View:
    """The sum of the integers; the division joins the scale. A border of zeros counts as pixels."""
    view = map_view(on_grid(view, site), site)
    stage = linear(view, site)
    border = _real_zero(stage, site) if any(geometry.pads) else None
    _emit_pool(Pool("sum", view.shape[0], Tensor(np.array([False]))), geometry, border, view, site)
    count = geometry.kernel[0] * geometry.kernel[1]
    made = _map_of(site, (view.shape[0], *geometry.output(*view.shape[1:])))
    return made.then(affine(stage.scale.array * Fraction(1, count), stage.offset.array))


def _map_of(site: Site, shape: tuple[int, ...]) -> View:
    return View(site.output, shape).channels_last()


def _windows(geometry: Geometry, border: Tensor | None, view: View, site: Site) -> str:
    """Pad and Window nodes where the geometry asks for them; returns the value that holds the windows."""
    source = view.source
    if border is not None:
        source = site.emit_inner(Pad(*geometry.pads, border), source, "pad")
    return source if geometry.pointwise else site.emit_inner(geometry.window, source, "window")


def _emit_pool(pool: Pool, geometry: Geometry, border: Tensor | None, view: View, site: Site) -> None:
    """A pool over the whole map takes its pixels as they come; one over single pixels only picks pixels."""
    border = border if any(geometry.pads) else None
    if geometry.kernel == (1, 1):
        site.emit(geometry.window, _windows(replace(geometry, stride=(1, 1)), border, view, site))
    elif geometry.kernel == view.shape[1:] and border is None:
        site.emit(pool, view.source)
    else:
        site.emit(pool, _windows(geometry, border, view, site))


def _real_zero(stage: AffineStage, site: Site) -> Tensor:
    """The integers a with scale * a + offset = 0, per channel or for all."""
    scales, offsets = np.broadcast_arrays(stage.scale.array.reshape(-1), stage.offset.array.reshape(-1))
    zeros = [Fraction(0) if sign(o) == 0 else -o / s if sign(s) else None
             for s, o in zip(scales, offsets, strict=True)]
    if any(not isinstance(z, Fraction) or z.denominator != 1 for z in zeros):
        raise HwgenError("padding", site.name, "it pads with zero, which is no integer of its input's quantizer",
                         "Use a quantizer whose zero point is an integer, and no offset before a padded layer.")
    distinct = set(zeros)
    return Tensor.of_ints([int(z) for z in (zeros[:1] if len(distinct) == 1 else zeros) if z is not None],
                          (1 if len(distinct) == 1 else len(zeros),))


def _members(rows: int, channels: int, groups: int) -> Array:
    """(M, C / groups): the input channels of each output channel."""
    share = channels // groups
    return (np.arange(rows) // (rows // groups))[:, None] * share + np.arange(share)


def _matrix(weights: Array, members: Array, channels: int) -> Array:
    """(M, C / groups, KH, KW) to (M, KH * KW * C), window order; other groups' channels get zeros."""
    rows, _, height, width = weights.shape
    full = np.zeros((rows, height, width, channels), dtype=object)
    for row in range(rows):
        full[row][:, :, members[row]] = weights[row].transpose(1, 2, 0)
    return full.reshape(rows, -1)


def _directions(view: View) -> list[int]:
    """Whether each channel of a map's function rises, falls, or neither."""
    channels = view.shape[0]
    expression = view.expression.mapped(lambda t: Tensor(np.broadcast_to(t.array.reshape(-1), (channels,))))
    return [expression.direction(channel) for channel in range(channels)]
