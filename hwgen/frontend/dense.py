"""Dense layers: MatMul and Gemm by a constant matrix of integers times a scale."""

from __future__ import annotations

import numpy as np
from onnx import NodeProto

from hwgen.frontend import attributes
from hwgen.frontend.attributes import node_name, problem
from hwgen.frontend.constants import Constant, QuantizedConstant, finite, times
from hwgen.frontend.context import Context
from hwgen.frontend.finn import parse_datatype
from hwgen.frontend.registry import handles
from hwgen.ir.graph import Value
from hwgen.ir.tensor import Array, Tensor
from hwgen.ir.types import BipolarType, full_range
from hwgen.ops.quantized import Dense


@handles("onnx", "MatMul")
def matmul(context: Context, node: NodeProto) -> None:
    """y = x @ W, W of shape (K, M)."""
    one_computed(context, node)
    value = context.real_value(node)
    weight = weight_matrix(context, node)
    add_dense(context, node, value, Dense(*transposed(weight), None))


@handles("onnx", "Gemm")
def gemm(context: Context, node: NodeProto) -> None:
    """y = alpha * x @ W (or W^T) + beta * c."""
    one_computed(context, node)
    value = context.real_value(node)
    if attributes.integer(node, "transA", 0):
        raise problem(node, "unsupported-form", "transA transposes the batch of the computed input",
                         "Export without transA.")
    weight = weight_matrix(context, node)
    straight = attributes.integer(node, "transB", 0) != 0
    integers, scale, zero = parts(weight) if straight else transposed(weight)
    scale = Tensor(times(scale.array, alpha(node, "alpha")))
    add_dense(context, node, value, Dense(integers, scale, zero, bias(context, node, integers.shape[0])))


def alpha(node: NodeProto, name: str) -> Array:
    """Gemm's alpha or beta."""
    factor = attributes.real(node, name, 1.0)
    if not np.isfinite(factor) or (name == "alpha" and factor == 0):
        raise problem(node, "bad-attribute", f"its {name} is {factor:g}")
    return np.array(factor)


def bias(context: Context, node: NodeProto, rows: int) -> Tensor | None:
    """Gemm's bias times beta, exact, of shape (M,)."""
    if context.optional(node, 2) is None:
        return None
    array = context.exact(node, 2)
    if array.size not in (1, rows) or (array.size > 1 and array.shape[-1] != rows):
        raise problem(node, "shape-mismatch", f"a bias of shape {list(array.shape)} does not fit {rows} outputs")
    scaled = array if attributes.real(node, "beta", 1.0) == 1.0 else times(array, alpha(node, "beta"))
    return Tensor(np.broadcast_to(scaled.ravel(), (rows,)))


def one_computed(context: Context, node: NodeProto) -> None:
    """Refuse products of two computed values."""
    if not any(context.is_constant(context.input(node, i)) for i in (0, 1)):
        raise problem(node, "unsupported-form", f"{node.op_type} multiplies two computed values",
                         "Only products by constant weights are supported by this version.")


def weight_matrix(context: Context, node: NodeProto) -> QuantizedConstant:
    """The integers of the weights, from a quantizer, an annotation, or floats that are integers."""
    constant = context.constant(node, 1)
    if len(constant.shape) != 2:
        raise problem(node, "unsupported-form", f"its weights have shape {list(constant.shape)}",
                         "Only weight matrices of two dimensions are supported.")
    return constant if isinstance(constant, QuantizedConstant) else integer_weights(context, node, constant)


def add_dense(context: Context, node: NodeProto, value: Value, op: Dense) -> None:
    """The op, if the value's last axis fits its weights."""
    columns = op.weight.shape[1]
    if not value.shape or value.shape[-1] != columns:
        raise problem(node, "shape-mismatch", f"a value of shape {[1, *value.shape]} does not fit weights "
                      f"of {columns} inputs")
    context.add(node, op, value)


def integer_weights(context: Context, node: NodeProto, constant: Constant) -> QuantizedConstant:
    """Weights without a quantizer: integers already, or floats, which only the host's tail may have."""
    values = finite(constant, node_name(node))
    one, zero = (np.broadcast_to(np.float64(v), values.shape) for v in (1.0, 0.0))
    whole = values.dtype != object and np.all(values == np.round(values)) and float(np.abs(values).max()) < 1 << 31
    if not whole:
        return QuantizedConstant(constant.name, values.astype(np.float64), one, zero, full_range(32, True))
    integers = values.astype(np.int64)
    low, high = int(integers.min()), int(integers.max())
    kind = full_range(max((-low - 1).bit_length(), high.bit_length()) + 1, True)
    annotated = parse_datatype(context.annotations.get(constant.name, ""))
    if annotated is not None and annotated[1] == 1:
        kind = annotated[0]
        zero_in_bipolar = isinstance(kind, BipolarType) and np.any(integers == 0)
        if not (kind.lo <= low and high <= kind.hi) or zero_in_bipolar:
            raise problem(node, "annotation", f"weights {constant.name} from {low} to {high} are not all of "
                             f"their annotated type {kind}")
    return QuantizedConstant(constant.name, integers, one, zero, kind)


def transposed(weight: QuantizedConstant) -> tuple[Tensor, Tensor, Tensor]:
    """Weights of shape (K, M) as rows per output."""
    return parts(QuantizedConstant(weight.name, weight.integers.T, weight.scale.T, weight.zero_point.T, weight.type))


def parts(weight: QuantizedConstant) -> tuple[Tensor, Tensor, Tensor]:
    """Integers, scale and zero point of a (M, K) matrix, the latter two in their smallest shape."""
    return Tensor(weight.integers), Tensor(compressed(weight.scale)), Tensor(compressed(weight.zero_point))


def compressed(array: Array) -> Array:
    """A (M, K) array as scalar, (M, 1) or (1, K) where it repeats."""
    if np.all(array == array[0, 0]):
        return np.array(array[0, 0])
    if np.all(array == array[:, :1]):
        return array[:, :1]
    return array[:1, :] if np.all(array == array[:1, :]) else array


