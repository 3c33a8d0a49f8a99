"""What the two threshold kernels share: streams, folding, timing and the parameters of values and codes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from hwgen.ir.graph import Op, Value
from hwgen.ir.tensor import Array
from hwgen.ir.types import BipolarType, IntType
from hwgen.kernels.base import Fold, Kernel, Memory, Schedule, every_step
from hwgen.kernels.lanes import divisors
from hwgen.ops.threshold import Threshold
from hwgen.stream import Stream

MAX_WORD_BITS = 65536
"""Widest beat's worth of thresholds that a folding may ask for (one lane is always legal)."""



@dataclass(frozen=True)
class StepKernel(Kernel):
    """Threshold on fold.pe channels a cycle; a frame is pixels of C channels, C / PE beats each."""

    op: Threshold

    @classmethod
    def accepts(cls, op: Op, inputs: Sequence[Value]) -> str | None:
        if not isinstance(op, Threshold):
            return "it computes step functions of one value only"
        if not 1 <= op.thresholds.shape[1] <= cls.most_levels():
            return f"it takes 1 to {cls.most_levels()} thresholds a channel, here are {op.thresholds.shape[1]}"
        if not -(1 << 31) <= op.type.lo < (1 << 31) - 65536:
            return "the lowest output does not fit 32 bits"
        return None

    @classmethod
    @abstractmethod
    def most_levels(cls) -> int:
        """The most thresholds per channel."""

    @property
    def channels(self) -> int:
        """C: rows of thresholds."""
        return int(self.op.thresholds.shape[0])

    @property
    def levels(self) -> int:
        """N: thresholds per channel."""
        return int(self.op.thresholds.shape[1])

    @property
    def folds(self) -> int:
        """Beats after which the thresholds repeat: 1 where every beat uses the same ones, else C / PE."""
        pe = self.fold.pe
        steps = self.op.thresholds.array.reshape(-1, pe, self.levels)
        signs = self.op.descending.array.reshape(-1, pe)
        same = bool((steps == steps[:1]).all() and (signs == signs[:1]).all())
        return 1 if same else self.channels // pe

    def rows(self) -> Array:
        """Thresholds by fold and lane: (folds, PE, N)."""
        return self.op.thresholds.array.reshape(-1, self.fold.pe, self.levels)[: self.folds]

    def foldings(self) -> Iterator[Fold]:
        bits = self.levels * self.op.threshold_type.bits
        return (Fold(pe) for pe in divisors(self.channels) if pe == 1 or pe * bits <= MAX_WORD_BITS)

    @property
    def cycles(self) -> int:
        return self.input_stream().beats

    @property
    def ideal(self) -> int:
        """Beats in, which are beats out: pixels * C / PE."""
        return self.output_elements // self.fold.pe

    @property
    @abstractmethod
    def latency(self) -> int:
        """Cycles from an input beat to its output beat."""

    def schedule(self) -> Schedule:
        every = every_step(self.cycles)
        return Schedule(every, every, self.latency)

    def parameters(self) -> dict[str, int]:
        kind, thresholds, out = self.input_type, self.threshold_type, self.output_type
        bipolar = isinstance(out, BipolarType)
        return {"PE": self.fold.pe, "FOLDS": self.folds, "LEVELS": self.levels, **value_parameters(kind),
                "THRESHOLD_BITS": thresholds.bits, "THRESHOLD_SIGNED": int(thresholds.signed),
                "OUT_BITS": out.bits, "OUT_LO": 0 if bipolar else out.lo,
                "DESCENDING": int(self.op.descending.array.any())}

    @property
    def threshold_type(self) -> IntType:
        """The type of the ROMs' lanes."""
        return self.op.threshold_type

    def directions(self) -> Memory:
        """The ROM "descending": one bit a lane, always there."""
        words = self.op.descending.array.reshape(-1, self.fold.pe)[: self.folds].astype(np.int64)
        return Memory("descending", words, IntType(0, 1))

    def input_stream(self) -> Stream:
        return Stream(self.input_type, self.output_elements, self.fold.pe)

    def output_stream(self) -> Stream:
        return Stream(self.output_type, self.output_elements, self.fold.pe)


def value_parameters(kind: IntType) -> dict[str, int]:
    """IN_BITS, IN_SIGNED and IN_BIPOLAR of a kernel whose input has that type."""
    bipolar = isinstance(kind, BipolarType)
    return {"IN_BITS": kind.bits, "IN_SIGNED": int(kind.signed and not bipolar), "IN_BIPOLAR": int(bipolar)}
