"""Integer level: a sum of two streams gets the smallest multipliers that leave all that is decided about it unchanged.

The exact integers that align two scales have as many bits as the scales. Where only step functions read the sum, only
their cuts matter: the op finds smaller multipliers with the same decisions for every pair of inputs in range, proved at
the corners (hwgen.exact.multipliers), and the step functions get the cuts that go with them. A sum that anything else
reads keeps its integers. Multipliers that differ from channel to channel become products of their own before the sum.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hwgen.ir.graph import Graph, GraphBuilder, Node, Op
from hwgen.ops.integer import IntegerOp


def narrow_joins(graph: Graph) -> Graph:
    """The same function; every value but the sums themselves keeps its integers."""
    ops: dict[str, Op] = {node.name: node.op for node in graph.nodes}
    for node in graph.nodes:
        ops.update(_narrowed(node, graph))
    builder = GraphBuilder(graph.name, graph.level)
    for name in graph.inputs:
        builder.add_input(graph.values[name])
    for node in graph.nodes:
        _add(node, ops[node.name], builder)
    builder.ports.update(graph.ports)
    builder.orders.update(graph.orders)
    return builder.build(graph.outputs)


def _add(node: Node, op: Op, builder: GraphBuilder) -> None:
    """The node, after the products that kernels compute by themselves."""
    before, op = op.prepared(node.name) if isinstance(op, IntegerOp) else ((), op)
    inputs = list(node.inputs)
    for i, product in enumerate(before):
        if product is not None:
            inputs[i] = f"{node.outputs[0]}_scale{i}"
            builder.add(f"{node.name}_scale{i}", product, [node.inputs[i]], [inputs[i]], node.origin)
    builder.add(node.name, op, inputs, node.outputs, node.origin)


def _narrowed(node: Node, graph: Graph) -> Mapping[str, Op]:
    """The new ops of a join and of its readers, by node name; empty where it stays as it is."""
    readers = [reader for value in node.outputs for reader in graph.consumers(value)]
    decided = [reader.op.cuts() if isinstance(reader.op, IntegerOp) else None for reader in readers]
    known = [cuts for cuts in decided if cuts is not None]
    if not isinstance(node.op, IntegerOp) or not known or len(known) < len(decided):
        return {}
    if any(value in graph.outputs for value in node.outputs):
        return {}
    small = node.op.with_decisions(graph.inputs_of(node), np.concatenate(known, axis=1))
    if small is None:
        return {}
    op, moved = small
    ends = np.cumsum([cuts.shape[1] for cuts in known])
    steps = zip(readers, np.split(moved, ends[:-1], axis=1), strict=True)
    return {node.name: op, **{reader.name: reader.op.with_cuts(cuts) for reader, cuts in steps
                              if isinstance(reader.op, IntegerOp)}}
