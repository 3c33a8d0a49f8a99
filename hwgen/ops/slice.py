"""A box of a map."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hwgen.ir.graph import Value
from hwgen.ir.tensor import Array
from hwgen.ir.types import Type
from hwgen.ops.integer import IntegerOp

Place = tuple[int, int, int]


@dataclass(frozen=True)
class Slice(IntegerOp):
    """Input (H, W, C) to the box from `start` up to but without `stop`, both (row, column, channel)."""

    start: Place
    stop: Place

    def infer(self, inputs: Sequence[Value]) -> tuple[tuple[tuple[int, ...], Type], ...]:
        (x,) = inputs
        return ((tuple(stop - start for start, stop in zip(self.start, self.stop, strict=True)), x.type),)

    def run(self, *inputs: Array) -> tuple[Array, ...]:
        (x,) = inputs
        box = tuple(slice(start, stop) for start, stop in zip(self.start, self.stop, strict=True))
        return (x[(slice(None), *box)],)

    def compiled(self, inputs: Sequence[Value]) -> Callable[..., Array]:
        """Moves are exact in whatever dtype the integers come."""
        return lambda x: self.run(x)[0]
