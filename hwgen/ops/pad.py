"""Border of constant integers around a map."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from hwgen.ir.graph import Value
from hwgen.ir.tensor import Array, Tensor
from hwgen.ir.types import BIPOLAR, IntType, Type
from hwgen.ops.integer import IntegerOp, int_type


@dataclass(frozen=True)
class Pad(IntegerOp):
    """Input (H, W, C) to (top + H + bottom, left + W + right, C), the border holding value[c].

    value: int (1,) or (C,). The output's type is the hull of the input's and the border's; a bipolar map with a border
    of zeros becomes ternary.
    """

    top: int
    left: int
    bottom: int
    right: int
    value: Tensor

    def infer(self, inputs: Sequence[Value]) -> tuple[tuple[tuple[int, ...], Type], ...]:
        (x,) = inputs
        height, width, channels = x.shape
        border = IntType(int(self.value.array.min()), int(self.value.array.max()))
        kind = int_type(x)
        kept = kind == BIPOLAR and (np.abs(self.value.array) == 1).all()
        return (((self.top + height + self.bottom, self.left + width + self.right, channels),
                 kind if kept else IntType(kind.lo, kind.hi).hull(border)),)

    def run(self, *inputs: Array) -> tuple[Array, ...]:
        (x,) = inputs
        frames, height, width, channels = x.shape
        out = np.empty((frames, self.top + height + self.bottom, self.left + width + self.right, channels), x.dtype)
        out[...] = self.value.array
        out[:, self.top : self.top + height, self.left : self.left + width] = x
        return (out,)

    def compiled(self, inputs: Sequence[Value]) -> Callable[..., Array]:
        """Moves and comparisons are exact in whatever dtype the integers come."""
        return lambda x: self.run(x)[0]
