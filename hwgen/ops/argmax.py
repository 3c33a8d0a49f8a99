"""Index of the largest class score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hwgen.ir.graph import Value
from hwgen.ir.tensor import Array, Tensor
from hwgen.ir.types import IntType, Type
from hwgen.ops.integer import IntegerOp, int_type


@dataclass(frozen=True)
class ArgMax(IntegerOp):
    """y = the lowest c that maximises multiplier * a[c] + offset[c].

    multiplier: a positive integer; offset: int (C,). Input shape (C,) or, of a map of one pixel, (1, 1, C); output
    shape (1,).
    """

    multiplier: int
    offset: Tensor

    def infer(self, inputs: Sequence[Value]) -> tuple[tuple[tuple[int, ...], Type], ...]:
        (a,) = inputs
        if a.shape[-1:] != self.offset.shape or a.elements != a.shape[-1]:
            raise ValueError(f"{a} does not fit offsets of shape {self.offset.shape}")
        return (((1,), IntType(0, max(a.elements - 1, 1))),)

    def score_type(self, a: Value) -> IntType:
        """The interval of multiplier * a + offset."""
        kind, offset = int_type(a), self.offset.array
        return IntType(self.multiplier * kind.lo + int(offset.min()), self.multiplier * kind.hi + int(offset.max()))

    def run(self, *inputs: Array) -> tuple[Array, ...]:
        (a,) = inputs
        scores = a.reshape(-1, self.offset.shape[0]).astype(object) * self.multiplier + self.offset.array
        return (np.argmax(scores, axis=-1)[..., None].astype(np.int64),)
