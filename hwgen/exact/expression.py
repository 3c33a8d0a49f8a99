"""Real functions of one integer, per channel: what stands between an accumulator and the next quantizer.

A condition is a half-line {x : x >= b}, {x : x > b}, {x : x <= b}, {x : x < b}, or True or False for all or no x. An
invertible stage evaluates a point exactly and pulls a condition on its output back to one on its input. Every stage
encloses its values on an interval: exactly, to any number of bits, and in float64 for many channels at once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from math import floor, prod

import numpy as np

from hwgen.exact.float_bounds import Bounds, bounds_of
from hwgen.exact.interval import Interval
from hwgen.exact.surd import Real, sign
from hwgen.host import HostStep
from hwgen.ir.tensor import Array, Tensor


@dataclass(frozen=True)
class HalfLine:
    """{x : x >= bound}, or > if not closed; with below, x <= bound, or < if not closed."""

    bound: Real
    closed: bool
    below: bool = False

    def holds(self, x: Real | int) -> bool:
        order = sign(x - self.bound)
        return (order == 0 and self.closed) or order == (-1 if self.below else 1)

    def first_integer(self) -> int:
        """Above: the smallest integer inside. Below: the smallest integer outside."""
        whole = floor(self.bound)
        inside_at_bound = self.closed != self.below
        return whole if inside_at_bound and whole == self.bound else whole + 1


Condition = HalfLine | bool
Change = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Stage(ABC):
    """A real function, the same or another for each element."""

    @property
    def parameters(self) -> tuple[Tensor, ...]:
        """What may differ from element to element."""
        return ()

    @property
    def invertible(self) -> bool:
        """Whether it is monotone and pull_back is there."""
        return True

    @property
    def rational(self) -> bool:
        """Whether evaluate is there: exact reals go to exact reals."""
        return True

    @abstractmethod
    def mapped(self, change: Change) -> Stage:
        """Every parameter changed: broadcast, moved, or taken by index."""

    def evaluate(self, x: Real | int, index: int) -> Real | int:
        """The exact value at x."""
        raise NotImplementedError

    def pull_back(self, condition: HalfLine, index: int) -> Condition:
        """The condition on x under which `condition` holds for the value."""
        raise NotImplementedError

    def direction(self, index: int) -> int:
        """1 where the function never falls, -1 where it never rises, 0 where neither is known."""
        return 1

    @abstractmethod
    def enclose(self, x: Interval, index: int, bits: int) -> Interval:
        """An interval that holds the values on x, its ends off by a few 2^-bits where they are irrational."""

    @abstractmethod
    def bounds(self, x: Bounds, index: Array) -> Bounds:
        """Float64 bounds of the values, element i of x being of index[i]."""

    @abstractmethod
    def host_step(self) -> HostStep:
        """The same function on the host, in float64, for values of the shape that the parameters broadcast to."""


@dataclass(frozen=True)
class AffineStage(Stage):
    """x -> scale * x + offset; object arrays of exact reals, broadcastable to the value's shape."""

    scale: Tensor
    offset: Tensor

    @property
    def parameters(self) -> tuple[Tensor, ...]:
        return self.scale, self.offset

    def mapped(self, change: Change) -> AffineStage:
        return AffineStage(change(self.scale), change(self.offset))

    def evaluate(self, x: Real | int, index: int) -> Real:
        return self.scale.array.flat[index] * x + self.offset.array.flat[index]  # type: ignore[no-any-return]

    def pull_back(self, condition: HalfLine, index: int) -> Condition:
        slope, offset = self.scale.array.flat[index], self.offset.array.flat[index]
        direction = sign(slope)
        if direction == 0:
            return condition.holds(offset)
        bound = (condition.bound - offset) / slope
        return replace(condition, bound=bound, below=condition.below != (direction < 0))

    def direction(self, index: int) -> int:
        return 1 if sign(self.scale.array.flat[index]) >= 0 else -1

    def enclose(self, x: Interval, index: int, bits: int) -> Interval:
        if x.point is not None:
            return Interval.of(self.evaluate(x.point, index), bits)
        offset = Interval.of(self.offset.array.flat[index], bits)
        return x.times(Interval.of(self.scale.array.flat[index], bits)).plus(offset)

    def bounds(self, x: Bounds, index: Array) -> Bounds:
        return x.times(_chosen(self.scale, index)).plus(_chosen(self.offset, index))

    def host_step(self) -> HostStep:
        return HostStep.of("affine", scale=float64(self.scale), offset=float64(self.offset))

    def after(self, earlier: AffineStage) -> AffineStage:
        """This stage applied to the result of an earlier one, as one stage."""
        return affine(self.scale.array * earlier.scale.array,
                      self.scale.array * earlier.offset.array + self.offset.array)


def _chosen(parameter: Tensor, index: Array) -> Bounds:
    """Float64 bounds of the parameters of some elements."""
    every = _all_bounds(parameter)
    return every if parameter.array.size == 1 else every.at(index)


@lru_cache(maxsize=64)
def _all_bounds(parameter: Tensor) -> Bounds:
    return bounds_of(parameter.array)


def float64(exact: Tensor) -> Tensor:
    """Exact reals rounded once."""
    return Tensor(np.array([float(v) for v in exact.array.ravel()], dtype=np.float64).reshape(exact.shape))


def affine(scale: object, offset: object) -> AffineStage:
    """A stage from exact scalars or object arrays."""
    return AffineStage(Tensor(np.asarray(scale, dtype=object)), Tensor(np.asarray(offset, dtype=object)))


def expanded(shape: tuple[int, ...]) -> Change:
    """Broadcast to shape and flatten, so that index i is element i."""
    return lambda tensor: Tensor(np.broadcast_to(tensor.array, shape).reshape(-1))


def taken(index: Array) -> Change:
    """Element i of a flat parameter becomes what element index[i] was."""
    return lambda tensor: Tensor(tensor.array[index])


@dataclass(frozen=True)
class Expression:
    """Stages applied in order to the integer of each element."""

    stages: tuple[Stage, ...]

    def then(self, stage: Stage) -> Expression:
        """Append a stage; neighbouring affine stages merge."""
        if self.stages and isinstance(stage, AffineStage) and isinstance(self.stages[-1], AffineStage):
            return Expression((*self.stages[:-1], stage.after(self.stages[-1])))
        return Expression((*self.stages, stage))

    def mapped(self, change: Change) -> Expression:
        """Every parameter changed: broadcast, moved, or taken by index."""
        return Expression(tuple(stage.mapped(change) for stage in self.stages))

    def evaluate(self, a: Real | int, index: int) -> Real | int:
        """The exact value for integer a at index `index` of flat parameters."""
        for stage in self.stages:
            a = stage.evaluate(a, index)
        return a

    def pull_back(self, condition: Condition, index: int) -> Condition:
        """The condition on the integer under which `condition` holds for the expression."""
        for stage in reversed(self.stages):
            if isinstance(condition, bool):
                break
            condition = stage.pull_back(condition, index)
        return condition

    @property
    def affine(self) -> AffineStage | None:
        """The only stage, if it is affine."""
        only = self.stages[0] if len(self.stages) == 1 else None
        return only if isinstance(only, AffineStage) else None

    @property
    def scalar(self) -> bool:
        """Whether all elements share one function."""
        return all(p.array.size == 1 for p in self.parameters)

    @property
    def parameters(self) -> tuple[Tensor, ...]:
        """Those of all stages."""
        return tuple(p for stage in self.stages for p in stage.parameters)

    @property
    def invertible(self) -> bool:
        """Whether it is monotone and conditions can be pulled back through it."""
        return all(stage.invertible for stage in self.stages)

    @property
    def rational(self) -> bool:
        """Whether it can be evaluated exactly."""
        return all(stage.rational for stage in self.stages)

    def direction(self, index: int) -> int:
        """1 where it never falls, -1 where it never rises, 0 where neither is known."""
        return prod(stage.direction(index) for stage in self.stages)

    def enclose(self, a: Interval, index: int, bits: int) -> Interval:
        """An interval that holds its values for all reals in a."""
        for stage in self.stages:
            a = stage.enclose(a, index, bits)
        return a

    def bounds(self, a: Bounds, index: Array) -> Bounds:
        """Float64 bounds of its values, element i of a being of index[i]."""
        with np.errstate(all="ignore"):
            for stage in self.stages:
                a = stage.bounds(a, index)
        return a
