"""One stream to several readers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hwgen.ir.graph import Value
from hwgen.ir.tensor import Array
from hwgen.ir.types import IntType, Type
from hwgen.ops.integer import IntegerOp, int_type


@dataclass(frozen=True)
class Fork(IntegerOp):
    """y[i] = x for each of `copies` outputs, any shape and integer type."""

    copies: int

    def infer(self, inputs: Sequence[Value]) -> tuple[tuple[tuple[int, ...], Type], ...]:
        (x,) = inputs
        kind: IntType = int_type(x)
        return ((x.shape, kind),) * self.copies

    def run(self, *inputs: Array) -> tuple[Array, ...]:
        (x,) = inputs
        return (x,) * self.copies
