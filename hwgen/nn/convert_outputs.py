"""Converters of what classifiers end with: softmax, and the places of the largest scores.

Of equal scores the first one is the largest, in torch's argmax too; its topk leaves their order open.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from hwgen.ir.graph import Value
from hwgen.nn.calls import Site, converts, refuse
from hwgen.nn.record import Call
from hwgen.ops.quantized import Softmax, TopK


@converts(F.softmax, torch.softmax, torch.Tensor.softmax, takes="input dim")
def softmax(site: Site, call: Call) -> None:
    """Along the last axis."""
    site.add(call, Softmax(log=False), _scores(site, call))


@converts(F.log_softmax, torch.log_softmax, torch.Tensor.log_softmax, takes="input dim")
def log_softmax(site: Site, call: Call) -> None:
    """Along the last axis."""
    site.add(call, Softmax(log=True), _scores(site, call))


@converts(torch.argmax, torch.Tensor.argmax, takes="input dim keepdim")
def argmax(site: Site, call: Call) -> None:
    """Along the last axis."""
    site.add(call, TopK(1, bool(site.arguments(call).get("keepdim", False))), _scores(site, call))


@converts(torch.max, torch.Tensor.max, takes="input dim keepdim")
def maximum(site: Site, call: Call) -> None:
    """Along the last axis, the places alone."""
    scores, keepdim = _scores(site, call), site.arguments(call).get("keepdim", False)
    _refuse_values(call)
    site.add(call, TopK(1, bool(keepdim)), scores)


@converts(torch.topk, torch.Tensor.topk, takes="input k dim largest sorted")
def topk(site: Site, call: Call) -> None:
    """Along the last axis, the places of the largest alone."""
    given, scores = site.arguments(call), _scores(site, call, -1)
    _refuse_values(call)
    if not (given.get("largest", True) and given.get("sorted", True)):
        raise refuse(call, "it takes the smallest, or no order", "Only largest=True and sorted=True are supported.")
    site.add(call, TopK(given["k"]), scores)


def _scores(site: Site, call: Call, default: Any = None) -> Value:
    """What it runs over. HwgenError: "unsupported-form" but for the last axis."""
    value, axis = site.value(call), site.arguments(call).get("dim", default)
    if axis not in (-1, len(value.shape)):
        raise refuse(call, "it runs over " + ("all axes" if axis is None else f"axis {axis}"),
                     "Only the last axis is supported.")
    return value


def _refuse_values(call: Call) -> None:
    if call.part != 1:
        raise refuse(call, "its values are used", "Only its indices are supported.")
