"""An activation function right after a quantizer: its values lie on a grid again, so they are integers again."""

from __future__ import annotations

from fractions import Fraction
from math import gcd, lcm

import numpy as np

from hwgen.errors import HwgenError
from hwgen.exact.channels import per_channel_expression
from hwgen.exact.expression import Expression, affine
from hwgen.exact.quantizer import UniformQuantizer
from hwgen.exact.view import Site, View
from hwgen.ir.tensor import Array, Tensor
from hwgen.ir.types import IntType
from hwgen.ops.step import Step
from hwgen.rounding import Rounding

MAX_POINTS = 1 << 16
MAX_LEVELS = 1 << 10


def on_grid(view: View, site: Site) -> View:
    """The view itself where it is affine; else one of new integers k with value = step * k, made by a Step.

    Exact: every value of the function over the source's range is a multiple of `step`, the greatest number for which
    that holds, and the Step's quantizer has exactly these levels. Refused where the range or the levels are too many.
    """
    if view.host or view.expression.affine is not None:
        return view
    expression = per_channel_expression(view, site)
    low, high = site.range(view.source)
    channels = 1 if view.expression.scalar else site.channels(view.source)
    if (high - low + 1) * channels > MAX_POINTS:
        raise _refused(site, f"its input takes {high - low + 1} values on {channels} channels")
    values = _values(expression, channels, low, high, site)
    step = _common_step(values.ravel())
    levels = values / step
    kind = IntType(int(levels.min()), int(levels.max()))
    if kind.levels > MAX_LEVELS:
        raise _refused(site, f"its values take {kind.levels} levels")
    every = Tensor(np.full(site.channels(view.source), step, dtype=object))
    zero = Tensor(np.full(site.channels(view.source), Fraction(0), dtype=object))
    quantizer = UniformQuantizer(kind, every, zero, Rounding.HALF_EVEN)
    output = site.emit_inner(Step(expression, quantizer), view.source, "activation")
    return View(output, view.shape, Expression((affine(step, Fraction(0)),)), view.order, moves=view.moves)


def _values(expression: Expression, channels: int, low: int, high: int, site: Site) -> Array:
    if not expression.rational:
        raise _refused(site, "its values are irrational")
    found = [[expression.evaluate(a, c) for a in range(low, high + 1)] for c in range(channels)]
    values = np.array(found, dtype=object)
    if not all(isinstance(v, Fraction | int) for v in values.ravel()):
        raise _refused(site, "its values are irrational")
    return values


def _common_step(values: Array) -> Fraction:
    """The greatest rational that all values are multiples of; 1 if all are zero."""
    fractions = [Fraction(v) for v in values]
    denominator = lcm(*(v.denominator for v in fractions))
    return Fraction(gcd(*(int(v * denominator) for v in fractions)) or denominator, denominator)


def _refused(site: Site, why: str) -> HwgenError:
    return HwgenError("unquantized-activation", site.name, "its input passes an activation function without a "
                      f"quantizer, and {why}", "Put a quantizer after the activation function.")
