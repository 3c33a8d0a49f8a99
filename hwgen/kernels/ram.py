"""What dual-port memories (one side writes, the other reads) cost on Xilinx 7-series, and where block RAM pays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from hwgen.kernels.base import Resources
from hwgen.kernels.rom import LUTS_PER_BRAM18

ASPECTS = ((512, 36, 1), (1024, 18, 1), (2048, 9, 1), (4096, 4, 1), (8192, 2, 1), (16384, 1, 1),
           (512, 72, 2), (1024, 36, 2), (2048, 18, 2), (4096, 9, 2), (8192, 4, 2), (16384, 2, 2), (32768, 1, 2))
"""Words, bits and size in BRAM18 of RAMB18E1 and RAMB36E1, one port writing and one reading."""
LUT_ASPECTS = ((32, 6), (64, 3))
"""Words and bits of RAM32M and RAM64M, four LUTs each."""


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
        """The storage and the multiplexers between its banks."""
        if self.block:
            bram18, banks = min((halves * -(-self.width // width) * -(-self.depth // words), -(-self.depth // words))
                                for words, width, halves in ASPECTS)
            return Resources(bram18=bram18, lut=_joined(banks, self.width), ff=(banks - 1).bit_length())
        luts, banks = min((4 * -(-self.width // width) * -(-self.depth // words), -(-self.depth // words))
                          for words, width in LUT_ASPECTS)
        return Resources(lut=luts + _joined(banks, self.width))

    def resources(self) -> Resources:
        """The storage and its registers."""
        return self.memory() + Resources(ff=self.width)


def _joined(banks: int, width: int) -> int:
    """LUTs that pick one of the banks for reading and for writing: a LUT6 takes four words, then three more each."""
    return -(-(banks - 1) // 3) * width + (2 * (banks - 1) if banks <= 4 else 3 * banks // 2)
