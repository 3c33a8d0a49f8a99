"""What only the host computes: the steps from the last integers to the graph's own output, float64 in numpy.

A view with a tail stands for the result of the tail's last step; its source is the integer value that the steps start
from. Scale, offset, order and activation functions of the view become the first steps: so views of one source join.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hwgen.errors import HwgenError
from hwgen.exact.curves import JoinStage
from hwgen.exact.expression import AffineStage, Stage
from hwgen.exact.view import IDENTITY, Site, View, settled
from hwgen.host import HostStep
from hwgen.ir.tensor import Array, Tensor


def on_host(step: HostStep, views: Sequence[View], shape: tuple[int, ...], site: Site) -> View:
    """The view of what a step makes of these views. HwgenError float-input, host-tail."""
    if any(view.host for view in views):
        source = next(view.source for view in views if view.host)
        raise HwgenError("float-input", site.name, f"the input '{source}' reaches it without a quantizer",
                         "Put a quantizer on the input, or type it: --input-type uint8 --input-scale 1/255.")
    first, *others = (started(settled(view, site)) for view in views)
    if any(view.source != first.source for view in others):
        raise HwgenError("host-tail", site.name, "it joins values of two streams after an op that only the host "
                         "computes", "Join the values before that op, or make them two outputs of the model.")
    tail, results = first.tail, [len(first.tail)]
    for view in others:
        tail, result = merged(tail, view.tail)
        results.append(result)
    return replace(first, shape=shape, tail=(*tail, replace(step, inputs=tuple(results))), scores=None)


def started(view: View) -> View:
    """The same value with everything that stands between the integers and it as steps of a tail."""
    if view.tail:
        return view
    stage, *rest = view.expression.stages
    assert isinstance(stage, AffineStage)
    if rest and isinstance(rest[0], JoinStage):
        return _branches(rest[0], rest[1:], view)
    steps = [HostStep.of("affine", scale=doubles(stage.scale.array, view), offset=doubles(stage.offset.array, view)),
             HostStep.of("reshape", shape=view.shape), *(stage.host_step() for stage in rest)]
    if view.order is not None:
        steps.insert(0, HostStep.of("take", index=view.order))
    placed = tuple(replace(step, inputs=(index,)) for index, step in enumerate(steps))
    return replace(view, expression=IDENTITY, order=None, tail=placed)


def _branches(join: JoinStage, rest: Sequence[Stage], view: View) -> View:
    """Both sides of a join from the same integers, the join, and what follows."""
    left, right = (started(replace(view, expression=side)) for side in (join.left, join.right))
    tail, result = merged(left.tail, right.tail)
    steps = [replace(join.host_step(), inputs=(len(left.tail), result))]
    for stage in rest:
        steps.append(replace(stage.host_step(), inputs=(len(tail) + len(steps),)))
    return replace(left, tail=(*tail, *steps))


def merged(tail: tuple[HostStep, ...], other: tuple[HostStep, ...]) -> tuple[tuple[HostStep, ...], int]:
    """Both tails' steps, equal ones once, and the position of the other's result."""
    steps, place = list(tail), [0]
    for step in other:
        moved = replace(step, inputs=tuple(place[i] for i in step.inputs))
        if moved not in steps:
            steps.append(moved)
        place.append(steps.index(moved) + 1)
    return tuple(steps), place[-1]


def doubles(values: Array, view: View) -> Tensor:
    """Exact values rounded once to float64: a single one, or one for each element of the flattened view."""
    flat = values if values.size == 1 else np.broadcast_to(values, view.shape).reshape(-1)
    return Tensor(np.array([float(v) for v in flat.ravel()], dtype=np.float64))
