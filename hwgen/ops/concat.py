"""Streams side by side along the channels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from hwgen.ir.graph import Value
from hwgen.ir.tensor import Array
from hwgen.ir.types import IntType, Type
from hwgen.ops.integer import IntegerOp, int_type


@dataclass(frozen=True)
class Concat(IntegerOp):
    """Inputs (..., C1), (..., C2), ... to (..., C1 + C2 + ...); the output's type is the hull of all."""

    def infer(self, inputs: Sequence[Value]) -> tuple[tuple[tuple[int, ...], Type], ...]:
        if len({x.shape[:-1] for x in inputs}) != 1:
            raise ValueError("maps to concatenate differ in size")
        kinds = [int_type(x) for x in inputs]
        kind = kinds[0] if len(set(kinds)) == 1 else reduce(IntType.hull, (IntType(k.lo, k.hi) for k in kinds))
        return (((*inputs[0].shape[:-1], sum(x.shape[-1] for x in inputs)), kind),)

    def run(self, *inputs: Array) -> tuple[Array, ...]:
        return (np.concatenate(inputs, axis=-1),)

    def by_position(self, inputs: Sequence[Value]) -> bool:
        return True

    def compiled(self, inputs: Sequence[Value]) -> Callable[..., Array]:
        """Moves are exact in whatever dtype the integers come."""
        return lambda *arrays: np.concatenate(arrays, axis=-1)
