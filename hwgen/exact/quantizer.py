"""Quantizers as exact step functions: where each level begins, and which level a real falls on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from fractions import Fraction
from math import floor

import numpy as np

from hwgen.exact.expression import Change, HalfLine
from hwgen.exact.surd import Real, sign
from hwgen.ir.tensor import Tensor
from hwgen.ir.types import BIPOLAR, IntType
from hwgen.rounding import Rounding

HALF = Fraction(1, 2)


def level_cut(level: int, mode: Rounding) -> tuple[Fraction, bool]:
    """round(u) >= level exactly when u >= cut (closed) or u > cut (open)."""
    nearest = level - HALF
    match mode:
        case Rounding.HALF_EVEN:
            return nearest, level % 2 == 0
        case Rounding.HALF_UP:
            return nearest, True
        case Rounding.HALF_AWAY:
            return nearest, level > 0
        case Rounding.HALF_TOWARD_ZERO:
            return nearest, level <= 0
        case Rounding.DPU_PY3:
            return nearest, level <= 0 or level % 2 == 0
        case Rounding.FLOOR:
            return Fraction(level), True
        case Rounding.CEIL:
            return Fraction(level - 1), False
        case Rounding.AWAY:
            return (Fraction(level - 1), False) if level > 0 else (Fraction(level), True)
        case Rounding.TOWARD_ZERO:
            return (Fraction(level), True) if level > 0 else (Fraction(level - 1), False)


def round_exactly(u: Real, mode: Rounding) -> int:
    """The integer that `mode` gives for an exact real; written apart from level_cut, which it certifies."""
    whole = floor(u)
    order = sign(u - whole - HALF)
    negative = sign(u) < 0
    ties = {Rounding.HALF_EVEN: whole % 2 == 1, Rounding.HALF_UP: True, Rounding.HALF_AWAY: not negative,
            Rounding.HALF_TOWARD_ZERO: negative, Rounding.DPU_PY3: negative or whole % 2 == 1}
    if mode in ties:
        return whole + (order > 0 or (order == 0 and ties[mode]))
    exact = u == whole
    up = {Rounding.FLOOR: False, Rounding.CEIL: True, Rounding.AWAY: not negative, Rounding.TOWARD_ZERO: negative}
    return whole if exact else whole + up[mode]


@dataclass(frozen=True)
class Quantizer(ABC):
    """Output value = type.lo + number of levels reached (bipolar: -1 or +1).

    Parameters are broadcastable to the value's shape, or flat, index i being element i.
    """

    type: IntType

    @abstractmethod
    def mapped(self, change: Change) -> Quantizer:
        """Every parameter changed: broadcast, moved, or taken by index."""

    @abstractmethod
    def cuts(self, index: int) -> list[HalfLine]:
        """The half-lines of reals that reach level 1, 2, ..., each inside the one before."""

    @abstractmethod
    def quantize(self, x: Real | int, index: int) -> int:
        """The output value of an exact real."""

    @property
    @abstractmethod
    def scalar(self) -> bool:
        """Whether all elements share one function."""


@dataclass(frozen=True)
class UniformQuantizer(Quantizer):
    """clip(round(x / scale + zero_point), type); bipolar: +1 if x >= 0 else -1. Object arrays of Fraction."""

    scale: Tensor
    zero_point: Tensor
    rounding: Rounding
    zero_point_inside: bool = True

    def mapped(self, change: Change) -> UniformQuantizer:
        return replace(self, scale=change(self.scale), zero_point=change(self.zero_point))

    def _at(self, index: int) -> tuple[Fraction, Fraction]:
        return self.scale.array.flat[index], self.zero_point.array.flat[index]

    def cuts(self, index: int) -> list[HalfLine]:
        if self.type == BIPOLAR:
            return [HalfLine(Fraction(0), True)]
        scale, zero = self._at(index)
        inside, outside = (zero, 0) if self.zero_point_inside else (Fraction(0), int(zero))
        pairs = (level_cut(level - outside, self.rounding) for level in range(self.type.lo + 1, self.type.hi + 1))
        return [HalfLine((cut - inside) * scale, closed) for cut, closed in pairs]

    def quantize(self, x: Real | int, index: int) -> int:
        if self.type == BIPOLAR:
            return 1 if sign(x) >= 0 else -1
        scale, zero = self._at(index)
        u = x / scale + zero if self.zero_point_inside else x / scale
        level = round_exactly(u, self.rounding) + (0 if self.zero_point_inside else int(zero))
        return min(max(level, self.type.lo), self.type.hi)

    @property
    def scalar(self) -> bool:
        return self.scale.array.size == 1 and self.zero_point.array.size == 1


@dataclass(frozen=True)
class CountQuantizer(Quantizer):
    """type.lo + how many of an element's levels x reaches. levels: object array of ascending tuples of Fraction."""

    levels: Tensor

    @classmethod
    def of(cls, kind: IntType, thresholds: Tensor, axes: int) -> CountQuantizer:
        """From exact (1 or C, N) thresholds of the first of a value's `axes` axes."""
        rows = np.empty(thresholds.shape[0], dtype=object)
        rows[:] = [tuple(row) for row in thresholds.fractions()]
        return cls(kind, Tensor(rows.reshape(-1, *(1,) * (axes - 1))))

    def mapped(self, change: Change) -> CountQuantizer:
        return replace(self, levels=change(self.levels))

    def cuts(self, index: int) -> list[HalfLine]:
        return [HalfLine(t, True) for t in self.levels.array.flat[index]]

    def quantize(self, x: Real | int, index: int) -> int:
        reached = sum(sign(x - t) >= 0 for t in self.levels.array.flat[index])
        return 2 * reached - 1 if self.type == BIPOLAR else self.type.lo + reached

    @property
    def scalar(self) -> bool:
        return self.levels.array.size == 1
