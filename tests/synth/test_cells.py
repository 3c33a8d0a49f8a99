"""What cells cost."""

from __future__ import annotations

import pytest

from hwgen.kernels.base import Resources
from hwgen.synth.cells import Usage, usage_of


@pytest.mark.parametrize(("cell", "cost"), [
    ("LUT1", Resources(lut=1)), ("LUT6", Resources(lut=1)), ("INV", Resources(lut=1)), ("FDRE", Resources(ff=1)),
    ("FDSE", Resources(ff=1)), ("LDCE", Resources(ff=1)), ("FDRE_1", Resources(ff=1)),
    ("RAMB18E1", Resources(bram18=1)), ("RAMB36E1", Resources(bram18=2)),
    ("DSP48E1", Resources(dsp=1)), ("CARRY4", Resources()),
    ("MUXF8", Resources()),
])
def test_cells_without_memory(cell: str, cost: Resources) -> None:
    assert usage_of({cell: 1}) == Usage(cost)


@pytest.mark.parametrize(("cell", "luts"), [("RAM32M", 4), ("RAM64M", 4), ("RAM64X1D", 2), ("RAM32X1D", 2),
                                            ("RAM128X1D", 4), ("SRL16E", 1), ("SRLC32E", 1)])
def test_memory_cells_count_their_lut_sites(cell: str, luts: int) -> None:
    assert usage_of({cell: 3}) == Usage(Resources(lut=3 * luts), lutram=3 * luts)


def test_counts_add_up() -> None:
    assert usage_of({"LUT2": 5, "LUT6": 7, "RAM32M": 2, "FDRE": 9, "RAMB36E1": 1, "RAMB18E1": 1}) == Usage(
        Resources(lut=20, ff=9, bram18=3), lutram=8)


def test_an_unknown_cell_is_not_free() -> None:
    with pytest.raises(ValueError, match="unknown cost: MYSTERY"):
        usage_of({"LUT2": 1, "MYSTERY": 1})
