"""Named rounding modes: ties are part of a quantizer's meaning."""

from __future__ import annotations

from enum import Enum


class Rounding(Enum):
    """How a real number becomes an integer. HALF_UP is floor(x + 1/2), what a DPU does."""

    HALF_EVEN = "half_even"
    HALF_UP = "half_up"
    HALF_AWAY = "half_away"
    HALF_TOWARD_ZERO = "half_toward_zero"
    FLOOR = "floor"
    CEIL = "ceil"
    AWAY = "away"
    TOWARD_ZERO = "toward_zero"
    DPU_PY3 = "dpu_py3"


NEAREST = (Rounding.HALF_EVEN, Rounding.HALF_UP, Rounding.HALF_AWAY, Rounding.HALF_TOWARD_ZERO, Rounding.DPU_PY3)
"""Modes that differ at ties only."""
