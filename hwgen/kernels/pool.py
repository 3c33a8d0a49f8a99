"""Pooling over windows: one input beat a cycle, partial results of all channel groups in a small memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from hwgen.ir.graph import Op, Value
from hwgen.ir.types import BipolarType
from hwgen.kernels.base import Fold, Kernel, Resources, Schedule, every_step, one_port
from hwgen.kernels.lanes import divisors
from hwgen.ops.pool import Pool
from hwgen.stream import Stream

SMALLEST_MEMORY = 24
"""Bits up to which Yosys makes registers of a memory."""


@dataclass(frozen=True)
class PoolUnit(Kernel):
    """fold.pe channels a cycle (rtl/hwgen_pool.sv)."""

    stem: ClassVar[str] = "pool"
    title: ClassVar[str] = "pooling"

    op: Pool

    @classmethod
    def accepts(cls, op: Op, inputs: Sequence[Value]) -> str | None:
        if not isinstance(op, Pool):
            return "it pools windows only"
        if op.kind == "max" and len(set(op.falling.array.tolist())) > 1:
            return "a scale between the layer and its pool is negative for some channels and positive for others"
        return None

    @property
    def taps(self) -> int:
        """Elements of a window per channel."""
        return self.inputs[0].elements // self.output_elements

    @property
    def folds(self) -> int:
        """Channel groups."""
        return self.op.channels // self.fold.pe

    def foldings(self) -> Iterator[Fold]:
        return (Fold(pe) for pe in divisors(self.op.channels))

    @property
    def cycles(self) -> int:
        return self.input_stream().beats

    @property
    def ideal(self) -> int:
        """Beats in."""
        return self.inputs[0].elements // self.fold.pe

    def schedule(self) -> Schedule:
        window = (False,) * (self.folds * (self.taps - 1)) + (True,) * self.folds
        return Schedule(every_step(self.cycles), one_port(window, self.cycles // len(window)), 1)

    def parameters(self) -> dict[str, int]:
        kind, falling = self.input_type, bool(self.op.falling.array.any())
        bipolar = isinstance(kind, BipolarType)
        return {"PE": self.fold.pe, "FOLDS": self.folds, "TAPS": self.taps, "SUM": int(self.op.kind == "sum"),
                "LEAST": int(falling), "IN_BITS": kind.bits, "IN_SIGNED": int(kind.signed and not bipolar),
                "IN_BIPOLAR": int(bipolar), "OUT_BITS": self.output_type.bits}

    def input_stream(self) -> Stream:
        return Stream(self.input_type, self.inputs[0].elements, self.fold.pe)

    def output_stream(self) -> Stream:
        return Stream(self.output_type, self.output_elements, self.fold.pe)

    def resources(self) -> Resources:
        """Fitted to Yosys 0.70, xc7: adder or comparator, partial results, and the skid buffer's multiplexer."""
        width = self.fold.pe * self.output_type.bits
        stored = width * self.folds
        in_registers = self.folds == 1 or stored <= SMALLEST_MEMORY
        per_bit = (2.0 if in_registers else 2.6) if self.op.kind == "sum" else (2.7 if self.folds == 1 else 3.3)
        counters = (self.taps - 1).bit_length() + (self.folds - 1).bit_length()
        return Resources(lut=round(per_bit * width) + (10 if self.folds == 1 else 20),
                         ff=2 * width + (stored if in_registers else 0) + counters + 3)
