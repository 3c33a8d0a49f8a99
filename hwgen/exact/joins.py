"""Joins of exact views: integer multipliers make a sum exact; a concat keeps each side's scale per channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from hwgen.errors import HwgenError
from hwgen.exact.channels import per_channel_expression
from hwgen.exact.curves import JoinKind, JoinStage
from hwgen.exact.expression import AffineStage, Expression, affine
from hwgen.exact.grid import on_grid
from hwgen.exact.surd import Real, sign
from hwgen.exact.view import IDENTITY, Site, View, channels_last_order, linear, settled
from hwgen.ir.tensor import Array, Tensor
from hwgen.ops.add import Add
from hwgen.ops.concat import Concat
from hwgen.ops.scaled_add import ScaledAdd


def of_one_source(kind: JoinKind, a: View, b: View) -> View | None:
    """The join as an expression of the integers that both views share; None where their sources differ."""
    if a.source != b.source or a.shape != b.shape or a.moves != b.moves or a.indices or b.indices:
        return None
    if not np.array_equal(a.positions(), b.positions()):
        return None
    first, second = a.expression.affine, b.expression.affine
    if kind != "mul" and first is not None and second is not None and _one_term(first) and _one_term(second):
        other = second if kind == "add" else affine(-second.scale.array, -second.offset.array)
        scale, offset = first.scale.array + other.scale.array, first.offset.array + other.offset.array
        return replace(a, expression=Expression((affine(scale, offset),)))
    return replace(a, expression=Expression((*IDENTITY.stages, JoinStage(kind, a.expression, b.expression))))


def _one_term(stage: AffineStage) -> bool:
    """Whether the scales are rational, so that their sum can be divided by."""
    return all(isinstance(scale, Fraction) for scale in stage.scale.array.flat)


def fold_add(a: View, b: View, sign_of_b: int, site: Site) -> View:
    """a + b or a - b = common * (m1 * x + m2 * y) + offsets, with the smallest integers m1, m2."""
    joined = of_one_source("add" if sign_of_b > 0 else "sub", a, b)
    if joined is not None:
        return joined
    a, b = (settled(on_grid(view, site), site) for view in (a, b))
    first, second = linear(a, site), linear(b, site)
    _same_layout([a, b], site)
    m1, m2, common = _multipliers(first.scale.array, second.scale.array * sign_of_b, site)
    site.emit(_sum(m1, m2, a, site), a.source, b.source)
    return a.quantized(site.output).then(affine(common, first.offset.array + sign_of_b * second.offset.array))


def fold_concat(views: Sequence[View], site: Site) -> View:
    """The integers side by side; each channel keeps its own scale and offset."""
    views = [settled(on_grid(view, site), site) for view in views]
    stages = [linear(view, site) for view in views]
    if any(not np.array_equal(view.positions(), channels_last_order(view.shape)) for view in views):
        raise HwgenError("layout", site.name, "it joins along another axis than the channels of a map, or its inputs "
                         "passed a transpose or reshape", "Join the channels, in the model's own layout.")
    site.emit(Concat(), *(view.source for view in views))
    channels = sum(view.shape[0] for view in views)
    made = View(site.output, (channels, *views[0].shape[1:])).channels_last()
    return made.then(affine(_stacked([s.scale for s in stages], views), _stacked([s.offset for s in stages], views)))


def _stacked(parameters: Sequence[Tensor], views: Sequence[View]) -> Array:
    """One value per channel, or a single one where all agree."""
    columns = [_per_channel(t.array, view) for t, view in zip(parameters, views, strict=True)]
    joined = np.concatenate(columns)
    return joined if any(x != joined.flat[0] for x in joined.flat) else joined.reshape(-1)[:1]


def _per_channel(array: Array, view: View) -> Array:
    axes = (1,) * (len(view.shape) - 1)
    if array.size == 1:
        return np.full((view.shape[0], *axes), array.reshape(-1)[0], dtype=object)
    return np.broadcast_to(array, (view.shape[0], *array.shape[1:]))


def _sum(m1: Array, m2: Array, view: View, site: Site) -> Add | ScaledAdd:
    """With one pair of multipliers, or with one for each channel of the view's source."""
    if len(set(m1.flat)) == len(set(m2.flat)) == 1 and m1.flat[0] and m2.flat[0]:
        return Add(m1.flat[0], m2.flat[0])
    pairs = per_channel_expression(replace(view, expression=Expression((affine(m1, m2),))), site).affine
    assert pairs is not None
    return ScaledAdd(Tensor.of_ints(pairs.scale.array.tolist(), pairs.scale.shape),
                     Tensor.of_ints(pairs.offset.array.tolist(), pairs.offset.shape))


def _multipliers(a: Array, b: Array, site: Site) -> tuple[Array, Array, Array]:
    """Element by element, coprime integers m1, m2 and a common factor c with a = c * m1, b = c * m2."""
    a, b = np.broadcast_arrays(a, b)
    triples = [_pair(x, y) for x, y in zip(a.flat, b.flat, strict=True)]
    if any(not isinstance(x, int) for triple in triples for x in triple[:2]):
        raise HwgenError("scale-alignment", site.name, "the two sides of the sum have scales whose ratio is irrational",
                         "Quantize both sides, after the batch normalization.")
    first, second, common = (np.array(column, dtype=object).reshape(a.shape) for column in zip(*triples, strict=True))
    return first, second, common


def _pair(x: Real, y: Real) -> tuple[int | Real, int, Real]:
    """m1, m2, c of one element; m1 is no integer where there are none."""
    if sign(x) == 0 or sign(y) == 0:
        return (1, 1, x) if sign(x) == sign(y) else (1, 0, x) if sign(x) else (0, 1, y)
    ratio = x / y
    return (ratio.numerator, ratio.denominator, y / ratio.denominator) if isinstance(ratio, Fraction) else (ratio, 1, y)


def _same_layout(views: Sequence[View], site: Site) -> None:
    if any(not np.array_equal(view.positions(), views[0].positions()) for view in views):
        raise HwgenError("layout", site.name, "its inputs lie in different orders", "Remove the transpose or reshape "
                         "before it.")
