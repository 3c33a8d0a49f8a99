"""Step functions by parallel comparators: the cheaper form for few levels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from hwgen.kernels.base import Memory, Resources
from hwgen.kernels.rom import style
from hwgen.kernels.step import StepKernel


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
        return Resources()
