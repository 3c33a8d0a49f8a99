"""The host's last step: from integers back to the graph's own output."""

from __future__ import annotations

import numpy as np

from hwgen.errors import HwgenError
from hwgen.exact.activations import RELU
from hwgen.exact.expression import AffineStage
from hwgen.exact.view import View
from hwgen.host import Decode
from hwgen.ir.tensor import Array, Tensor


def decode_of(view: View, name: str) -> Decode:
    """Scale and offset rounded once to float64, then the named host functions.

    The view of an index has the shape of the index; its stage still belongs to the scores.
    """
    first, *rest = view.expression.stages
    assert isinstance(first, AffineStage)
    if any(stage != RELU for stage in rest):
        raise HwgenError("float-tail", name, "arithmetic follows an unquantized activation function at the output",
                         "Quantize the activation, or end the network before it.")
    tail = (*("relu" for _ in rest), *view.tail)
    return Decode(_doubles(first.scale.array, view), _doubles(first.offset.array, view), tail, view.indices)


def _doubles(values: Array, view: View) -> Tensor:
    flat = values if values.size == 1 or view.indices else np.broadcast_to(values, view.shape).reshape(-1)
    return Tensor(np.array([float(v) for v in flat.ravel()], dtype=np.float64))
