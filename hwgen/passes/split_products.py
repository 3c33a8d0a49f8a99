"""Integer level: a product by wide weights that are narrow ones times a few constants becomes a sum of narrow products.

Such weights come from a concatenation of unequal scales, whose common multiples have as many bits as the scales. The
parts read the same input; their accumulators meet in sums with the constants as multipliers, which narrow-joins then
makes small where it can. W x = sum of f_i (W_i x), so no integer but the parts' own is new.
"""

from __future__ import annotations

from hwgen.ir.graph import Graph, GraphBuilder, Node
from hwgen.ops.add import Add
from hwgen.ops.integer import IntegerOp


def split_products(graph: Graph) -> Graph:
    """The same function, and the same integers in every value of the given graph."""
    builder = GraphBuilder(graph.name, graph.level)
    for name in graph.inputs:
        builder.add_input(graph.values[name])
    for node in graph.nodes:
        parts = node.op.parts() if isinstance(node.op, IntegerOp) else ()
        if not parts:
            builder.add(node.name, node.op, node.inputs, node.outputs, node.origin)
            continue
        names = []
        for i, (_, op) in enumerate(parts):
            names.append(f"{node.outputs[0]}_part{i}")
            builder.add(f"{node.name}_part{i}", op, node.inputs, names[-1:], node.origin)
        _add_up(node, [factor for factor, _ in parts], names, builder)
    builder.ports.update(graph.ports)
    builder.orders.update(graph.orders)
    return builder.build(graph.outputs)


def _add_up(node: Node, factors: list[int], names: list[str], builder: GraphBuilder) -> None:
    """A chain of sums, of which the last has the name and the output of the node."""
    (output,) = node.outputs
    total, factor = names[0], factors[0]
    for i, (name, other) in enumerate(zip(names[1:], factors[1:], strict=True), 1):
        suffix = "" if i == len(names) - 1 else f"_sum{i}"
        made = f"{output}{suffix}"
        builder.add(f"{node.name}{suffix}", Add(factor, other), [total, name], [made], node.origin)
        total, factor = made, 1
