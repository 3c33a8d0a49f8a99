"""The walk over a quantized graph that makes a network for a DPU: what it knows of each value, and what it refuses.

Each value is the host's, int8 at a fix position, or pending, which means that a layer has computed it and its quantizer
has not come yet. A quantizer gives the pending layer its position. Handlers say what an op becomes (hwgen.dpu.read).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from hwgen.dpu.fixed_point import FIXED_POINT, WeightedOp, position_of
from hwgen.dpu.gates import Gate
from hwgen.dpu.layers import Layer, Shape
from hwgen.dpu.network import DpuNetwork, Entry
from hwgen.dpu.refusals import joined, no_counterpart, unquantized
from hwgen.dpu.states import Broken, Fixed, Host, Pending, State
from hwgen.errors import HwgenError
from hwgen.ir.graph import Graph, Node, Op
from hwgen.ops import quantized as q
from hwgen.ops.quantized_curves import Product

MERGE = "Merge it into the layer before it (hwgen.nn.quantize does so with BatchNorm)."
Made = TypeVar("Made")
Handler = Callable[["Reader", Node, Any, Sequence[State]], State]


@dataclass
class Reader:
    """What the walk knows so far. handlers: by op; the rest has no counterpart."""

    graph: Graph
    handlers: Mapping[type, Handler]
    states: dict[str, State] = field(default_factory=dict)
    positions: dict[str, int] = field(default_factory=dict)
    shapes: dict[str, Shape] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    layers: list[Layer] = field(default_factory=list)
    head: list[Node] = field(default_factory=list)
    tail: list[Node] = field(default_factory=list)
    errors: list[HwgenError] = field(default_factory=list)
    quantized: set[str] = field(default_factory=set)
    """Values that a quantizer reads, directly or behind other nodes."""

    def __post_init__(self) -> None:
        self.states.update({name: Host() for name in self.graph.inputs})
        for node in reversed(self.graph.nodes):
            if _quantizes(node.op) or node.outputs[0] in self.quantized:
                self.quantized.update(node.inputs)

    def node(self, node: Node) -> None:
        """Read one node; a refusal is kept, and the walk goes on behind the next quantizer."""
        states = [self.states[name] for name in node.inputs]
        behind = any(isinstance(state, Broken) for state in states)
        broken: State = Broken()
        made = broken if behind else self.noted(lambda: self._state(node, states), broken)
        self.states[node.outputs[0]] = self._resumed(node, behind) if isinstance(made, Broken) else made

    def _resumed(self, node: Node, behind: bool) -> State:
        """int8 numbers of a quantizer that is refused itself, or else stands behind what is."""
        value = self.graph.values[node.outputs[0]]
        if not _quantizes(node.op):
            return Broken()
        return self.known(value.name, as_map(value.shape), self.noted(lambda: _position(node), 0) if behind else 0)

    def noted(self, make: Callable[[], Made], default: Made) -> Made:
        """What is made, or the default after a refusal is kept: the network is refused at the end."""
        try:
            return make()
        except HwgenError as error:
            self.errors.append(error)
            return default

    def _state(self, node: Node, states: Sequence[State]) -> State:
        if isinstance(node.op, q.Softmax | q.TopK) or any(isinstance(s, Host) and s.behind for s in states):
            return self._on_host(node, states)
        ready = all(isinstance(state, Fixed) for state in states)
        if ready and node.outputs[0] not in self.quantized and self._is_hosts(node.op):
            return self._on_host(node, states)
        if all(isinstance(state, Host) for state in states):
            return self._before(node, states[0])
        if isinstance(states[0], Fixed) and isinstance(node.op, q.QuantizedOp) and node.op.is_wire(
                self.graph.values[node.inputs[0]]):
            return self.alias(node, states[0])
        handler = self.handlers.get(type(node.op))
        if handler is None:
            raise _absent(node)
        return handler(self, node, node.op, states)

    def _is_hosts(self, op: Op) -> bool:
        """Whether a node that reads int8 numbers, and has no quantizer behind it, is none of a DPU's layers."""
        if isinstance(op, WeightedOp):
            return op.weight.is_float
        if isinstance(op, q.Clip):
            return not is_rectifier(op)
        return isinstance(op, q.Elementwise | Product) or type(op) not in self.handlers

    def _before(self, node: Node, state: State) -> Host | Fixed:
        """The first quantizer, or the host's node before it. HwgenError: "dpu-quantizer" for a layer there."""
        if isinstance(node.op, q.Quant):
            return self._entry(node, node.op)
        if isinstance(node.op, WeightedOp):
            self.fixed(node, state)
        if _quantizes(node.op):
            raise _absent(node)
        self.head.append(node)
        return Host()

    def _on_host(self, node: Node, states: Sequence[State]) -> Host:
        for state, name in zip(states, node.inputs, strict=True):
            if not isinstance(state, Host | Fixed):
                raise unquantized(self._owner(state, name))
        inputs = tuple(state.value if isinstance(state, Fixed) else name
                       for state, name in zip(states, node.inputs, strict=True))
        self.tail.append(replace(node, inputs=inputs))
        return Host(behind=True)

    def alias(self, node: Node, state: Fixed) -> Fixed:
        """A node that changes nothing; as an output it is one more name of the value, which the host gives."""
        (output,) = node.outputs
        if output in self.graph.outputs:
            self.tail.append(replace(node, op=q.Reshape(self.graph.values[output].shape), inputs=(state.value,)))
        return state

    @staticmethod
    def _owner(state: State, name: str) -> str:
        return state.layer.name if isinstance(state, Pending) else name

    def _entry(self, node: Node, op: q.Quant) -> Fixed:
        position = self.noted(lambda: position_of(node, op), 0)
        value, source = node.outputs[0], self.graph.values[node.inputs[0]]
        port = self._port(node.inputs[0])
        self.entries.append(Entry(node.name, port, value, as_map(source.shape), position))
        return self.known(value, as_map(source.shape), position)

    def _port(self, name: str) -> str:
        """The graph input that a value of the head comes from."""
        while name not in self.graph.inputs:
            producer = self.graph.producer(name)
            assert producer is not None
            name = producer.inputs[0]
        return name

    def known(self, value: str, shape: Shape, position: int) -> Fixed:
        """Note a value of the network."""
        self.positions[value], self.shapes[value] = position, shape
        return Fixed(value)

    def fixed(self, node: Node, state: State, index: int = 0) -> str:
        """The name of an int8 value. HwgenError: "dpu-quantizer" where its quantizer is missing."""
        if isinstance(state, Fixed):
            return state.value
        if isinstance(state, Host):
            raise HwgenError("dpu-quantizer", node.name, "its input is not quantized", "Put a quantizer on the "
                             f"network's input. {FIXED_POINT}")
        raise unquantized(self._owner(state, node.inputs[index]))

    def finished(self, layer: Layer) -> Fixed:
        """Append a layer. HwgenError: "dpu-quantizer" where it is there already, with another quantizer."""
        if any(other.name == layer.name for other in self.layers):
            raise HwgenError("dpu-quantizer", layer.name, "more than one quantizer rounds its output",
                             "Quantize each layer's output once.")
        self.layers.append(layer)
        return self.known(layer.output, layer.shape, layer.position)

    def moved(self, node: Node, state: State, layer: Layer) -> State:
        """A layer that only moves or compares, on int8 numbers or on pending ones."""
        if isinstance(state, Pending):
            return replace(state, behind=(*state.behind, layer))
        source = self.fixed(node, state)
        return self.finished(replace(layer, inputs=(source,), position=self.positions[source]))

    def network(self) -> DpuNetwork:
        """The result. HwgenError: the first refusal, with all layers that it is true of."""
        self.errors += [unquantized(self._owner(state, name)) for name in self.graph.outputs
                        if isinstance(state := self.states[name], Pending | Gate)]
        if self.errors:
            raise joined(self.errors)
        if not self.layers:
            raise HwgenError("dpu-layer", self.graph.name, "it has no layer that a DPU computes", "Export another one.")
        leaving = [state.value for name in self.graph.outputs if isinstance(state := self.states[name], Fixed)]
        inside = {*self.positions}
        leaving += [name for node in self.tail for name in node.inputs if name in inside]
        return DpuNetwork(self.graph.name, tuple(self.entries), tuple(self.layers), tuple(dict.fromkeys(leaving)),
                          tuple(self.head), tuple(self.tail), self.graph)


def _quantizes(op: Op) -> bool:
    return isinstance(op, q.QuantizedOp) and op.quantizes


def _position(node: Node) -> int:
    """Of a quantizer. HwgenError: those of position_of, "dpu-layer"."""
    if isinstance(node.op, q.Quant):
        return position_of(node, node.op)
    raise _absent(node)


def _absent(node: Node) -> HwgenError:
    """An op that no layer of a DPU has."""
    return no_counterpart(node, f"a DPU has no {node.op.label}", MERGE if isinstance(node.op, q.BatchNorm) else
                          "Replace it, or let the host compute it behind the last quantizer.")


def as_map(shape: Shape) -> Shape:
    """(C, L) as (C, 1, L)."""
    return (shape[0], 1, shape[1]) if len(shape) == 2 else shape


def is_rectifier(op: q.Clip) -> bool:
    """Whether it is ReLU or ReLU6."""
    return op.low == 0 and op.high in (None, 6)
