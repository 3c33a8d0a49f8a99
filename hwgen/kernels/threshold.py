"""Step functions by parallel comparators: the cheaper form for few levels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from hwgen.kernels.base import Memory, Resources
from hwgen.kernels.rom import style
from hwgen.kernels.step import StepKernel
from hwgen.kernels.threshold_cost import column_keys, comparators, parities, rom_of, skid


@dataclass(frozen=True)
class ThresholdUnit(StepKernel):
    """PE * N comparators (rtl/hwgen_threshold.sv); the ROM "thresholds" has one word a fold, PE * N lanes."""

    stem: ClassVar[str] = "threshold"
    title: ClassVar[str] = "thresholds by parallel comparators"

    @classmethod
    def most_levels(cls) -> int:
        return 1023

    @property
    def latency(self) -> int:
        """Flags, then the output register."""
        return 2

    def memories(self) -> tuple[Memory, ...]:
        words = self.rows().reshape(self.folds, -1)
        kind = self.threshold_type
        return (Memory("thresholds", words, kind, style(self.folds, words.shape[1] * kind.bits)), self.directions())

    def parameters(self) -> dict[str, int]:
        return {**super().parameters(), "ROM_REGISTER": int(self.memories()[0].style == "block")}

    def resources(self) -> Resources:
        """ROMs, comparators, the number of flags, direction and range of the output, output register, control."""
        thresholds, directions = self.memories()
        keys = column_keys(self.rows(), self.compared_bits)
        signs = column_keys(directions.words, 1)
        lanes, width, blocks = self.fold.pe, self.fold.pe * self.output_type.bits, int(thresholds.style == "block")
        turned = bool(directions.words.any()) or self.parameters()["OUT_LO"] != 0
        address = (self.folds - 1).bit_length()
        logic = comparators(keys) + lanes * parities(self.levels) + (width if turned else 0)
        control = Resources(lut=address + 5, ff=address + 2 + blocks + lanes * self.levels + int((signs > 1).sum()))
        return rom_of(thresholds, keys) + rom_of(directions, signs) + skid(width) + Resources(lut=logic) + control

    @property
    def compared_bits(self) -> int:
        """Bits of the smallest type that holds inputs and thresholds."""
        return self.input_type.hull(self.threshold_type).bits
