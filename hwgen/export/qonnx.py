"""QONNX: the quantized graph in the dialect that FINN, hls4ml and qonnx's own executor read.

Weights are stored as the reals of their integers, so that the Quant behind them gives these integers back whatever
quantizer trained them. A bit width is a scalar, and an unsigned quantizer of one bit a Quant (not a BipolarQuant, which
means plus or minus the scale). A bias is an Add behind its layer, a convolution's its third input: hls4ml adds no
constant to the channels of a map, and FINN makes the Add by itself. A bias that is no float32 number, as multiples of a
product of scales are not, is a sum of some.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
from onnx import ModelProto

from hwgen.errors import HwgenError
from hwgen.exact.convolution import Geometry
from hwgen.exact.quantizer import level_cut
from hwgen.export import qonnx_layout
from hwgen.export.qonnx_layout import Write
from hwgen.export.writer import Writer, float32
from hwgen.ir.graph import Graph, Node
from hwgen.ir.tensor import Array, Tensor
from hwgen.ir.types import BIPOLAR, IntType, full_range
from hwgen.ops import quantized as q
from hwgen.ops import quantized_layout as layout
from hwgen.ops import quantized_maps as m
from hwgen.rounding import Rounding

DOMAIN = "qonnx.custom_op.general"
OPSET = 17
_TERMS = 4
"""Of a bias: a multiple of a product of two scales has 80 bits at most."""

_ROUNDING = {Rounding.HALF_EVEN: "ROUND", Rounding.CEIL: "CEIL", Rounding.FLOOR: "FLOOR", Rounding.AWAY: "UP",
             Rounding.TOWARD_ZERO: "DOWN", Rounding.HALF_AWAY: "HALF_UP", Rounding.HALF_TOWARD_ZERO: "HALF_DOWN"}


def export(graph: Graph) -> ModelProto:
    """The model. HwgenError: "not-exportable" with every node that QONNX has no form for."""
    graph = _with_borders_in_convolutions(graph)
    missing = [f"{node.op.label} '{node.name}'" for node in graph.nodes if type(node.op) not in _WRITERS]
    if missing:
        raise HwgenError("not-exportable", ", ".join(missing), "QONNX has no form of it", "Replace these layers.")
    writer = Writer(graph)
    writer.domains[DOMAIN] = 2
    for node in graph.nodes:
        _WRITERS[type(node.op)](writer, node, node.op)
    return writer.model(OPSET)


def _with_borders_in_convolutions(graph: Graph) -> Graph:
    """Zeros around a map that only a convolution reads as its own pads: hls4ml and FINN read no Pad there."""
    borders = {node.outputs[0]: node for node in graph.nodes if _is_border(graph, node)}
    nodes = tuple(_merged(borders[node.inputs[0]], node) if node.inputs and node.inputs[0] in borders else node
                  for node in graph.nodes if node.outputs[0] not in borders)
    values = {name: value for name, value in graph.values.items() if name not in borders}
    return replace(graph, nodes=nodes, values=values)


def _is_border(graph: Graph, node: Node) -> bool:
    """Whether it adds zeros that only one convolution reads."""
    if not isinstance(node.op, layout.ConstantPad) or node.op.value.array.any() or min(node.op.sides) < 0:
        return False
    readers = graph.consumers(node.outputs[0])
    return len(readers) == 1 and isinstance(readers[0].op, m.Conv) and node.outputs[0] not in graph.outputs


def _merged(border: Node, node: Node) -> Node:
    assert isinstance(border.op, layout.ConstantPad) and isinstance(node.op, m.Conv)
    top, left, bottom, right = (a + b for a, b in zip(border.op.sides, node.op.geometry.pads, strict=True))
    geometry = replace(node.op.geometry, pads=(top, left, bottom, right))
    return replace(node, inputs=border.inputs, op=replace(node.op, geometry=geometry))


def quantizer(writer: Writer, source: str, output: str, node: Node, scale: Array, zero: Array, kind: IntType,
              rounding: Rounding) -> None:
    """A Quant, or a BipolarQuant for the two-valued type."""
    steps = writer.constant(f"{output}_scale", float32(scale, node, "scale"))
    if kind == BIPOLAR:
        writer.node("BipolarQuant", [source, steps], output, name=output, domain=DOMAIN)
        return
    if rounding not in _ROUNDING:
        raise HwgenError("not-exportable", node.name, f"QONNX has no rounding mode {rounding.value}",
                         "Train with round half to even.")
    bits, signed, narrow = _declared(kind, node)
    inputs = [source, steps, writer.constant(f"{output}_zero_point", float32(zero, node, "zero point")),
              writer.constant(f"{output}_bit_width", bits)]
    writer.node("Quant", inputs, output, name=output, domain=DOMAIN, signed=signed, narrow=narrow,
                rounding_mode=_ROUNDING[_plainest(rounding, kind)])


def _plainest(rounding: Rounding, kind: IntType) -> Rounding:
    """Half to even, which every reader has, where its ties end as these do: those of ternary integers toward zero."""
    same = all(level_cut(level, rounding) == level_cut(level, Rounding.HALF_EVEN)
               for level in range(kind.lo + 1, kind.hi + 1))
    return Rounding.HALF_EVEN if same else rounding


def _declared(kind: IntType, node: Node) -> tuple[int, int, int]:
    """Bit width, signed and narrow of a type. HwgenError: "not-exportable" where there are none."""
    for narrow in (False, True):
        full = full_range(kind.bits, kind.signed, narrow)
        if (full.lo, full.hi) == (kind.lo, kind.hi) and (kind.bits > 1 or not (kind.signed or narrow)):
            return kind.bits, int(kind.signed), int(narrow)
    raise HwgenError("not-exportable", node.name, f"QONNX has no bit width for the integers {kind.lo} to {kind.hi}",
                     "Quantize to a full range of bits.")


def constant_on_grid(writer: Writer, node: Node, role: str, integers: Array, scale: Array, zero: Array) -> str:
    """A quantized constant: the reals of its integers, and the Quant that gives these back."""
    name = writer.unique(f"{node.outputs[0]}_{role}")
    values = sorted({int(v) for v in np.unique(integers)})
    kind = BIPOLAR if values in ([-1, 1], [-1], [1]) and not np.any(zero) else _smallest(values)
    steps = float32(scale, node, "scale").astype(np.float64)
    writer.inner_shapes[name] = integers.shape
    real = writer.constant(f"{name}_float", ((integers - zero) * steps).astype(np.float32))
    quantizer(writer, real, name, node, np.asarray(scale), np.asarray(zero), kind, Rounding.HALF_EVEN)
    return name


def _smallest(values: list[int]) -> IntType:
    """The full range of the fewest bits, at least two if signed."""
    signed = values[0] < 0
    bits = max(IntType(values[0], max(values[-1], values[0] + 1)).bits, 2 if signed else 1)
    return full_range(bits, signed, False)


def _quant(writer: Writer, node: Node, op: q.Quant) -> None:
    """One Quant; two where the zero point is added behind the rounding and that is not the same as before it."""
    scale, zero = (_with_batch(writer, node, part.fractions()) for part in (op.scale, op.zero_point))
    source, rounding = node.inputs[0], op.rounding
    single = _is_input(writer.graph, source)
    if op.rounding is Rounding.HALF_UP and op.type != BIPOLAR and not single:
        source, op = _half_a_step_up(writer, node, scale), replace(op, rounding=Rounding.FLOOR)
        rounding = op.rounding
    if not (op.zero_point_inside or _moves_through(op, single)):
        source, rounding = _rounded_first(writer, node, op, scale), Rounding.HALF_EVEN
    quantizer(writer, source, node.outputs[0], node, scale, zero, op.type, rounding)


def _is_input(graph: Graph, name: str) -> bool:
    """Whether it is a graph input, in another shape or order too: a quantizer of it decides in float32."""
    producer = graph.producer(name)
    return producer is None or (isinstance(producer.op, q.Reshape | q.Transpose)
                                and _is_input(graph, producer.inputs[0]))


def _half_a_step_up(writer: Writer, node: Node, scale: Array) -> str:
    """The floor of it is half up, which QONNX has not. A graph's input is rounded by float32, which this would move."""
    half = writer.constant(f"{node.outputs[0]}_half", float32(scale / 2, node, "scale"))
    return writer.inner("Add", [node.inputs[0], half], node, "raised")


def _moves_through(op: q.Quant, decided_in_float32: bool) -> bool:
    """Whether round(x) + zero is round(x + zero) for every x: a tie to even needs an even zero, float32 none at all."""
    step = {Rounding.HALF_EVEN: 2, Rounding.FLOOR: 1, Rounding.CEIL: 1}.get(op.rounding)
    zeros = op.zero_point.fractions().ravel()
    return not any(zeros) or (not decided_in_float32 and step is not None and all(zero % step == 0 for zero in zeros))


def _rounded_first(writer: Writer, node: Node, op: q.Quant, scale: Array) -> str:
    """A Quant without zero point, whose type holds all that the next one lets through."""
    zeros = [int(zero) for zero in op.zero_point.fractions().ravel()]
    name = writer.unique(f"{node.outputs[0]}_rounded")
    writer.inner_shapes[name] = (1, *writer.graph.values[node.inputs[0]].shape)
    kind = _smallest([op.type.lo - max(zeros), op.type.hi - min(zeros)])
    quantizer(writer, node.inputs[0], name, node, scale, np.zeros((), int), kind, op.rounding)
    return name


def _with_batch(writer: Writer, node: Node, array: Array) -> Array:
    """A parameter that broadcasts to a frame, with an axis for the batch where it has others."""
    return array.reshape(()) if array.size == 1 else array.reshape((1,) * (array.ndim == len(
        writer.graph.values[node.inputs[0]].shape)) + array.shape)


def _weights(writer: Writer, node: Node, op: q.Dense | m.Conv | layout.ConvTranspose,
             ordered: Callable[[Array], Array]) -> str:
    """The weights' name; float ones (behind the last quantizer) are plain constants. ordered: as ONNX has them."""
    integers, scale, zero = (ordered(part.array) for part in (op.weight, op.scale, op.zero_point))
    if op.weight.is_float:
        return writer.constant(f"{node.outputs[0]}_weight", (integers - zero) * scale)
    return constant_on_grid(writer, node, "weight", integers, scale, zero)


def _add_bias(writer: Writer, node: Node, terms: Sequence[Array], product: str, shape: tuple[int, ...]) -> None:
    """An Add for each term behind the node that makes the product, the last of which makes the node's output."""
    if not terms:
        writer.nodes[-1].output[0] = writer.nodes[-1].name = node.outputs[0]
        del writer.inner_shapes[product]
        return
    for term in terms[:-1]:
        name = writer.constant(f"{node.outputs[0]}_bias", term.reshape(shape))
        product = writer.inner("Add", [product, name], node, "sum")
    name = writer.constant(f"{node.outputs[0]}_bias", terms[-1].reshape(shape))
    writer.node("Add", [product, name], node.outputs[0], name=node.outputs[0])


def _terms(node: Node, bias: Tensor | None) -> list[Array]:
    """float32 numbers whose sum is the bias, the largest first: one where it is float32. HwgenError: "not-float32"."""
    rest = np.zeros(0, dtype=object) if bias is None else bias.fractions().ravel()
    terms: list[Array] = []
    while any(rest) or not (terms or bias is None):
        if len(terms) == _TERMS:
            raise HwgenError("not-float32", node.name, "its bias is no sum of float32 numbers",
                             "Export a model whose parameters are float32, or use a target with integer constants.")
        terms.append(rest.astype(np.float64).astype(np.float32))
        rest = np.array([x - Fraction(float(y)) for x, y in zip(rest, terms[-1], strict=True)], dtype=object)
    return terms


def _scale_of_rows(op: q.Dense) -> Array | None:
    """The scale of each output of quantized weights, None where one is enough or the inputs have some too."""
    scales = op.scale.fractions()
    by_row = scales.size > 1 and scales.shape == (len(op.weight.array), 1) and not op.weight.is_float
    return scales.ravel() if by_row else None


def _dense(writer: Writer, node: Node, op: q.Dense) -> None:
    """One scale a row is a Mul behind the product, where FINN moves it and hls4ml cannot."""
    rows = _scale_of_rows(op)
    weight = _weights(writer, node, op if rows is None else replace(op, scale=Tensor(1.0)), lambda a: a.T)
    product = writer.inner("MatMul", [node.inputs[0], weight], node, "product")
    if rows is not None:
        factors = writer.constant(f"{node.outputs[0]}_scale", float32(rows, node, "scale"))
        product = writer.inner("Mul", [product, factors], node, "scaled")
    _add_bias(writer, node, _terms(node, op.bias), product, (-1,))


def _conv(writer: Writer, node: Node, op: m.Conv) -> None:
    flat = len(writer.graph.values[node.inputs[0]].shape) == 2
    weight = _weights(writer, node, op, lambda a: a[:, :, 0, :] if flat and a.ndim == 4 else a)
    terms = _terms(node, op.bias)
    inputs = [node.inputs[0], weight, *(writer.constant(f"{node.outputs[0]}_bias", term) for term in terms[:1])]
    product = writer.inner("Conv", inputs, node, "product", group=op.groups, **_geometry(op.geometry, flat))
    _add_bias(writer, node, terms[1:], product, (1, -1, *(1,) * (1 if flat else 2)))


def _conv_transpose(writer: Writer, node: Node, op: layout.ConvTranspose) -> None:
    shape = writer.graph.values[node.inputs[0]].shape
    flat = len(shape) == 2
    weight = _weights(writer, node, op, lambda a: qonnx_layout.weights_by_inputs(a, op, flat))
    product = writer.inner("ConvTranspose", [node.inputs[0], weight], node, "product",
                           **qonnx_layout.transposed_geometry(shape, op))
    _add_bias(writer, node, _terms(node, op.bias), product, (1, -1, *(1,) * (1 if flat else 2)))


def _geometry(geometry: Geometry, flat: bool, dilations: bool = True) -> dict[str, Any]:
    """Attributes of a kernel that moves over a map; 1-D ones have the second of each pair only."""
    first = 1 if flat else 0
    top, left, bottom, right = geometry.pads
    pairs = {"kernel_shape": geometry.kernel, "strides": geometry.stride}
    if dilations:
        pairs["dilations"] = geometry.dilation
    made = {name: list(numbers[first:]) for name, numbers in pairs.items()}
    return {**made, "pads": [left, right] if flat else [top, left, bottom, right]}


def _pool(writer: Writer, node: Node, op: m.MaxPool | m.AveragePool) -> None:
    flat, average = len(writer.graph.values[node.inputs[0]].shape) == 2, isinstance(op, m.AveragePool)
    extra: dict[str, Any] = {"count_include_pad": 1} if average else {}
    writer.node("AveragePool" if average else "MaxPool", node.inputs, node.outputs[0], name=node.outputs[0],
                **_geometry(op.geometry, flat, dilations=not average), **extra)


def _elementwise(writer: Writer, node: Node, op: q.Elementwise) -> None:
    name = writer.constant(f"{node.outputs[0]}_constant",
                           float32(_with_batch(writer, node, op.constant.fractions()), node, "constant"))
    reverse, kind = op.kind.startswith("r"), op.kind.removeprefix("r").capitalize()
    inputs = [name, node.inputs[0]] if reverse else [node.inputs[0], name]
    writer.node(kind, inputs, node.outputs[0], name=node.outputs[0])


def _batch_norm(writer: Writer, node: Node, op: q.BatchNorm) -> None:
    if op.axis != 0:
        raise HwgenError("not-exportable", node.name, "its channels are not the axis behind the batch",
                         "Move the channels there.")
    parts = [writer.constant(f"{node.outputs[0]}_{role}", part.array) for role, part in (
        ("gamma", op.gamma), ("beta", op.beta), ("mean", op.mean), ("variance", op.variance))]
    writer.node("BatchNormalization", [node.inputs[0], *parts], node.outputs[0], name=node.outputs[0],
                epsilon=op.epsilon)


def _clip(writer: Writer, node: Node, op: q.Clip) -> None:
    limits = ["" if x is None else writer.constant(f"{node.outputs[0]}_{role}", x)
              for role, x in (("low", op.low), ("high", op.high))]
    writer.node("Clip", [node.inputs[0], *limits], node.outputs[0], name=node.outputs[0])


def _leaky(writer: Writer, node: Node, op: q.LeakyRelu) -> None:
    slope = op.slope.array
    if slope.size == 1:
        writer.node("LeakyRelu", node.inputs, node.outputs[0], name=node.outputs[0], alpha=float(slope.ravel()[0]))
    else:
        name = writer.constant(f"{node.outputs[0]}_slope", slope)
        writer.node("PRelu", [node.inputs[0], name], node.outputs[0], name=node.outputs[0])


def _reshape(writer: Writer, node: Node, op: q.Reshape) -> None:
    """To a vector by Flatten, into which FINN absorbs the transpose that makes a map channels last."""
    if len(op.shape) == 1:
        writer.node("Flatten", node.inputs, node.outputs[0], name=node.outputs[0], axis=1)
        return
    shape = writer.constant(f"{node.outputs[0]}_shape", [1, *op.shape], np.int64)
    writer.node("Reshape", [node.inputs[0], shape], node.outputs[0], name=node.outputs[0])


def _transpose(writer: Writer, node: Node, op: q.Transpose) -> None:
    writer.node("Transpose", node.inputs, node.outputs[0], name=node.outputs[0],
                perm=[0, *(axis + 1 for axis in op.permutation)])


def _softmax(writer: Writer, node: Node, op: q.Softmax) -> None:
    writer.node("LogSoftmax" if op.log else "Softmax", node.inputs, node.outputs[0], name=node.outputs[0], axis=-1)


def _join(writer: Writer, node: Node, op: m.Join) -> None:
    writer.node("Sub" if op.subtract else "Add", node.inputs, node.outputs[0], name=node.outputs[0])


def _concat(writer: Writer, node: Node, op: m.Concat) -> None:
    writer.node("Concat", node.inputs, node.outputs[0], name=node.outputs[0], axis=1)


def _trunc(writer: Writer, node: Node, op: m.Trunc) -> None:
    bits, signed, narrow = _declared(op.type, node)
    before = (op.divisor.numerator.bit_length() - op.divisor.denominator.bit_length()) + bits
    numbers = [("scale", op.scale), ("zero_point", op.zero_point), ("in_bits", Tensor(float(before))),
               ("out_scale", op.out_scale), ("out_bits", Tensor(float(bits)))]
    inputs = [writer.constant(f"{node.outputs[0]}_{role}", float32(_with_batch(writer, node, part.fractions()), node,
                                                                   role)) for role, part in numbers]
    writer.node("Trunc", [node.inputs[0], *inputs], node.outputs[0], name=node.outputs[0], domain=DOMAIN,
                rounding_mode=_ROUNDING[op.rounding], signed=signed, narrow=narrow)


def _relu(writer: Writer, node: Node, op: q.Relu) -> None:
    writer.node("Relu", node.inputs, node.outputs[0], name=node.outputs[0])


def _top_k(writer: Writer, node: Node, op: q.TopK) -> None:
    if op.k == 1:
        writer.node("ArgMax", node.inputs, node.outputs[0], name=node.outputs[0], axis=-1, keepdims=int(op.keepdims))
        return
    count = writer.constant(f"{node.outputs[0]}_k", [op.k], np.int64)
    writer.inner("TopK", [node.inputs[0], count], node, "values", axis=-1)
    writer.nodes[-1].output.append(node.outputs[0])


_WRITERS: Mapping[type, Write] = {
    q.Quant: _quant, q.Dense: _dense, m.Conv: _conv, m.MaxPool: _pool, m.AveragePool: _pool,
    q.Elementwise: _elementwise,
    q.BatchNorm: _batch_norm, q.Relu: _relu, q.Clip: _clip, q.LeakyRelu: _leaky, q.Reshape: _reshape,
    q.Transpose: _transpose, q.Softmax: _softmax, m.Join: _join, m.Concat: _concat, m.Trunc: _trunc, q.TopK: _top_k,
    layout.ConvTranspose: _conv_transpose, **qonnx_layout.WRITERS}
REFUSED = frozenset({q.MultiThreshold})
"""Ops that are no quantizer of QONNX: thresholds belong to its hardware dialect."""
