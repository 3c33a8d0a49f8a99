"""The exact affine view: what real value an integer stands for, while the scales are being folded.

value = expression(integer), element k of the value (in its own memory order) being element order[k] of the integer
source; or, with a tail (hwgen.exact.tail), what the host makes of the source. Integers of maps lie channels last,
(H, W, C), whatever order the foreign graph has: layout ops only change `order`. Ops that move pixels wait in `moves`
(hwgen.exact.layout) until something needs the integers where they shall be. A view with `host` set has no integers yet:
its source is a graph input, still real.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Protocol

import numpy as np

from hwgen.errors import HwgenError
from hwgen.exact.expression import AffineStage, Expression, Stage, affine
from hwgen.exact.quantizer import Quantizer
from hwgen.host import HostStep
from hwgen.ir.graph import Op
from hwgen.ir.tensor import Array, Tensor

IDENTITY = Expression((affine(Fraction(1), Fraction(0)),))


@dataclass(frozen=True)
class Move:
    """An integer op that only moves, repeats or drops elements.

    name, output: of the quantized node that asks for it; role: what is added to them where it is a part of that node.
    """

    op: Op
    name: str
    output: str
    role: str = ""


@dataclass(frozen=True)
class View:
    """source: the integer value, or the graph input where `host`; shape: of the viewed real value.

    moves: what is still to be done to the source; `order` counts as if it were done.
    scores: after a softmax the view before it, which ranks the classes alike.
    """

    source: str
    shape: tuple[int, ...]
    expression: Expression = IDENTITY
    order: Tensor | None = None
    host: bool = False
    moves: tuple[Move, ...] = ()
    tail: tuple[HostStep, ...] = ()
    scores: View | None = None
    indices: bool = False

    def then(self, stage: Stage) -> View:
        if self.tail:
            return self._appended(stage.host_step(), self.shape)
        return replace(self, expression=self.expression.then(stage))

    def reshaped(self, shape: tuple[int, ...]) -> View:
        """Another shape, the same memory order."""
        if self.tail:
            scores = self.scores and self.scores.reshaped(shape)
            return replace(self._appended(HostStep.of("reshape", shape=shape), shape), scores=scores)
        return self._moved(shape, lambda a: a.reshape(shape))

    def transposed(self, permutation: tuple[int, ...]) -> View:
        """Axes permuted: no integer moves, only the order in which they are read."""
        shape = tuple(self.shape[i] for i in permutation)
        if self.tail:
            scores = self.scores and self.scores.transposed(permutation)
            return replace(self._appended(HostStep.of("transpose", permutation=permutation), shape), scores=scores)
        order = self.positions().reshape(self.shape).transpose(permutation).reshape(-1)
        plain = np.array_equal(order, np.arange(order.size))
        moved = self._moved(shape, lambda a: a.transpose(permutation))
        return replace(moved, order=None if plain else Tensor(order))

    def picked(self, shape: tuple[int, ...], index: Array) -> View:
        """Elements index[k] of the flattened view, as another shape; parameters stay per channel where they are."""
        if self.tail:
            taken = self.reshaped((int(np.prod(self.shape)),))._appended(HostStep.of("take", index=Tensor(index)),
                                                                        (index.size,))
            return taken.reshaped(shape)
        expression = self.expression.mapped(lambda tensor: _picked(tensor, self.shape, shape, index))
        return replace(self, shape=shape, expression=expression, order=Tensor(self.positions()[index]))

    def _appended(self, step: HostStep, shape: tuple[int, ...]) -> View:
        tail = (*self.tail, replace(step, inputs=(len(self.tail),)))
        return replace(self, shape=shape, tail=tail, scores=None)

    def positions(self) -> Array:
        """For each element of the flattened view, its position in the source."""
        return np.arange(int(np.prod(self.shape))) if self.order is None else self.order.array

    def _moved(self, shape: tuple[int, ...], move: Callable[[Array], Array]) -> View:
        def moved(tensor: Tensor) -> Tensor:
            return tensor if tensor.array.size == 1 else Tensor(move(np.broadcast_to(tensor.array, self.shape)))
        return replace(self, shape=shape, expression=self.expression.mapped(moved))

    def source_index(self) -> Array | None:
        """For each element of the source, its index in the flattened view; None if they are in order."""
        return None if self.order is None else np.argsort(self.order.array)

    def quantized(self, output: str) -> View:
        """The view of this value after a quantizer that keeps its layout."""
        return View(output, self.shape, order=self.order, moves=self.moves)

    def channels_last(self) -> View:
        """The view with its source's elements laid channels last: for a source that is yet to be made."""
        order = channels_last_order(self.shape)
        return replace(self, order=None if np.array_equal(order, np.arange(order.size)) else Tensor(order))


def _picked(parameter: Tensor, old: tuple[int, ...], new: tuple[int, ...], index: Array) -> Tensor:
    """A parameter of the elements index[k]; one a channel stays so where the channels that meet in one agree."""
    array = parameter.array
    if array.size == 1:
        return parameter
    if array.shape == (old[0], *(1,) * (len(old) - 1)):
        sources = [np.unique(row) for row in (index // int(np.prod(old[1:]))).reshape(new[0], -1)]
        if all(x == array.flat[row[0]] for row in sources for x in array.flat[row]):
            return Tensor(array.flat[[row[0] for row in sources]].reshape(-1, *(1,) * (len(new) - 1)))
    return Tensor(np.broadcast_to(array, old).reshape(-1)[index].reshape(new))


def map_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """(C, H, W) to (H, W, C), (C, L) to (1, L, C); vectors stay."""
    if len(shape) == 1:
        return shape
    return (1,) * (3 - len(shape)) + (*shape[1:], shape[0])


def channels_last_order(shape: tuple[int, ...]) -> Array:
    """For each element of a channels-first value, in memory order, its position in the channels-last source."""
    if len(shape) == 1:
        return np.arange(shape[0])
    positions = np.arange(int(np.prod(shape))).reshape(*shape[1:], shape[0])
    return np.moveaxis(positions, -1, 0).reshape(-1)


def map_view(view: View, site: Site) -> View:
    """A (C, H, W) view, integers channels last, scale and offset per channel; (C, L) becomes (C, 1, L)."""
    if view.host:
        raise HwgenError("float-input", site.name, f"the input '{view.source}' reaches it without a quantizer",
                         "Put a quantizer on the input, or type it: --input-type uint8 --input-scale 1/255.")
    refuse_tail(view, site)
    if len(view.shape) not in (2, 3) or not np.array_equal(view.positions(), channels_last_order(view.shape)):
        raise HwgenError("layout", site.name, f"its input of shape {view.shape} is not a map in the model's own layout",
                         "Remove the transpose or reshape before it.")
    view = settled(view, site)
    flat = view if len(view.shape) == 3 else view.reshaped((view.shape[0], 1, view.shape[1]))
    return replace(flat, expression=flat.expression.mapped(lambda t: _channel_parameter(t, flat.shape, site)))


def settled(view: View, site: Site) -> View:
    """The view with its moves made."""
    source = view.source
    for move in view.moves:
        source = site.emit_move(move, source)
    return replace(view, source=source, moves=())


def without_dropped_channels(view: View, site: Site) -> View:
    """Its moves made where they drop whole channels of the source, so that nothing computes these.

    Not where parameters that are one a channel of the source would differ from pixel to pixel.
    """
    if not view.moves or any(p.array.size not in (1, view.shape[0]) for p in view.expression.parameters):
        return view
    channels = site.channels(view.source)
    return settled(view, site) if len(np.unique(moved_positions(view, site) % channels)) < channels else view


def moved_positions(view: View, site: Site) -> Array:
    """For each element of the flattened view, its position in the source before the moves."""
    if not view.moves:
        return view.positions()
    shape = site.shape(view.source)
    index = np.arange(int(np.prod(shape))).reshape(1, *shape)
    for move in view.moves:
        (index,) = move.op.run(index)
    return np.asarray(index.reshape(-1)[view.positions()])


def _channel_parameter(parameter: Tensor, shape: tuple[int, ...], site: Site) -> Tensor:
    array = parameter.array
    if array.size == 1 or array.shape == (shape[0], 1, 1):
        return parameter
    rows = np.broadcast_to(array, shape).reshape(shape[0], -1)
    if any(x is not row[0] and x != row[0] for row in rows for x in row[1:]):
        raise HwgenError("per-pixel", site.name, "a scale or offset differs from pixel to pixel of a channel",
                         "Use one per tensor or per channel.")
    return Tensor(rows[:, 0].reshape(-1, 1, 1))


def refuse_tail(view: View, site: Site) -> None:
    """Nothing in hardware follows what only the host computes."""
    if view.tail or view.indices:
        raise HwgenError("host-tail", site.name, "it follows an op that only the host computes (float weights, "
                         "softmax, argmax)", "Remove it, or end the network before it.")


class Site(Protocol):
    """Where an op is being folded: one node of the quantized graph."""

    @property
    def name(self) -> str:
        """The node's name, for messages."""

    @property
    def output(self) -> str:
        """The name of the node's output value."""

    def shape(self, source: str) -> tuple[int, ...]:
        """The shape of an integer value."""

    def channels(self, source: str) -> int:
        """The last axis of an integer value."""

    def range(self, source: str) -> tuple[int, int]:
        """The smallest and the largest integer of a value's type."""

    def emit(self, op: Op, *sources: str) -> None:
        """Append an integer node with this site's name and output value."""

    def emit_inner(self, op: Op, source: str, role: str) -> str:
        """Append an integer node before this site's own; returns its output value."""

    def emit_move(self, move: Move, source: str) -> str:
        """Make the move, once for all that need it; returns its output value."""

    def open_port(self, view: View, quantizer: Quantizer) -> None:
        """Make this site's output a graph input of integers, quantized on the host from `view`."""


def linear(view: View, site: Site) -> AffineStage:
    """The view's affine stage, or the error that says why an integer product cannot follow it."""
    if view.host:
        raise HwgenError("float-input", site.name, f"the input '{view.source}' reaches the weights without a quantizer",
                         "Put a quantizer on the input, or type it: --input-type int16 --input-scale 1/1024.")
    refuse_tail(view, site)
    stage = view.expression.affine
    if stage is None:
        raise HwgenError("unquantized-activation", site.name, "its input passes an activation function without a "
                         "quantizer", "Put a quantizer after the activation function.")
    return stage
