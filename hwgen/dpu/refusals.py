"""Refusals that several modules give: what a DPU does not have, what is not quantized, and many as one message."""

from __future__ import annotations

from collections.abc import Sequence

from hwgen.dpu.fixed_point import FIXED_POINT
from hwgen.errors import HwgenError
from hwgen.ir.graph import Node

SHOWN = 12
"""Most further refusals in one message."""


def joined(errors: Sequence[HwgenError]) -> HwgenError:
    """The first error, of all places where the same is wrong; other things that are wrong are named behind it."""
    first = errors[0]
    same = [e.where for e in errors if (e.code, e.why) == (first.code, first.why)]
    others = dict.fromkeys(f"{e.where}: {e.why}" for e in errors if (e.code, e.why) != (first.code, first.why))
    more = [f"and {len(others) - SHOWN} more"] if len(others) > SHOWN else []
    why = "; ".join([first.why, *list(others)[:SHOWN], *more])
    return HwgenError(first.code, ", ".join(dict.fromkeys(same)), why, first.help)


def no_counterpart(node: Node, why: str, help: str) -> HwgenError:
    """A layer that a DPU does not have."""
    return HwgenError("dpu-layer", node.name, why, help)


def unquantized(name: str) -> HwgenError:
    """A layer whose result nothing rounds to int8."""
    return HwgenError("dpu-quantizer", name, "no quantizer rounds its output to int8",
                      f"Quantize the output of every layer. {FIXED_POINT}")
