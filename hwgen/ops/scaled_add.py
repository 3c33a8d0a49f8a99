"""Sum of two streams with integer multipliers per channel: a join of scales whose ratio differs between channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hwgen.exact.multipliers import SmallSum, smallest_sum
from hwgen.ir.graph import Value
from hwgen.ir.tensor import Array, Tensor
from hwgen.ir.types import IntType, Type
from hwgen.ops.add import Add
from hwgen.ops.depthwise import Depthwise
from hwgen.ops.integer import IntegerOp, int_type


@dataclass(frozen=True)
class ScaledAdd(IntegerOp):
    """y[c] = first[c] * a[c] + second[c] * b[c]; first, second: int (C,), in no channel both zero."""

    first: Tensor
    second: Tensor

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """The multipliers of each channel."""
        return [(int(m1), int(m2)) for m1, m2 in zip(self.first.array, self.second.array, strict=True)]

    def infer(self, inputs: Sequence[Value]) -> tuple[tuple[tuple[int, ...], Type], ...]:
        a, b = inputs
        if a.shape != b.shape or a.shape[-1:] != self.first.shape:
            raise ValueError(f"{a} and {b} do not fit {self.first.shape[0]} channels")
        kinds = int_type(a), int_type(b)
        ends = [[sorted((m * k.lo, m * k.hi)) for m, k in zip(pair, kinds, strict=True)] for pair in self.pairs]
        return ((a.shape, IntType(min(x[0] + y[0] for x, y in ends), max(x[1] + y[1] for x, y in ends))),)

    def run(self, *inputs: Array) -> tuple[Array, ...]:
        a, b = (x.astype(object) for x in inputs)
        total = self.first.array.astype(object) * a + self.second.array.astype(object) * b
        largest = max((abs(int(x)) for x in total.reshape(-1)), default=0)
        return (np.asarray(total if largest >> 62 else total.astype(np.int64)),)

    def with_decisions(self, inputs: Sequence[Value], cuts: Array) -> tuple[IntegerOp, Array] | None:
        """The smallest multipliers of each channel by itself."""
        a, b = map(int_type, inputs)
        small = [_smallest(m1, m2, a, b, row) for (m1, m2), row in zip(self.pairs, cuts, strict=True)]
        if any(one is None for one in small):
            return None
        found = [one for one in small if one is not None]
        op = ScaledAdd(Tensor.of_ints([s.first for s in found], self.first.shape),
                       Tensor.of_ints([s.second for s in found], self.second.shape))
        return op, np.stack([one.cuts for one in found])

    def prepared(self, where: str) -> tuple[Sequence[IntegerOp | None], IntegerOp]:
        """The products of a side with several multipliers come before the sum."""
        sides = [_product(side) for side in (self.first, self.second)]
        factors = [1 if op is not None else int(side.array[0])
                   for op, side in zip(sides, (self.first, self.second), strict=True)]
        _, total = Add(*factors).prepared(where)
        return sides, total


def _smallest(first: int, second: int, a: IntType, b: IntType, cuts: Array) -> SmallSum | None:
    """As smallest_sum, for cuts in any order and with a multiplier of zero."""
    if first and second:
        unique, index = np.unique(cuts, return_inverse=True)
        small = smallest_sum(first, second, a, b, unique)
        return None if small is None else SmallSum(small.first, small.second, small.cuts[index])
    sign = 1 if first + second > 0 else -1
    kind = a if first else b
    low, high = sorted((sign * kind.lo, sign * kind.hi))
    moved = np.array([min(max(-(-int(cut) // abs(first + second)), low), high + 1) for cut in cuts], dtype=np.int64)
    return SmallSum(sign if first else 0, sign if second else 0, moved)


def _product(side: Tensor) -> Depthwise | None:
    """Each channel times its own integer; None where all have the same."""
    numbers = [int(n) for n in side.array]
    if len(set(numbers)) == 1 and numbers[0]:
        return None
    return Depthwise(Tensor.of_ints(numbers, (len(numbers), 1)), IntType(min(numbers), max(numbers)))
