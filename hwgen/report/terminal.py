"""The report as a table for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_HEADING = ("layer", "kernel", "PE", "SIMD", "input", "weights", "output", "cycles", "measured", "LUT", "BRAM18",
            "DSP", "Yosys LUT", "BRAM18", "DSP")
_LEFT = {0, 1, 4, 5, 6}
_DSP, _SYNTHESIS = {11, 14}, {12, 13, 14}


def layer_table(report: Mapping[str, Any]) -> list[str]:
    """Lines: one a layer, then the whole network, FIFOs and width converters included.

    LUT, BRAM18 and DSP are the cost model's estimates; Yosys' figures stand beside them where it ran. A network
    without DSPs has no column of them.
    """
    used = report["resources"]
    hidden = (set() if used["estimate"]["dsp"] else _DSP) | (set() if used["synthesis"] else _SYNTHESIS)
    every = [_HEADING, *(_layer(layer) for layer in report["layers"]), _total(report)]
    rows = [[cell for i, cell in enumerate(row) if i not in hidden] for row in every]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) if i in _LEFT else cell.rjust(width)
                      for i, (cell, width) in enumerate(zip(row, widths, strict=True))).rstrip() for row in rows]


def _layer(layer: Mapping[str, Any]) -> tuple[str, ...]:
    used, synthesis = layer["estimate"], layer["synthesis"] or {}
    return (layer["name"], layer["kernel"], str(layer["pe"]), str(layer["simd"]), _short(layer["input_type"]),
            _short(layer["weight_type"]), _short(layer["output_type"]), _number(layer["cycles_model"]),
            _number(layer["cycles_measured"]), *_area(used), *_area(synthesis))


def _total(report: Mapping[str, Any]) -> tuple[str, ...]:
    cycles, used = report["cycles_per_frame"], report["resources"]["estimate"]
    synthesis = report["resources"]["synthesis"] or {}
    return ("network", "", "", "", "", "", "", _number(cycles["model"]), _number(cycles["measured"]),
            *_area(used), *_area(synthesis))


def _area(used: Mapping[str, int]) -> tuple[str, ...]:
    return tuple(_number(used.get(name)) for name in ("lut", "bram18", "dsp"))


def _short(kind: str | None) -> str:
    """A type without its interval."""
    return (kind or "").split("{")[0]


def _number(count: int | None) -> str:
    return "" if count is None else f"{count:,}"
