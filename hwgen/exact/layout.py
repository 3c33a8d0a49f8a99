"""Ops on an exact view that move, repeat, drop or add pixels and channels; transposed convolution as one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from hwgen.errors import HwgenError
from hwgen.exact.convolution import Filters, Geometry, fold_conv
from hwgen.exact.dense import integer_weights
from hwgen.exact.expression import AffineStage, affine
from hwgen.exact.grid import on_grid
from hwgen.exact.surd import sign
from hwgen.exact.view import Move, Site, View, channels_last_order, linear, map_shape, map_view
from hwgen.ir.graph import Op
from hwgen.ir.tensor import Array, Tensor
from hwgen.ops.depth_to_space import DepthToSpace
from hwgen.ops.pad import Pad
from hwgen.ops.slice import Slice

Pair = tuple[int, int]
Sides = tuple[int, int, int, int]


def fold_moves(ops: Sequence[Op], view: View, site: Site, roles: Sequence[str]) -> View:
    """The view after ops on (H, W, C) that give some of their input's elements, anywhere and any number of times each.

    No integer moves yet: any function of single elements may come before the move as well, where it costs less.
    """
    last = np.moveaxis(np.arange(int(np.prod(view.shape))).reshape(view.shape), 0, -1)
    moved = last.reshape(1, *map_shape(view.shape))
    for op in ops:
        (moved,) = op.run(moved)
    shape = (moved.shape[3], *moved.shape[4 - len(view.shape) : 3])
    picked = view.picked(shape, np.moveaxis(moved[0], -1, 0).reshape(-1))
    if view.tail:
        return picked
    if view.host:
        return _on_input(picked, last.size, site)
    if not np.array_equal(view.positions(), channels_last_order(view.shape)):
        raise HwgenError("layout", site.name, f"its input of shape {view.shape} is not a map in the model's own layout",
                         "Remove the transpose or reshape before it.")
    moves = tuple(Move(op, site.name, site.output, role) for op, role in zip(ops, roles, strict=True))
    return replace(picked, moves=(*view.moves, *moves)).channels_last()


def _on_input(picked: View, elements: int, site: Site) -> View:
    """The host feeds each element of its input once."""
    if not np.array_equal(np.sort(picked.positions()), np.arange(elements)):
        raise HwgenError("float-input", site.name, f"it repeats or drops elements of the input '{picked.source}' "
                         "before the first quantizer", "Put a quantizer on the input, or type it: --input-type uint8 "
                         "--input-scale 1/255.")
    return picked


def fold_pad(sides: Sides, value: Fraction, view: View, site: Site) -> View:
    """A border (top, left, bottom, right) of the integers that mean `value`."""
    view = map_view(on_grid(view, site), site)
    stage = linear(view, site)
    site.emit(Pad(*sides, _integers_of(value, stage, site)), view.source)
    height, width = view.shape[1] + sides[0] + sides[2], view.shape[2] + sides[1] + sides[3]
    made = View(site.output, (view.shape[0], height, width)).channels_last()
    return made.then(affine(stage.scale.array, stage.offset.array))


def _integers_of(value: Fraction, stage: AffineStage, site: Site) -> Tensor:
    """The integers a with scale * a + offset = value: (1,) or one a channel."""
    scales, offsets = np.broadcast_arrays(stage.scale.array.reshape(-1), stage.offset.array.reshape(-1))
    found = [(value - o) / s if sign(s) else None for s, o in zip(scales, offsets, strict=True)]
    whole = [int(a) for a in found if isinstance(a, Fraction | int) and a == int(a)]
    if len(whole) != len(found):
        raise HwgenError("padding", site.name, f"it pads with {float(value):g}, which is no integer of its input's "
                         "quantizer", "Pad with a value that the quantizer gives, or pad before the quantizer.")
    distinct = whole[:1] if len(set(whole)) == 1 else whole
    return Tensor.of_ints(distinct, (len(distinct),))


@dataclass(frozen=True)
class Phases:
    """One axis of a transposed convolution as a convolution that gives `stride` outputs at each position.

    Output `stride * q + r - lead` of the wanted ones is output r of position q, whose `taps` inputs begin at q + first.
    """

    stride: int
    lead: int
    taps: int
    first: int
    positions: int

    @classmethod
    def of(cls, kernel: int, stride: int, before: int, outputs: int) -> Phases:
        """Of output t = sum of x[i] * w[t + before - i * stride]: the lead that gives the least work."""
        return min((cls._with_lead(lead, kernel, stride, before, outputs) for lead in range(stride)),
                   key=lambda phases: phases.taps * phases.positions)

    @classmethod
    def _with_lead(cls, lead: int, kernel: int, stride: int, before: int, outputs: int) -> Phases:
        first = -((kernel - 1 - before + lead) // stride)
        last = (stride - 1 + before - lead) // stride
        return cls(stride, lead, last - first + 1, first, -(-(lead + outputs) // stride))

    def taps_of(self, kernel: int, before: int) -> Array:
        """(stride, taps) the element of the kernel that each phase meets at each input; -1: none."""
        phase, tap = np.ix_(np.arange(self.stride), np.arange(self.taps))
        element = phase + before - self.lead - (self.first + tap) * self.stride
        return np.where((element >= 0) & (element < kernel), element, -1)

    def border(self, inputs: int) -> Pair:
        """Pixels to add before and after the input; negative: to drop."""
        return -self.first, self.positions - 1 + self.first + self.taps - inputs


def fold_conv_transpose(filters: Filters, stride: Pair, before: Pair, outputs: Pair, view: View, site: Site) -> View:
    """A convolution with stride[0] * stride[1] times the outputs, whose channels then become pixels.

    filters: of the output channels, weight (M, C / groups, KH, KW); before: the outputs that are cut off at the top and
    the left; outputs: rows and columns. Exact: every output is a sum of the same products as in the definition.
    """
    kernel = filters.weight.shape[2:]
    rows, columns = (Phases.of(*axis) for axis in zip(kernel, stride, before, outputs, strict=True))
    taps = [phases.taps_of(k, b) for phases, k, b in zip((rows, columns), kernel, before, strict=True)]
    height, width = (phases.border(n) for phases, n in zip((rows, columns), view.shape[1:], strict=True))
    sides = (height[0], width[0], height[1], width[1])
    geometry = Geometry((rows.taps, columns.taps), pads=tuple(max(n, 0) for n in sides))  # type: ignore[arg-type]
    made = fold_conv(_expanded(filters, taps, view.shape[0], site), geometry, _dropped(sides, view, site), site)
    ops: list[Op] = [] if stride == (1, 1) else [DepthToSpace(stride)]
    roles = ["pixels" for _ in ops]
    start, stop = (rows.lead, columns.lead, 0), (rows.lead + outputs[0], columns.lead + outputs[1])
    if start != (0, 0, 0) or stop != (rows.positions * stride[0], columns.positions * stride[1]):
        ops.append(Slice(start, (*stop, filters.weight.shape[0])))
        roles.append("crop")
    return fold_moves(ops, made, site, roles)


def _expanded(filters: Filters, taps: Sequence[Array], channels: int, site: Site) -> Filters:
    """The filters of every phase, those of a phase one after another, dense over the groups."""
    weights = integer_weights(filters.weight, filters.zero_point, site)
    rows, share = weights.shape[:2]
    full = np.zeros((rows, channels, *weights.shape[2:]), dtype=object)
    for row in range(rows):
        first = row // (rows // filters.groups) * share
        full[row, first : first + share] = weights[row]
    bordered = np.pad(full, ((0, 0), (0, 0), (0, 1), (0, 1)), constant_values=0)
    vertical, horizontal = taps
    phases = bordered[:, :, vertical[:, None, :, None], horizontal[None, :, None, :]].transpose(2, 3, 0, 1, 4, 5)
    count = vertical.shape[0] * horizontal.shape[0]
    integers = phases.reshape(count * rows, channels, vertical.shape[1], horizontal.shape[1])
    scale = np.tile(np.broadcast_to(filters.scale.fractions().reshape(-1), (rows,)), count).reshape(-1, 1, 1, 1)
    bias = None if filters.bias is None else Tensor(np.tile(filters.bias.array, count))
    constant = Tensor.of_ints(integers.ravel().tolist(), integers.shape)
    return Filters(constant, Tensor(scale), Tensor(0.0), bias, 1)


def _dropped(sides: Sides, view: View, site: Site) -> View:
    """The view without the pixels that no output needs."""
    top, left, bottom, right = (max(-n, 0) for n in sides)
    if not any((top, left, bottom, right)):
        return view
    channels, height, width = view.shape
    return fold_moves([Slice((top, left, 0), (height - bottom, width - right, channels))], view, site, ["input"])
