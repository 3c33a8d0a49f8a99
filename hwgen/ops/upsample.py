"""Nearest-neighbour upsampling by whole factors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from hwgen.ir.graph import Value
from hwgen.ir.tensor import Array
from hwgen.ir.types import Type
from hwgen.ops.integer import IntegerOp


@dataclass(frozen=True)
class Upsample(IntegerOp):
    """Input (H, W, C) to (H * FH, W * FW, C), factors = (FH, FW): pixel (i, j) is pixel (i // FH, j // FW)."""

    factors: tuple[int, int]

    def infer(self, inputs: Sequence[Value]) -> tuple[tuple[tuple[int, ...], Type], ...]:
        (x,) = inputs
        height, width, channels = x.shape
        return (((height * self.factors[0], width * self.factors[1], channels), x.type),)

    def run(self, *inputs: Array) -> tuple[Array, ...]:
        (x,) = inputs
        return (np.repeat(np.repeat(x, self.factors[0], axis=1), self.factors[1], axis=2),)

    def compiled(self, inputs: Sequence[Value]) -> Callable[..., Array]:
        """Moves are exact in whatever dtype the integers come."""
        return lambda x: self.run(x)[0]
