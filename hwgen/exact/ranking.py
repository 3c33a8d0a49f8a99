"""Argmax of an affine view: integer scores in the order of the real ones, where one exists."""

from __future__ import annotations

from dataclasses import replace
from functools import cmp_to_key
from math import floor

import numpy as np

from hwgen.exact.expression import Expression, affine
from hwgen.exact.surd import Real, sign
from hwgen.exact.view import Site, View, linear
from hwgen.ir.tensor import Array, Tensor
from hwgen.ops.argmax import ArgMax


def fold_argmax(view: View, site: Site, shape: tuple[int, ...]) -> View:
    """In hardware where all classes share one positive scale, else on the host. Softmax keeps the order: dropped."""
    scores = replace(view, tail=())
    stage = linear(scores, site)
    scales, offsets = (np.broadcast_to(t.array, view.shape) for t in (stage.scale, stage.offset))
    shared = all(s == scales[0] for s in scales[1:]) and sign(scales[0]) > 0
    if not shared or view.order is not None:
        scores = replace(scores, expression=Expression((affine(scales, offsets),)))
        return replace(scores, shape=shape, tail=("argmax",), indices=True)
    site.emit(ArgMax(*rank_offsets(offsets / scales[0])), view.source)
    return View(site.output, shape, indices=True)


def _order(x: Real, y: Real) -> int:
    return sign(x - y)


def rank_offsets(offsets: Array) -> tuple[int, Tensor]:
    """A multiplier R and integers b with a + offset in the same order, ties included, as R * a + b for integers a.

    b = R * floor(offset) + the rank of the fractional part, R = how many fractional parts there are.
    """
    fractions = [o - floor(o) for o in offsets]
    distinct: list[Real] = []
    for part in sorted(fractions, key=cmp_to_key(_order)):
        if not distinct or part != distinct[-1]:
            distinct.append(part)
    ranks = [next(i for i, d in enumerate(distinct) if d == part) for part in fractions]
    values = [len(distinct) * floor(o) + r for o, r in zip(offsets, ranks, strict=True)]
    return len(distinct), Tensor.of_ints(values, (len(values),))
