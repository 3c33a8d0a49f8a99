"""QONNX Trunc: the integers of a sum, divided by a power of two and rounded again (number-semantics.md C.1)."""

from __future__ import annotations

from fractions import Fraction
from math import log2

import numpy as np
from onnx import NodeProto

from hwgen.frontend import attributes
from hwgen.frontend.attributes import problem
from hwgen.frontend.constants import fractions
from hwgen.frontend.context import Context, tensor
from hwgen.frontend.qonnx import MAX_BITS, positive_scale, rounding_mode
from hwgen.frontend.registry import handles
from hwgen.ir.graph import Value
from hwgen.ir.tensor import Array, Tensor
from hwgen.ir.types import IntType, full_range
from hwgen.ops.quantized_maps import Trunc


@handles("qonnx", "Trunc")
def trunc(context: Context, node: NodeProto) -> None:
    """Version 2 has six inputs, version 1 five: no output scale, and no clip."""
    value = context.real_value(node)
    scale = context.frame(node, positive_scale(context, node, 1), value)
    zero = context.frame(node, context.exact(node, 2), value)
    version_2 = context.optional(node, 5) is not None
    context.add(node, (clipping if version_2 else plain)(context, node, value, scale, zero), value)


def clipping(context: Context, node: NodeProto, value: Value, scale: Array, zero: Array) -> Trunc:
    """t = 2^round(log2(out_scale / scale)); q = clip(round(c / t)); y = (q - zero / t) * out_scale."""
    out_scale = context.frame(node, positive_scale(context, node, 4), value)
    ratios = np.asarray(out_scale.astype(np.float64) / scale.astype(np.float64))
    exponents = {round(log2(ratio)) for ratio in ratios.ravel().tolist()}
    if len(exponents) != 1:
        raise problem(node, "unsupported-form", "its channels are divided by different powers of two",
                      "Use one scale per tensor, or the same ratio of scales in every channel.")
    divisor = Fraction(2) ** exponents.pop()
    narrow, signed = (attributes.integer(node, name, default) != 0 for name, default in (("narrow", 0), ("signed", 1)))
    kind = full_range(bits(context, node, 5), signed, narrow)
    out_zero = Tensor(np.asarray(fractions(tensor(zero).array) / divisor, dtype=object))
    return Trunc(tensor(scale), tensor(zero), divisor, kind, tensor(out_scale), out_zero, rounding_mode(node, "FLOOR"))


def plain(context: Context, node: NodeProto, value: Value, scale: Array, zero: Array) -> Trunc:
    """t = 2^(in_bits - out_bits); y = (round(c / t) - zero) * scale. The type covers every input of in_bits."""
    before, after = bits(context, node, 3), bits(context, node, 4)
    divisor = Fraction(2) ** (before - after)
    bound = 1 << after
    return Trunc(tensor(scale), tensor(zero), divisor, IntType(-bound, bound), tensor(scale), tensor(zero),
                 rounding_mode(node, "FLOOR"), clips=False)


def bits(context: Context, node: NodeProto, index: int) -> int:
    """A bit width."""
    width = context.scalar(node, index)
    if width != int(width) or not 1 <= width <= MAX_BITS:
        raise problem(node, "bit-width", f"a bit width of {width:g} is not an integer from 1 to {MAX_BITS}",
                      "Truncate to 1 to 32 bits.")
    return int(width)
