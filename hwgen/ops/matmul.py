"""Matrix product by constant integers: the accumulator of a dense layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from hwgen.exact.common_factors import split_columns
from hwgen.ir.graph import Value
from hwgen.ir.tensor import Array, Tensor
from hwgen.ir.types import BipolarType, IntType, Type
from hwgen.ops.integer import IntegerOp, float_type, int_type, largest


@dataclass(frozen=True)
class MatMul(IntegerOp):
    """acc[m] = sum over k of weight[m, k] * x[k].

    weight: int (M, K); weight_type: the type the weights are stored in. An input of shape (..., K) has a vector at each
    position and gives (..., M); any other of K elements is one vector and gives (M,).
    """

    weight: Tensor
    weight_type: IntType

    def infer(self, inputs: Sequence[Value]) -> tuple[tuple[tuple[int, ...], Type], ...]:
        (x,) = inputs
        rows, columns = self.weight.shape
        if columns not in (x.elements, x.shape[-1]):
            raise ValueError(f"{x} does not fit a weight matrix of {columns} columns")
        positions = x.shape[:-1] if x.shape[-1] == columns else ()
        return (((*positions, rows), self.accumulator_type(int_type(x))),)

    def accumulator_type(self, x: IntType) -> IntType:
        """The exact hull of every partial and final sum, from the actual weights (exactness doctrine, item 5).

        Zero is included: an accumulator starts there, and partial sums of any order stay inside.
        """
        return sum_hull(self.weight, x.lo, x.hi)

    def run(self, *inputs: Array) -> tuple[Array, ...]:
        (x,) = inputs
        return (exact_matmul(self._vectors(x), self.weight.array.T),)

    def _vectors(self, x: Array) -> Array:
        """(frames, K) or (frames, ..., K)."""
        columns = self.weight.shape[1]
        return x if x.shape[-1] == columns else x.reshape(len(x), columns)

    def by_position(self, inputs: Sequence[Value]) -> bool:
        return inputs[0].shape[-1] == self.weight.shape[1]

    def compiled(self, inputs: Sequence[Value]) -> Callable[..., Array]:
        """BLAS in float32 or float64 where the range of every partial sum proves it exact."""
        rows = int(np.abs(self.weight.array.astype(object)).sum(axis=1).max())
        dtype = float_type(max(rows, 1) * largest(int_type(inputs[0])))
        if dtype is None:
            return super().compiled(inputs)
        matrix: Array = np.ascontiguousarray(self.weight.array.T, dtype=dtype)

        def multiply(x: Array) -> Array:
            vectors = self._vectors(np.asarray(x, dtype=dtype))
            flat: Array = np.matmul(vectors.reshape(-1, matrix.shape[0]), matrix)  # one product, not one a position
            return flat.reshape(*vectors.shape[:-1], matrix.shape[1])
        return multiply

    def parts(self) -> Sequence[tuple[int, MatMul]]:
        """Narrow weights, where all are multiples of a few numbers (hwgen.exact.common_factors)."""
        return [(factor, MatMul(Tensor.of_ints(narrow.ravel().tolist(), narrow.shape),
                                IntType(int(narrow.min()), int(narrow.max()))))
                for factor, narrow in split_columns(self.weight.array)]

    @property
    def bipolar_weights(self) -> bool:
        return isinstance(self.weight_type, BipolarType)


@lru_cache(maxsize=1024)
def sum_hull(weight: Tensor, lo: int, hi: int) -> IntType:
    """The hull over all rows of sums of weights times values in lo..hi, from zero; cached, as every folding asks."""
    fits = int(np.abs(weight.array).max(initial=0)) * max(abs(lo), abs(hi)) * weight.shape[1] < 1 << 62
    w = weight.array if fits else weight.array.astype(object)
    high = np.maximum(w * hi, w * lo).clip(min=0).sum(axis=1)
    low = np.minimum(w * hi, w * lo).clip(max=0).sum(axis=1)
    return IntType(int(low.min()), int(high.max()))


def exact_matmul(x: Array, w: Array) -> Array:
    """x @ w in float64 BLAS where every partial sum is below 2**53, else in Python integers."""
    bound = int(np.abs(x).max(initial=0)) * int(np.abs(w).max(initial=0)) * w.shape[0]
    if bound < 1 << 53:
        return (x.astype(np.float64) @ w.astype(np.float64)).astype(np.int64)
    return np.asarray(x.astype(object) @ w.astype(object))


