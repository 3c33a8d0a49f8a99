"""Argmax of an affine view: integer scores in the order of the real ones, where one exists."""

from __future__ import annotations

from dataclasses import replace
from functools import cmp_to_key
from math import floor

import numpy as np

from hwgen.exact.surd import Real, sign
from hwgen.exact.tail import on_host
from hwgen.exact.view import Site, View, linear
from hwgen.host import HostStep
from hwgen.ir.tensor import Array, Tensor
from hwgen.ops.argmax import ArgMax


def fold_top(view: View, k: int, keepdims: bool, site: Site) -> View:
    """Indices of the k largest; a softmax before it keeps the order and is dropped.

    In hardware where k is 1 and all classes share one positive scale, else on the host.
    """
    scores = view.scores or view
    shape = (*scores.shape[:-1], *((k,) if keepdims else ()))
    offsets = _shared_scale(scores, site) if k == 1 and not scores.tail else None
    if offsets is None:
        return replace(on_host(HostStep.of("top", k=k, keepdims=keepdims), [scores], shape, site), indices=True)
    site.emit(ArgMax(*rank_offsets(offsets)), scores.source)
    return View(site.output, shape, indices=True)


def _shared_scale(scores: View, site: Site) -> Array | None:
    """The offsets in units of the scale that all classes share; None where there is no such scale."""
    stage = linear(scores, site) if scores.host or scores.indices else scores.expression.affine
    if stage is None or scores.order is not None or scores.moves or len(scores.shape) != 1:
        return None
    scales, offsets = (np.broadcast_to(t.array, scores.shape) for t in (stage.scale, stage.offset))
    shared = all(s == scales[0] for s in scales[1:]) and sign(scales[0]) > 0
    return np.asarray(offsets / scales[0]) if shared else None


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
