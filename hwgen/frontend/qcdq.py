"""QuantizeLinear, Clip, DequantizeLinear (QCDQ and QDQ files) as quantizers of the quantized level.

onnxruntime has its own pair for 16 bits before opset 21.

An integer tensor is pending until something other than a Clip reads it: then it becomes one Quant, whose value is the
real one. QuantizeLinear rounds x / scale to nearest even before it adds the zero point.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, helper

from hwgen.frontend import attributes
from hwgen.frontend.attributes import node_name, problem
from hwgen.frontend.constants import Constant, QuantizedConstant, finite, integer_kind
from hwgen.frontend.context import Context, Pending, tensor
from hwgen.frontend.integers import dequantized
from hwgen.frontend.qonnx import positive_scale
from hwgen.frontend.registry import handles
from hwgen.frontend.rounding import quantize
from hwgen.frontend.shapes import axis_in
from hwgen.ir.graph import Value
from hwgen.ir.tensor import Array, Tensor
from hwgen.ir.types import IntType, full_range
from hwgen.ops.quantized import Quant
from hwgen.ops.quantized_maps import AveragePool
from hwgen.rounding import Rounding


@handles("onnx", "QuantizeLinear", since=10)
@handles("com.microsoft", "QuantizeLinear")
def quantize_linear(context: Context, node: NodeProto) -> None:
    """sat(round_half_even(x / scale) + zero_point); the zero point's type is the result's, uint8 by default."""
    kind = integer_type(context, node)
    if context.is_constant(context.input(node, 0)):
        quantize_constant(context, node, kind)
        return
    value = context.real_value(node)
    scale, zero = of_frame(context, node, value)
    op = Quant(tensor(scale), tensor(zero), kind, zero_point_inside=False)
    if context.from_brevitas:
        note_losses(context, node, op, value)
    add_quantizer(context, node, op, value)


def note_losses(context: Context, node: NodeProto, op: Quant, value: Value) -> None:
    """Where Brevitas' QCDQ export cannot say what was trained."""
    producer = context.producer(value)
    if producer is None and np.any(op.zero_point.array % 2):
        context.notes.ties.append(node_name(node))
    if producer is not None and isinstance(producer.op, AveragePool):
        context.notes.pools.append(node_name(node))


def add_quantizer(context: Context, node: NodeProto, op: Quant, value: Value) -> None:
    """The node's output holds the integers of this quantizer of a value."""
    context.pending[str(node.output[0])] = Pending(node, op, value)
    context.integers[str(node.output[0])] = op


def integer_type(context: Context, node: NodeProto) -> IntType:
    """The interval of the zero point's type, or of output_dtype."""
    if context.optional(node, 2) is not None:
        dtype = context.plain(node, 2).array.dtype
    else:
        declared = attributes.integer(node, "output_dtype", 0) or TensorProto.UINT8
        dtype = np.dtype(helper.tensor_dtype_to_np_dtype(declared))
    return integer_result(node, dtype)


def integer_result(node: NodeProto, dtype: np.dtype[Any]) -> IntType:
    """The interval of a result's type; the wide ones and floats are refused."""
    kind = integer_kind(dtype)
    if kind is None or kind.levels > 1 << 16:
        raise problem(node, "unsupported-form", f"it quantizes to {dtype}", "Quantize to integers of up to 16 bits.")
    return kind


def parameters(context: Context, node: NodeProto) -> tuple[Array, Array]:
    """Scale and zero point, as float64."""
    if attributes.integer(node, "block_size", 0):
        raise problem(node, "unsupported-form", "it has a scale for each block of an axis",
                      "Quantize per tensor or per channel.")
    zero = np.zeros(()) if context.optional(node, 2) is None else context.exact(node, 2)
    return positive_scale(context, node, 1), zero


def of_frame(context: Context, node: NodeProto, value: Value) -> tuple[Array, Array]:
    """Scale and zero point of a computed value, without the batch."""
    shape = (1, *value.shape)
    scale, zero = (context.frame(node, along(node, a, shape), value) for a in parameters(context, node))
    return scale, zero


def along(node: NodeProto, array: Array, shape: tuple[int, ...]) -> Array:
    """A list of one element for each index of the node's axis, broadcastable to the tensor's shape."""
    if array.size == 1 or array.ndim != 1:
        return array.reshape(()) if array.size == 1 else array
    axis = axis_in(node, attributes.integer(node, "axis", 1), len(shape))
    if array.size != shape[axis]:
        raise problem(node, "shape-mismatch", f"{array.size} scales or zero points do not fit axis {axis} of shape "
                      f"{list(shape)}")
    return array.reshape([-1 if i == axis else 1 for i in range(len(shape))])


def quantize_constant(context: Context, node: NodeProto, kind: IntType) -> None:
    """The integers of a weight or bias."""
    x = finite(context.plain(node, 0), node_name(node))
    scale, zero = (np.broadcast_to(along(node, a, x.shape), x.shape) for a in parameters(context, node))
    wide = IntType(kind.lo - int(zero.max()), kind.hi - int(zero.min()))
    shifted = quantize(x, scale, np.zeros(x.shape), wide, Quant(Tensor(1.0), Tensor(0.0), kind).rounding) + zero
    context.notes.constant(node_name(node), x / scale + zero, kind, Rounding.HALF_EVEN, brevitas=context.from_brevitas)
    integers = np.clip(shifted, kind.lo, kind.hi).astype(np.int64)
    context.set_constant(Constant(str(node.output[0]), integers))


@handles("onnx", "DequantizeLinear", since=10)
@handles("com.microsoft", "DequantizeLinear")
def dequantize_linear(context: Context, node: NodeProto) -> None:
    """(q - zero_point) * scale: the value of the quantizer that made q, or a constant's."""
    if context.is_constant(context.input(node, 0)):
        dequantize_constant(context, node)
        return
    value = context.real_value(node)
    scale, zero = of_frame(context, node, value)
    context.same(node, dequantized(context, node, 0, scale, zero))


def dequantize_constant(context: Context, node: NodeProto) -> None:
    """Weights and biases stored as integers, or quantized by a QuantizeLinear."""
    array = context.plain(node, 0).array
    if integer_kind(array.dtype) is None:
        raise problem(node, "bad-constant", f"it dequantizes a constant of {array.dtype}")
    scale, zero = (np.broadcast_to(along(node, a, array.shape), array.shape) for a in parameters(context, node))
    integers = array.astype(np.int64)
    low, high = int(integers.min()), int(integers.max())
    kind = full_range(max((-low - 1).bit_length(), high.bit_length()) + 1, True)
    context.set_constant(QuantizedConstant(str(node.output[0]), integers, scale, zero, kind))


def narrow(context: Context, node: NodeProto, low: float, high: float) -> None:
    """A Clip of pending integers: the quantizer's type shrinks."""
    pending = context.pending[context.input(node, 0)]
    kind = pending.op.type
    made = (max(kind.lo, int(np.ceil(max(low, kind.lo)))), min(kind.hi, int(np.floor(min(high, kind.hi)))))
    if made[0] > made[1]:
        raise problem(node, "bad-clip", f"it leaves no integer of {kind}")
    narrowed = pending.narrowed(node, IntType(*made))
    add_quantizer(context, node, narrowed.op, narrowed.value)
