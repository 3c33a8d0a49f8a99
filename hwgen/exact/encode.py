"""The host's first quantizer as a table over float64, which any float32 or float64 input is compared with."""

from __future__ import annotations

from fractions import Fraction
from math import inf, nan, nextafter

import numpy as np

from hwgen.errors import HwgenError
from hwgen.exact.expression import Condition, Expression, expanded, taken
from hwgen.exact.pieces import representatives
from hwgen.exact.quantizer import Quantizer, UniformQuantizer
from hwgen.exact.single import decided_in_float32, float32_cuts
from hwgen.exact.surd import Real, sign
from hwgen.exact.view import View
from hwgen.host import Encode
from hwgen.ir.tensor import Tensor

MAX_LEVELS = 1 << 16


def encode_of(view: View, quantizer: Quantizer) -> Encode:
    """The quantizer after the view's expression, as cuts; one row if all elements share it.

    Directly on the input it is decided in float32 (hwgen.exact.single), after other ops exactly.
    """
    if quantizer.type.levels > MAX_LEVELS:
        raise HwgenError("wide-input", view.source, f"its quantizer has {quantizer.type.levels} levels; the host's "
                         f"table holds {MAX_LEVELS}", "Type the input with at most 16 bits.")
    if not view.expression.invertible:
        raise HwgenError("float-input", view.source, "it passes a function that is not piecewise linear and monotone "
                         "before its first quantizer", "Quantize the input itself.")
    shared = view.expression.scalar and quantizer.scalar
    shape = (1,) * len(view.shape) if shared else view.shape
    expression, levels = view.expression.mapped(expanded(shape)), quantizer.mapped(expanded(shape))
    index = view.channels_last().source_index()
    if index is not None and not shared:
        expression, levels = expression.mapped(taken(index)), levels.mapped(taken(index))
    raw = not view.expression.stages or view.expression == View(view.source, view.shape).expression
    single = raw and decided_in_float32(quantizer)
    elements = representatives(expression, levels, int(np.prod(shape)))
    found = {index: _float32_row(levels, index) if single else _row(expression, levels, index)
             for index in dict.fromkeys(elements)}
    rows = [found[index] for index in elements]
    return Encode(quantizer.type, Tensor(np.array([cuts for cuts, _ in rows], dtype=np.float64)),
                  Tensor(np.array([down for _, down in rows])), raw)


def stream_order(view: View) -> Tensor | None:
    """For each element of the stream, channels last, its index in the flattened graph input; None if in order."""
    index = view.channels_last().source_index()
    if index is None:
        return view.order
    return Tensor(index if view.order is None else view.order.array[index])


def _float32_row(quantizer: Quantizer, index: int) -> tuple[list[float], bool]:
    assert isinstance(quantizer, UniformQuantizer)
    return float32_cuts(quantizer, index), False


def _row(expression: Expression, quantizer: Quantizer, index: int) -> tuple[list[float], bool]:
    conditions = [expression.pull_back(cut, index) for cut in quantizer.cuts(index)]
    down = any(not isinstance(c, bool) and c.below for c in conditions)
    return sorted(_cut(c, down) for c in conditions), down


def _cut(condition: Condition, down: bool) -> float:
    """The smallest double inside a half-line (outside, for one that runs down); NaN sorts last and is never reached."""
    if isinstance(condition, bool):
        return -inf if condition != down else nan
    return smallest_double(condition.bound, condition.closed != condition.below)


def smallest_double(bound: Real, closed: bool) -> float:
    """The smallest double >= bound, or > bound if not closed."""
    x = float(bound)
    order = sign(Fraction(x) - bound)
    if order < 0 or (order == 0 and not closed):
        return nextafter(x, inf)
    below = nextafter(x, -inf)
    return below if sign(Fraction(below) - bound) > (-1 if closed else 0) else x
