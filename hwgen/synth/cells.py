"""What Xilinx 7-series cells cost: Yosys' cell counts to LUTs, flip-flops, block RAMs and DSPs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from hwgen.kernels.base import Resources

LUTRAM_LUTS: Mapping[str, int] = {
    "SRL16E": 1, "SRLC16E": 1, "SRLC32E": 1,
    "RAM32X1S": 1, "RAM64X1S": 1, "RAM128X1S": 2, "RAM256X1S": 4,
    "RAM16X1D": 2, "RAM32X1D": 2, "RAM64X1D": 2, "RAM128X1D": 4,
    "RAM32M": 4, "RAM64M": 4,
}  # fmt: skip
"""LUT sites of a SLICEM that each memory cell takes (UG474, tables 2-3 and 2-4)."""

FREE_CELLS = frozenset({"CARRY4", "MUXF7", "MUXF8", "GND", "VCC", "$scopeinfo"})
"""Cells that take no LUT of their own."""

_LOGIC = re.compile(r"LUT[1-6]|INV")
_FLIP_FLOP = re.compile(r"(FD|LD)[CPRS]E(_1)?")


@dataclass(frozen=True)
class Usage:
    """One synthesised module. resources.lut counts logic LUTs and LUTRAM; lutram is the latter's share of it."""

    resources: Resources
    lutram: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.resources + other.resources, self.lutram + other.lutram)


def usage_of(cells: Mapping[str, int]) -> Usage:
    """Add up cell counts by type. An inverter takes a LUT; RAMB36E1 is two BRAM18. ValueError for an unknown cell."""
    total = Usage(Resources())
    for cell, count in cells.items():
        one = _cost(cell)
        total += Usage(Resources(*(count * getattr(one.resources, n) for n in ("lut", "ff", "bram18", "dsp"))),
                       count * one.lutram)
    return total


def _cost(cell: str) -> Usage:
    if _LOGIC.fullmatch(cell):
        return Usage(Resources(lut=1))
    if cell in LUTRAM_LUTS:
        return Usage(Resources(lut=LUTRAM_LUTS[cell]), LUTRAM_LUTS[cell])
    if _FLIP_FLOP.fullmatch(cell):
        return Usage(Resources(ff=1))
    if cell in ("RAMB18E1", "RAMB36E1"):
        return Usage(Resources(bram18=1 if cell == "RAMB18E1" else 2))
    if cell == "DSP48E1":
        return Usage(Resources(dsp=1))
    if cell in FREE_CELLS:
        return Usage(Resources())
    raise ValueError(f"Yosys made a cell of unknown cost: {cell}")
