"""Refusals that several modules give: what a DPU does not have, what is not quantized, and many as one message."""

from __future__ import annotations

from collections.abc import Sequence

from hwgen.dpu.fixed_point import FIXED_POINT
from hwgen.errors import HwgenError
from hwgen.ir.graph import Node

SHOWN = 12
"""Most further reasons in one message; of the others there are the places alone."""


def joined(errors: Sequence[HwgenError]) -> HwgenError:
    """The first error, of all places where the same is wrong; other things that are wrong are named behind it."""
    first, where = errors[0], dict[str, list[str]]()
    for error in errors:
        where.setdefault(error.why, []).append(error.where)
    same, *others = [", ".join(dict.fromkeys(places)) for places in where.values()]
    texts = [f"{places}: {why}" for places, why in zip(others, [*where][1:], strict=True)]
    more = [f"and {len(texts) - SHOWN} more, at {', '.join(others[SHOWN:])}"] if len(texts) > SHOWN else []
    return HwgenError(first.code, same, "; ".join([first.why, *texts[:SHOWN], *more]), first.help)


def no_counterpart(node: Node, why: str, help: str) -> HwgenError:
    """A layer that a DPU does not have."""
    return HwgenError("dpu-layer", node.name, why, help)


def unquantized(name: str) -> HwgenError:
    """A layer whose result nothing rounds to int8."""
    return HwgenError("dpu-quantizer", name, "no quantizer rounds its output to int8",
                      f"Quantize the output of every layer. {FIXED_POINT}")
