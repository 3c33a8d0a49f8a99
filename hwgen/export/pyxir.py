"""ONNX of the domain pyxir.onnx: the positions of all numbers are attributes, for PyXIR's external quantizer.

The ops are those of Brevitas' handlers (pyxir.onnx: Conv, Gemm, Pad, Relu, MaxPool, AveragePool, GlobalAveragePool,
Add; standard: Flatten, Reshape, Concat, Resize). Each node of the domain has `vai_quant`, the names of its further
attributes vai_quant_in, _out, _weights and _biases, each [bit width, position], one pair for every input. Maps are
(N, C, H, W).

Brevitas had no ConvTranspose, LeakyRelu, HardSigmoid, HardSwish and Clip: they are written as ONNX defines them, in the
same domain and with the same attributes. PyXIR's reader drops their positions (LeakyRelu), takes them for any op
(HardSigmoid, Clip), has none such (HardSwish, and the standard Resize), or departs from ONNX: it takes the weights of a
ConvTranspose as (M, C, KH, KW) and its pads as top, bottom, left, right.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, checker, helper, numpy_helper

from hwgen import __version__
from hwgen.dpu import layers as dpu
from hwgen.dpu.arithmetic import INT8, LEAKY_SLOPE, Activation
from hwgen.dpu.layers import Shape, step_at
from hwgen.dpu.network import DpuNetwork, Entry
from hwgen.dpu.weighted import Convolution, Filter, FullyConnected, Transposed, Weighted
from hwgen.exact.convolution import Geometry
from hwgen.export.dpu_names import Labels, shapes_of
from hwgen.export.qonnx_layout import by_inputs
from hwgen.ir.tensor import Array

DOMAIN = "pyxir.onnx"
IR_VERSION, OPSET = 7, 11
"""Of onnx 1.7, PyXIR's time."""
BITS = 8

_ACTIVATIONS: Mapping[Activation, tuple[str, dict[str, float]]] = {
    Activation.RELU: ("Relu", {}),
    Activation.RELU6: ("Clip", {"min": 0.0, "max": 6.0}),
    Activation.LEAKY_RELU: ("LeakyRelu", {"alpha": LEAKY_SLOPE[0] / (1 << LEAKY_SLOPE[1])}),
    Activation.HARD_SIGMOID: ("HardSigmoid", {"alpha": 1 / 6, "beta": 0.5}),
    Activation.HARD_SWISH: ("HardSwish", {})}


@dataclass(frozen=True)
class Fix:
    """Positions of a node's inputs, output, weights and biases."""

    inputs: tuple[int, ...]
    output: int
    weights: int | None = None
    biases: int | None = None

    @property
    def attributes(self) -> dict[str, list[int]]:
        """vai_quant_*, in PyXIR's order."""
        single = {"out": self.output, "weights": self.weights, "biases": self.biases}
        found = {"in": [number for position in self.inputs for number in (BITS, position)]}
        found |= {name: [BITS, position] for name, position in single.items() if position is not None}
        return {f"vai_quant_{name}": numbers for name, numbers in found.items()}


@dataclass(frozen=True)
class Step:
    """A node: inputs, output: names; shape: of the output, without N; fix: None for a standard op.

    constants: those of its inputs that are initialisers.
    """

    op: str
    inputs: tuple[str, ...]
    output: str
    shape: Shape
    attributes: Mapping[str, Any]
    fix: Fix | None = None
    constants: Mapping[str, Array] = field(default_factory=dict)

    @property
    def node(self) -> NodeProto:
        """As ONNX."""
        if self.fix is None:
            return helper.make_node(self.op, self.inputs, [self.output], name=self.output, **self.attributes)
        quantized: dict[str, Any] = self.fix.attributes
        return helper.make_node(self.op, self.inputs, [self.output], name=self.output, domain=DOMAIN,
                                vai_quant=[*quantized], **quantized, **self.attributes)


@dataclass(frozen=True)
class Site:
    """What the steps of a layer need to know: names, positions and shapes of all values."""

    labels: Labels
    positions: Mapping[str, int]
    shapes: Mapping[str, Shape]

    @classmethod
    def of(cls, network: DpuNetwork, labels: Labels) -> Site:
        """Of a network."""
        return cls(labels, network.positions, shapes_of(network))

    def fix(self, layer: dpu.Layer, weights: int | None = None, biases: int | None = None) -> Fix:
        """The positions of a layer's numbers."""
        return Fix(tuple(self.positions[name] for name in layer.inputs), layer.position, weights, biases)


def steps(network: DpuNetwork, labels: Labels) -> list[Step]:
    """The nodes of a network, in order. A fused activation is a node of its own, and makes the layer's value."""
    site, names = Site.of(network, labels), {entry.value: labels.of(entry.value) for entry in network.entries}
    made: list[Step] = []
    for layer in network.layers:
        made += _STEPS[type(layer)](site, layer, [names[name] for name in layer.inputs])
        names[layer.output] = made[-1].output
    return made


def model(network: DpuNetwork, labels: Labels) -> ModelProto:
    """The network as checked ONNX, float32 in and out: weights and biases are int8 initialisers."""
    made = steps(network, labels)
    last = {step.output: step for step in made}
    ends = [_end(layer, labels) for layer in network.layers if layer.output in network.outputs]
    constants = [numpy_helper.from_array(array, name) for step in made for name, array in step.constants.items()]
    inputs = [_port(labels.of(entry.value), entry.shape) for entry in network.entries]
    outputs = [_port(name, last[name].shape) for name in ends]
    inner = [_port(step.output, step.shape) for step in made if step.output not in ends]
    graph = helper.make_graph([step.node for step in made], labels.graph, inputs, outputs, constants, value_info=inner)
    imports = [helper.make_opsetid("", OPSET), helper.make_opsetid(DOMAIN, 1)]
    written = helper.make_model(graph, opset_imports=imports, ir_version=IR_VERSION, producer_name="hwgen",
                                producer_version=__version__)
    checker.check_model(written)
    return written


@dataclass(frozen=True)
class Line:
    """A line of quant_info.txt: numbers: pairs of bit width and position, of inputs, output, weights, biases."""

    name: str
    numbers: tuple[int, ...]


def quant_info(network: DpuNetwork, labels: Labels) -> list[Line]:
    """What PyXIR's external quantizer notes: a line for each input and each node that has positions, in order."""
    return [*(_input_line(entry, labels) for entry in network.entries),
            *(_line(step.output, step.fix) for step in steps(network, labels) if step.fix is not None)]


def _input_line(entry: Entry, labels: Labels) -> Line:
    return _line(labels.of(entry.value), Fix((entry.position,), entry.position))


def _line(name: str, fix: Fix) -> Line:
    return Line(name, tuple(number for pair in fix.attributes.values() for number in pair))


def _port(name: str, shape: Shape) -> Any:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, *shape])


def _end(layer: dpu.Layer, labels: Labels) -> str:
    """The name of a layer's value."""
    activation = _fused(layer)
    return labels.of(layer.output) if activation is Activation.NONE else _activation_name(layer, activation, labels)


def _fused(layer: dpu.Layer) -> Activation:
    return layer.activation if isinstance(layer, Weighted | dpu.Sum) else Activation.NONE


def _activation_name(layer: dpu.Layer, activation: Activation, labels: Labels) -> str:
    return labels.part(layer.output, activation.value.lower())


def _with_activation(site: Site, layer: Weighted | dpu.Sum, step: Step) -> list[Step]:
    """A step and the layer's fused activation."""
    if layer.activation is Activation.NONE:
        return [step]
    op, attributes = _ACTIVATIONS[layer.activation]
    name = _activation_name(layer, layer.activation, site.labels)
    return [step, Step(op, (step.output,), name, layer.shape, attributes, Fix((layer.position,), layer.position))]


def _padding(site: Site, layer: dpu.Layer, source: str, geometry: Geometry, value: float = 0.0) -> list[Step]:
    """A node for the border, where there is one."""
    if not any(geometry.pads):
        return []
    name = site.labels.part(layer.output, "pad")
    position = site.positions[layer.inputs[0]]
    attributes = {"pads": onnx_pads(geometry.pads), **({"value": value} if value else {})}
    shape = bordered(site.shapes[layer.inputs[0]], geometry.pads)
    return [Step("Pad", (source,), name, shape, attributes, Fix((position,), position))]


def onnx_pads(sides: Sequence[int]) -> list[int]:
    """(top, left, bottom, right) as ONNX has it for (N, C, H, W): all beginnings, then all ends."""
    top, left, bottom, right = sides
    return [0, 0, top, left, 0, 0, bottom, right]


def bordered(shape: Shape, sides: Sequence[int]) -> Shape:
    """The shape of a map with (top, left, bottom, right) more pixels."""
    (channels, height, width), (top, left, bottom, right) = shape, sides
    return (channels, height + top + bottom, width + left + right)


def covers(geometry: Geometry, shape: Shape) -> bool:
    """Whether a kernel is as large as the map that it reads, so that it has one position."""
    return geometry.kernel == tuple(shape[1:]) and not any(geometry.pads)


def _fully_connected(site: Site, layer: FullyConnected, inputs: Sequence[str]) -> list[Step]:
    return _weighted(site, layer, "Gemm", inputs[0], layer.weight.array, {"transB": 1})


def _convolution(site: Site, layer: Convolution, inputs: Sequence[str]) -> list[Step]:
    padding = _padding(site, layer, inputs[0], layer.geometry)
    source = padding[-1].output if padding else inputs[0]
    attributes = {**_kernel(layer), "auto_pad": "VALID"}
    return [*padding, *_weighted(site, layer, "Conv", source, layer.weight.array, attributes)]


def _transposed(site: Site, layer: Transposed, inputs: Sequence[str]) -> list[Step]:
    """Pads are what is cut off: no node pads."""
    weight = by_inputs(layer.weight.array, layer.groups, False)
    attributes = {**_kernel(layer), "pads": layer.geometry.pads}
    return _weighted(site, layer, "ConvTranspose", inputs[0], weight, attributes)


def _kernel(layer: Filter) -> dict[str, Any]:
    geometry = layer.geometry
    return {"kernel_shape": geometry.kernel, "strides": geometry.stride, "group": layer.groups,
            "dilations": geometry.dilation}


def _weighted(site: Site, layer: Weighted, op: str, source: str, weight: Array,
              attributes: Mapping[str, Any]) -> list[Step]:
    """A step with weights and bias, and the layer's activation."""
    constants = {site.labels.part(layer.output, "weight"): weight.astype(np.int8)}
    if layer.bias is not None:
        constants[site.labels.part(layer.output, "bias")] = layer.bias.array.astype(np.int8)
    fix = site.fix(layer, layer.weight_position, layer.bias_position)
    own = Step(op, (source, *constants), site.labels.of(layer.output), layer.shape, attributes, fix, constants)
    return _with_activation(site, layer, own)


def _sum(site: Site, layer: dpu.Sum, inputs: Sequence[str]) -> list[Step]:
    name = site.labels.of(layer.output)
    return _with_activation(site, layer, Step("Add", tuple(inputs), name, layer.shape, {}, site.fix(layer)))


def _average_pool(site: Site, layer: dpu.AveragePool, inputs: Sequence[str]) -> list[Step]:
    """The border counts, and the DPU's constant for the kernel's size is implied."""
    geometry, name = layer.geometry, site.labels.of(layer.output)
    if covers(geometry, site.shapes[layer.inputs[0]]):
        return [Step("GlobalAveragePool", tuple(inputs), name, layer.shape, {}, site.fix(layer))]
    border = {"count_include_pad": 1} if any(geometry.pads) else {}
    attributes = {"kernel_shape": geometry.kernel, "strides": geometry.stride, "pads": geometry.pads, **border}
    return [Step("AveragePool", tuple(inputs), name, layer.shape, attributes, site.fix(layer))]


def _max_pool(site: Site, layer: dpu.MaxPool, inputs: Sequence[str]) -> list[Step]:
    """The border is the smallest number, so that it never wins."""
    geometry = layer.geometry
    padding = _padding(site, layer, inputs[0], geometry, INT8.lo * step_at(layer.position))
    source = padding[-1].output if padding else inputs[0]
    attributes = {"kernel_shape": geometry.kernel, "strides": geometry.stride, "auto_pad": "VALID",
                  "dilations": geometry.dilation, "ceil_mode": 0}
    name = site.labels.of(layer.output)
    return [*padding, Step("MaxPool", (source,), name, layer.shape, attributes, site.fix(layer))]


def _function(site: Site, layer: dpu.Rectified | dpu.Curve, inputs: Sequence[str]) -> list[Step]:
    op, attributes = _ACTIVATIONS[layer.activation]
    return [Step(op, tuple(inputs), site.labels.of(layer.output), layer.shape, attributes, site.fix(layer))]


def _concat(site: Site, layer: dpu.Concat, inputs: Sequence[str]) -> list[Step]:
    return [Step("Concat", tuple(inputs), site.labels.of(layer.output), layer.shape, {"axis": 1})]


def _reshape(site: Site, layer: dpu.Reshape, inputs: Sequence[str]) -> list[Step]:
    name = site.labels.of(layer.output)
    if len(layer.shape) == 1:
        return [Step("Flatten", tuple(inputs), name, layer.shape, {"axis": 1})]
    shape = {site.labels.part(layer.output, "shape"): np.array([1, *layer.shape], np.int64)}
    return [Step("Reshape", (*inputs, *shape), name, layer.shape, {}, constants=shape)]


def _border(site: Site, layer: dpu.Border, inputs: Sequence[str]) -> list[Step]:
    attributes = {"pads": onnx_pads(layer.sides)}
    return [Step("Pad", tuple(inputs), site.labels.of(layer.output), layer.shape, attributes, site.fix(layer))]


def _upsampled(site: Site, layer: dpu.Upsampled, inputs: Sequence[str]) -> list[Step]:
    constants = {site.labels.part(layer.output, "roi"): np.zeros(0, np.float32),
                 site.labels.part(layer.output, "scales"): np.array([1, 1, *layer.factors], np.float32)}
    attributes = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    name = site.labels.of(layer.output)
    return [Step("Resize", (*inputs, *constants), name, layer.shape, attributes, constants=constants)]


_STEPS: Mapping[type[dpu.Layer], Callable[[Site, Any, Sequence[str]], list[Step]]] = {
    FullyConnected: _fully_connected, Convolution: _convolution, Transposed: _transposed, dpu.Sum: _sum,
    dpu.AveragePool: _average_pool, dpu.MaxPool: _max_pool, dpu.Rectified: _function, dpu.Curve: _function,
    dpu.Concat: _concat, dpu.Reshape: _reshape, dpu.Border: _border, dpu.Upsampled: _upsampled}
"""The nodes of a layer, given the names of its inputs."""
