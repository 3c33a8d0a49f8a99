"""Index of the largest class score."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from hwgen.ir.graph import Op, Value
from hwgen.ir.tensor import Array
from hwgen.ir.types import IntType
from hwgen.kernels.base import Fold, Kernel, Memory, Resources, Schedule, every_step, one_port
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
        return Schedule(every_step(self.cycles), one_port((False,) * (self.cycles - 1) + (True,)), self.latency)

    def parameters(self) -> dict[str, int]:
        kind = self.offset_type
        return {"CLASSES": self.classes, "PE": self.fold.pe, **value_parameters(self.input_type),
                "MULTIPLIER": self.op.multiplier, "OFFSET_BITS": kind.bits, "OFFSET_SIGNED": int(kind.signed),
                "SCORE_BITS": self.score_bits, "OUT_BITS": self.output_type.bits}

    def memories(self) -> tuple[Memory, ...]:
        return (Memory("offsets", self.op.offset.array.reshape(-1, self.fold.pe), self.offset_type),)

    def resources(self) -> Resources:
        """Products, sums, the tree, the running maximum, output register and control."""
        (offsets,) = self.memories()
        keys = column_keys(offsets.words, offsets.type.bits)
        score, index, beats = self.score_bits, self.output_type.bits, self.cycles
        address, control = (beats - 1).bit_length(), Resources(lut=2, ff=self.latency - 1 + index)
        if beats > 1:
            counters = address * (2 if self.fold.pe == 1 else 3)
            control += Resources(lut=counters + 5 + -(-score // 2), ff=counters + score)
        elif self.fold.pe > 1:  # nobody reads the largest score itself
            control += Resources(lut=-score, ff=-score)
        return self._lanes(keys) + self._tree(bool(keys.any())) + control + rom_of(offsets, keys) + skid(index)

    def _lanes(self, keys: Array) -> Resources:
        """Products and sums; 1.4 LUTs a bit for each addition of a product, half a LUT for one bit of a constant."""
        lanes, score, plain = self.fold.pe, self.score_bits, self.op.multiplier == 1
        width = self.input_type.bits if plain else score
        product = round(1.4 * score * (self.op.multiplier.bit_count() - 1))
        if not keys.any():
            return Resources(lut=lanes * product, ff=lanes * 2 * width)
        add = score if bool((keys > 1).any()) else score // 2
        return Resources(lut=lanes * (product + add), ff=lanes * (width + score))

    def _tree(self, offsets: bool) -> Resources:
        """Comparator and multiplexer of each pair; where an odd score just waits, three registers become an SRL."""
        score, nodes, waiting = self.score_bits, self.fold.pe, 1 if offsets else 2
        total = Resources()
        for level in range(1, self.fold.pe.bit_length() + 1):
            pairs = nodes // 2
            total += Resources(lut=pairs * (score + -(-score // 2) + level), ff=pairs * (score + level))
            if nodes % 2 and nodes > 1:
                waiting += 1
                total += Resources(ff=score) if waiting < 3 else Resources(lut=score * (waiting == 3),
                                                                           ff=-2 * score * (waiting == 3))
            else:
                waiting = 1
            nodes = -(-nodes // 2)
        return total

    def input_stream(self) -> Stream:
        return Stream(self.input_type, self.classes, self.fold.pe)

    def output_stream(self) -> Stream:
        return Stream(self.output_type, 1, 1)
