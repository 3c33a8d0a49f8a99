"""From parameters per element of a view to parameters per channel of its integer source."""

from __future__ import annotations

import numpy as np

from hwgen.errors import HwgenError
from hwgen.exact.expression import Expression
from hwgen.exact.quantizer import Quantizer
from hwgen.exact.view import Site, View, moved_positions
from hwgen.ir.tensor import Array, Tensor


def per_channel(view: View, quantizer: Quantizer, site: Site) -> tuple[Expression, Quantizer]:
    """The view's expression and the quantizer, index i being channel i (the last axis) of the source."""
    channels = site.channels(view.source)

    def reduced(parameter: Tensor) -> Tensor:
        return _channels(parameter, view, channels, site)

    return per_channel_expression(view, site), quantizer.mapped(reduced)


def per_channel_expression(view: View, site: Site) -> Expression:
    """The view's expression, index i being channel i (the last axis) of the source."""
    channels = site.channels(view.source)
    return view.expression.mapped(lambda parameter: _channels(parameter, view, channels, site))


def _channels(parameter: Tensor, view: View, channels: int, site: Site) -> Tensor:
    """(channels,) values of a parameter that is broadcastable to the view and the same all over each channel."""
    array = parameter.array
    if array.size == 1:
        return Tensor(np.broadcast_to(array.reshape(1), (channels,)))
    if array.shape[0] == array.size == channels == view.shape[0] and len(view.shape) > 1:
        return Tensor(array.reshape(channels))
    flat = np.broadcast_to(array, view.shape).reshape(-1)
    if view.moves:
        return Tensor(_gathered(flat, moved_positions(view, site) % channels, channels, site))
    index = view.source_index()
    rows = (flat if index is None else flat[index]).reshape(-1, channels)
    if not _constant(rows):
        raise _per_pixel(site)
    return Tensor(rows[0])


def _gathered(flat: Array, channel: Array, channels: int, site: Site) -> Array:
    """(channels,) what all elements of each channel of the source have; a channel that none is of: what any has."""
    first = np.full(channels, -1)
    first[channel[::-1]] = np.arange(flat.size)[::-1]
    chosen = flat[np.where(first < 0, 0, first)]
    if any(x is not y and x != y for x, y in zip(flat, chosen[channel], strict=True)):
        raise _per_pixel(site)
    return np.asarray(chosen)


def _per_pixel(site: Site) -> HwgenError:
    return HwgenError("per-pixel", site.name, "a scale, offset or threshold differs from pixel to pixel of a channel",
                      "Use one per tensor or per channel.")


def _constant(rows: Array) -> bool:
    """Whether all rows are equal; broadcast copies are one object, which spares exact comparisons."""
    return all(x is y or x == y for row in rows[1:] for x, y in zip(row, rows[0], strict=True))
