"""Tensors of integers in a foreign graph.

hwgen keeps the real values that a quantizer's integers stand for; the context remembers which ONNX tensors hold
integers, and the quantizer that gives them their meaning. Ops that move or choose elements keep it, a few know it, and
every other op on such a tensor is refused: it would compute on integers where hwgen has real values.
"""

from __future__ import annotations

import numpy as np
from onnx import NodeProto

from hwgen.frontend import attributes
from hwgen.frontend.attributes import problem
from hwgen.frontend.constants import Constant, integer_kind
from hwgen.frontend.context import Context, tensor
from hwgen.frontend.registry import family_of
from hwgen.ir.graph import Value
from hwgen.ir.tensor import Array, Tensor
from hwgen.ir.types import full_range
from hwgen.ops.quantized import Elementwise, ElementwiseKind, Quant

MOVES = {"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Identity", "Gather", "MaxPool", "NhwcMaxPool",
         "GlobalMaxPool", "Slice", "Split", "Pad", "Resize", "Upsample", "DepthToSpace", "SpaceToDepth", "Concat",
         "Dropout"}
KEEP_CHANNELS = {"Identity", "MaxPool", "GlobalMaxPool", "Dropout"}
READS = {"DequantizeLinear", "Clip", "Cast", "QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger", "TopK",
         "ArgMax"}
CAN_WRAP = {"Add", "Sub", "Mul", "Neg"}
LARGEST = float(np.finfo(np.float32).max)
UNIT = Quant(Tensor(1.0), Tensor(0.0), full_range(32, True))
HELP = "Dequantize before it, or export with the op that computes on integers (QLinear...)."


def check(context: Context, node: NodeProto) -> None:
    """Refuse an op that would compute on integers; `follow` is its other half, after the op is read."""
    kinds = [context.integers.get(name) for name in node.input]
    known = [kind for kind in kinds if kind is not None]
    if not known or family_of(node) not in ("onnx", "qonnx") or node.op_type in READS:
        return
    if node.op_type == "Concat" and len(set(kinds)) > 1:
        raise problem(node, "unsupported-form", "it joins integers of different scales or zero points", HELP)
    channels = any(kind.scale.array.size > 1 or kind.zero_point.array.size > 1 for kind in known)
    if node.op_type in MOVES and channels and node.op_type not in KEEP_CHANNELS:
        raise problem(node, "unsupported-form", "it moves integers with a scale for each channel", HELP)
    if node.op_type not in MOVES and not all(map(is_plain, known)):
        raise problem(node, "unsupported-form", f"{node.op_type} computes on the integers of a quantizer", HELP)
    if is_integer_arithmetic(context, node, known):
        raise problem(node, "unsupported-form", f"{node.op_type} of integers wraps or truncates", "Cast to float "
                      "before it.")


def is_plain(kind: Quant) -> bool:
    """Whether the integers are the values themselves."""
    return bool(np.all(kind.scale.array == 1) and np.all(kind.zero_point.array == 0))


def is_integer_arithmetic(context: Context, node: NodeProto, kinds: list[Quant]) -> bool:
    """Whether all operands are integers, and the op wraps in their type or truncates: Div, and sums of 8 or 16 bits."""
    if node.op_type != "Div" and (node.op_type not in CAN_WRAP or all(kind.type == UNIT.type for kind in kinds)):
        return False
    constants = [context.constants[name] for name in node.input if name in context.constants]
    return all(isinstance(c, Constant) and integer_kind(c.array.dtype) for c in constants)


def follow(context: Context, node: NodeProto) -> None:
    """The results of an op that moves integers, or adds accumulators, are integers too."""
    kind = next((context.integers[name] for name in node.input if name in context.integers), None)
    if kind is None:
        return
    if node.op_type in MOVES or (node.op_type in {*CAN_WRAP, "Relu"} and kind == UNIT):
        context.integers.update((str(name), kind) for name in node.output if name)


def dequantized(context: Context, node: NodeProto, index: int, scale: Array, zero: Array) -> Value:
    """(q - zero) * scale of the integers q at an input; scale and zero broadcastable to the frame."""
    value = context.real_value(node, index)
    source = context.integers.get(context.input(node, index))
    if source is None:
        raise problem(node, "unsupported-form", f"its input {context.input(node, index)} is no tensor of integers that "
                      "a QuantizeLinear made", "Export each QuantizeLinear with its DequantizeLinear.")
    made, new = Quant(source.scale, source.zero_point, source.type), Quant(tensor(scale), tensor(zero), source.type)
    if equal(made.scale, new.scale) and equal(made.zero_point, new.zero_point):
        return value
    steps: list[tuple[ElementwiseKind, Tensor, float]] = [
        ("div", made.scale, 1.0), ("add", Tensor(made.zero_point.array - new.zero_point.array), 0.0),
        ("mul", new.scale, 1.0)]
    for kind, constant, neutral in steps:
        if np.any(constant.array != neutral):
            value = context.add_inner(node, Elementwise(kind, constant), value, f"{index}_{kind}")
    return value


def equal(a: Tensor, b: Tensor) -> bool:
    """Whether two parameters are equal everywhere."""
    return bool(np.all(a.array == b.array))


def own_values(context: Context, node: NodeProto, index: int) -> Value:
    """The value at an input; of a tensor of integers, these as real numbers."""
    if context.input(node, index) not in context.integers:
        return context.value(node, index)
    return dequantized(context, node, index, np.ones(()), np.zeros(()))


def limits(context: Context, node: NodeProto, low: float, high: float) -> tuple[float, float]:
    """The limits of a Clip of integers as limits of the real values."""
    kind = context.integers[context.input(node, 0)]
    if kind.scale.array.size > 1 or kind.zero_point.array.size > 1:
        raise problem(node, "unsupported-form", "it clips integers with a scale for each channel", HELP)
    context.integers[str(node.output[0])] = kind
    scale, zero = float(kind.scale.array), float(kind.zero_point.array)
    first, second = (x if abs(x) >= LARGEST else (x - zero) * scale for x in (low, high))
    return first, second


def of_cast(context: Context, node: NodeProto) -> Value:
    """The input of a Cast; the result of a cast to a wider integer is a tensor of integers with scale 1."""
    value = own_values(context, node, 0)
    if context.input(node, 0) in context.integers and attributes.integer(node, "to", 0) in (6, 7):
        context.integers[str(node.output[0])] = UNIT
    return value
