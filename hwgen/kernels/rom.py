"""What ROMs cost on Xilinx 7-series, and where block RAM pays."""

from __future__ import annotations

from hwgen.kernels.base import Memory, Resources

LUTS_PER_BRAM18 = 128
"""LUTs for each BRAM18: where a memory costs more of them, block RAM pays. Two thirds of what mid-size parts have
(XC7Z020: 53200 / 280), as networks run out of LUTs first.
"""


def style(depth: int, width: int) -> str:
    """The cheaper form of a ROM of `depth` words of `width` bits: "block" or "distributed"."""
    block = block_rom(depth, width)
    return "block" if lut_rom(depth, width) > block.lut + LUTS_PER_BRAM18 * block.bram18 else "distributed"


def lut_rom(depth: int, width: int) -> int:
    """LUTs of a ROM in logic whose content has no pattern (rtl/hwgen_rom_deep.sv)."""
    return 0 if depth == 1 else round(width * luts_per_bit(depth))


def luts_per_bit(depth: int) -> float:
    """A LUT6 for 64 words; up to four of them are joined in the slice, more by LUTs (fitted, 20 to 2048 words)."""
    banks = -(-depth // 64)
    return banks + {1: 0, 2: 0, 3: 1, 4: 0}.get(banks, 0.38 * banks)


_ASPECTS = ((512, 36, 72), (1024, 18, 36), (2048, 9, 18), (4096, 4, 9), (8192, 2, 4), (16384, 1, 2))
"""Words of a bank, and its bits in a RAMB18 and in a RAMB36 (UG473, tables 1-7 and 1-8)."""


def block_rams(depth: int, width: int) -> int:
    """BRAM18 of a ROM, or of a RAM with one port for each direction, in its best aspect ratio."""
    return min(-(-depth // words) * min(-(-width // half), 2 * -(-width // full)) for words, half, full in _ASPECTS)


def block_rom(depth: int, width: int) -> Resources:
    """A ROM in block RAM as Yosys packs it: k words side by side in a row, then a multiplexer of k words.

    It takes the fewest BRAM18, then the smallest k (29 shapes of 100 to 16384 words agree exactly).
    """
    forms = [(words, bits, count) for words, half, full in _ASPECTS for bits, count in ((half, 1), (full, 2))]
    forms.append((2 * _ASPECTS[-1][0], 1, 2))
    bram18, ways = min((count * -(-(-(-depth // words) * width) // bits), -(-depth // words))
                       for words, bits, count in forms)
    return Resources(lut=width * -(-ways // 4) if ways > 1 else 0, ff=(ways - 1).bit_length(), bram18=bram18)


def resources(memory: Memory) -> Resources:
    """LUTs or block RAM of one hwgen_rom, its output register included."""
    if memory.style == "block":
        return block_rom(memory.depth, memory.width)
    return Resources(lut=lut_rom(memory.depth, memory.width), ff=memory.width if memory.depth > 1 else 0)
