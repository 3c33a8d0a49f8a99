"""Step function per channel: y = base + number of thresholds reached, or counted down from the top."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from hwgen.ir.graph import Value
from hwgen.ir.tensor import Array, Tensor
from hwgen.ir.types import BipolarType, IntType, Type
from hwgen.ops.integer import IntegerOp, int_type

MAX_TABLE = 1 << 22


@dataclass(frozen=True)
class Threshold(IntegerOp):
    """code[c] = #(a[c] >= thresholds[c, :]), or N - # where descending[c]; y = type.lo + code (bipolar: 2 code - 1).

    thresholds: int (C, N), ascending along N, in [lo, hi + 1] of the input's type (hi + 1 is never reached);
    descending: bool (C,). Input and output shape (..., C): channels last. N == type.levels - 1.
    """

    thresholds: Tensor
    descending: Tensor
    type: IntType

    def infer(self, inputs: Sequence[Value]) -> tuple[tuple[tuple[int, ...], Type], ...]:
        (a,) = inputs
        channels, levels = self.thresholds.shape
        if not a.shape or a.shape[-1] != channels or levels != self.type.levels - 1:
            raise ValueError(f"{a} does not fit thresholds of shape {self.thresholds.shape} to {self.type}")
        return ((a.shape, self.type),)

    def run(self, *inputs: Array) -> tuple[Array, ...]:
        (a,) = inputs
        channels, levels = self.thresholds.shape
        rows = np.moveaxis(a.reshape(-1, channels), 1, 0)
        codes = np.stack([np.searchsorted(t, row, side="right")
                          for t, row in zip(self.thresholds.array, rows, strict=True)], axis=1)
        codes = np.where(self.descending.array, levels - codes, codes).astype(np.int64)
        return (self.values_of(codes).reshape(a.shape),)

    def by_position(self, inputs: Sequence[Value]) -> bool:
        return True

    def compiled(self, inputs: Sequence[Value]) -> Callable[..., Array]:
        """One comparison for one threshold, a table lookup where the input's range is small, else a search."""
        kind = int_type(inputs[0])
        small = kind.lo > -(1 << 23) and kind.hi < 1 << 23
        if self.thresholds.shape[1] == 1 and small:
            return self._compiled_comparison()
        if small and self.thresholds.shape[0] * (kind.levels + 1) <= MAX_TABLE:
            return self._compiled_table(kind)
        return super().compiled(inputs)

    def _compiled_comparison(self) -> Callable[..., Array]:
        """+1 or -1 by the sign of (a - T + 1/2), negated where descending; then to the type's two values."""
        direction = np.where(self.descending.array, -1, 1).astype(np.float32)
        cut = (self.thresholds.array[:, 0] - 0.5).astype(np.float32)
        plain, bipolar = bool((direction == 1).all()), isinstance(self.type, BipolarType)
        one, half, low = np.float32(1), np.float32(0.5), np.float32(self.type.lo)

        def compare(a: Array) -> Array:
            y = np.subtract(a, cut, dtype=np.float32)
            if not plain:
                y *= direction
            np.copysign(one, y, out=y)
            return y if bipolar else y * half + (half + low)
        return compare

    def _compiled_table(self, kind: IntType) -> Callable[..., Array]:
        span = np.arange(kind.lo, kind.hi + 1)
        (values,) = self.run(np.broadcast_to(span[:, None], (len(span), self.thresholds.shape[0])))
        dtype = np.float32 if max(abs(self.type.lo), abs(self.type.hi)) < 1 << 24 else np.int64
        table = np.ascontiguousarray(values.T, dtype=dtype).ravel()
        start = np.arange(self.thresholds.shape[0], dtype=np.int32) * len(span) - kind.lo
        return lambda a: table.take(np.asarray(a, dtype=np.int32) + start)

    def narrowed(self, inputs: Sequence[Value]) -> Threshold:
        """Without the levels that all channels always or never reach; bipolar outputs stay bipolar."""
        kind = int_type(inputs[0])
        rows = self.thresholds.array.clip(kind.lo, kind.hi + 1)
        if isinstance(self.type, BipolarType):
            return Threshold(Tensor(rows), self.descending, self.type)
        low, high = self._reached(rows, kind)
        down, levels = self.descending.array, rows.shape[1]
        start = np.where(down, levels - high, low)
        kept = np.stack([row[s : s + high - low] for row, s in zip(rows, start, strict=True)])
        return Threshold(Tensor(kept), self.descending, IntType(self.type.lo + low, self.type.lo + high))

    def _reached(self, rows: Array, kind: IntType) -> tuple[int, int]:
        """The lowest and highest level that any channel takes, at least two levels apart by one."""
        ends = np.stack([(rows <= kind.lo).sum(axis=1), (rows <= kind.hi).sum(axis=1)])
        codes = np.where(self.descending.array, rows.shape[1] - ends, ends)
        low, high = int(codes.min()), int(codes.max())
        if low == high:
            low, high = (low, high + 1) if high < rows.shape[1] else (low - 1, high)
        return low, high

    def cuts(self) -> Array:
        return self.thresholds.array

    def with_cuts(self, cuts: Array) -> Threshold:
        return replace(self, thresholds=Tensor(cuts))

    def values_of(self, codes: Array) -> Array:
        """Output integers for level numbers 0..N."""
        return 2 * codes - 1 if isinstance(self.type, BipolarType) else codes + self.type.lo

    @property
    def threshold_type(self) -> IntType:
        """The hull of the thresholds."""
        t = self.thresholds.array
        return IntType(int(t.min()), int(t.max()))
