"""Any function of an integer of few bits: a ROM for each lane."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np

from hwgen.ir.graph import Op, Value
from hwgen.ir.tensor import Array
from hwgen.ir.types import BipolarType, IntType
from hwgen.kernels.base import Fold, Kernel, Memory, Resources, Schedule, every_step
from hwgen.kernels.lanes import divisors
from hwgen.kernels.rom import style
from hwgen.kernels.threshold_cost import column_keys, rom_of, skid
from hwgen.ops.integer import int_type
from hwgen.ops.table import Table
from hwgen.ops.threshold import Threshold
from hwgen.stream import Stream

MAX_ENTRIES, MAX_WORDS = 1 << 12, 1 << 18
"""Entries of a table, and of all channels' together."""
MAX_STEP_WORDS = 1 << 14
"""All channels' entries of a step function, beyond which comparators are cheaper in any case."""


@dataclass(frozen=True)
class TableUnit(Kernel):
    """fold.pe lookups a cycle (rtl/hwgen_table.sv): a Table, or a Threshold whose input takes few values.

    Lane p has its own ROM "lane<p>" behind the port "values": word fold * 2^code_bits + a - lo.
    """

    stem: ClassVar[str] = "table"
    title: ClassVar[str] = "table of any function of an integer"

    op: Table | Threshold

    @classmethod
    def accepts(cls, op: Op, inputs: Sequence[Value]) -> str | None:
        if not isinstance(op, Table | Threshold):
            return "it computes functions of one value only"
        rows, most = (op.values.shape[0], MAX_WORDS) if isinstance(op, Table) else (op.thresholds.shape[0],
                                                                                    MAX_STEP_WORDS)
        entries = int_type(inputs[0]).levels
        if entries > MAX_ENTRIES or rows * entries > most:
            return (f"it takes inputs of up to {MAX_ENTRIES} values and {most} for all channels, here are {entries} "
                    f"on {rows} channels")
        return None

    @property
    def channels(self) -> int:
        """C: the last axis."""
        return int(self.inputs[0].shape[-1])

    @property
    def entries(self) -> int:
        """Values that the input takes: codes from the lowest on."""
        return 2 if isinstance(self.input_type, BipolarType) else self.input_type.levels

    @property
    def code_bits(self) -> int:
        """Address bits below the fold."""
        return max((self.entries - 1).bit_length(), 1)

    def tables(self) -> Array:
        """Outputs by channel and entry: (C, entries)."""
        return _tables(self.op, self.input_type, self.channels)

    def _words(self) -> Array:
        """Outputs by fold, lane and entry; one fold where all are equal."""
        blocks = self.tables().reshape(-1, self.fold.pe, self.entries)
        return blocks[:1] if bool((blocks == blocks[:1]).all()) else blocks

    def foldings(self) -> Iterator[Fold]:
        return (Fold(pe) for pe in divisors(self.channels))

    @property
    def cycles(self) -> int:
        return self.input_stream().beats

    @property
    def ideal(self) -> int:
        """Beats in, which are beats out: pixels * C / PE."""
        return self.output_elements // self.fold.pe

    def schedule(self) -> Schedule:
        every = every_step(self.cycles)
        return Schedule(every, every, 2 + self._blocks)

    @property
    def _blocks(self) -> bool:
        return self.memories()[0].style == "block"

    def parameters(self) -> dict[str, int]:
        kind = self.input_type
        return {"PE": self.fold.pe, "FOLDS": len(self._words()), "ENTRIES": self.entries, "IN_BITS": kind.bits,
                "LO": 0 if isinstance(kind, BipolarType) else kind.lo, "OUT_BITS": self.output_type.bits,
                "ROM_REGISTER": int(self._blocks)}

    def memories(self) -> tuple[Memory, ...]:
        words, size = self._words(), 1 << self.code_bits
        padded = np.full((len(words), self.fold.pe, size), words.flat[0], dtype=words.dtype)
        padded[:, :, : self.entries] = words
        depth = (len(words) - 1) * size + self.entries
        form = style(depth, self.output_type.bits)
        return tuple(Memory(f"lane{p}", padded[:, p].reshape(-1, 1)[:depth], self.output_type, form, "values")
                     for p in range(self.fold.pe))

    def input_stream(self) -> Stream:
        return Stream(self.input_type, self.output_elements, self.fold.pe)

    def output_stream(self) -> Stream:
        return Stream(self.output_type, self.output_elements, self.fold.pe)

    def resources(self) -> Resources:
        """The ROMs, the fold counter, the subtraction of the lowest input, the output register."""
        memories, address = self.memories(), (len(self._words()) - 1).bit_length()
        width, blocks = self.fold.pe * self.output_type.bits, int(self._blocks)
        low = self.parameters()["LO"] % (1 << self.code_bits)
        carries = self.code_bits - (low & -low).bit_length() if low else 0
        own = Resources(lut=address + 2 + self.fold.pe * carries, ff=address + 1 + blocks)
        bits, bipolar = self.output_type.bits, isinstance(self.output_type, BipolarType)
        roms = (rom_of(m, column_keys((m.words > 0).astype(np.int64) if bipolar else m.words, bits)) for m in memories)
        return sum(roms, own) + skid(width)


@lru_cache(maxsize=16)
def _tables(op: Table | Threshold, kind: IntType, channels: int) -> Array:
    span = np.array([-1, 1]) if isinstance(kind, BipolarType) else np.arange(kind.lo, kind.hi + 1)
    (found,) = op.run(np.broadcast_to(span[:, None], (len(span), channels)))
    found.setflags(write=False)
    return np.asarray(found.T)
