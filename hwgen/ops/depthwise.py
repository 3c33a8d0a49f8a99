"""Depthwise product: each channel's window with its own constant integers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from hwgen.ir.graph import Value
from hwgen.ir.tensor import Array, Tensor
from hwgen.ir.types import IntType, Type
from hwgen.ops.integer import IntegerOp, float_type, int_type, largest
from hwgen.ops.matmul import sum_hull


@dataclass(frozen=True)
class Depthwise(IntegerOp):
    """acc[c] = sum over k of weight[c, k] * x[k * C + c]; input (..., K * C), output (..., C); weight: int (C, K)."""

    weight: Tensor
    weight_type: IntType

    def infer(self, inputs: Sequence[Value]) -> tuple[tuple[tuple[int, ...], Type], ...]:
        (x,) = inputs
        channels, taps = self.weight.shape
        if x.shape[-1] != channels * taps:
            raise ValueError(f"{x} does not fit {channels} channels of {taps} weights")
        return (((*x.shape[:-1], channels), self.accumulator_type(int_type(x))),)

    def accumulator_type(self, x: IntType) -> IntType:
        """The exact hull of every partial sum and of zero, from the actual weights."""
        return sum_hull(self.weight, x.lo, x.hi)

    def run(self, *inputs: Array) -> tuple[Array, ...]:
        (x,) = inputs
        channels, taps = self.weight.shape
        windows = x.reshape(*x.shape[:-1], taps, channels)
        return (np.asarray((windows * self.weight.array.T).sum(axis=-2)),)

    def by_position(self, inputs: Sequence[Value]) -> bool:
        return True

    def compiled(self, inputs: Sequence[Value]) -> Callable[..., Array]:
        """In float32 or float64 where the range of every sum proves it exact."""
        rows = int(np.abs(self.weight.array.astype(object)).sum(axis=1).max())
        dtype = float_type(max(rows, 1) * largest(int_type(inputs[0])))
        if dtype is None:
            return super().compiled(inputs)
        taps = np.ascontiguousarray(self.weight.array.T, dtype=dtype)

        def multiply(x: Array) -> Array:
            windows = np.asarray(x, dtype=dtype).reshape(*x.shape[:-1], *taps.shape)
            total = windows[..., 0, :] * taps[0]
            for k in range(1, len(taps)):
                total += windows[..., k, :] * taps[k]
            return np.asarray(total)
        return multiply
