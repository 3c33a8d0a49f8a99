"""QONNX: Quant, IntQuant and BipolarQuant, on values and on constants (number-semantics.md C.1)."""

from __future__ import annotations

import numpy as np
from onnx import NodeProto

from hwgen.frontend import attributes
from hwgen.frontend.attributes import node_name, problem
from hwgen.frontend.constants import QuantizedConstant
from hwgen.frontend.context import Context, tensor
from hwgen.frontend.registry import handles
from hwgen.frontend.rounding import quantize
from hwgen.ir.graph import Value
from hwgen.ir.tensor import Array, Tensor
from hwgen.ir.types import BIPOLAR, BipolarType, IntType, full_range
from hwgen.ops.quantized import Quant, Relu, Reshape, Transpose
from hwgen.rounding import Rounding

# QONNX's HALF_UP is half away from zero; DPU and ROUND_TO_ZERO are names that Brevitas writes.
ROUNDING = {"ROUND": Rounding.HALF_EVEN, "HALF_EVEN": Rounding.HALF_EVEN, "CEIL": Rounding.CEIL,
            "FLOOR": Rounding.FLOOR, "UP": Rounding.AWAY, "DOWN": Rounding.TOWARD_ZERO,
            "ROUND_TO_ZERO": Rounding.TOWARD_ZERO, "HALF_UP": Rounding.HALF_AWAY,
            "HALF_DOWN": Rounding.HALF_TOWARD_ZERO, "DPU": Rounding.DPU_PY3}
MAX_BITS = 32


@handles("qonnx", "Quant", "IntQuant")
def quant(context: Context, node: NodeProto) -> None:
    """y = (clip(round(x / scale + zero_point)) - zero_point) * scale; one signed bit is bipolar."""
    kind = integer_type(context, node)
    zero_point = context.exact(node, 2)
    if isinstance(kind, BipolarType) and np.any(zero_point != 0):
        raise problem(node, "zero-point", "a bipolar quantizer has a zero point",
                         "Train with a symmetric quantizer or with two bits.")
    add_quantizer(context, node, zero_point, kind, rounding_mode(node))


@handles("qonnx", "BipolarQuant")
def bipolar_quant(context: Context, node: NodeProto) -> None:
    """y = scale if x >= 0 else -scale; after a Relu, Brevitas means {0, scale} (doctrine item 7)."""
    kind: IntType = BIPOLAR
    if not context.is_constant(context.input(node, 0)) and never_negative(context, context.value(node)):
        context.notes.unsigned_bits.append(node_name(node))
        kind = IntType(0, 1) if context.options.dialect == "brevitas" else BIPOLAR
    add_quantizer(context, node, np.zeros(()), kind, Rounding.HALF_EVEN)


def add_quantizer(context: Context, node: NodeProto, zero_point: Array, kind: IntType, mode: Rounding) -> None:
    """Quantize the constant at input 0 now, or add the op."""
    scale = positive_scale(context, node, 1)
    if context.is_constant(context.input(node, 0)):
        context.set_constant(quantized_constant(context, node, scale, zero_point, kind, mode))
        return
    value = context.real_value(node)
    op = Quant(tensor(context.frame(node, scale, value)), tensor(context.frame(node, zero_point, value)), kind, mode)
    context.add(node, op, value)


def quantized_constant(context: Context, node: NodeProto, scale: Array, zero_point: Array, kind: IntType,
                       mode: Rounding) -> QuantizedConstant:
    """The integers of a weight or bias, by exact arithmetic, with warnings where they look unlike the training's."""
    values = context.exact(node, 0)
    if values.dtype == object or scale.dtype == object or np.any(zero_point != np.round(zero_point.astype(np.float64))):
        raise problem(node, "quantized-constant", "it quantizes a constant that is not float32, or with a "
                         "zero point that is no integer")
    try:
        scales, zeros = (np.broadcast_to(a, values.shape) for a in (scale, zero_point))
    except ValueError:
        raise problem(node, "broadcast", f"its scale {list(scale.shape)} or zero point "
                         f"{list(zero_point.shape)} does not fit {list(values.shape)}") from None
    integers = quantize(values, scales, zeros, kind, mode)
    context.notes.constant(node_name(node), values / scales + zeros, kind, mode, brevitas=context.from_brevitas)
    return QuantizedConstant(str(node.output[0]), integers, scales, zeros, kind)


def integer_type(context: Context, node: NodeProto) -> IntType:
    """The interval of the quantizer's integers."""
    bits = context.scalar(node, 3)
    if bits != int(bits) or not 1 <= bits <= MAX_BITS:
        raise problem(node, "bit-width", f"a bit width of {bits:g} is not an integer from 1 to {MAX_BITS}",
                         "Quantize with 1 to 32 bits.")
    signed = attributes.integer(node, "signed", 1) != 0
    narrow = attributes.integer(node, "narrow", 0) != 0
    if bits == 1 and signed:
        return BIPOLAR
    if bits == 1 and narrow:
        raise problem(node, "bit-width", "a narrow unsigned quantizer of one bit has only the value 0",
                         "Set narrow to 0 or use more bits.")
    return full_range(int(bits), signed, narrow)


def rounding_mode(node: NodeProto, default: str = "ROUND") -> Rounding:
    """The named rounding mode, case ignored."""
    text = attributes.text(node, "rounding_mode", default)
    if text.upper() not in ROUNDING:
        raise problem(node, "rounding-mode", f"{text!r} is not a rounding mode of QONNX",
                         f"Use one of {', '.join(ROUNDING)}.")
    return ROUNDING[text.upper()]


def positive_scale(context: Context, node: NodeProto, index: int) -> Array:
    """The scale at an input, above zero everywhere."""
    scale = context.exact(node, index)
    if not np.all(scale > 0):
        worst = float(scale.ravel()[np.argmin(scale)])
        raise problem(node, "bad-scale", f"its scale is {worst:g}, which is not positive",
                         "Train the quantizer's scale again, or check the export.")
    return scale


def never_negative(context: Context, value: Value) -> bool:
    """Whether the value is provably at least zero: a Relu or an unsigned quantizer, through reshapes."""
    producer = context.producer(value)
    while producer is not None and isinstance(producer.op, Reshape | Transpose):
        producer = context.producer(context.builder.values[producer.inputs[0]])
    if producer is None:
        return False
    op = producer.op
    unsigned = isinstance(op, Quant) and op.type.lo >= 0 and op.zero_point == Tensor(0.0)
    return isinstance(op, Relu) or unsigned
