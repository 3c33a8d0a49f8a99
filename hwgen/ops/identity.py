"""The op of blocks that only move integers: FIFOs, width converters, the adapters at the ports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hwgen.ir.graph import Value
from hwgen.ir.tensor import Array
from hwgen.ir.types import IntType, Type
from hwgen.ops.integer import IntegerOp, int_type


@dataclass(frozen=True)
class Identity(IntegerOp):
    """y = x, any shape and integer type."""

    def infer(self, inputs: Sequence[Value]) -> tuple[tuple[tuple[int, ...], Type], ...]:
        (x,) = inputs
        kind: IntType = int_type(x)
        return ((x.shape, kind),)

    def run(self, *inputs: Array) -> tuple[Array, ...]:
        (x,) = inputs
        return (x,)

    def by_position(self, inputs: Sequence[Value]) -> bool:
        return True

    def compiled(self, inputs: Sequence[Value]) -> Callable[..., Array]:
        """The array as it comes, in its dtype."""
        return lambda x: x
