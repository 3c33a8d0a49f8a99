"""A quantized activation as it is defined, before its thresholds are found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hwgen.exact.expression import Expression
from hwgen.exact.pieces import decision_of, level_at
from hwgen.exact.quantizer import Quantizer
from hwgen.ir.graph import Value
from hwgen.ir.tensor import Array
from hwgen.ir.types import BipolarType, Type
from hwgen.ops.integer import IntegerOp


@dataclass(frozen=True)
class Step(IntegerOp):
    """y[..., c] = quantizer(expression(a[..., c])), exact; both are given per channel, the last axis of the input."""

    expression: Expression
    quantizer: Quantizer

    def infer(self, inputs: Sequence[Value]) -> tuple[tuple[tuple[int, ...], Type], ...]:
        return ((inputs[0].shape, self.quantizer.type),)

    def at(self, a: int, index: int) -> int:
        """The output for integer a of channel `index`."""
        if self.expression.rational:
            return self.quantizer.quantize(self.expression.evaluate(a, index), index)
        level = level_at(self.expression, decision_of(self.quantizer, index), a, index)
        return 2 * level - 1 if isinstance(self.quantizer.type, BipolarType) else self.quantizer.type.lo + level

    def run(self, *inputs: Array) -> tuple[Array, ...]:
        (a,) = inputs
        columns = a.reshape(-1, a.shape[-1]).T
        return (np.stack([self._column(column, i) for i, column in enumerate(columns)], axis=1).reshape(a.shape),)

    def _column(self, column: Array, index: int) -> Array:
        unique, inverse = np.unique(column, return_inverse=True)
        return np.array([self.at(int(a), index) for a in unique], dtype=np.int64)[inverse]
