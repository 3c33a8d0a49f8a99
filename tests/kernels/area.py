"""How far the cost model may be from Yosys."""

from __future__ import annotations

from pathlib import Path

from hwgen.kernels.base import Kernel, Resources
from hwgen.synth.cells import usage_of
from hwgen.synth.yosys import run_yosys, unit_of


def close(estimate: Resources, actual: Resources, luts: float = 0.15, ffs: int = 0) -> None:
    """LUTs within 15 % and 3 more, flip-flops within 2 % and `ffs` more, block RAM and DSPs exact."""
    assert abs(estimate.lut - actual.lut) <= luts * actual.lut + 3, (estimate, actual)
    assert abs(estimate.ff - actual.ff) <= 0.02 * actual.ff + ffs, (estimate, actual)
    assert (estimate.bram18, estimate.dsp) == (actual.bram18, actual.dsp), (estimate, actual)


def near(estimate: Resources, actual: Resources) -> None:
    """LUTs within 20 % and 6 more, flip-flops within 20 %, block RAM and DSPs exact."""
    assert abs(estimate.lut - actual.lut) <= 0.2 * actual.lut + 6, (estimate, actual)
    assert abs(estimate.ff - actual.ff) <= 0.2 * actual.ff, (estimate, actual)
    assert (estimate.bram18, estimate.dsp) == (actual.bram18, actual.dsp), (estimate, actual)


def synthesised(kernel: Kernel, folder: Path) -> Resources:
    """Yosys' count of the kernel in its wrapper, ROMs included; not cached."""
    unit = unit_of(kernel)
    return usage_of(run_yosys(unit.write(folder), unit.top, unit.parameters, folder, dsp=unit.dsp)).resources
