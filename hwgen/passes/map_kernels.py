"""Integer to hardware level: every op becomes a kernel, every port an AXI4-Stream adapter.

1. A node becomes the first kernel of the registry that accepts it, at its smallest folding; its name becomes an
   identifier (hwgen.names).
2. Each graph input gets a StreamInput, each output a StreamOutput.
Every node that cannot be mapped is named in one error, with each kernel's reason. No integer changes.
"""

from __future__ import annotations

from dataclasses import replace

from hwgen import kernels
from hwgen.errors import HwgenError
from hwgen.host import InputPort, OutputPort
from hwgen.ir.graph import Graph, GraphBuilder, Level, Node
from hwgen.kernels.stream_input import StreamInput
from hwgen.kernels.stream_output import StreamOutput
from hwgen.names import Names


def map_kernels(graph: Graph) -> Graph:
    """The hardware graph with every kernel at its smallest folding."""
    _refuse_empty(graph)
    _refuse_unmapped(graph)
    _refuse_forks(graph)
    builder = GraphBuilder(graph.name, Level.HARDWARE)
    names = Names()
    inner = _add_inputs(graph, builder, names)
    for node in graph.nodes:
        inputs = [inner.get(name, name) for name in node.inputs]
        values = [builder.values[name] for name in inputs]
        kernel = kernels.candidates(node.op, values)[0].lower(node.op, values)
        builder.add(names.of(node.name), kernel, inputs, node.outputs, node.origin)
    builder.orders.update(graph.orders)
    return builder.build(_add_outputs(graph, builder, names))


def _add_inputs(graph: Graph, builder: GraphBuilder, names: Names) -> dict[str, str]:
    """StreamInputs; returns the value behind the adapter for each graph input."""
    inner = {}
    for port in graph.ports.values():
        if isinstance(port, InputPort):
            value = builder.add_input(graph.values[port.value])
            inner[port.value] = _unused(f"{port.value}_stream", graph)
            builder.add(names.of(f"{port.name}_input"), StreamInput.of(value), [port.value],
                        [inner[port.value]])
            builder.ports[port.name] = port
    return inner


def _add_outputs(graph: Graph, builder: GraphBuilder, names: Names) -> list[str]:
    """StreamOutputs; the ports of the outputs follow."""
    outer: dict[str, str] = {}
    for port in graph.ports.values():
        if isinstance(port, OutputPort):
            if port.value not in outer:
                outer[port.value] = _unused(f"{port.value}_stream", graph)
                kernel = StreamOutput.of(builder.values[port.value])
                builder.add(names.of(f"{port.name}_output"), kernel, [port.value], [outer[port.value]])
            builder.ports[port.name] = replace(port, value=outer[port.value])
    return list(outer.values())


def _unused(name: str, graph: Graph) -> str:
    while name in graph.values:
        name += "_"
    return name


def _refuse_empty(graph: Graph) -> None:
    bare = [name for name in graph.outputs if name in graph.inputs]
    if bare or not graph.nodes:
        raise HwgenError("no-layers", ", ".join(bare or graph.outputs), "nothing but the host's quantizer stands "
                         "between input and output", "Build a network with at least one quantized layer.")


def _refuse_unmapped(graph: Graph) -> None:
    reasons = []
    for node in graph.nodes:
        inputs = graph.inputs_of(node)
        if not kernels.candidates(node.op, inputs):
            refused = "; ".join(f"{stem}: {why}" for stem, why in kernels.refusals(node.op, inputs).items())
            reasons.append(f"{_described(node)} ({refused or 'this version has no kernel for this op'})")
    if reasons:
        raise HwgenError("unmapped", ", ".join(reasons), "not built in hardware", "Replace these layers, or run the "
                         "integer model: hwgen run.")


def _refuse_forks(graph: Graph) -> None:
    for name in graph.values:
        users = [_described(node) for node in graph.consumers(name)] + ["an output"] * (name in graph.outputs)
        if len(users) > 1:
            raise HwgenError("branch", name, f"the value goes to {' and '.join(users)}; this version builds chains",
                             "Give each layer one consumer.")


def _described(node: Node) -> str:
    return f"{node.op.label} '{node.name}'"
