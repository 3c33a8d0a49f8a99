"""The vector store and step counter of rtl/hwgen_vector_buffer.sv: which memory it takes and what it costs."""

from __future__ import annotations

from dataclasses import dataclass

from hwgen.kernels.base import Resources
from hwgen.kernels.rom import LUTS_PER_BRAM18, block_rams

_CONTROL_LUTS = 14
"""Handshake, wrap-around comparisons and valid marks, nearly the same for all sizes (fitted)."""


@dataclass(frozen=True)
class VectorBuffer:
    """Stores `depth` beats of `width` bits and gives them `folds` times."""

    width: int
    depth: int
    folds: int
    rom_reg: bool

    @property
    def stored(self) -> bool:
        """Whether it has a memory: a vector of one beat, or one used once, passes registers only."""
        return self.depth > 1 and self.folds > 1

    @property
    def block(self) -> bool:
        """Block RAM where LUT RAM would cost more than LUTS_PER_BRAM18 for each."""
        return self.stored and self._lut_ram > LUTS_PER_BRAM18 * self._block_rams

    @property
    def _block_rams(self) -> int:
        return block_rams(self.depth, self.width)

    @property
    def _lut_ram(self) -> int:
        """RAM32M holds six bits in four LUTs, RAM64M three; deeper ones take banks and a multiplexer."""
        if self.depth <= 32:
            return 4 * -(-self.width // 6)
        banks = -(-self.depth // 64)
        return 4 * -(-self.width // 3) * banks + (self.width * -(-banks // 4) if banks > 1 else 0)

    def resources(self) -> Resources:
        """The store, the counters and the handshake."""
        step = max((self.depth * self.folds - 1).bit_length(), 1)
        column = (self.depth - 1).bit_length()
        power = self.depth == 1 << column
        luts = _CONTROL_LUTS + (step + 1) // 2 + (0 if power else column)
        ffs = 4 + step * (1 if self.rom_reg else 2) + (0 if power else 2 * column)
        if not self.stored:
            return Resources(lut=luts, ff=ffs + 2 * self.width)
        if self.block:
            return Resources(lut=luts, ff=ffs, bram18=self._block_rams)
        return Resources(lut=luts + self._lut_ram, ff=ffs + self.width)
