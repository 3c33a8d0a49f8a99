"""Integer level: every Step becomes the thresholds that are equal to it on the whole range of its input.

Level k is reached on a half-line of the integers, found by pulling the quantizer's exact cut back through the
expression and rounding to the next integer (exactness doctrine, item 2). A falling function is counted from the top.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwgen.exact.expression import Condition
from hwgen.ir.graph import Graph, Node, Value
from hwgen.ir.tensor import Tensor
from hwgen.ops.integer import int_type
from hwgen.ops.step import Step
from hwgen.ops.threshold import Threshold


def thresholds(graph: Graph) -> Graph:
    """The same graph with a Threshold in the place of each Step."""
    return graph.replaced(nodes=tuple(_lowered(node, graph) for node in graph.nodes))


def _lowered(node: Node, graph: Graph) -> Node:
    if not isinstance(node.op, Step):
        return node
    (value,) = graph.inputs_of(node)
    return Node(node.name, threshold_of(node.op, value), node.inputs, node.outputs, node.origin)


def threshold_of(step: Step, value: Value) -> Threshold:
    """The thresholds of a step over the type of its input; value has shape (..., C)."""
    kind, channels = int_type(value), value.shape[-1]
    rows, descending = [], []
    for index in range(channels):
        conditions = [step.expression.pull_back(cut, index) for cut in step.quantizer.cuts(index)]
        down = any(not isinstance(c, bool) and c.below for c in conditions)
        rows.extend(sorted(_first(c, down, kind.lo, kind.hi + 1) for c in conditions))
        descending.append(down)
    shape = (channels, step.quantizer.type.levels - 1)
    return Threshold(Tensor.of_ints(rows, shape), Tensor(np.array(descending)), step.quantizer.type)


def _first(condition: Condition, down: bool, lowest: int, beyond: int) -> int:
    """The first integer from which the level holds (ceases to hold, where it runs down), within [lowest, beyond]."""
    if isinstance(condition, bool):
        return lowest if condition != down else beyond
    return min(max(condition.first_integer(), lowest), beyond)


@dataclass(frozen=True)
class Certificate:
    """What was compared: probes evaluated exactly, accumulator values that they cover, and mismatches (always 0)."""

    probes: int
    covered: int
    ties: int
    mismatches: int


def certify(step: Step, threshold: Threshold, value: Value) -> Certificate:
    """Evaluate the step exactly on both sides of every threshold.

    The stages are monotone, so agreement at T - 1 and T for every threshold T of a channel, and at both ends of the
    range, proves agreement on the whole range. `ties` counts probes that lie exactly on a decision of the quantizer.
    """
    kind = int_type(value)
    probes = mismatches = ties = 0
    for index, row in enumerate(threshold.thresholds.array):
        points = sorted({p for t in (*row.tolist(), kind.lo, kind.hi) for p in (t - 1, t) if kind.lo <= p <= kind.hi})
        expected = [step.at(p, index) for p in points]
        reached = np.searchsorted(row, np.array(points, dtype=row.dtype), side="right")
        codes = len(row) - reached if threshold.descending.array[index] else reached
        mismatches += int((threshold.values_of(codes) != np.array(expected)).sum())
        bounds = {cut.bound for cut in step.quantizer.cuts(index)}
        ties += sum(step.expression.evaluate(p, index) in bounds for p in points)
        probes += len(points)
    return Certificate(probes, value.shape[-1] * kind.levels, ties, mismatches)


def certificates(before: Graph, after: Graph) -> dict[str, Certificate]:
    """For each Step of `before`, by node name, what proves that the Threshold of `after` equals it."""
    lowered = {node.name: node.op for node in after.nodes}
    found = {}
    for node in before.nodes:
        op = lowered.get(node.name)
        if isinstance(node.op, Step) and isinstance(op, Threshold):
            found[node.name] = certify(node.op, op, before.inputs_of(node)[0])
    return found
