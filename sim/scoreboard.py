"""Compare beats with what is expected, and say which frame and which channel is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def lanes(beat: int, layout: Mapping[str, Any]) -> list[int]:
    """The integers of one beat, lane 0 first. layout: bits, lanes, coding ("signed", "unsigned" or "bipolar")."""
    bits = layout["bits"]
    codes = [(beat >> (lane * bits)) & ((1 << bits) - 1) for lane in range(layout["lanes"])]
    if layout["coding"] == "bipolar":
        return [2 * code - 1 for code in codes]
    return [code - (1 << bits) if layout["coding"] == "signed" and code >> (bits - 1) else code for code in codes]


def compare(actual: Sequence[int], expected: Sequence[int], layout: Mapping[str, Any], channels: int,
            where: str) -> None:
    """Raise AssertionError at the first beat that differs. layout also has beats (a frame) and elements (a frame)."""
    for index, (got, wanted) in enumerate(zip(actual, expected, strict=False)):
        if got == wanted:
            continue
        frame, beat = divmod(index, layout["beats"])
        for lane, (a, e) in enumerate(zip(lanes(got, layout), lanes(wanted, layout), strict=True)):
            element = beat * layout["lanes"] + lane
            assert a == e or element >= layout["elements"], (
                f"{where}: frame {frame}, element {element} (channel {element % channels}): expected {e}, actual {a}")
    assert len(actual) == len(expected), f"{where}: expected {len(expected)} output beats, actual {len(actual)}"
