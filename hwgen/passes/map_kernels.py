"""Integer to hardware level: every op becomes a kernel, every port an AXI4-Stream adapter, every branch a fork.

1. A node becomes the first kernel of the registry that accepts it, at its smallest folding; its name becomes an
   identifier (hwgen.names).
2. Each graph input gets a StreamInput, each output a StreamOutput.
3. A value with several readers gets a Fork, and each reader a copy under a name of its own: a stream has one reader.
Every node that cannot be mapped is named in one error, with each kernel's reason. No integer changes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from hwgen import kernels
from hwgen.errors import HwgenError
from hwgen.host import InputPort, OutputPort
from hwgen.ir.graph import Graph, GraphBuilder, Level, Node
from hwgen.kernels.base import Kernel
from hwgen.kernels.fork import ForkUnit
from hwgen.kernels.stream_input import StreamInput
from hwgen.kernels.stream_output import StreamOutput
from hwgen.names import Names
from hwgen.passes.plumbing import flag_paths


def map_kernels(graph: Graph) -> Graph:
    """The hardware graph with every kernel at its smallest folding."""
    _refuse_empty(graph)
    _refuse_unmapped(graph)
    mapping = _Mapping(graph, GraphBuilder(graph.name, Level.HARDWARE))
    mapping.add_inputs()
    for node in graph.nodes:
        mapping.add_node(node)
    mapping.builder.orders.update(graph.orders)
    return _with_flags(mapping.builder.build(mapping.add_outputs()))


@dataclass
class _Mapping:
    """The hardware graph in the making. streams: for each value of `graph`, the streams that carry it, not yet read."""

    graph: Graph
    builder: GraphBuilder
    names: Names = field(default_factory=Names)
    streams: dict[str, Iterator[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.readers = Counter(name for node in self.graph.nodes for name in node.inputs)
        self.readers.update({port.value for port in self.graph.ports.values() if isinstance(port, OutputPort)})

    def add_inputs(self) -> None:
        """StreamInputs."""
        for port in self.graph.ports.values():
            if isinstance(port, InputPort):
                value = self.builder.add_input(self.graph.values[port.value])
                inner = self._unused(f"{port.value}_stream")
                self._add(f"{port.name}_input", StreamInput.of(value), port.value, [inner])
                self.builder.ports[port.name] = port
                self._branch(port.value, inner)

    def add_node(self, node: Node) -> None:
        """Its kernel, and the forks behind it."""
        inputs = [next(self.streams[name]) for name in node.inputs]
        values = [self.builder.values[name] for name in inputs]
        kernel = kernels.candidates(node.op, values)[0].lower(node.op, values)
        self.builder.add(self.names.of(node.name), kernel, inputs, node.outputs, node.origin)
        for name in node.outputs:
            self._branch(name, name)

    def add_outputs(self) -> list[str]:
        """StreamOutputs; the ports of the outputs follow."""
        outer: dict[str, str] = {}
        for port in self.graph.ports.values():
            if isinstance(port, OutputPort):
                if port.value not in outer:
                    stream = next(self.streams[port.value])
                    outer[port.value] = self._unused(f"{port.value}_stream")
                    self._add(f"{port.name}_output", StreamOutput.of(self.builder.values[stream]), stream,
                              [outer[port.value]])
                self.builder.ports[port.name] = replace(port, value=outer[port.value])
        return list(outer.values())

    def _branch(self, value: str, stream: str) -> None:
        """The streams for the readers of a value: the given one, or copies of it behind a fork."""
        copies, made = self.readers[value], [stream]
        if copies > 1:
            made = [self._unused(f"{stream}_{i}") for i in range(copies)]
            self._add(f"{stream}_fork", ForkUnit.of(self.builder.values[stream], copies), stream, made)
        self.streams[value] = iter(made)

    def _add(self, name: str, kernel: Kernel, stream: str, made: list[str]) -> None:
        """A block of the library, under a name that no node of the graph has."""
        taken = {node.name for node in self.graph.nodes}
        while name in taken:
            name += "_"
        self.builder.add(self.names.of(name), kernel, [stream], made)

    def _unused(self, name: str) -> str:
        while name in self.graph.values or name in self.builder.values:
            name += "_"
        return name


def _with_flags(graph: Graph) -> Graph:
    """Output adapters know how many inputs their frames are computed from."""
    inputs = Counter(sink for _, sink in flag_paths(graph))
    nodes = (replace(node, op=replace(node.op, flags=inputs[node.name])) if isinstance(node.op, StreamOutput) else node
             for node in graph.nodes)
    return graph.replaced(nodes=tuple(nodes))


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


def _described(node: Node) -> str:
    return f"{node.op.label} '{node.name}'"
