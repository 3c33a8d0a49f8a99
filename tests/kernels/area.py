"""How far the cost model may be from Yosys."""

from __future__ import annotations

from hwgen.kernels.base import Resources


def close(estimate: Resources, actual: Resources, luts: float = 0.15, ffs: int = 0) -> None:
    """LUTs within 15 % and 3 more, flip-flops within 2 % and `ffs` more, block RAM and DSPs exact."""
    assert abs(estimate.lut - actual.lut) <= luts * actual.lut + 3, (estimate, actual)
    assert abs(estimate.ff - actual.ff) <= 0.02 * actual.ff + ffs, (estimate, actual)
    assert (estimate.bram18, estimate.dsp) == (actual.bram18, actual.dsp), (estimate, actual)
