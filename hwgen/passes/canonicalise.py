"""Quantized level: drop what computes nothing.

1. A node whose op leaves every element where it is and as it is becomes a plain wire.
2. A node that no output needs is removed.
Both leave every other value as it was.
"""

from __future__ import annotations

from collections.abc import Mapping

from hwgen.ir.graph import Graph, Node, Value
from hwgen.ops.quantized import QuantizedOp


def canonicalise(graph: Graph) -> Graph:
    """Graph without wires and without dead nodes; graph outputs keep their names."""
    alias: dict[str, str] = {}
    kept: list[Node] = []
    for node in graph.nodes:
        inputs = tuple(alias.get(name, name) for name in node.inputs)
        if _is_wire(node, graph.values) and node.outputs[0] not in graph.outputs:
            alias[node.outputs[0]] = inputs[0]
        else:
            kept.append(Node(node.name, node.op, inputs, node.outputs, node.origin))
    live = _live(kept, graph.outputs)
    names = {*graph.inputs, *(name for node in live for name in node.outputs)}
    return graph.replaced(nodes=tuple(live), values={n: v for n, v in graph.values.items() if n in names})


def _is_wire(node: Node, values: Mapping[str, Value]) -> bool:
    return isinstance(node.op, QuantizedOp) and node.op.is_wire(values[node.inputs[0]])


def _live(nodes: list[Node], outputs: tuple[str, ...]) -> list[Node]:
    needed, live = set(outputs), []
    for node in reversed(nodes):
        if needed.intersection(node.outputs):
            live.append(node)
            needed.update(node.inputs)
    return live[::-1]
