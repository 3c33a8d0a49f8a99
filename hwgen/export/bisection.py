"""How many of its ascending thresholds an element reaches, by bisection: a Gather and a comparison a bit of the count.

All comparisons at once would make a tensor as many times as large as the map as there are thresholds.
"""

from __future__ import annotations

import numpy as np

from hwgen.export.sheet import Sheet
from hwgen.ir.tensor import Array

MOST_COMPARED = 16
"""Thresholds up to which all of them are compared at once."""


def bisected(sheet: Sheet, x: str, rows: Array, row: Array, kind: type[np.floating], name: str) -> str:
    """The counts as a float32 tensor of the shape of x, which is of type `kind`.

    rows: (R, N) thresholds, NaN those that nothing reaches; row: of each element, broadcastable to x.
    """
    count, levels = rows.shape
    bits = levels.bit_length()
    padded = np.full((count, 1 << bits), np.nan)
    padded[:, :levels] = rows
    table = sheet.constant(f"{name}_thresholds", padded.ravel(), kind)
    start = place = sheet.constant(f"{name}_start", row << bits, np.int64)
    for step in (1 << bit for bit in reversed(range(bits))):
        ahead = sheet.step("Add", [place, sheet.constant(f"{name}_ahead", step - 1, np.int64)], f"{name}_tried")
        bound = sheet.step("Gather", [table, ahead], f"{name}_bound", kind, axis=0)
        above = sheet.step("GreaterOrEqual", [x, bound], f"{name}_above")
        by = sheet.constant(f"{name}_step", step, np.int64)
        moved = sheet.step("Mul", [sheet.step("Cast", [above], f"{name}_ones", to=7), by], f"{name}_moved")
        place = sheet.step("Add", [place, moved], f"{name}_place")
    return sheet.step("Cast", [sheet.step("Sub", [place, start], f"{name}_count")], f"{name}_codes", to=1)
