"""QOperator files: QLinear ops, ConvInteger and MatMulInteger of ONNX, and those that onnxruntime adds.

Each is exactly DequantizeLinear of its inputs, the float op, QuantizeLinear of the result, all in real numbers: so it
is read as the float op by that op's own reader, between what its scales and zero points say. The runtimes multiply an
int32 sum by a float32 factor and round half to even, which differs from exact arithmetic at near-ties only.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import NodeProto, helper

from hwgen.frontend import attributes
from hwgen.frontend.attributes import node_name, problem
from hwgen.frontend.constants import Constant, QuantizedConstant, integer_kind, times
from hwgen.frontend.context import Context, tensor
from hwgen.frontend.dense import alpha
from hwgen.frontend.integers import UNIT, dequantized
from hwgen.frontend.qcdq import add_quantizer, integer_result
from hwgen.frontend.qonnx import positive_scale
from hwgen.frontend.registry import handles, lookup
from hwgen.ir.graph import Value
from hwgen.ir.tensor import Array
from hwgen.ir.types import IntType, full_range
from hwgen.ops.quantized import Quant

MICROSOFT = "com.microsoft"
STATIC = "Scales that are computed at run time have no circuit: quantize statically, with calibration data."
ADVICE = dict.fromkeys(["DynamicQuantizeLinear", f"{MICROSOFT}.DynamicQuantizeMatMul"], STATIC) | {
    f"{MICROSOFT}.QLinearSoftmax": "Leave Softmax out of the quantization: a last one runs on the host in float."}
"""What to do about ops that cannot be read, by their name in messages."""
BY_ATTRIBUTE = 13
"""The opset whose ReduceMean has its axes in an attribute, as QLinearReduceMean has them."""


def float_op(context: Context, node: NodeProto, op: str, inputs: list[str], version: int = 0, **given: Any) -> str:
    """Read a float op in the node's place, with attributes of this node's names; the name of its result."""
    output = context.fresh(f"{node.output[0]}_{op.lower()}")
    inner = helper.make_node(op, inputs, [output], name=node_name(node), **given)
    handler = lookup(inner, version or context.version)
    if handler is None:
        raise problem(node, "unsupported-op", f"no support for {op}", "Export the model with ops of the list in "
                      "docs/frontend.md.")
    context.names[output] = str(node.output[0])
    handler(context, inner)
    return output


def copied(node: NodeProto, *names: str) -> dict[str, Any]:
    """The attributes of these names that the node has."""
    return {a.name: helper.get_attribute_value(a) for a in node.attribute if a.name in names}


def zero_point(context: Context, node: NodeProto, index: int) -> Array:
    """The zero point at an input, 0 where it is absent."""
    return np.zeros(()) if context.optional(node, index) is None else context.exact(node, index)


def single(node: NodeProto, array: Array, what: str) -> Array:
    """A parameter of one element."""
    if array.size != 1:
        raise problem(node, "unsupported-form", f"its {what} has {array.size} elements",
                      "Quantize activations per tensor.")
    return array.reshape(())


def operand(context: Context, node: NodeProto, index: int) -> str:
    """The name of the real value or constant of the integers, scale and zero point at three inputs."""
    scale, zero = positive_scale(context, node, index + 1), zero_point(context, node, index + 2)
    if context.is_constant(context.input(node, index)):
        return weights(context, node, index, scale, zero, 0)
    value = dequantized(context, node, index, single(node, scale, "scale"), single(node, zero, "zero point"))
    return named(context, node, value, "real")


def named(context: Context, node: NodeProto, value: Value, role: str) -> str:
    """An ONNX name for a value, so that a reader can take it as its input."""
    name = context.fresh(f"{node.output[0]}_{role}")
    context.alias[name] = value.name
    return name


def weights(context: Context, node: NodeProto, index: int, scale: Array, zero: Array, axis: int) -> str:
    """Constant integers with their scale and zero point: one, or one for each index of an axis."""
    array = context.plain(node, index).array
    kind = integer_kind(array.dtype)
    if kind is None:
        raise problem(node, "bad-constant", f"it dequantizes a constant of {array.dtype}")
    name = context.fresh(f"{context.input(node, index)}_real")
    scale, zero = (spread(node, parameter, array.shape, axis) for parameter in (scale, zero))
    context.set_constant(QuantizedConstant(name, array.astype(np.int64), scale, zero, kind))
    return name


def spread(node: NodeProto, parameter: Array, shape: tuple[int, ...], axis: int) -> Array:
    """A scale or zero point in the shape of its tensor."""
    if parameter.ndim == 1 and parameter.size > 1:
        places = [1] * len(shape)
        places[axis] = parameter.size
        parameter = parameter.reshape(places)
    try:
        return np.broadcast_to(parameter.reshape(()) if parameter.size == 1 else parameter, shape)
    except ValueError:
        raise problem(node, "shape-mismatch", f"{parameter.size} scales or zero points do not fit a constant of shape "
                      f"{list(shape)}") from None


def bias(context: Context, node: NodeProto, index: int, scale: Array) -> list[str]:
    """The name of the bias: int32 integers in steps of the products' scale; nothing where there is none."""
    if context.optional(node, index) is None:
        return []
    array = context.plain(node, index).array
    factor = scale.ravel()
    if array.dtype.kind != "i" or (array.size != factor.size and 1 not in (array.size, factor.size)):
        raise problem(node, "shape-mismatch", f"a bias of {array.dtype} and shape {list(array.shape)} does not fit "
                      f"{factor.size} scales")
    name = context.fresh(f"{context.input(node, index)}_real")
    flat = array.ravel().astype(np.int64)
    size = max(flat.size, factor.size)
    flat, factor = (np.broadcast_to(a, (size,)) for a in (flat, factor))
    context.set_constant(QuantizedConstant(name, flat, factor, np.zeros(size), full_range(32, True)))
    return [name]


def quantized(context: Context, node: NodeProto, result: str, scale: int, zero: int) -> None:
    """Quantize a result with the scale and zero point at two inputs; without the latter in the first input's type."""
    value = context.real_value(helper.make_node("", [result], list(node.output), name=node_name(node)))
    steps, point = single(node, positive_scale(context, node, scale), "scale"), zero_point(context, node, zero)
    op = Quant(tensor(steps), tensor(single(node, point, "zero point")), result_type(context, node, zero),
               zero_point_inside=False)
    add_quantizer(context, node, op, value)


def result_type(context: Context, node: NodeProto, index: int) -> IntType:
    """The interval of the zero point's type, else of the input's."""
    if context.optional(node, index) is not None:
        return integer_result(node, context.plain(node, index).array.dtype)
    kinds = [context.integers[name].type for name in node.input if name in context.integers]
    return full_range(8, any(kind.lo < 0 for kind in kinds))


def same(context: Context, node: NodeProto, result: str) -> None:
    """The node's output is this result."""
    context.same(node, context.builder.values[context.alias[result]])


CONV = ("auto_pad", "dilations", "group", "kernel_shape", "pads", "strides")
POOL = ("auto_pad", "ceil_mode", "count_include_pad", "dilations", "kernel_shape", "pads", "strides")


@handles("onnx", "QLinearConv", since=10)
@handles(MICROSOFT, "QLinearConv")
def qlinear_conv(context: Context, node: NodeProto) -> None:
    """x, w, y with scales and zero points, bias; weights per output channel; the map channels last where it says so."""
    w_scale = positive_scale(context, node, 4)
    products = times(positive_scale(context, node, 1), w_scale)
    w = weights(context, node, 3, w_scale, zero_point(context, node, 5), 0)
    x = channels_first(context, node, operand(context, node, 0))
    y = float_op(context, node, "Conv", [x, w, *bias(context, node, 8, products)], **copied(node, *CONV))
    quantized(context, node, channels_last(context, node, y), 6, 7)


def channels_first(context: Context, node: NodeProto, name: str, last: bool | None = None) -> str:
    """The map [N, C, ...] of [N, ..., C] where the channels are last."""
    if not (attributes.integer(node, "channels_last", 0) if last is None else last):
        return name
    rank = len(context.builder.values[context.alias[name]].shape) + 1
    return float_op(context, node, "Transpose", [name], perm=[0, rank - 1, *range(1, rank - 1)])


def channels_last(context: Context, node: NodeProto, name: str, last: bool | None = None) -> str:
    """The way back."""
    if not (attributes.integer(node, "channels_last", 0) if last is None else last):
        return name
    rank = len(context.builder.values[context.alias[name]].shape) + 1
    return float_op(context, node, "Transpose", [name], perm=[0, *range(2, rank), 1])


@handles("onnx", "QLinearMatMul", since=10)
def qlinear_matmul(context: Context, node: NodeProto) -> None:
    """a, b, y with scales and zero points; b is constant, its scale one or one for each column."""
    b = weights(context, node, 3, positive_scale(context, node, 4), zero_point(context, node, 5), -1)
    quantized(context, node, float_op(context, node, "MatMul", [operand(context, node, 0), b]), 6, 7)


@handles(MICROSOFT, "QGemm")
def qgemm(context: Context, node: NodeProto) -> None:
    """(alpha * A * B) + C, C in steps of alpha * scale of A * scale of B; a float result where y has no scale."""
    a_scale, b_scale = positive_scale(context, node, 1), positive_scale(context, node, 4)
    axis = 0 if attributes.integer(node, "transB", 0) else 1
    b = weights(context, node, 3, b_scale, zero_point(context, node, 5), axis)
    products = times(times(a_scale, b_scale), alpha(node, "alpha"))
    y = float_op(context, node, "Gemm", [operand(context, node, 0), b, *bias(context, node, 6, products)],
                 **copied(node, "alpha", "transA", "transB"))
    if context.optional(node, 7) is None:
        same(context, node, y)
    else:
        quantized(context, node, y, 7, 8)


@handles(MICROSOFT, "QLinearAdd", "QLinearMul")
def qlinear_arithmetic(context: Context, node: NodeProto) -> None:
    """A and B with scales and zero points; one of them may be constant, for Mul it has to."""
    names = [operand(context, node, index) for index in (0, 3)]
    for index, name in enumerate(names):
        if context.is_constant(name):
            names[index] = plain_constant(context, node, name)
    quantized(context, node, float_op(context, node, node.op_type.removeprefix("QLinear"), names), 6, 7)


def plain_constant(context: Context, node: NodeProto, name: str) -> str:
    """The real numbers of quantized integers of 8 bits: exact in float64."""
    values = context.exact(helper.make_node("", [name], [], name=node_name(node)), 0)
    context.set_constant(Constant(name, values))
    return name


@handles(MICROSOFT, "QLinearConcat")
def qlinear_concat(context: Context, node: NodeProto) -> None:
    """Scale and zero point of the result, then three inputs for each operand."""
    names = [operand(context, node, index) for index in range(2, len(node.input), 3)]
    quantized(context, node, float_op(context, node, "Concat", names, **copied(node, "axis")), 0, 1)


@handles(MICROSOFT, "QLinearAveragePool", "QLinearGlobalAveragePool")
def qlinear_pool(context: Context, node: NodeProto) -> None:
    """Means of windows or of the map."""
    x = channels_first(context, node, operand(context, node, 0))
    y = float_op(context, node, node.op_type.removeprefix("QLinear"), [x], **copied(node, *POOL))
    quantized(context, node, channels_last(context, node, y), 3, 4)


@handles(MICROSOFT, "QLinearReduceMean")
def qlinear_mean(context: Context, node: NodeProto) -> None:
    """Axes in an attribute."""
    y = float_op(context, node, "ReduceMean", [operand(context, node, 0)], BY_ATTRIBUTE,
                 **copied(node, "axes", "keepdims"))
    quantized(context, node, y, 3, 4)


@handles(MICROSOFT, "QLinearLeakyRelu", "QLinearSigmoid")
def qlinear_activation(context: Context, node: NodeProto) -> None:
    """A function between two scales; the runtime has a table of it."""
    op = node.op_type.removeprefix("QLinear")
    quantized(context, node, float_op(context, node, op, [operand(context, node, 0)], **copied(node, "alpha")), 3, 4)


@handles(MICROSOFT, "NhwcMaxPool")
def nhwc_max_pool(context: Context, node: NodeProto) -> None:
    """MaxPool of a map with its channels last: of integers, which stay what they are."""
    x = channels_first(context, node, named(context, node, context.real_value(node), "real"), True)
    y = float_op(context, node, "MaxPool", [x], **copied(node, *POOL))
    same(context, node, channels_last(context, node, y, True))


@handles("onnx", "ConvInteger", "MatMulInteger", since=10)
def integer_product(context: Context, node: NodeProto) -> None:
    """Products of integers less their zero points, as int32."""
    op = node.op_type.removesuffix("Integer")
    x_zero, w_zero = zero_point(context, node, 2), zero_point(context, node, 3)
    x = dequantized(context, node, 0, np.ones(()), single(node, x_zero, "zero point"))
    w = weights(context, node, 1, np.ones(()), w_zero, 0 if op == "Conv" else -1)
    y = float_op(context, node, op, [named(context, node, x, "real"), w], **copied(node, *CONV))
    same(context, node, y)
    context.integers[str(node.output[0])] = UNIT


@handles(MICROSOFT, "MatMulIntegerToFloat")
def matmul_integer_to_float(context: Context, node: NodeProto) -> None:
    """A, B, their scales, their zero points, a float bias."""
    a = dequantized(context, node, 0, single(node, positive_scale(context, node, 2), "scale"),
                    single(node, zero_point(context, node, 4), "zero point"))
    b = weights(context, node, 1, positive_scale(context, node, 3), zero_point(context, node, 5), -1)
    y = float_op(context, node, "MatMul", [named(context, node, a, "real"), b])
    if context.optional(node, 6) is not None:
        y = float_op(context, node, "Add", [y, context.input(node, 6)])
    same(context, node, y)
