"""Monotone activation functions as stages of an expression."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

from hwgen.exact.expression import Change, Condition, HalfLine, Stage, float64
from hwgen.exact.surd import Real, sign
from hwgen.host import HostStep
from hwgen.ir.tensor import Tensor


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

    def host_step(self) -> HostStep:
        low, high = (None if limit is None else float(limit) for limit in (self.low, self.high))
        return HostStep.of("clip", low=low, high=high)


RELU = ClipStage(Fraction(0), None)


@dataclass(frozen=True)
class BendStage(Stage):
    """x -> x for x >= 0, slope * x below: LeakyRelu and PRelu with slopes that are not negative."""

    slope: Tensor

    def mapped(self, change: Change) -> BendStage:
        return BendStage(change(self.slope))

    def evaluate(self, x: Real | int, index: int) -> Real | int:
        return x if sign(x) >= 0 else self.slope.array.flat[index] * x

    def pull_back(self, condition: HalfLine, index: int) -> Condition:
        slope = self.slope.array.flat[index]
        if slope == 0:
            return RELU.pull_back(condition, index)
        return condition if sign(condition.bound) >= 0 else replace(condition, bound=condition.bound / slope)

    def host_step(self) -> HostStep:
        return HostStep.of("leaky_relu", slope=float64(self.slope))
