"""Matrix-vector unit for bipolar inputs and weights: products by XNOR, sums by popcount."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from hwgen.ir.graph import Op, Value
from hwgen.ir.types import BipolarType
from hwgen.kernels.bit_sum import BitSum
from hwgen.kernels.mvau import Mvau
from hwgen.ops.matmul import MatMul


@dataclass(frozen=True)
class MvauXnor(Mvau):
    """MatMul of bipolar by bipolar (rtl/hwgen_mvau_xnor.sv): 2 * popcount - K, the accumulator itself.

    Streams, weight words, cycles and schedule are Mvau's.
    """

    stem: ClassVar[str] = "mvau_xnor"
    title: ClassVar[str] = "matrix-vector unit by XNOR and popcount"

    @classmethod
    def accepts(cls, op: Op, inputs: Sequence[Value]) -> str | None:
        if not isinstance(op, MatMul):
            return "it multiplies by a constant matrix only"
        if not (isinstance(op.weight_type, BipolarType) and isinstance(inputs[0].type, BipolarType)):
            return "XNOR needs bipolar inputs and bipolar weights"
        return None

    @property
    def planes(self) -> bool:
        return True

    @property
    def heap(self) -> BitSum:
        """The equal bits of one row's popcount."""
        return BitSum((self.fold.simd,), self.fold.simd.bit_length())

    def parameters(self) -> dict[str, int]:
        return {**self.shape_parameters(), **self.sum_parameters(), "DOT_LATENCY": self.dot_latency}

    @property
    def sum_bits(self) -> int:
        """The accumulator counts ones; the constant lowest bit needs none."""
        return self.output_type.bits - 1

    @property
    def start(self) -> int:
        """The accumulators start at -ceil(K / 2)."""
        return 1
