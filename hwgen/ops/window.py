"""Sliding window: the pixels under a kernel, for every position of the kernel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from hwgen.ir.graph import Value
from hwgen.ir.tensor import Array
from hwgen.ir.types import Type
from hwgen.ops.integer import IntegerOp


@dataclass(frozen=True)
class Window(IntegerOp):
    """Input (H, W, C) to (OH, OW, KH * KW * C): element (kh, kw, c) of position (oh, ow) is the pixel
    (oh * stride_h + kh * dilation_h, ow * stride_w + kw * dilation_w). Each pair is (vertical, horizontal).
    """

    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]

    def infer(self, inputs: Sequence[Value]) -> tuple[tuple[tuple[int, ...], Type], ...]:
        (x,) = inputs
        height, width, channels = x.shape
        rows, columns = self.positions(height, width)
        return (((rows, columns, self.kernel[0] * self.kernel[1] * channels), x.type),)

    def positions(self, height: int, width: int) -> tuple[int, int]:
        """Output rows and columns of a map; at least one each, or ValueError."""
        rows, columns = ((size - dilation * (kernel - 1) - 1) // stride + 1
                         for size, kernel, stride, dilation in
                         zip((height, width), self.kernel, self.stride, self.dilation, strict=True))
        if rows < 1 or columns < 1:
            raise ValueError(f"a kernel of {self.kernel} does not fit a map of {height}x{width}")
        return rows, columns

    def run(self, *inputs: Array) -> tuple[Array, ...]:
        (x,) = inputs
        span = tuple(d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation, strict=True))
        view = sliding_window_view(x, span, axis=(1, 2))
        picked = view[:, :: self.stride[0], :: self.stride[1], :, :: self.dilation[0], :: self.dilation[1]]
        moved = picked.transpose(0, 1, 2, 4, 5, 3)
        return (np.ascontiguousarray(moved).reshape(*moved.shape[:3], -1),)

    def compiled(self, inputs: Sequence[Value]) -> Callable[..., Array]:
        """Moves are exact in whatever dtype the integers come."""
        return lambda x: self.run(x)[0]

    def compiled_rows(self, inputs: Sequence[Value]) -> Callable[[Array, slice], Array]:
        """From the rows of the input that these rows of the output need."""
        step, span = self.stride[0], self.dilation[0] * (self.kernel[0] - 1) + 1
        return lambda x, rows: self.run(x[:, rows.start * step : (rows.stop - 1) * step + span])[0]
