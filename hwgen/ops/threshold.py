"""Step function per channel: y = base + number of thresholds reached, or counted down from the top."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hwgen.ir.graph import Value
from hwgen.ir.tensor import Array, Tensor
from hwgen.ir.types import BipolarType, IntType, Type
from hwgen.ops.integer import IntegerOp


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

    def values_of(self, codes: Array) -> Array:
        """Output integers for level numbers 0..N."""
        return 2 * codes - 1 if isinstance(self.type, BipolarType) else codes + self.type.lo

    @property
    def threshold_type(self) -> IntType:
        """The hull of the thresholds."""
        t = self.thresholds.array
        return IntType(int(t.min()), int(t.max()))
