"""Streams side by side along the channels: pixel by pixel, one input after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import gcd
from typing import ClassVar

import numpy as np

from hwgen.ir.graph import Op, Value
from hwgen.ir.types import BipolarType, IntType
from hwgen.kernels.base import Fold, Kernel, Resources, Schedule, every_step
from hwgen.kernels.lanes import divisors
from hwgen.kernels.vector import ENTRY_BITS, Vector
from hwgen.ops.concat import Concat
from hwgen.ops.integer import int_type
from hwgen.stream import Stream


@dataclass(frozen=True)
class ConcatUnit(Kernel):
    """fold.pe channels of one input a cycle (rtl/hwgen_concat.sv)."""

    stem: ClassVar[str] = "concat"
    title: ClassVar[str] = "concatenation along the channels"

    op: Concat

    @classmethod
    def accepts(cls, op: Op, inputs: Sequence[Value]) -> str | None:
        if not isinstance(op, Concat):
            return "it concatenates streams only"
        most = max(value.shape[-1] for value in inputs)
        return None if most < 1 << ENTRY_BITS else f"an input has {most} channels, below {1 << ENTRY_BITS} are possible"

    @property
    def folds(self) -> tuple[int, ...]:
        """Channel groups of each input."""
        return tuple(value.shape[-1] // self.fold.pe for value in self.inputs)

    def foldings(self) -> Iterator[Fold]:
        return (Fold(pe) for pe in divisors(gcd(*(value.shape[-1] for value in self.inputs))))

    @property
    def cycles(self) -> int:
        return self.output_stream().beats

    @property
    def ideal(self) -> int:
        """Beats out."""
        return self.output_elements // self.fold.pe

    def schedule(self) -> Schedule:
        pixel = np.repeat(np.eye(len(self.folds), dtype=bool), self.folds, axis=1)
        reads = np.tile(pixel, self.cycles // pixel.shape[1])
        return Schedule(reads, every_step(self.cycles), 1)

    def parameters(self) -> dict[str, int]:
        kinds = [int_type(value) for value in self.inputs]
        each = {"BITS_EACH": [kind.bits for kind in kinds], "KIND_EACH": [_coding(kind) for kind in kinds],
                "FOLDS_EACH": self.folds}
        return {"INPUTS": len(kinds), "PE": self.fold.pe,
                **{name: Vector.of_entries(numbers) for name, numbers in each.items()},
                "IN_BITS": sum(kind.bits for kind in kinds), "OUT_BITS": self.output_type.bits,
                "OUT_BIPOLAR": int(isinstance(self.output_type, BipolarType))}

    def input_stream(self) -> Stream:
        return self.input_streams()[0]

    def input_streams(self) -> tuple[Stream, ...]:
        return tuple(Stream(int_type(value), value.elements, self.fold.pe) for value in self.inputs)

    def output_stream(self) -> Stream:
        return Stream(self.output_type, self.output_elements, self.fold.pe)

    def resources(self) -> Resources:
        """Fitted to Yosys 0.70, xc7: multiplexers of the inputs and of the skid buffer, and the counters."""
        bits, inputs = self.fold.pe * self.output_type.bits, len(self.folds)
        counters = (inputs - 1).bit_length() + max((max(self.folds) - 1).bit_length(), 1)
        return Resources(lut=round(bits * (1 if inputs == 2 else (inputs + 2) / 3)) + 5 + 2 * counters,
                         ff=2 * bits + counters + 2)


def _coding(kind: IntType) -> int:
    """0: unsigned, 1: two's complement, 2: bipolar."""
    return 2 if isinstance(kind, BipolarType) else int(kind.signed)
