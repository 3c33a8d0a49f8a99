"""The host's last step: from integers back to the graph's own output."""

from __future__ import annotations

from hwgen.exact.tail import doubles, started
from hwgen.exact.view import View
from hwgen.host import Decode
from hwgen.ir.tensor import Tensor


def decode_of(view: View) -> Decode:
    """Scale and offset rounded once to float64 where the view is affine, else the tail of host functions."""
    stage = view.expression.affine
    if view.tail or stage is None:
        return Decode(Tensor(1.0), Tensor(0.0), started(view).tail, view.indices)
    return Decode(doubles(stage.scale.array, view), doubles(stage.offset.array, view), (), view.indices)


def order_of(view: View) -> Tensor | None:
    """The order in which the decoding takes the elements of the stream; a tail has it in its own steps."""
    return view.order if view.expression.affine is not None else None
