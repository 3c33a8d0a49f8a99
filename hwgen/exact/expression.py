"""Real functions of one integer, per channel: what stands between an accumulator and the next quantizer.

A condition is a half-line {x : x >= b}, {x : x > b}, {x : x <= b}, {x : x < b}, or True or False for all or no x. Every
stage can evaluate a point exactly and can pull a condition on its output back to one on its input.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import floor

import numpy as np

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
    """A monotone real function, the same or another for each element."""

    @abstractmethod
    def mapped(self, change: Change) -> Stage:
        """Every parameter changed: broadcast, moved, or taken by index."""

    @abstractmethod
    def evaluate(self, x: Real | int, index: int) -> Real | int:
        """The exact value at x."""

    @abstractmethod
    def pull_back(self, condition: HalfLine, index: int) -> Condition:
        """The condition on x under which `condition` holds for the value."""

    def rises(self, index: int) -> bool:
        """Whether the function never falls."""
        return True

    @abstractmethod
    def host_step(self) -> HostStep:
        """The same function on the host, in float64, for values of the shape that the parameters broadcast to."""


@dataclass(frozen=True)
class AffineStage(Stage):
    """x -> scale * x + offset; object arrays of exact reals, broadcastable to the value's shape."""

    scale: Tensor
    offset: Tensor

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

    def rises(self, index: int) -> bool:
        return sign(self.scale.array.flat[index]) >= 0

    def host_step(self) -> HostStep:
        return HostStep.of("affine", scale=float64(self.scale), offset=float64(self.offset))

    def after(self, earlier: AffineStage) -> AffineStage:
        """This stage applied to the result of an earlier one, as one stage."""
        return affine(self.scale.array * earlier.scale.array,
                      self.scale.array * earlier.offset.array + self.offset.array)


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
        arrays: Sequence[Array] = [t.array for s in self.stages if isinstance(s, AffineStage)
                                   for t in (s.scale, s.offset)]
        return all(a.size == 1 for a in arrays)
