"""A dense layer on an exact view: integer weights, and a new affine view of the accumulator."""

from __future__ import annotations

from fractions import Fraction
from math import gcd, lcm

import numpy as np

from hwgen.errors import HwgenError
from hwgen.exact.expression import affine
from hwgen.exact.grid import on_grid
from hwgen.exact.surd import Surd
from hwgen.exact.view import Site, View, linear, settled
from hwgen.ir.tensor import Array, Tensor
from hwgen.ir.types import BIPOLAR, IntType
from hwgen.ops.matmul import MatMul

MAX_MULTIPLIER_BITS = 48


def fold_dense(weight: Tensor, scale: Tensor, zero_point: Tensor, bias: Tensor | None, view: View, site: Site) -> View:
    """acc = W' x with integers W'; value[m] = row[m] * common * acc[m] + offset[m].

    x[k] = s[k] a[k] + o[k] and W[m, k] = row[m] column[k] w[m, k]; column[k] s[k] = common * n[k] with integers n[k],
    which join the weights; the o[k] and the bias make the offset.
    """
    view = settled(on_grid(view, site), site)
    stage = linear(view, site)
    if len(view.shape) != 1:
        raise HwgenError("matrix-activation", site.name, f"its input has the shape {view.shape}; a dense layer takes "
                         "one vector a frame in this version", "Flatten the input before the layer.")
    integers = integer_weights(weight, zero_point, site)
    rows, columns = _split_scale(scale.fractions(), integers.shape, site)
    inputs, offsets = (np.broadcast_to(t.array, view.shape) for t in (stage.scale, stage.offset))
    multipliers, common = aligned(columns * inputs, site)
    site.emit(_matmul(integers * multipliers, view), view.source)
    moved = rows * (integers @ (columns * offsets)) if any(o != 0 for o in offsets) else rows * 0
    total = moved if bias is None else moved + bias.fractions()
    return View(site.output, (integers.shape[0],)).then(affine(rows * common, total))


def integer_weights(weight: Tensor, zero_point: Tensor, site: Site) -> Array:
    """weight - zero_point as Python integers; the zero point is scalar or broadcastable."""
    zero = zero_point.array
    if not np.array_equal(zero, np.round(zero.astype(np.float64))):
        raise HwgenError("weight-zero-point", site.name, "a weight zero point is not an integer",
                         "Train with integer zero points.")
    return np.asarray(weight.array.astype(object) - zero.astype(np.int64).astype(object))


def _split_scale(scale: Array, shape: tuple[int, ...], site: Site) -> tuple[Array, Array]:
    """Per-row and per-column factors of a scale that is a scalar, (M, 1), (1, K) or (M, K) of rank one."""
    if scale.size == 1:
        return np.full(shape[0], scale.ravel()[0]), np.full(shape[1], Fraction(1))
    full = np.broadcast_to(scale, shape)
    rows, columns = full[:, 0], full[0] / full[0, 0]
    if (rows[:, None] * columns[None, :] != full).any():
        raise HwgenError("weight-scale", site.name, f"a weight scale of shape {scale.shape} differs element by element",
                         "Use one scale per layer or per output channel.")
    return rows, columns


def aligned(scales: Array, site: Site) -> tuple[Array, Fraction | Surd]:
    """Integers n and a common factor c with scales = c * n."""
    if all(s == scales[0] for s in scales[1:]):
        return np.full(scales.shape, 1, dtype=object), scales[0]
    if any(isinstance(s, Surd) for s in scales):
        raise HwgenError("scale-alignment", site.name, "its input channels have scales whose ratios are irrational",
                         "Quantize the activations with one scale per tensor.")
    denominator = lcm(*(s.denominator for s in scales))
    numerators = [int(s * denominator) for s in scales]
    divisor = gcd(*numerators)
    multipliers = np.array([n // divisor for n in numerators], dtype=object)
    if max(abs(n) for n in multipliers).bit_length() > MAX_MULTIPLIER_BITS:
        raise HwgenError("scale-alignment", site.name, "its input channels have scales that no integers of "
                         f"{MAX_MULTIPLIER_BITS} bits align", "Quantize the activations with one scale per tensor.")
    return multipliers, Fraction(divisor, denominator)


def _matmul(weights: Array, view: View) -> MatMul:
    index = view.source_index()
    return MatMul(*typed(weights if index is None else weights[:, index]))


def typed(weights: Array) -> tuple[Tensor, IntType]:
    """Python integers as a constant and the type to store it in: bipolar where every weight is -1 or +1."""
    constant = Tensor.of_ints(weights.ravel().tolist(), weights.shape)
    if (np.abs(weights) == 1).all():
        return constant, BIPOLAR
    return constant, IntType(int(weights.min()), int(weights.max()))
