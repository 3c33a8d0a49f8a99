"""Any function of an integer, one table for all channels or one for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from hwgen.ir.graph import Value
from hwgen.ir.tensor import Array, Tensor
from hwgen.ir.types import BipolarType, IntType, Type
from hwgen.ops.integer import IntegerOp, int_type


@dataclass(frozen=True)
class Table(IntegerOp):
    """y[..., c] = values[c, a[..., c] - low]; values: int (1 or C, entries); the input's type lies inside the table."""

    values: Tensor
    low: int
    type: IntType

    def infer(self, inputs: Sequence[Value]) -> tuple[tuple[tuple[int, ...], Type], ...]:
        (a,) = inputs
        kind, (rows, entries) = int_type(a), self.values.shape
        if not a.shape or rows not in (1, a.shape[-1]) or kind.lo < self.low or kind.hi - self.low >= entries:
            raise ValueError(f"{a} does not fit a table of shape {self.values.shape} from {self.low} on")
        return ((a.shape, self.type),)

    def run(self, *inputs: Array) -> tuple[Array, ...]:
        (a,) = inputs
        rows = np.arange(a.shape[-1]) if self.values.shape[0] > 1 else 0
        return (self.values.array[rows, (a - self.low).astype(np.int64)],)

    def by_position(self, inputs: Sequence[Value]) -> bool:
        return True

    def narrowed(self, inputs: Sequence[Value]) -> Table:
        """Only the entries that the input's type reaches, and the hull of their values; bipolar stays bipolar."""
        kind = int_type(inputs[0])
        kept = self.values.array[:, kind.lo - self.low : kind.hi - self.low + 1]
        if len(kept) > 1 and bool((kept == kept[:1]).all()):
            kept = kept[:1]
        if isinstance(self.type, BipolarType):
            return Table(Tensor(kept), kind.lo, self.type)
        low, high = int(kept.min()), int(kept.max())
        return Table(Tensor(kept), kind.lo, IntType(low, max(high, low + 1)))

    def compiled(self, inputs: Sequence[Value]) -> Callable[..., Array]:
        """One lookup."""
        rows, entries = self.values.shape
        dtype = np.float32 if max(abs(self.type.lo), abs(self.type.hi)) < 1 << 24 else np.int64
        table = np.ascontiguousarray(self.values.array, dtype=dtype).ravel()
        start = np.arange(rows, dtype=np.int64) * entries - self.low
        return lambda a: table.take(np.asarray(a, dtype=np.int64) + start)
