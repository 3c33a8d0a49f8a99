"""Scales, weights and biases as numbers at fix positions, or a refusal by the layer's name."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from hwgen.dpu.arithmetic import FINEST, INT8
from hwgen.errors import HwgenError
from hwgen.ir.graph import Node
from hwgen.ir.tensor import Array, Tensor
from hwgen.ops.quantized import Dense, Quant
from hwgen.ops.quantized_layout import ConvTranspose
from hwgen.ops.quantized_maps import Conv

WeightedOp = Dense | Conv | ConvTranspose

FIXED_POINT = "Train with the quantizers of hwgen.nn.quant whose names end in FixedPoint or FixedPointInternalScaling."


def position_of(node: Node, op: Quant) -> int:
    """Of an activation quantizer. HwgenError: "dpu-layer", "dpu-bits", "dpu-zero-point", "dpu-scale"."""
    if op.inner:
        raise HwgenError("dpu-layer", node.name, "it rounds one factor of a product, a DPU multiplies a value by its "
                         "own hard sigmoid only", "Use hard swish.")
    if op.type != INT8:
        raise HwgenError("dpu-bits", node.name, f"its type is {op.type}, a DPU computes with int8", FIXED_POINT)
    if np.any(op.zero_point.array != 0):
        raise HwgenError("dpu-zero-point", node.name, "a DPU has no zero points", FIXED_POINT)
    return exponent(node, op.scale)


def exponent(node: Node, scale: Tensor, what: str = "its scale") -> int:
    """-log2 of a scale. HwgenError: "dpu-scale"."""
    values = sorted(set(scale.fractions().ravel().tolist()))
    if len(values) != 1:
        raise HwgenError("dpu-scale", node.name, f"{what} differs from channel to channel, a DPU has one a layer",
                         FIXED_POINT)
    (value,) = values
    if value <= 0 or 1 not in (value.numerator, value.denominator) or (
            value.numerator * value.denominator).bit_count() != 1:
        raise HwgenError("dpu-scale", node.name, f"{what}, {float(value):g}, is no power of two", FIXED_POINT)
    return int(value.denominator.bit_length() - value.numerator.bit_length())


def weight_position(node: Node, op: WeightedOp) -> int:
    """HwgenError: "dpu-zero-point", "dpu-bits", "dpu-scale"."""
    if np.any(op.zero_point.array != 0):
        raise HwgenError("dpu-zero-point", node.name, "its weights have a zero point", FIXED_POINT)
    low, high = int(op.weight.array.min(initial=0)), int(op.weight.array.max(initial=0))
    if low < INT8.lo or high > INT8.hi:
        raise HwgenError("dpu-bits", node.name, f"its weights go from {low} to {high}, a DPU has int8", FIXED_POINT)
    return exponent(node, op.scale, "the scale of its weights")


def bias_of(node: Node, bias: Tensor | None, grid: int) -> tuple[Tensor | None, int | None]:
    """int8 and its position: of those that hold the bias exactly the finest that neither the grid nor FINEST exceeds.

    grid: the accumulator's position. A bias that needs a finer one has the coarsest that holds it.

    HwgenError: "dpu-bits" where int8 does not hold it.
    """
    if bias is None:
        return None, None
    exact = bias.fractions().ravel()
    if any(value.denominator.bit_count() != 1 for value in exact):
        raise HwgenError("dpu-scale", node.name, "its bias lies on no grid of a power of two", FIXED_POINT)
    coarsest = max(_finest_bit(value) for value in exact)
    if not any(exact):
        coarsest = finest = min(grid, FINEST)
    else:
        finest = coarsest
        while finest < min(grid, FINEST) and _fits(exact, finest + 1):
            finest += 1
    if not _fits(exact, finest):
        raise HwgenError("dpu-bits", node.name, "its bias has more than 8 bits, a DPU has int8", FIXED_POINT)
    return Tensor(np.array([int(v * Fraction(2) ** finest) for v in exact])), finest


def _finest_bit(value: Fraction) -> int:
    """The smallest p such that value * 2^p is an integer; far below for 0."""
    if not value:
        return -(1 << 10)
    even = (value.numerator & -value.numerator).bit_length() - 1
    return value.denominator.bit_length() - 1 - even


def _fits(exact: Array, position: int) -> bool:
    scaled = [value * Fraction(2) ** position for value in exact]
    return all(INT8.lo <= value <= INT8.hi for value in scaled)
