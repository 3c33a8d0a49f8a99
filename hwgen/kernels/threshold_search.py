"""Step functions by a pipelined binary search: one comparator for each bit of the output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hwgen.ir.tensor import Array
from hwgen.ir.types import IntType
from hwgen.kernels.base import Memory, Resources
from hwgen.kernels.rom import block_rom, style
from hwgen.kernels.step import StepKernel
from hwgen.kernels.threshold_cost import column_keys, comparators, logic_rom, rom_of, skid


@dataclass(frozen=True)
class ThresholdSearch(StepKernel):
    """Stage j compares with one of 2^j thresholds a channel (rtl/hwgen_threshold_search.sv).

    Each lane has its own ROM in each stage, since the node that it has reached differs: "stage<j>_lane<p>", all behind
    the port "thresholds", slot j * PE + p, word fold * 2^j + node. N is padded to 2^stages - 1 with a threshold that
    is never reached.
    """

    stem: ClassVar[str] = "threshold_search"
    title: ClassVar[str] = "thresholds by pipelined binary search"

    @classmethod
    def most_levels(cls) -> int:
        return 65535

    @property
    def stages(self) -> int:
        """Bits of a level number."""
        return self.levels.bit_length()

    @property
    def padding(self) -> int:
        """Thresholds to the next 2^stages - 1."""
        return (1 << self.stages) - 1 - self.levels

    @property
    def threshold_type(self) -> IntType:
        """The hull of the thresholds and of the padding."""
        never = self.input_type.hi + 1
        kind = self.op.threshold_type
        return kind.hull(IntType(never, never)) if self.padding else kind

    @property
    def block_from(self) -> int:
        """The first stage whose ROMs are block RAM; `stages` where none is."""
        bits, folds = self.threshold_type.bits, self.folds
        return next((j for j in range(self.stages) if style(folds << j, bits) == "block"), self.stages)

    @property
    def latency(self) -> int:
        """ROM and comparison in each stage, a register behind each block RAM, the output register."""
        return 2 * self.stages + (self.stages - self.block_from) + 1

    def parameters(self) -> dict[str, int]:
        return {**super().parameters(), "BLOCK_FROM": self.block_from}

    def memories(self) -> tuple[Memory, ...]:
        padded = self._padded()
        searched = [self._rom(padded, stage, lane) for stage in range(self.stages) for lane in range(self.fold.pe)]
        return (*searched, self.directions())

    def _padded(self) -> Array:
        rows = self.rows()
        never = np.full((*rows.shape[:2], self.padding), self.input_type.hi + 1, dtype=rows.dtype)
        return np.concatenate([rows, never], axis=2)

    def _rom(self, padded: Array, stage: int, lane: int) -> Memory:
        half = 1 << (self.stages - 1 - stage)
        words = padded[:, lane, half - 1 :: 2 * half].reshape(-1, 1)
        return Memory(f"stage{stage}_lane{lane}", words, self.threshold_type,
                      "block" if stage >= self.block_from else "distributed", "thresholds")

    def resources(self) -> Resources:
        """Sum over the stages, then direction and range of the output, output register and control."""
        directions = self.directions()
        signs = column_keys(directions.words, 1)
        lanes, width = self.fold.pe, self.fold.pe * self.output_type.bits
        turned = bool(directions.words.any()) or self.parameters()["OUT_LO"] != 0
        address, blocks = (self.folds - 1).bit_length(), self.stages - self.block_from
        own = Resources(lut=(width if turned else 0) + address + 4,
                        ff=address + 2 * self.stages + blocks + lanes * bool((signs > 1).any()) * (1 + bool(blocks)))
        padded, first = self._padded(), self.block_from
        stages = [self._stage(padded, j, j >= first) for j in range(self.stages)]
        return sum(stages, own) + rom_of(directions, signs) + skid(width)

    def _stage(self, padded: Array, j: int, block: bool) -> Resources:
        """ROMs and comparators, and the registers that carry value, fold and known code bits along."""
        lanes, last, half = self.fold.pe, j == self.stages - 1, 1 << (self.stages - 1 - j)
        words = padded[:, :, half - 1 :: 2 * half].transpose(0, 2, 1).reshape(-1, lanes)
        keys = column_keys(words, self.input_type.hull(self.threshold_type).bits)
        value, fold = lanes * self.input_type.bits, (self.folds - 1).bit_length() * (not last)
        carried = (value + fold) * (1 + (not last)) + lanes * (2 * j + 1)
        if block:  # three registers in a row become an SRL
            bits, delayed = self.threshold_type.bits, value + fold + lanes * j
            behind = Resources(lut=delayed + comparators(keys[:, None, :]), ff=lanes * (bits + 1))
            return sum([block_rom(len(words), bits)] * lanes, behind)
        own = keys + np.arange(lanes, dtype=np.uint64)[:, None] * (keys > 1)
        return logic_rom(len(words), own) + Resources(lut=comparators(keys[:, None, :]), ff=carried)
