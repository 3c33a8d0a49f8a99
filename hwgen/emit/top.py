"""What the top module of a build is made of: one record that the RTL, the host module and the simulation share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hwgen.errors import Exit, HwgenError
from hwgen.host import InputPort, OutputPort
from hwgen.ir.graph import Graph, Node, Value
from hwgen.ir.types import IntType
from hwgen.kernels.base import Kernel
from hwgen.kernels.fifo import Fifo
from hwgen.names import Names
from hwgen.passes.size_fifos import Timing, modelled_timing
from hwgen.stream import Stream


@dataclass(frozen=True)
class Layer:
    """A node of the graph: its identifier and the values that it reads and makes."""

    name: str
    kernel: Kernel
    source: str
    sink: str


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

    chains[i]: the index of the input that output i is computed from; cycles: steady-state cycles between frames;
    flags: the FIFO before each output adapter that takes a flag a frame there from the input adapter. These FIFOs are
    no nodes of the graph: whoever adds up resources adds them.
    """

    model: str
    inputs: tuple[TopPort, ...]
    outputs: tuple[TopPort, ...]
    layers: tuple[Layer, ...]
    boundaries: tuple[Boundary, ...]
    chains: tuple[int, ...]
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
    """The top module of a graph of the hardware level in which every node has one input and one output."""
    names = Names()
    layers = tuple(_layer(names.of(node.name), node) for node in graph.nodes)
    signals = Names()
    inner = [(layer, value) for layer in layers for value in [layer.sink] if value not in graph.outputs]
    boundaries = tuple(Boundary(signals.of(value), value, layer.name, layer.kernel.output_stream())
                       for layer, value in inner)
    inputs, outputs = _inputs(graph, layers), _outputs(graph, layers)
    chains = tuple(_chain(port, inputs, layers) for port in outputs)
    timing = modelled_timing(graph)
    return Top(Names().of(graph.name), inputs, outputs, layers, boundaries, chains, timing.cycles_per_frame,
               flag_fifo(timing))


def _layer(name: str, node: Node) -> Layer:
    if not isinstance(node.op, Kernel) or len(node.inputs) != 1 or len(node.outputs) != 1:
        raise HwgenError("not-a-chain", node.name, f"{node.op.label} with {len(node.inputs)} inputs and "
                         f"{len(node.outputs)} outputs is not a kernel with one of each", "This is a bug of hwgen.",
                         exit_code=Exit.INTERNAL)
    return Layer(name, node.op, node.inputs[0], node.outputs[0])


def _inputs(graph: Graph, layers: Iterable[Layer]) -> tuple[TopPort, ...]:
    names, made = Names(), []
    for value in graph.inputs:
        hosts = tuple(p for p in graph.ports.values() if isinstance(p, InputPort) and p.value == value)
        (layer,) = (layer for layer in layers if layer.source == value)
        name = names.of(hosts[0].name if hosts else value)
        made.append(TopPort(name, f"s_axis_{name}", value, layer, layer.kernel.parameters()["BUS_WIDTH"],
                            layer.kernel.input_stream(), hosts))
    return tuple(made)


def _outputs(graph: Graph, layers: Iterable[Layer]) -> tuple[TopPort, ...]:
    names, made = Names(), []
    for value in graph.outputs:
        hosts = tuple(p for p in graph.ports.values() if isinstance(p, OutputPort) and p.value == value)
        (layer,) = (layer for layer in layers if layer.sink == value)
        name = names.of(hosts[0].name if hosts else value)
        made.append(TopPort(name, f"m_axis_{name}", value, layer, layer.kernel.parameters()["BUS_WIDTH"],
                            layer.kernel.output_stream(), hosts))
    return tuple(made)


def _chain(output: TopPort, inputs: tuple[TopPort, ...], layers: tuple[Layer, ...]) -> int:
    """Index of the input that this output's frames come from."""
    makers = {layer.sink: layer for layer in layers}
    value = output.value
    while value in makers:
        value = makers[value].source
    return [port.value for port in inputs].index(value)


def flag_fifo(timing: Timing) -> Fifo:
    """The FIFO for the flags of a design, with room for more frames than are under way when nothing stalls.

    A full FIFO holds back the input until a frame has left: that never blocks, because a frame needs no later one.
    """
    frames = -(-timing.latency // timing.cycles_per_frame) + 1
    return Fifo.storing(Value("flag", (1,), IntType(0, 1)), 1, 1 + (1 << frames.bit_length()))
