"""A quantized graph as a network for a DPU, or a refusal that names every layer in the way: what each op becomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple

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
from hwgen.dpu.network import DpuNetwork
from hwgen.dpu.refusals import no_counterpart
from hwgen.dpu.states import Fixed, Pending, State
from hwgen.dpu.walk import MERGE, Handler, Reader, as_map, is_rectifier
from hwgen.dpu.weighted import Convolution, FullyConnected, Transposed, Weighted, transposed_geometry
from hwgen.errors import HwgenError
from hwgen.ir.graph import Graph, Node
from hwgen.ir.tensor import Array, Tensor
from hwgen.ops import quantized as q
from hwgen.ops import quantized_layout as moves
from hwgen.ops import quantized_maps as maps
from hwgen.ops.quantized_curves import Product
from hwgen.passes.canonicalise import canonicalise

SLOPES = (Fraction(LEAKY_SLOPE[0], 1 << LEAKY_SLOPE[1]), Fraction(float(np.float32(0.1))), Fraction(0.1))
"""Of a LeakyRelu that a DPU has as 26/256."""


def read(graph: Graph) -> DpuNetwork:
    """HwgenError: "dpu-bits", "dpu-scale", "dpu-zero-point", "dpu-layer", "dpu-quantizer", of all layers concerned."""
    reader = Reader(canonicalise(graph), HANDLERS)
    for node in reader.graph.nodes:
        reader.node(node)
    return reader.network()


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
    if is_rectifier(op):
        return _rectified(reader, node, state, Activation.RELU if op.high is None else Activation.RELU6)
    raise no_counterpart(node, f"a DPU does not clip to {op.low} and {op.high}", "Use ReLU or ReLU6.")


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


HANDLERS: dict[type, Handler] = {
    q.Quant: _quant, q.Dense: _dense, maps.Conv: _conv, moves.ConvTranspose: _conv_transpose, maps.Join: _sum,
    maps.AveragePool: _average_pool, maps.MaxPool: _max_pool, q.Reshape: _reshape, moves.Resize: _resize,
    moves.ConstantPad: _pad, maps.Concat: _concat, q.Relu: _relu, q.Clip: _clip, q.LeakyRelu: _leaky_relu,
    q.Elementwise: _elementwise, Product: _product}
