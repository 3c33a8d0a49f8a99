"""Pooling over windows: the largest (or smallest) or the sum of each channel's elements."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from hwgen.ir.graph import Value
from hwgen.ir.tensor import Array, Tensor
from hwgen.ir.types import IntType, Type
from hwgen.ops.integer import IntegerOp, float_type, int_type, largest


@dataclass(frozen=True)
class Pool(IntegerOp):
    """A map or windows, element (k, c) at k * channels + c of every position, to the max or sum over k.

    Input (..., K * channels) to (..., channels). falling: bool (1,) or (C,); where true, "max" takes the smallest. A
    map whose last axis is `channels` is one window of all its pixels.
    """

    kind: Literal["max", "sum"]
    channels: int
    falling: Tensor

    def infer(self, inputs: Sequence[Value]) -> tuple[tuple[tuple[int, ...], Type], ...]:
        (x,) = inputs
        positions, count = self._windows(x.shape)
        kind = int_type(x)
        summed = IntType(min(kind.lo * count, kind.lo), max(kind.hi * count, kind.hi))
        return (((*positions, self.channels), summed if self.kind == "sum" else kind),)

    def _windows(self, shape: tuple[int, ...]) -> tuple[tuple[int, ...], int]:
        """Positions, and elements per channel of each."""
        if shape[-1] % self.channels:
            raise ValueError(f"shape {shape} does not hold windows of {self.channels} channels")
        if shape[-1] == self.channels:
            return (1, 1), int(np.prod(shape[:-1], dtype=np.int64))
        return shape[:-1], shape[-1] // self.channels

    def run(self, *inputs: Array) -> tuple[Array, ...]:
        (x,) = inputs
        positions, count = self._windows(x.shape[1:])
        windows = x.reshape(x.shape[0], *positions, count, self.channels)
        if self.kind == "sum":
            return (np.asarray(windows.sum(axis=-2)),)
        falling = self.falling.array
        if not falling.any():
            return (np.asarray(windows.max(axis=-2)),)
        return (np.where(falling, windows.min(axis=-2), windows.max(axis=-2)),)

    def by_position(self, inputs: Sequence[Value]) -> bool:
        return inputs[0].shape[-1] != self.channels

    def compiled(self, inputs: Sequence[Value]) -> Callable[..., Array]:
        """Comparisons are exact in whatever dtype the integers come, sums in one that holds the largest."""
        if self.kind == "max":
            return lambda x: self.run(x)[0]
        ((_, summed),) = self.infer(inputs)
        assert isinstance(summed, IntType)
        dtype = float_type(largest(summed)) or np.int64
        return lambda x: self.run(np.asarray(x, dtype=dtype))[0]
