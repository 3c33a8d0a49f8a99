"""Base of the integer level's ops: integers in, integers out, run() is exact for any width."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

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
