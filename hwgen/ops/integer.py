"""Base of the integer level's ops: integers in, integers out, run() is exact for any width."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hwgen.ir.graph import Level, Op, Value
from hwgen.ir.tensor import Array
from hwgen.ir.types import IntType


@dataclass(frozen=True)
class IntegerOp(Op):
    """An op on integers; its run() takes and gives arrays (frames, *shape) of int64, or object beyond 63 bits."""

    level: ClassVar[Level] = Level.INTEGER

    def cuts(self) -> Array | None:
        """(C, N) integers T such that the output depends on nothing but [x >= T] of each channel's x; else None."""
        return None

    def with_cuts(self, cuts: Array) -> IntegerOp:
        """The same function of the decisions, which are now made at these cuts, (C, N)."""
        raise NotImplementedError(type(self).__name__)

    def with_decisions(self, inputs: Sequence[Value], cuts: Array) -> tuple[IntegerOp, Array] | None:
        """A cheaper op that decides alike: in channel c it reaches new[c, i] where this one reaches cuts[c, i].

        cuts and the new ones: (C, N). None where there is no cheaper one.
        """
        return None

    def parts(self) -> Sequence[tuple[int, IntegerOp]]:
        """(factor, op) such that this op's output is the sum of factor * op's; none where that would cost more."""
        return ()

    def prepared(self, where: str) -> tuple[Sequence[IntegerOp | None], IntegerOp]:
        """What computes each input first (no ops: nothing does), and the op on the results: what kernels can do.

        Raises HwgenError about the node `where` when nothing can.
        """
        return (), self


def int_type(value: Value) -> IntType:
    """The value's integer type; a real here is a bug of a pass."""
    if not isinstance(value.type, IntType):
        raise TypeError(f"{value} is not an integer value")
    return value.type


def float_type(bound: int) -> type[np.floating] | None:
    """The float that holds every integer up to `bound` in size exactly: float32 below 2^24, float64 below 2^53."""
    if bound < 1 << 24:
        return np.float32
    return np.float64 if bound < 1 << 53 else None


def largest(kind: IntType) -> int:
    """The largest size of an integer of the type, at least 1."""
    return max(abs(kind.lo), abs(kind.hi), 1)
