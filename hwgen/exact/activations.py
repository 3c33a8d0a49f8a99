"""Piecewise linear activation functions as stages of an expression."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from hwgen.exact.expression import Change, Condition, HalfLine, Stage, affine, float64
from hwgen.exact.float_bounds import Bounds
from hwgen.exact.interval import Interval
from hwgen.exact.surd import Real, sign
from hwgen.host import HostStep
from hwgen.ir.tensor import Array, Tensor


@dataclass(frozen=True)
class ClipStage(Stage):
    """x -> min(max(x, low), high); None is no limit (Relu is 0, None)."""

    low: Fraction | None
    high: Fraction | None

    def mapped(self, change: Change) -> ClipStage:
        return self

    def evaluate(self, x: Real | int, index: int) -> Real | int:
        if self.low is not None and sign(x - self.low) < 0:
            return self.low
        return self.high if self.high is not None and sign(x - self.high) > 0 else x

    def pull_back(self, condition: HalfLine, index: int) -> Condition:
        """The two limits are the extreme values: if both agree, so does every x; else the bound lies between."""
        at_low = condition.below if self.low is None else condition.holds(self.low)
        at_high = not condition.below if self.high is None else condition.holds(self.high)
        return at_low if at_low == at_high else condition

    def enclose(self, x: Interval, index: int, bits: int) -> Interval:
        return x.clipped(self.low, self.high)

    def bounds(self, x: Bounds, index: Array) -> Bounds:
        return x.clipped(self.low, self.high)

    def host_step(self) -> HostStep:
        low, high = (None if limit is None else float(limit) for limit in (self.low, self.high))
        return HostStep.of("clip", low=low, high=high)


RELU = ClipStage(Fraction(0), None)


@dataclass(frozen=True)
class BendStage(Stage):
    """x -> x for x >= 0, slope * x below: LeakyRelu and PRelu; the slope -1 gives |x|."""

    slope: Tensor

    @property
    def parameters(self) -> tuple[Tensor, ...]:
        return (self.slope,)

    @property
    def invertible(self) -> bool:
        return all(slope >= 0 for slope in self.slope.array.flat)

    def mapped(self, change: Change) -> BendStage:
        return BendStage(change(self.slope))

    def evaluate(self, x: Real | int, index: int) -> Real | int:
        return x if sign(x) >= 0 else self.slope.array.flat[index] * x

    def pull_back(self, condition: HalfLine, index: int) -> Condition:
        slope = self.slope.array.flat[index]
        if slope == 0:
            return RELU.pull_back(condition, index)
        return condition if sign(condition.bound) >= 0 else replace(condition, bound=condition.bound / slope)

    def direction(self, index: int) -> int:
        return int(self.slope.array.flat[index] >= 0)

    def enclose(self, x: Interval, index: int, bits: int) -> Interval:
        """The line on each side of zero."""
        slope = self.slope.array.flat[index]
        below, above = x.clipped(None, Fraction(0)).scaled(slope, bits), x.clipped(Fraction(0), None)
        if x.low >= 0:
            return above
        return below if x.high <= 0 else below.hull(above)

    def bounds(self, x: Bounds, index: Array) -> Bounds:
        above = x.clipped(Fraction(0), None)
        zero = np.full(self.slope.shape, Fraction(0))
        below = affine(self.slope.array, zero).bounds(x.clipped(None, Fraction(0)), index)
        left, right = x.high <= 0, x.low >= 0
        low, high = np.minimum(below.low, above.low), np.maximum(below.high, above.high)
        return Bounds(np.where(right, above.low, np.where(left, below.low, low)),
                      np.where(right, above.high, np.where(left, below.high, high)))

    def host_step(self) -> HostStep:
        return HostStep.of("leaky_relu", slope=float64(self.slope))
