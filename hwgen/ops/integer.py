"""Base of the integer level's ops: integers in, integers out, run() is exact for any width."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hwgen.ir.graph import Level, Op, Value
from hwgen.ir.types import IntType


@dataclass(frozen=True)
class IntegerOp(Op):
    """An op on integers; its run() takes and gives arrays (frames, *shape) of int64, or object beyond 63 bits."""

    level: ClassVar[Level] = Level.INTEGER


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
