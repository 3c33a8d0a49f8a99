"""An uncompiled xmodel: what xcompiler takes and vai_q_pytorch writes, a protobuf of ops on float32 maps (N, H, W, C).

No Xilinx tool has read one that hwgen wrote: the format and the ops are those of XIR's sources (Vitis AI,
src/vai_runtime/xir: graph/serialize_v2.cpp, op/built_in_ops.cpp, op/shape_inference.cpp), the pattern of ops that of
vai_q_pytorch (nndct_shared/compile/xop_creator.py and xgraph.py). Netron decodes it.

Numbers are reals. An op `fix` rounds them to int8 at a position, and stays where it changes nothing: behind the input,
behind weights and biases, and behind every layer but a reshape. The DPU's constants are there as a `mul`: behind an
average pool and behind hard sigmoids, whose product with x is a hard swish.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from hwgen.dpu import arithmetic
from hwgen.dpu import layers as dpu
from hwgen.dpu.arithmetic import GATE_POSITION, LEAKY_SLOPE, SIXTH, Activation
from hwgen.dpu.layers import Shape, step_at
from hwgen.dpu.network import DpuNetwork
from hwgen.dpu.weighted import Convolution, Filter, FullyConnected, Transposed, Weighted, flipped
from hwgen.exact.convolution import Geometry
from hwgen.export.dpu_names import Labels, shapes_of
from hwgen.export.pyxir import BITS, covers
from hwgen.export.xmodel_schema import message
from hwgen.ir.tensor import Array

FLOAT, FLOAT_BITS = 4, 32
"""XIR's number of the type of all tensors, and its bits."""
ROOT = "root"
TO_CHANNELS_FIRST, TO_CHANNELS_LAST = [0, 3, 1, 2], [0, 2, 3, 1]

Attribute = bool | int | float | str | bytes | list[int] | list[float]

_ACTIVATIONS: Mapping[Activation, tuple[str, dict[str, Attribute]]] = {
    Activation.RELU: ("relu", {}), Activation.RELU6: ("relu6", {}),
    Activation.LEAKY_RELU: ("leaky-relu", {"alpha": LEAKY_SLOPE[0] / (1 << LEAKY_SLOPE[1])})}


@dataclass(frozen=True)
class Op:
    """shape: of its output, with N; inputs: names of ops by argument."""

    name: str
    type: str
    shape: Shape
    attributes: Mapping[str, Attribute]
    inputs: Mapping[str, Sequence[str]]


def nhwc(shape: Shape) -> Shape:
    """(C, H, W) as (1, H, W, C); (K,) as (1, K)."""
    return (1, *shape[1:], *shape[:1]) if len(shape) == 3 else (1, *shape)


def hwc(array: Array) -> Array:
    """A map (..., C, H, W) as (..., H, W, C), contiguous."""
    return np.ascontiguousarray(np.moveaxis(array, -3, -1))


def flattened(network: DpuNetwork) -> dict[str, Shape]:
    """The vectors that are maps read in the order (H, W, C), and the maps' shapes (C, H, W).

    A DPU flattens so for free. It has to go unnoticed: only fully connected layers, whose columns then have that order
    too, may read them.
    """
    shapes = shapes_of(network)
    found: dict[str, Shape] = {}
    for layer in network.layers:
        source = shapes[layer.inputs[0]]
        if isinstance(layer, dpu.Reshape) and len(source) == 3 and len(layer.shape) == 1:
            readers = [other for other in network.layers if layer.output in other.inputs]
            if layer.output not in network.outputs and all(isinstance(r, FullyConnected) for r in readers):
                found[layer.output] = source
    return found


@dataclass
class Graph:
    """The ops so far; names: of the op that has a value."""

    labels: Labels
    shapes: Mapping[str, Shape]
    flattened: Mapping[str, Shape]
    names: dict[str, str] = field(default_factory=dict)
    ops: list[Op] = field(default_factory=list)

    def add(self, name: str, type: str, shape: Shape, inputs: Sequence[str] = (), *,
            attributes: Mapping[str, Attribute] | None = None, **more: str) -> str:
        """Append an op of these inputs, and of others by argument; returns its name."""
        arguments = {"input": tuple(inputs), **{argument: (source,) for argument, source in more.items()}}
        kept = {argument: sources for argument, sources in arguments.items() if sources}
        self.ops.append(Op(name, type, shape, attributes or {}, kept))
        return name

    def fix(self, name: str, source: str, shape: Shape, position: int) -> str:
        """Append the rounding of an op's output to int8."""
        attributes: dict[str, Attribute] = {"fix_point": position, "bit_width": BITS, "if_signed": True,
                                            "round_mode": "DPU_ROUND"}
        return self.add(name, "fix", shape, [source], attributes=attributes)

    def const(self, name: str, array: Array) -> str:
        """Append a float32 constant."""
        data = np.ascontiguousarray(array, "<f4")
        attributes: dict[str, Attribute] = {"shape": [*data.shape], "data_type": "FLOAT32", "data": data.tobytes()}
        return self.add(name, "const", data.shape, attributes=attributes)

    def parameter(self, value: str, role: str, integers: Array, position: int) -> str:
        """Append a constant at a position, rounded to it."""
        name = self.const(self.labels.part(value, role), integers * step_at(position))
        return self.fix(self.labels.part(value, f"{role}_fix"), name, integers.shape, position)

    def weights(self, layer: Weighted, integers: Array) -> str:
        """Append a layer's weights, in XIR's order."""
        return self.parameter(layer.output, "weights", integers, layer.weight_position)

    def bias(self, layer: Weighted) -> dict[str, str]:
        """Append a layer's bias, if it has one: by argument."""
        if layer.bias is None or layer.bias_position is None:
            return {}
        return {"bias": self.parameter(layer.output, "bias", layer.bias.array, layer.bias_position)}

    def own(self, layer: dpu.Layer, type: str, inputs: Sequence[str], attributes: Mapping[str, Attribute] | None = None,
            **more: str) -> str:
        """Append the op that has a layer's name and shape."""
        return self.add(self.labels.of(layer.output), type, nhwc(layer.shape), inputs, attributes=attributes, **more)

    def part(self, layer: dpu.Layer, role: str, type: str, inputs: Sequence[str],
             attributes: Mapping[str, Attribute] | None = None) -> str:
        """Append another op of a layer, of the same shape."""
        name = self.labels.part(layer.output, role)
        return self.add(name, type, nhwc(layer.shape), inputs, attributes=attributes)

    def scaled(self, layer: dpu.Layer, source: str, factor: float) -> str:
        """Append a layer's product with a constant."""
        constant = self.const(self.labels.part(layer.output, "factor"), np.array([factor]))
        return self.part(layer, "scaled", "mul", [source, constant])

    def activated(self, layer: Weighted | dpu.Sum, source: str) -> str:
        """Append a layer's fused activation, if it has one."""
        if layer.activation is Activation.NONE:
            return source
        type, attributes = _ACTIVATIONS[layer.activation]
        return self.part(layer, layer.activation.value.lower(), type, [source], attributes)


def ops(network: DpuNetwork, labels: Labels) -> list[Op]:
    """The ops of a network, in order."""
    graph = Graph(labels, shapes_of(network), flattened(network))
    for entry in network.entries:
        attributes: dict[str, Attribute] = {"shape": [*nhwc(entry.shape)], "data_type": "FLOAT32"}
        name = graph.add(labels.of(entry.value), "data", nhwc(entry.shape), attributes=attributes)
        graph.names[entry.value] = graph.fix(labels.part(entry.value, "fix"), name, nhwc(entry.shape), entry.position)
    for layer in network.layers:
        name = _WRITERS[type(layer)](graph, layer, [graph.names[source] for source in layer.inputs])
        if not isinstance(layer, dpu.Reshape):
            name = graph.fix(labels.part(layer.output, "fix"), name, nhwc(layer.shape), layer.position)
        graph.names[layer.output] = name
    return graph.ops


def serialized(network: DpuNetwork, labels: Labels) -> bytes:
    """The file. HwgenError: "dpu-layer" where XIR has no attribute for what a layer does."""
    graph, found = message("Graph"), ops(network, labels)
    graph.graph_name = labels.graph
    for op in found:
        _fill(graph.op_node.add(), op)
    graph.subg_root.subgraph_name = ROOT
    graph.subg_root.op_name.extend(op.name for op in found)
    return bytes(graph.SerializeToString(deterministic=True))


def _fill(node: Any, op: Op) -> None:
    node.op_name, node.op_type = op.name, op.type
    for name, value in op.attributes.items():
        _set(node.op_attr[name], value)
    for argument, sources in op.inputs.items():
        node.args.add(arg_name=argument, arg_ops=sources)
    tensor = node.output_tensor
    tensor.tensor_name, tensor.data_type, tensor.tensor_bit_width = op.name, FLOAT, FLOAT_BITS
    tensor.tensor_dim.extend(op.shape)


_SINGLE = {bool: "bool_value", int: "int32_value", float: "float_value", str: "string_value"}


def _set(attribute: Any, value: Attribute) -> None:
    if isinstance(value, bytes):
        attribute.bytes_value.value = value
    elif isinstance(value, list):
        vector = attribute.float_vec_value if isinstance(value[0], float) else attribute.int32_vec_value
        vector.value.extend(value)
    else:
        setattr(attribute, _SINGLE[type(value)], value)


def _window(geometry: Geometry) -> dict[str, Attribute]:
    """Kernel, stride and border, width first."""
    (down, right), (height, width), (top, left, bottom, last) = geometry.stride, geometry.kernel, geometry.pads
    return {"kernel": [width, height], "stride": [right, down], "pad": [left, last, top, bottom], "pad_mode": "FLOOR"}


def _fully_connected(graph: Graph, layer: FullyConnected, inputs: Sequence[str]) -> str:
    """(M, K), its columns in the order of the input."""
    weight, shape = layer.weight.array, graph.flattened.get(layer.inputs[0])
    ordered = weight if shape is None else hwc(weight.reshape(-1, *shape)).reshape(weight.shape)
    weights, bias = graph.weights(layer, ordered), graph.bias(layer)
    attributes: dict[str, Attribute] = {"transpose_a": False, "transpose_b": True}
    return graph.activated(layer, graph.own(layer, "matmul", [*inputs, weights], attributes, **bias))


def _convolution(graph: Graph, layer: Convolution, inputs: Sequence[str]) -> str:
    return _filtered(graph, layer, "depthwise-conv2d" if layer.depthwise else "conv2d", layer.weight.array, inputs)


def _transposed(graph: Graph, layer: Transposed, inputs: Sequence[str]) -> str:
    """XIR spreads the input and convolves, so that its kernels are flipped; its pads are what is cut off."""
    type = "transposed-depthwise-conv2d" if layer.depthwise else "transposed-conv2d"
    return _filtered(graph, layer, type, flipped(layer.weight.array), inputs)


def _filtered(graph: Graph, layer: Filter, type: str, weight: Array, inputs: Sequence[str]) -> str:
    """Kernels as (M, KH, KW, C), depthwise (1, KH, KW, M)."""
    weights = graph.weights(layer, hwc(weight.transpose(1, 0, 2, 3) if layer.depthwise else weight))
    bias = graph.bias(layer)
    attributes = _window(layer.geometry) | {"dilation": [*reversed(layer.geometry.dilation)]}
    return graph.activated(layer, graph.own(layer, type, inputs, attributes, weights=weights, **bias))


def _sum(graph: Graph, layer: dpu.Sum, inputs: Sequence[str]) -> str:
    return graph.activated(layer, graph.own(layer, "add", inputs))


def _average_pool(graph: Graph, layer: dpu.AveragePool, inputs: Sequence[str]) -> str:
    factor, places = arithmetic.pool_factor(layer.geometry.kernel)
    correction = factor * prod(layer.geometry.kernel) / (1 << places)
    attributes = _pool(graph, layer) | {"count_include_pad": True, "count_include_invalid": True}
    pooled = graph.own(layer, "avgpool2d", inputs, attributes)
    return pooled if correction == 1 else graph.scaled(layer, pooled, correction)


def _max_pool(graph: Graph, layer: dpu.MaxPool, inputs: Sequence[str]) -> str:
    return graph.own(layer, "maxpool2d", inputs, _pool(graph, layer))


def _pool(graph: Graph, layer: dpu.AveragePool | dpu.MaxPool) -> dict[str, Attribute]:
    return _window(layer.geometry) | {"global": covers(layer.geometry, graph.shapes[layer.inputs[0]])}


def _rectified(graph: Graph, layer: dpu.Rectified, inputs: Sequence[str]) -> str:
    type, attributes = _ACTIVATIONS[layer.activation]
    return graph.own(layer, type, inputs, attributes)


def _curve(graph: Graph, layer: dpu.Curve, inputs: Sequence[str]) -> str:
    return _CURVES[layer.activation](graph, layer, inputs)


def _hard_sigmoid(graph: Graph, layer: dpu.Curve, inputs: Sequence[str]) -> str:
    """relu6(x + 3) / 6, times the DPU's sixth over a sixth."""
    return graph.scaled(layer, graph.own(layer, "hard-sigmoid", inputs), 6 * SIXTH[0] / (1 << SIXTH[1]))


def _hard_swish(graph: Graph, layer: dpu.Curve, inputs: Sequence[str]) -> str:
    name = graph.labels.part(layer.output, "gate_fix")
    gate = graph.fix(name, _hard_sigmoid(graph, layer, inputs), nhwc(layer.shape), GATE_POSITION)
    return graph.part(layer, "product", "mul", [gate, *inputs])


_CURVES: Mapping[Activation, Callable[[Graph, Any, Sequence[str]], str]] = {
    Activation.LEAKY_RELU: _rectified, Activation.HARD_SIGMOID: _hard_sigmoid, Activation.HARD_SWISH: _hard_swish}


def _concat(graph: Graph, layer: dpu.Concat, inputs: Sequence[str]) -> str:
    return graph.own(layer, "concat", inputs, {"axis": len(layer.shape)})


def _reshape(graph: Graph, layer: dpu.Reshape, inputs: Sequence[str]) -> str:
    """In the order (C, H, W): maps are transposed before and behind, but for those that only matrices read."""
    source = graph.shapes[layer.inputs[0]]
    if layer.output in graph.flattened:
        return graph.own(layer, "flatten", inputs, {"start_axis": 1, "end_axis": len(source)})
    if len(source) == 3:
        name = graph.labels.part(layer.output, "channels_first")
        inputs = [graph.add(name, "transpose", (1, *source), inputs, attributes={"order": TO_CHANNELS_FIRST})]
    shape: dict[str, Attribute] = {"shape": [1, *layer.shape]}
    if len(layer.shape) == 1:
        return graph.own(layer, "reshape", inputs, shape)
    name = graph.labels.part(layer.output, "reshaped")
    inputs = [graph.add(name, "reshape", (1, *layer.shape), inputs, attributes=shape)]
    return graph.own(layer, "transpose", inputs, {"order": TO_CHANNELS_LAST})


def _border(graph: Graph, layer: dpu.Border, inputs: Sequence[str]) -> str:
    top, left, bottom, right = layer.sides
    paddings = [0, 0, top, bottom, left, right, 0, 0]
    return graph.own(layer, "pad", inputs, {"paddings": paddings, "mode": "CONSTANT"})


def _upsampled(graph: Graph, layer: dpu.Upsampled, inputs: Sequence[str]) -> str:
    down, right = layer.factors
    return graph.own(layer, "resize", inputs, {"mode": "NEAREST", "scale": [float(right), float(down)],
                                               "align_corners": False, "half_pixel_centers": False})


_WRITERS: Mapping[type[dpu.Layer], Callable[[Graph, Any, Sequence[str]], str]] = {
    FullyConnected: _fully_connected, Convolution: _convolution, Transposed: _transposed, dpu.Sum: _sum,
    dpu.AveragePool: _average_pool, dpu.MaxPool: _max_pool, dpu.Rectified: _rectified, dpu.Curve: _curve,
    dpu.Concat: _concat, dpu.Reshape: _reshape, dpu.Border: _border, dpu.Upsampled: _upsampled}
"""The op that has a layer's value before it is rounded, given its inputs' names."""
