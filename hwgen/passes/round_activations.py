"""Quantized level: other roundings than those of training, as the hardware that will run the network has them.

Every quantizer that rounds to nearest does so in another mode; those that the host computes, before the first
integers, in one of their own. Directed modes (floor, ceil, toward zero) and two-valued quantizers stay as they are.
"""

from __future__ import annotations

from hwgen.ir.graph import Graph, Node
from hwgen.ops.quantized import QuantizedOp
from hwgen.rounding import Rounding


def round_activations(graph: Graph, inside: Rounding, on_host: Rounding) -> Graph:
    """The graph with the mode `inside` at activations and `on_host` at the network's inputs."""
    host, nodes = set(graph.inputs), list[Node]()
    for node in graph.nodes:
        assert isinstance(node.op, QuantizedOp)
        outside = host.issuperset(node.inputs)
        nodes.append(Node(node.name, node.op.rounded(on_host if outside else inside), node.inputs, node.outputs,
                          node.origin))
        if outside and not node.op.quantizes:
            host.update(node.outputs)
    return graph.replaced(nodes=tuple(nodes))
