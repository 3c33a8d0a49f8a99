"""Index of the largest class score."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from hwgen.ir.graph import Op, Value
from hwgen.ir.types import IntType
from hwgen.kernels.base import Fold, Kernel, Memory, Resources, Schedule
from hwgen.kernels.lanes import divisors
from hwgen.kernels.step import value_parameters
from hwgen.kernels.threshold_cost import column_keys, rom_of, skid
from hwgen.ops.argmax import ArgMax
from hwgen.stream import Stream


@dataclass(frozen=True)
class ArgMaxUnit(Kernel):
    """A tree over fold.pe scores a cycle and a running maximum (rtl/hwgen_argmax.sv).

    The ROM "offsets" has one word a beat, PE lanes.
    """

    stem: ClassVar[str] = "argmax"
    title: ClassVar[str] = "index of the largest score"

    op: ArgMax

    @classmethod
    def accepts(cls, op: Op, inputs: Sequence[Value]) -> str | None:
        if not isinstance(op, ArgMax):
            return "it computes the index of the largest value only"
        if not 1 <= op.multiplier < 1 << 31:
            return f"the factor {op.multiplier} does not fit 31 bits"
        return None

    @property
    def classes(self) -> int:
        """Values per frame."""
        return self.inputs[0].elements

    @property
    def score_bits(self) -> int:
        """Bits of a score in two's complement."""
        return self.op.score_type(self.inputs[0]).hull(IntType(-1, 0)).bits

    @property
    def offset_type(self) -> IntType:
        """The hull of the offsets."""
        offset = self.op.offset.array
        return IntType(int(offset.min()), int(offset.max()))

    def foldings(self) -> Iterator[Fold]:
        return (Fold(pe) for pe in divisors(self.classes))

    @property
    def cycles(self) -> int:
        return self.classes // self.fold.pe

    @property
    def ideal(self) -> int:
        """Beats in."""
        return self.input_stream().beats

    @property
    def latency(self) -> int:
        """Cycles from the last beat of a frame to the index: product, sum, tree, running maximum, output register."""
        return 4 + (self.fold.pe - 1).bit_length()

    def schedule(self) -> Schedule:
        return Schedule((True,) * self.cycles, (False,) * (self.cycles - 1) + (True,), self.latency)

    def parameters(self) -> dict[str, int]:
        kind = self.offset_type
        return {"CLASSES": self.classes, "PE": self.fold.pe, **value_parameters(self.input_type),
                "MULTIPLIER": self.op.multiplier, "OFFSET_BITS": kind.bits, "OFFSET_SIGNED": int(kind.signed),
                "SCORE_BITS": self.score_bits, "OUT_BITS": self.output_type.bits}

    def memories(self) -> tuple[Memory, ...]:
        return (Memory("offsets", self.op.offset.array.reshape(-1, self.fold.pe), self.offset_type),)

    def resources(self) -> Resources:
        """Products, sums, the tree's nodes, the running maximum, output register and control."""
        (offsets,) = self.memories()
        lanes, score, index = self.fold.pe, self.score_bits, self.output_type.bits
        beats, plain = self.cycles, self.op.multiplier == 1
        adders = self.op.multiplier.bit_count() - 1
        lane = Resources(lut=(0 if plain else adders * score) + (score if offsets.words.any() else 0),
                         ff=score + (self.input_type.bits if plain else score))
        node = Resources(lut=score + -(-score // 2) + index // 2, ff=score + index // 2)
        running = Resources(lut=score + -(-score // 2) + 2 * index, ff=score + 2 * index) if beats > 1 else Resources()
        address = (beats - 1).bit_length()
        own = Resources(lut=2 * address + 6, ff=2 * address + 3 + (lanes - 1).bit_length())
        rom = rom_of(offsets, column_keys(offsets.words, offsets.type.bits))
        return sum([lane] * lanes + [node] * (lanes - 1), own) + running + rom + skid(index)

    def input_stream(self) -> Stream:
        return Stream(self.input_type, self.classes, self.fold.pe)

    def output_stream(self) -> Stream:
        return Stream(self.output_type, 1, 1)
