"""Library blocks between layers: width converters where lanes differ, and the bound on FIFO storage."""

from __future__ import annotations

from hwgen.ir.graph import Value
from hwgen.kernels.base import Kernel, Resources
from hwgen.kernels.fifo import Fifo
from hwgen.kernels.width_converter import WidthConverter

BRAM18_IN_LUTS = 190
"""LUTs that a BRAM18 may cost less than: their ratio on a Zynq-7020."""


def converter(value: Value, source: int, sink: int) -> Kernel:
    """From `source` to `sink` elements per beat."""
    return WidthConverter.between(value, source, sink)


def fifo(value: Value, lanes: int, depth: int) -> Kernel:
    """The cheaper of LUT RAM and block RAM."""
    made = [Fifo.storing(value, lanes, depth, block=block) for block in (False, True) if depth >= 4 or not block]
    return min(made, key=lambda kernel: _luts(kernel.resources()))


def fifo_bound(value: Value, source: int, sink: int) -> Resources:
    """No more than a whole frame is ever stored between two kernels, on the narrower side."""
    lanes = min(source, sink)
    return fifo(value, lanes, max(-(-value.elements // lanes), 2)).resources()


def _luts(used: Resources) -> int:
    return used.lut + BRAM18_IN_LUTS * used.bram18
