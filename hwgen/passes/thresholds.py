"""Integer level: every Step becomes thresholds, or a table, equal to it on the whole range of its input.

1. Piecewise linear monotone functions: level k is reached on a half-line of the integers, found by pulling the
   quantizer's exact cut back through the expression and rounding to the next integer (exactness doctrine, item 2). A
   falling function is counted from the top.
2. Others: the pieces on which the function is constant, by enclosures (hwgen.exact.pieces). Where it turns out
   monotone, the same thresholds; else a Table of the input where that takes few values, or a Threshold that counts the
   changes passed and a Table of that number (hwgen.exact.ladder).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from hwgen.errors import HwgenError
from hwgen.exact.expression import Condition
from hwgen.exact.ladder import ladder, monotone
from hwgen.exact.pieces import Pieces, pieces
from hwgen.ir.graph import Graph, GraphBuilder, Node, Value
from hwgen.ir.tensor import Array, Tensor
from hwgen.ir.types import BipolarType, IntType
from hwgen.ops.integer import IntegerOp, int_type
from hwgen.ops.step import Step
from hwgen.ops.table import Table
from hwgen.ops.threshold import Threshold

MAX_TABLE_WORDS = 1 << 10
"""Most words of a table that takes the input itself instead of thresholds before it."""


def thresholds(graph: Graph) -> Graph:
    """The same graph with thresholds or tables in the place of each Step."""
    builder = GraphBuilder(graph.name, graph.level)
    for name in graph.inputs:
        builder.add_input(graph.values[name])
    for node in graph.nodes:
        if isinstance(node.op, Step):
            _lower(node, node.op, builder, graph)
        else:
            builder.add(node.name, node.op, node.inputs, node.outputs, node.origin)
    builder.ports.update(graph.ports)
    builder.orders.update(graph.orders)
    return builder.build(graph.outputs)


def _lower(node: Node, step: Step, builder: GraphBuilder, graph: Graph) -> None:
    """The ops of one step; all but the last have names of their own."""
    *before, last = lowered_step(step, graph.inputs_of(node)[0], node.name)
    inputs = node.inputs
    for op in before:
        names = {*graph.values, *(n.name for n in graph.nodes)}
        suffix = next(s for s in ("_changes" + "_" * i for i in range(len(names))) if node.outputs[0] + s not in names
                      and node.name + s not in names)
        inputs = (builder.add(node.name + suffix, op, inputs, [node.outputs[0] + suffix], node.origin)[0].name,)
    builder.add(node.name, last, inputs, node.outputs, node.origin)


def lowered_step(step: Step, value: Value, name: str) -> tuple[IntegerOp, ...]:
    """The ops that are equal to a step on the type of its input, in order. HwgenError undecided."""
    if step.expression.invertible:
        return (threshold_of(step, value),)
    kind, channels = int_type(value), value.shape[-1]
    try:
        found = pieces(step.expression, step.quantizer, channels, kind.lo, kind.hi)
    except HwgenError as error:
        raise HwgenError(error.code, name, error.why, error.help) from error
    return _ops_of(found, step.quantizer.type, kind)


def _ops_of(found: list[Pieces], out: IntType, kind: IntType) -> tuple[IntegerOp, ...]:
    plain = monotone(found, out.levels - 1, kind.hi)
    if plain is not None:
        return (Threshold(Tensor(plain[0]), Tensor(plain[1]), out),)
    distinct = len(set(found))
    if distinct * kind.levels <= MAX_TABLE_WORDS:
        span = np.arange(kind.lo, kind.hi + 1)
        rows = np.stack([np.array(p.values)[np.searchsorted(p.starts, span, side="right") - 1]
                         for p in (found if distinct > 1 else found[:1])])
        return (Table(Tensor(_outputs(rows, out)), kind.lo, out),)
    made = ladder(found, kind.hi)
    count = IntType(0, made.changes.shape[1])
    changes = Threshold(Tensor(made.changes), Tensor(made.descending), count)
    return changes, Table(Tensor(_outputs(made.levels, out)), 0, out)


def _outputs(levels: Array, out: IntType) -> Array:
    """Output integers for numbers of cuts reached."""
    return np.asarray(2 * levels - 1 if isinstance(out, BipolarType) else levels + out.lo)


def threshold_of(step: Step, value: Value) -> Threshold:
    """The thresholds of an invertible step over the type of its input; value has shape (..., C)."""
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


def certify(step: Step, ops: Threshold | tuple[IntegerOp, ...], value: Value) -> Certificate:
    """Evaluate the step exactly on both sides of every change of what was found, and at both ends of the range.

    Where the stages are monotone, agreement there proves agreement on the whole range; elsewhere the enclosures of
    hwgen.exact.pieces have proved each piece constant, and the probes check its value at both ends in exact
    arithmetic. `ties` counts probes that lie exactly on a decision of the quantizer.
    """
    kind, channels = int_type(value), value.shape[-1]
    chain = (ops,) if isinstance(ops, Threshold) else ops
    probes = mismatches = ties = 0
    for index in range(channels):
        points = _points(chain[0], index, kind)
        found = _column(chain, points, index)
        mismatches += int((found != np.array([step.at(p, index) for p in points])).sum())
        bounds = {cut.bound for cut in step.quantizer.cuts(index)} if step.expression.rational else set()
        ties += sum(step.expression.evaluate(p, index) in bounds for p in points) if bounds else 0
        probes += len(points)
    return Certificate(probes, channels * kind.levels, ties, mismatches)


def _points(op: IntegerOp, index: int, kind: IntType) -> list[int]:
    """Both sides of every change of the first op of a step, and both ends of the range."""
    if isinstance(op, Threshold):
        changes = op.thresholds.array[index].tolist()
    else:
        assert isinstance(op, Table)
        row = op.values.array[index if op.values.shape[0] > 1 else 0]
        changes = (np.flatnonzero(np.diff(row)) + op.low + 1).tolist()
    return sorted({p for t in (*changes, kind.lo, kind.hi) for p in (t - 1, t) if kind.lo <= p <= kind.hi})


def _column(chain: tuple[IntegerOp, ...], points: list[int], index: int) -> Array:
    """What the ops give for one channel."""
    column = np.array(points)[:, None]
    for op in chain:
        (column,) = _channel(op, index).run(column)
    return np.asarray(column[:, 0])


def _channel(op: IntegerOp, index: int) -> IntegerOp:
    """An op of one channel only."""
    row = slice(index, index + 1)
    if isinstance(op, Threshold):
        return replace(op, thresholds=Tensor(op.thresholds.array[row]), descending=Tensor(op.descending.array[row]))
    assert isinstance(op, Table)
    return op if op.values.shape[0] == 1 else replace(op, values=Tensor(op.values.array[row]))


def certificates(before: Graph, after: Graph) -> dict[str, Certificate]:
    """For each Step of `before`, by node name, what proves that the ops of `after` equal it."""
    made = {node.outputs[0]: node for node in after.nodes}
    found = {}
    for node in before.nodes:
        if isinstance(node.op, Step):
            chain = _chain(made[node.outputs[0]], node.inputs[0], made)
            found[node.name] = certify(node.op, chain, before.inputs_of(node)[0])
    return found


def _chain(node: Node, source: str, made: dict[str, Node]) -> tuple[IntegerOp, ...]:
    """The ops from a value to a node's output."""
    chain: list[IntegerOp] = []
    while True:
        assert isinstance(node.op, IntegerOp)
        chain.insert(0, node.op)
        if node.inputs[0] == source:
            return tuple(chain)
        node = made[node.inputs[0]]
