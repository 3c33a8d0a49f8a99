"""A quantizer inside an expression: it rounds, but what it gives is no integer of its own.

A DPU's hard swish is x * round(gate(x)): both factors are functions of the same integer, and only the product is
quantized into a value.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np

from hwgen.exact.expression import Change, Stage
from hwgen.exact.float_bounds import Bounds, bounds_of
from hwgen.exact.interval import Interval
from hwgen.exact.quantizer import UniformQuantizer
from hwgen.exact.surd import Real
from hwgen.host import HostStep
from hwgen.ir.tensor import Array


@dataclass(frozen=True)
class RoundStage(Stage):
    """x -> (quantizer(x) - zero_point) * scale, the same for every element."""

    quantizer: UniformQuantizer

    @property
    def scale(self) -> Fraction:
        return Fraction(self.quantizer.scale.array.flat[0])

    @property
    def zero_point(self) -> Fraction:
        return Fraction(self.quantizer.zero_point.array.flat[0])

    @property
    def invertible(self) -> bool:
        return False

    def mapped(self, change: Change) -> RoundStage:
        return self

    def evaluate(self, x: Real | int, index: int) -> Fraction:
        return (self.quantizer.quantize(x, 0) - self.zero_point) * self.scale

    def enclose(self, x: Interval, index: int, bits: int) -> Interval:
        """Closed where an end of x is open too: wider, and never wrong."""
        return Interval(self.evaluate(x.low, index), self.evaluate(x.high, index))

    def bounds(self, x: Bounds, index: Array) -> Bounds:
        lowest = float(self.quantizer.type.lo - self.zero_point)
        least = lowest + np.searchsorted(self._cuts.high, x.low, side="left")
        most = lowest + np.searchsorted(self._cuts.low, x.high, side="right")
        step = bounds_of(np.array([self.scale], dtype=object))
        return Bounds(least.astype(np.float64), most.astype(np.float64)).times(step)

    @cached_property
    def _cuts(self) -> Bounds:
        """Float64 bounds of the reals where each level begins."""
        return bounds_of(np.array([cut.bound for cut in self.quantizer.cuts(0)], dtype=object))

    def host_step(self) -> HostStep:
        raise TypeError("a rounding inside an expression always has a quantizer behind it")
