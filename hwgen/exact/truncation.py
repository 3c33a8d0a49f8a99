"""QONNX Trunc as an exact step function: the integers of the sum, then a coarser rounding of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil

from hwgen.exact.expression import Change, HalfLine
from hwgen.exact.quantizer import HALF, Quantizer, level_cut, round_exactly
from hwgen.exact.surd import Real
from hwgen.ir.tensor import Tensor
from hwgen.rounding import Rounding


@dataclass(frozen=True)
class TruncQuantizer(Quantizer):
    """clip(round(c / divisor), type), c = round_half_even(x / scale + zero_point). Object arrays of Fraction."""

    scale: Tensor
    zero_point: Tensor
    divisor: Fraction
    rounding: Rounding

    def mapped(self, change: Change) -> TruncQuantizer:
        return replace(self, scale=change(self.scale), zero_point=change(self.zero_point))

    def cuts(self, index: int) -> list[HalfLine]:
        scale, zero = self.scale.array.flat[index], self.zero_point.array.flat[index]
        first = (self._first(level) for level in range(self.type.lo + 1, self.type.hi + 1))
        return [HalfLine((c - HALF - zero) * scale, c % 2 == 0) for c in first]

    def _first(self, level: int) -> int:
        """The smallest c with round(c / divisor) >= level."""
        cut, closed = level_cut(level, self.rounding)
        bound = ceil(cut * self.divisor)
        return bound if closed or bound != cut * self.divisor else bound + 1

    def level(self, x: Real | int, index: int) -> int:
        """The integer before the clip."""
        scale, zero = self.scale.array.flat[index], self.zero_point.array.flat[index]
        return round_exactly(Fraction(round_exactly(x / scale + zero, Rounding.HALF_EVEN)) / self.divisor,
                             self.rounding)

    def quantize(self, x: Real | int, index: int) -> int:
        return min(max(self.level(x, index), self.type.lo), self.type.hi)

    @property
    def scalar(self) -> bool:
        return self.scale.array.size == 1 and self.zero_point.array.size == 1
