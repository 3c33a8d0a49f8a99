"""Sum of two streams with integer multipliers: a residual join."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from hwgen.errors import HwgenError
from hwgen.exact.multipliers import smallest_sum
from hwgen.ir.graph import Value
from hwgen.ir.tensor import Array
from hwgen.ir.types import IntType, Type
from hwgen.ops.integer import IntegerOp, float_type, int_type, largest

MAX_MULTIPLIER_BITS = 48
"""Wider multipliers are refused, unless nothing but step functions reads the sum."""


@dataclass(frozen=True)
class Add(IntegerOp):
    """y = first * a + second * b, element by element; shapes are equal, the multipliers not zero."""

    first: int
    second: int

    def infer(self, inputs: Sequence[Value]) -> tuple[tuple[tuple[int, ...], Type], ...]:
        a, b = inputs
        if a.shape != b.shape:
            raise ValueError(f"{a} and {b} differ in shape")
        ends = [sorted((m * int_type(v).lo, m * int_type(v).hi)) for m, v in ((self.first, a), (self.second, b))]
        return ((a.shape, IntType(ends[0][0] + ends[1][0], ends[0][1] + ends[1][1])),)

    def run(self, *inputs: Array) -> tuple[Array, ...]:
        a, b = inputs
        wide = max(abs(self.first), abs(self.second)).bit_length() > 30
        dtype: type = object if wide else np.int64
        return (np.asarray(self.first * a.astype(dtype) + self.second * b.astype(dtype)),)

    def by_position(self, inputs: Sequence[Value]) -> bool:
        return True

    def compiled(self, inputs: Sequence[Value]) -> Callable[..., Array]:
        """In float32 or float64 where the range of the sum proves it exact."""
        first, second = self.first, self.second
        a, b = map(int_type, inputs)
        dtype = float_type(abs(first) * largest(a) + abs(second) * largest(b))
        if dtype is None:
            return super().compiled(inputs)

        def add(a: Array, b: Array) -> Array:
            x, y = np.asarray(a, dtype=dtype), np.asarray(b, dtype=dtype)
            return np.asarray((x if first == 1 else x * dtype(first)) + (y if second == 1 else y * dtype(second)))
        return add

    def with_decisions(self, inputs: Sequence[Value], cuts: Array) -> tuple[Add, Array] | None:
        """With the smallest multipliers (hwgen.exact.multipliers)."""
        if abs(self.first) == abs(self.second) == 1:
            return None
        a, b = map(int_type, inputs)
        unique, index = np.unique(cuts.reshape(-1), return_inverse=True)
        small = smallest_sum(self.first, self.second, a, b, unique)
        return None if small is None else (Add(small.first, small.second), small.cuts[index].reshape(cuts.shape))

    def prepared(self, where: str) -> tuple[Sequence[IntegerOp | None], IntegerOp]:
        """Itself. Raises HwgenError "scale-alignment" where the multipliers are too wide."""
        if max(abs(self.first), abs(self.second)).bit_length() > MAX_MULTIPLIER_BITS:
            raise HwgenError("scale-alignment", where, f"no integers of {MAX_MULTIPLIER_BITS} bits align the scales "
                             "of the two sides of the sum", "Quantize both sides with the same scale, or the sum "
                             "before anything else reads it.")
        return (), self
