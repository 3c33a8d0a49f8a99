"""What dual-port memories (one side writes, the other reads) cost on Xilinx 7-series, and where block RAM pays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from hwgen.kernels.base import Resources
from hwgen.kernels.rom import LUTS_PER_BRAM18


@dataclass(frozen=True)
class Ram:
    """`depth` words of `width` bits. block: block RAM with an output register, else LUT RAM with one."""

    depth: int
    width: int
    block: bool

    @classmethod
    def ring(cls, depth: int, width: int) -> Self:
        """The cheaper form of a ring of at least `depth` words; 2^n words where they cost no more memory."""
        natural = 1 << (depth - 1).bit_length()
        forms = [cls(size, width, block) for block in (False, True) for size in (natural, depth)]
        return min(forms, key=lambda ram: ram.price)

    @property
    def price(self) -> int:
        """LUTs, a BRAM18 counted as LUTS_PER_BRAM18 of them."""
        cost = self.memory()
        return cost.lut + LUTS_PER_BRAM18 * cost.bram18

    def memory(self) -> Resources:
        """The storage alone."""
        if self.block:
            return Resources(bram18=-(-self.width // 36) * -(-self.depth // 512))
        return Resources(lut=4 * -(-self.width // 3) * -(-self.depth // 64))

    def resources(self) -> Resources:
        """The storage and its registers."""
        return self.memory() + Resources(ff=self.width)
