"""A quantized graph as a network for a DPU, or a refusal that names every layer in the way.

One walk: each value is the host's, int8 at a fix position, or pending, which means that a layer has computed it and its
quantizer has not come yet. A quantizer gives the pending layer its position.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, NamedTuple, TypeVar

import numpy as np

from hwgen.dpu.arithmetic import LEAKY_SLOPE, Activation
from hwgen.dpu.fixed_point import FIXED_POINT, WeightedOp, bias_of, position_of, weight_position
from hwgen.dpu.gates import Gate, on_gate, product, rounded_gate
from hwgen.dpu.layers import (
    AveragePool,
    Border,
    Concat,
    Curve,
    Layer,
    MaxPool,
    Rectified,
    Reshape,
    Shape,
    Sum,
    Upsampled,
)
from hwgen.dpu.network import DpuNetwork, Entry
from hwgen.dpu.refusals import joined, no_counterpart, unquantized
from hwgen.dpu.states import Broken, Fixed, Host, Pending, State
from hwgen.dpu.weighted import Convolution, FullyConnected, Transposed, Weighted, transposed_geometry
from hwgen.errors import HwgenError
from hwgen.ir.graph import Graph, Node, Op
from hwgen.ir.tensor import Array, Tensor
from hwgen.ops import quantized as q
from hwgen.ops import quantized_layout as moves
from hwgen.ops import quantized_maps as maps
from hwgen.ops.quantized_curves import Product
from hwgen.passes.canonicalise import canonicalise

SLOPES = (Fraction(LEAKY_SLOPE[0], 1 << LEAKY_SLOPE[1]), Fraction(float(np.float32(0.1))), Fraction(0.1))
"""Of a LeakyRelu that a DPU has as 26/256."""


MERGE = "Merge it into the layer before it (hwgen.nn.quantize does so with BatchNorm)."
Made = TypeVar("Made")


def read(graph: Graph) -> DpuNetwork:
    """HwgenError: "dpu-bits", "dpu-scale", "dpu-zero-point", "dpu-layer", "dpu-quantizer", of all layers concerned."""
    reader = Reader(canonicalise(graph))
    for node in reader.graph.nodes:
        reader.node(node)
    return reader.network()


@dataclass
class Reader:
    """What the walk knows so far."""

    graph: Graph
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
        if node.outputs[0] not in self.quantized and all(isinstance(s, Fixed) for s in states) and _is_hosts(node.op):
            return self._on_host(node, states)
        if all(isinstance(state, Host) for state in states):
            return self._before(node, states[0])
        if isinstance(states[0], Fixed) and isinstance(node.op, q.QuantizedOp) and node.op.is_wire(
                self.graph.values[node.inputs[0]]):
            return self.alias(node, states[0])
        handler = HANDLERS.get(type(node.op))
        if handler is None:
            raise _absent(node)
        return handler(self, node, node.op, states)

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


def _quant(reader: Reader, node: Node, op: q.Quant, states: Sequence[State]) -> State:
    (state,) = states
    if op.inner and isinstance(state, Gate):
        return rounded_gate(node, op, state)
    position, output = reader.noted(lambda: position_of(node, op), 0), node.outputs[0]
    if isinstance(state, Gate):
        activation = state.activation(node)
        layer: Layer = Curve(state.name, output, (state.source,), reader.shapes[state.source], position, activation)
        return reader.finished(layer)
    if isinstance(state, Fixed):
        return _again(reader, node, state, position)
    assert isinstance(state, Pending)
    names = [*[layer.output for layer in (state.layer, *state.behind)][:-1], output]
    reader.finished(replace(state.layer, output=names[0], position=position))
    for moved, source, made in zip(state.behind, names, names[1:], strict=False):
        reader.finished(replace(moved, output=made, inputs=(source,), position=position))
    return Fixed(output)


def _again(reader: Reader, node: Node, state: Fixed, position: int) -> Fixed:
    """A quantizer of numbers that are at its position changes nothing; a concatenation's own asks for that position."""
    if position == reader.positions[state.value]:
        return reader.alias(node, state)
    number, maker = next(((number, layer) for number, layer in enumerate(reader.layers)
                          if layer.output == state.value), (0, None))
    if not isinstance(maker, Concat) or maker.asked not in (None, position):
        raise HwgenError("dpu-quantizer", node.name, "it rounds numbers again that another quantizer has rounded to "
                         "another scale", "Quantize each layer's output once.")
    reader.layers[number] = replace(maker, asked=position)
    return reader.alias(node, state)


def _dense(reader: Reader, node: Node, op: q.Dense, states: Sequence[State]) -> Pending:
    parts = _weighted(reader, node, op, states)
    if len(parts.shape) != 1:
        raise no_counterpart(node, "it is a product over the last axis of a map", "Flatten the map before it.")
    return Pending(FullyConnected(*parts))


def _conv(reader: Reader, node: Node, op: maps.Conv, states: Sequence[State]) -> Pending:
    parts = _weighted(reader, node, op, states)
    _refuse_groups(node, op, reader.shapes[parts.inputs[0]])
    return Pending(Convolution(*parts, op.geometry, op.groups))


def _conv_transpose(reader: Reader, node: Node, op: moves.ConvTranspose, states: Sequence[State]) -> Pending:
    parts = _weighted(reader, node, op, states)
    shape = reader.shapes[parts.inputs[0]]
    _refuse_groups(node, op, shape)
    return Pending(Transposed(*parts, transposed_geometry(node, op, shape), op.groups))


class Parts(NamedTuple):
    """The fields of Weighted, in order."""

    name: str
    output: str
    inputs: tuple[str]
    shape: Shape
    position: int
    weight: Tensor
    weight_position: int
    bias: Tensor | None
    bias_position: int | None
    activation: Activation = Activation.NONE


def _weighted(reader: Reader, node: Node, op: WeightedOp, states: Sequence[State]) -> Parts:
    source = reader.fixed(node, states[0])
    if op.weight.is_float:
        raise HwgenError("dpu-quantizer", node.name, "its weights are not quantized", FIXED_POINT)
    position = reader.noted(lambda: weight_position(node, op), 0)
    nothing: tuple[Tensor | None, int | None] = (None, None)
    bias, bias_position = reader.noted(lambda: bias_of(node, op.bias, reader.positions[source] + position), nothing)
    return Parts(node.name, node.outputs[0], (source,), _shape(reader, node), 0, op.weight, position, bias,
                 bias_position)


def _refuse_groups(node: Node, op: maps.Conv | moves.ConvTranspose, shape: Shape) -> None:
    if op.groups != 1 and not op.groups == shape[0] == len(op.weight.array):
        raise no_counterpart(node, f"a DPU has no convolution of {op.groups} groups", "Use one group, or one a "
                             "channel.")


def _shape(reader: Reader, node: Node) -> Shape:
    return as_map(reader.graph.values[node.outputs[0]].shape)


def _sum(reader: Reader, node: Node, op: maps.Join, states: Sequence[State]) -> Pending:
    if op.subtract:
        raise no_counterpart(node, "it subtracts", "Add, with the weights before it negated.")
    sources = tuple(reader.fixed(node, state, index) for index, state in enumerate(states))
    return Pending(Sum(node.name, node.outputs[0], sources, _shape(reader, node), 0, Activation.NONE))


def _average_pool(reader: Reader, node: Node, op: maps.AveragePool, states: Sequence[State]) -> Pending:
    _refuse_dilation(node, op)
    source = reader.fixed(node, states[0])
    return Pending(AveragePool(node.name, node.outputs[0], (source,), _shape(reader, node), 0, op.geometry))


def _refuse_dilation(node: Node, op: maps.MapOp) -> None:
    if op.geometry.dilation != (1, 1):
        raise no_counterpart(node, "a DPU has no pools with a dilation", "Use a larger kernel.")


def _max_pool(reader: Reader, node: Node, op: maps.MaxPool, states: Sequence[State]) -> State:
    _refuse_dilation(node, op)
    return reader.moved(node, states[0], MaxPool(node.name, node.outputs[0], (), _shape(reader, node), 0, op.geometry))


def _reshape(reader: Reader, node: Node, op: q.Reshape, states: Sequence[State]) -> State:
    return reader.moved(node, states[0], Reshape(node.name, node.outputs[0], (), _shape(reader, node), 0))


def _resize(reader: Reader, node: Node, op: moves.Resize, states: Sequence[State]) -> State:
    return reader.moved(node, states[0], Upsampled(node.name, node.outputs[0], (), _shape(reader, node), 0, op.factors))


def _pad(reader: Reader, node: Node, op: moves.ConstantPad, states: Sequence[State]) -> State:
    if op.value.array.any():
        raise no_counterpart(node, "its border is not zero", "Pad with zeros.")
    return reader.moved(node, states[0], Border(node.name, node.outputs[0], (), _shape(reader, node), 0, op.sides))


def _concat(reader: Reader, node: Node, op: maps.Concat, states: Sequence[State]) -> Fixed:
    """At the coarsest of its inputs' positions: hwgen.dpu.limits moves the others."""
    sources = tuple(reader.fixed(node, state, index) for index, state in enumerate(states))
    position = min(reader.positions[source] for source in sources)
    return reader.finished(Concat(node.name, node.outputs[0], sources, _shape(reader, node), position))


def _relu(reader: Reader, node: Node, op: q.Relu, states: Sequence[State]) -> State:
    (state,) = states
    return on_gate(node, state) if isinstance(state, Gate) else _rectified(reader, node, state, Activation.RELU)


def _clip(reader: Reader, node: Node, op: q.Clip, states: Sequence[State]) -> State:
    (state,) = states
    if isinstance(state, Gate):
        return on_gate(node, state)
    if isinstance(state, Fixed) and (op.low, op.high) == (-3, 3):
        return on_gate(node, Gate.of(node, state.value))
    if _is_rectifier(op):
        return _rectified(reader, node, state, Activation.RELU if op.high is None else Activation.RELU6)
    raise no_counterpart(node, f"a DPU does not clip to {op.low} and {op.high}", "Use ReLU or ReLU6.")


def _is_rectifier(op: q.Clip) -> bool:
    """Whether it is ReLU or ReLU6."""
    return op.low == 0 and op.high in (None, 6)


def _rectified(reader: Reader, node: Node, state: State, activation: Activation) -> State:
    """Part of a pending layer, else a layer of its own."""
    if isinstance(state, Pending) and not state.behind and _plain(state.layer):
        return Pending(replace(state.layer, output=node.outputs[0], activation=activation))  # type: ignore[call-arg]
    return reader.moved(node, state, Rectified(node.name, node.outputs[0], (), _shape(reader, node), 0, activation))


def _plain(layer: Layer) -> bool:
    return isinstance(layer, Weighted | Sum) and layer.activation is Activation.NONE


def _leaky_relu(reader: Reader, node: Node, op: q.LeakyRelu, states: Sequence[State]) -> Pending:
    if any(slope not in SLOPES for slope in op.slope.fractions().ravel()):
        raise no_counterpart(node, "its slope is neither 0.1 nor 26/256, the only one of a DPU", "Use a slope of 0.1.")
    (state,) = states
    if isinstance(state, Pending) and not state.behind and _plain(state.layer):
        return Pending(replace(state.layer, output=node.outputs[0],  # type: ignore[call-arg]
                               activation=Activation.LEAKY_RELU))
    source = reader.fixed(node, state)
    return Pending(Curve(node.name, node.outputs[0], (source,), _shape(reader, node), 0, Activation.LEAKY_RELU))


def _elementwise(reader: Reader, node: Node, op: q.Elementwise, states: Sequence[State]) -> Gate | Pending:
    """A constant of a gate or of a layer."""
    (state,) = states
    if isinstance(state, Pending):
        return Pending(_with_constant(reader, node, op, state))
    gate = state if isinstance(state, Gate) else Gate.of(node, reader.fixed(node, state))
    return on_gate(node, gate)


def _with_constant(reader: Reader, node: Node, op: q.Elementwise, state: Pending) -> Layer:
    """A bias that is added behind the products, or a DPU's correction of an average pool, which the pool has anyway."""
    layer, constants = state.layer, op.constant.fractions()
    if isinstance(layer, AveragePool) and not state.behind and op.kind == "mul" and set(
            constants.ravel()) == {layer.correction}:
        return replace(layer, output=node.outputs[0])
    dimensions = len(reader.graph.values[node.outputs[0]].shape)
    by_channel = constants.reshape((1,) * (dimensions - constants.ndim) + constants.shape)
    if isinstance(layer, Weighted) and not state.behind and _plain(layer) and op.kind in ("add", "sub") and len(
            by_channel) == by_channel.size:
        return _biased(reader, node, layer, by_channel.ravel() * (1 if op.kind == "add" else -1))
    raise no_counterpart(node, "it computes with constants before the quantizer",
                         f"{MERGE} Hard sigmoid and hard swish need a quantizer before them too.")


def _biased(reader: Reader, node: Node, layer: Weighted, added: Array) -> Weighted:
    """A layer with a constant, real (M,) or (1,), as part of its bias: the Add behind a MatMul."""
    total = np.broadcast_to(added, (layer.shape[0],))
    if layer.bias is not None and layer.bias_position is not None:
        total = total + layer.bias.fractions() / Fraction(2) ** layer.bias_position
    grid = reader.positions[layer.inputs[0]] + layer.weight_position
    bias, position = bias_of(node, Tensor(total), grid)
    return replace(layer, output=node.outputs[0], bias=bias, bias_position=position)


def _product(reader: Reader, node: Node, op: Product, states: Sequence[State]) -> Gate:
    one, other = (state if isinstance(state, Gate) else Gate.of(node, reader.fixed(node, state, index))
                  for index, state in enumerate(states))
    return product(node, one, other)


def _is_hosts(op: Op) -> bool:
    """Whether a node that reads int8 numbers, and has no quantizer behind it, is none of a DPU's layers."""
    if isinstance(op, WeightedOp):
        return op.weight.is_float
    if isinstance(op, q.Clip):
        return not _is_rectifier(op)
    return isinstance(op, q.Elementwise | Product) or type(op) not in HANDLERS


Handler = Callable[[Reader, Node, Any, Sequence[State]], State]
HANDLERS: dict[type, Handler] = {
    q.Quant: _quant, q.Dense: _dense, maps.Conv: _conv, moves.ConvTranspose: _conv_transpose, maps.Join: _sum,
    maps.AveragePool: _average_pool, maps.MaxPool: _max_pool, q.Reshape: _reshape, moves.Resize: _resize,
    moves.ConstantPad: _pad, maps.Concat: _concat, q.Relu: _relu, q.Clip: _clip, q.LeakyRelu: _leaky_relu,
    q.Elementwise: _elementwise, Product: _product}
"""By op; the rest has no counterpart."""
