"""Transcendental stages, and stages that use the same integer twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hwgen.exact import float_bounds, transcendental
from hwgen.exact.expression import Change, Expression, Stage
from hwgen.exact.float_bounds import Bounds
from hwgen.exact.interval import Interval
from hwgen.exact.surd import Real
from hwgen.host import HostStep
from hwgen.ir.tensor import Array, Tensor

CurveName = Literal["exp", "sigmoid", "tanh", "softplus", "erf", "normal", "gate"]
"""Rising functions of hwgen.exact.transcendental and hwgen.exact.float_bounds."""
JoinKind = Literal["add", "sub", "mul"]


@dataclass(frozen=True)
class CurveStage(Stage):
    """A rising transcendental function."""

    name: CurveName

    @property
    def invertible(self) -> bool:
        return False

    @property
    def rational(self) -> bool:
        return False

    def mapped(self, change: Change) -> CurveStage:
        return self

    def enclose(self, x: Interval, index: int, bits: int) -> Interval:
        """Both ends: an irrational bound of an end is never taken, a rational value is if the end is."""
        function = getattr(transcendental, self.name)
        low = function(x.low, bits)
        high = low if x.point is not None else function(x.high, bits)
        return Interval(low.low, high.high, low.open_low or x.open_low, high.open_high or x.open_high)

    def bounds(self, x: Bounds, index: Array) -> Bounds:
        return x.through(getattr(float_bounds, self.name))

    def host_step(self) -> HostStep:
        return HostStep.of(self.name)


@dataclass(frozen=True)
class JoinStage(Stage):
    """x -> left(x) + right(x), left(x) - right(x) or left(x) * right(x): an expression that uses its source twice."""

    kind: JoinKind
    left: Expression
    right: Expression

    @property
    def parameters(self) -> tuple[Tensor, ...]:
        return (*self.left.parameters, *self.right.parameters)

    @property
    def invertible(self) -> bool:
        return False

    @property
    def rational(self) -> bool:
        return self.left.rational and self.right.rational

    def mapped(self, change: Change) -> JoinStage:
        return JoinStage(self.kind, self.left.mapped(change), self.right.mapped(change))

    def evaluate(self, x: Real | int, index: int) -> Real | int:
        a, b = self.left.evaluate(x, index), self.right.evaluate(x, index)
        return a * b if self.kind == "mul" else a + b if self.kind == "add" else a - b

    def direction(self, index: int) -> int:
        """Sums of two functions that rise, or of two that fall."""
        if self.kind == "mul":
            return 0
        a, b = self.left.direction(index), self.right.direction(index) * (1 if self.kind == "add" else -1)
        return a if a == b else 0

    def enclose(self, x: Interval, index: int, bits: int) -> Interval:
        a, b = self.left.enclose(x, index, bits), self.right.enclose(x, index, bits)
        if self.kind == "mul":
            return a.times(b)
        return a.plus(b if self.kind == "add" else Interval(-b.high, -b.low, b.open_high, b.open_low))

    def bounds(self, x: Bounds, index: Array) -> Bounds:
        a, b = self.left.bounds(x, index), self.right.bounds(x, index)
        if self.kind == "mul":
            return a.times(b)
        return a.plus(b if self.kind == "add" else Bounds(-b.high, -b.low))

    def host_step(self) -> HostStep:
        """How the host joins the two results (hwgen.exact.tail makes their steps)."""
        if self.kind == "mul":
            return HostStep.of("product")
        return HostStep.of("join", sign=1 if self.kind == "add" else -1)
