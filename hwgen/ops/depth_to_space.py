"""Channels to pixels: each pixel becomes a block of pixels with fewer channels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hwgen.ir.graph import Value
from hwgen.ir.tensor import Array
from hwgen.ir.types import Type
from hwgen.ops.integer import IntegerOp


@dataclass(frozen=True)
class DepthToSpace(IntegerOp):
    """Input (H, W, BH * BW * C) to (H * BH, W * BW, C), block = (BH, BW).

    Pixel (i * BH + p, j * BW + q), channel c, is pixel (i, j), channel (p * BW + q) * C + c (ONNX's DCR), or where
    `interleaved` channel c * BH * BW + p * BW + q (CRD, torch's PixelShuffle).
    """

    block: tuple[int, int]
    interleaved: bool = False

    def infer(self, inputs: Sequence[Value]) -> tuple[tuple[tuple[int, ...], Type], ...]:
        (x,) = inputs
        height, width, channels = x.shape
        down, right = self.block
        return (((height * down, width * right, channels // (down * right)), x.type),)

    def run(self, *inputs: Array) -> tuple[Array, ...]:
        (x,) = inputs
        frames, height, width, channels = x.shape
        down, right = self.block
        rest = channels // (down * right)
        if self.interleaved:
            split = x.reshape(frames, height, width, rest, down, right).transpose(0, 1, 4, 2, 5, 3)
        else:
            split = x.reshape(frames, height, width, down, right, rest).transpose(0, 1, 3, 2, 4, 5)
        return (split.reshape(frames, height * down, width * right, rest),)

    def compiled(self, inputs: Sequence[Value]) -> Callable[..., Array]:
        """Moves are exact in whatever dtype the integers come."""
        return lambda x: self.run(x)[0]
