"""The report as a table for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_HEADING = ("layer", "kernel", "PE", "SIMD", "input", "weights", "output", "cycles", "measured", "LUT", "BRAM18",
            "Yosys LUT", "BRAM18")
_LEFT = {0, 1, 4, 5, 6}


def layer_table(report: Mapping[str, Any]) -> list[str]:
    """Lines: one a layer, then the whole network, FIFOs and width converters included.

    LUT and BRAM18 are the cost model's estimates; Yosys' figures stand beside them where it ran.
    """
    columns = len(_HEADING) if report["resources"]["synthesis"] else len(_HEADING) - 2
    every = [_HEADING, *(_layer(layer) for layer in report["layers"]), _total(report)]
    rows = [row[:columns] for row in every]
    widths = [max(len(row[i]) for row in rows) for i in range(columns)]
    return ["  ".join(cell.ljust(width) if i in _LEFT else cell.rjust(width)
                      for i, (cell, width) in enumerate(zip(row, widths, strict=True))).rstrip() for row in rows]


def _layer(layer: Mapping[str, Any]) -> tuple[str, ...]:
    used, synthesis = layer["estimate"], layer["synthesis"] or {}
    return (layer["name"], layer["kernel"], str(layer["pe"]), str(layer["simd"]), _short(layer["input_type"]),
            _short(layer["weight_type"]), _short(layer["output_type"]), _number(layer["cycles_model"]),
            _number(layer["cycles_measured"]), _number(used["lut"]), _number(used["bram18"]),
            _number(synthesis.get("lut")), _number(synthesis.get("bram18")))


def _total(report: Mapping[str, Any]) -> tuple[str, ...]:
    cycles, used = report["cycles_per_frame"], report["resources"]["estimate"]
    synthesis = report["resources"]["synthesis"] or {}
    return ("network", "", "", "", "", "", "", _number(cycles["model"]), _number(cycles["measured"]),
            _number(used["lut"]), _number(used["bram18"]), _number(synthesis.get("lut")),
            _number(synthesis.get("bram18")))


def _short(kind: str | None) -> str:
    """A type without its interval."""
    return (kind or "").split("{")[0]


def _number(count: int | None) -> str:
    return "" if count is None else f"{count:,}"
