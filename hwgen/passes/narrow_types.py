"""Integer level: every value gets the narrowest interval that its producer can reach.

Forward over the graph, each op says how it looks on the narrower inputs: thresholds drop levels that every channel
always or never reaches, accumulators follow from the actual weights. No integer changes.
"""

from __future__ import annotations

from hwgen.ir.graph import Graph, GraphBuilder


def narrow_types(graph: Graph) -> Graph:
    """The same function with narrower types; graph inputs keep theirs."""
    builder = GraphBuilder(graph.name, graph.level)
    for name in graph.inputs:
        builder.add_input(graph.values[name])
    for node in graph.nodes:
        inputs = [builder.values[name] for name in node.inputs]
        builder.add(node.name, node.op.narrowed(inputs), node.inputs, node.outputs, node.origin)
    builder.ports.update(graph.ports)
    builder.orders.update(graph.orders)
    return builder.build(graph.outputs)
