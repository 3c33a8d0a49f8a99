"""What the top module of a build is made of: one record that the RTL, the host module and the simulation share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from hwgen.host import InputPort, OutputPort
from hwgen.ir.graph import Graph, Node, Value
from hwgen.ir.types import IntType
from hwgen.kernels.base import Kernel
from hwgen.kernels.fifo import Fifo
from hwgen.kernels.fork import ForkUnit
from hwgen.names import Names
from hwgen.passes.fold_options import kernel_of
from hwgen.passes.plumbing import flag_paths
from hwgen.passes.size_fifos import Timing, modelled_timing
from hwgen.stream import Stream

FLAG = Value("flag", (1,), IntType(0, 1))
"""What an input adapter says of a frame."""


@dataclass(frozen=True)
class Layer:
    """A node of the graph: its identifier and the values that it reads and makes, in the order of its ports."""

    name: str
    kernel: Kernel
    sources: tuple[str, ...]
    sinks: tuple[str, ...]


@dataclass(frozen=True)
class Boundary:
    """A stream inside the top. signal: its wires without `_tdata`; value: its name in the graph; layer: its maker."""

    signal: str
    value: str
    layer: str
    stream: Stream


@dataclass(frozen=True)
class TopPort:
    """A stream of the top module. signal: its ports without `_tdata`; layer: its adapter; host: the ports it serves."""

    name: str
    signal: str
    value: str
    layer: Layer
    bus: int
    stream: Stream
    hosts: tuple[InputPort | OutputPort, ...]


@dataclass(frozen=True)
class Top:
    """The top module <model>_top.

    chains[i]: the indices of the inputs that output i is computed from; cycles: steady-state cycles between frames;
    flags: the FIFO that takes a flag a frame from an input adapter to an output adapter, one for each entry of chains.
    """

    model: str
    inputs: tuple[TopPort, ...]
    outputs: tuple[TopPort, ...]
    layers: tuple[Layer, ...]
    boundaries: tuple[Boundary, ...]
    chains: tuple[tuple[int, ...], ...]
    cycles: int
    flags: Fifo

    @property
    def name(self) -> str:
        """The module's name."""
        return f"{self.model}_top"

    @property
    def inner(self) -> tuple[Layer, ...]:
        """The layers without the adapters at the ports."""
        adapters = {port.layer.name for port in (*self.inputs, *self.outputs)}
        return tuple(layer for layer in self.layers if layer.name not in adapters)


def top_of(graph: Graph) -> Top:
    """The top module of a graph of the hardware level."""
    names = Names()
    layers = tuple(_layer(names.of(node.name), node) for node in graph.nodes)
    signals = Names()
    boundaries = tuple(Boundary(signals.of(value), value, layer.name, stream) for layer in layers
                       for value, stream in zip(layer.sinks, layer.kernel.output_streams(), strict=True)
                       if value not in graph.outputs)
    inputs, outputs = _inputs(graph, layers), _outputs(graph, layers)
    paths = {(names.of(source), names.of(sink)) for source, sink in flag_paths(graph)}
    chains = tuple(tuple(i for i, port in enumerate(inputs) if (port.layer.name, output.layer.name) in paths)
                   for output in outputs)
    timing = modelled_timing(graph)
    return Top(Names().of(graph.name), inputs, outputs, layers, boundaries, chains, timing.cycles_per_frame,
               flag_fifo(timing))


def _layer(name: str, node: Node) -> Layer:
    return Layer(name, kernel_of(node), node.inputs, node.outputs)


def _inputs(graph: Graph, layers: Iterable[Layer]) -> tuple[TopPort, ...]:
    names, made = Names(), []
    for value in graph.inputs:
        hosts = tuple(p for p in graph.ports.values() if isinstance(p, InputPort) and p.value == value)
        (layer,) = (layer for layer in layers if value in layer.sources)
        name = names.of(hosts[0].name if hosts else value)
        made.append(TopPort(name, f"s_axis_{name}", value, layer, layer.kernel.parameters()["BUS_WIDTH"],
                            layer.kernel.input_stream(), hosts))
    return tuple(made)


def _outputs(graph: Graph, layers: Iterable[Layer]) -> tuple[TopPort, ...]:
    names, made = Names(), []
    for value in graph.outputs:
        hosts = tuple(p for p in graph.ports.values() if isinstance(p, OutputPort) and p.value == value)
        (layer,) = (layer for layer in layers if value in layer.sinks)
        name = names.of(hosts[0].name if hosts else value)
        made.append(TopPort(name, f"m_axis_{name}", value, layer, layer.kernel.parameters()["BUS_WIDTH"],
                            layer.kernel.output_stream(), hosts))
    return tuple(made)


def flag_kernels(graph: Graph) -> Iterator[tuple[str, Kernel]]:
    """What takes the flags from the inputs to the outputs: no nodes of the graph, but they take resources."""
    paths = flag_paths(graph)
    readers = Counter(source for source, _ in paths)
    made = flag_fifo(modelled_timing(graph))
    yield from ((f"{source}_flags", flag_fork(copies)) for source, copies in readers.items() if copies > 1)
    yield from ((f"{sink}_flags_{source}", made) for source, sink in paths)


def flag_fork(copies: int) -> ForkUnit:
    """For the flags of an input that so many outputs are computed from."""
    return ForkUnit.of(FLAG, copies)


def flag_fifo(timing: Timing) -> Fifo:
    """The FIFO for the flags of a design, with room for more frames than are under way when nothing stalls.

    A full FIFO holds back the input until a frame has left: that never blocks, because a frame needs no later one.
    """
    frames = -(-timing.latency // timing.cycles_per_frame) + 1
    return Fifo.storing(FLAG, 1, 1 + (1 << frames.bit_length()))
