"""Constants of a graph: plain arrays, quantized arrays, and the folding of constant expressions.

Expressions of plain constants are evaluated by onnx.reference in their own ONNX types, as any runtime does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, helper
from onnx.reference import ReferenceEvaluator

from hwgen.errors import HwgenError
from hwgen.frontend import attributes
from hwgen.frontend.attributes import problem
from hwgen.frontend.onnx_file import EXPORT_AGAIN, one_line
from hwgen.ir.tensor import Array, Tensor
from hwgen.ir.types import IntType, full_range

MAX_ELEMENTS = 1 << 26
MOVES = {"Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity"}
ELEMENTWISE = {"Add", "Sub", "Mul", "Div", "Pow", "Equal", "Less", "Greater", "Where", "And", "Or", "Min", "Max", "Mod"}
UNARY = {"Sqrt", "Neg", "Abs", "Reciprocal", "Exp", "Log", "Floor", "Ceil", "Round", "Cast", "Clip", "Relu", "Not",
         "Sign", "ReduceProd", "ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "Constant", "Concat", "Slice",
         "Split", "Shape", "Size"}
SIZED = {"Gather", "MatMul", "Expand", "ConstantOfShape", "Range", "Tile"}
FOLDABLE = MOVES | ELEMENTWISE | UNARY | SIZED


@dataclass(frozen=True)
class Constant:
    """A plain constant under its ONNX name."""

    name: str
    array: Array

    @property
    def shape(self) -> tuple[int, ...]:
        """The array's ONNX shape."""
        return self.array.shape


@dataclass(frozen=True)
class QuantizedConstant:
    """(integers - zero_point) * scale, exactly; scale and zero_point are float64 of the integers' shape.

    Weights of the host's tail have no quantizer: float64 in the place of integers, and a type without meaning.
    """

    name: str
    integers: Array
    scale: Array
    zero_point: Array
    type: IntType

    @property
    def shape(self) -> tuple[int, ...]:
        """The array's ONNX shape."""
        return self.integers.shape


AnyConstant = Constant | QuantizedConstant


def finite(constant: Constant, where: str) -> Array:
    """The values as float64, or object where an integer does not fit; refuses NaN, infinities and non-numbers."""
    array = constant.array
    if integer_kind(array.dtype) is not None:
        small = array.itemsize < 8 or bool(np.all(np.abs(array.astype(object)) < 1 << 53))
        return array.astype(np.float64) if small else array.astype(object)
    if array.dtype.kind != "f":
        raise HwgenError("bad-constant", where, f"constant {constant.name} holds {array.dtype}, not numbers",
                         EXPORT_AGAIN)
    if not np.all(np.isfinite(array)):
        raise HwgenError("non-finite", where, f"constant {constant.name} holds NaN or infinity",
                         "Train or export the model again; no circuit has these values.")
    return array.astype(np.float64)


def integer_kind(dtype: np.dtype[Any]) -> IntType | None:
    """The interval of an integer type, those of fewer than 8 bits included, which numpy has no kind for."""
    name = re.fullmatch(r"(u?)int([0-9]+)", dtype.name)
    return None if name is None else full_range(int(name[2]), not name[1])


def exact(constant: AnyConstant, where: str) -> Array:
    """The exact values: float64 where that is exact, object Fractions otherwise."""
    if isinstance(constant, Constant):
        return finite(constant, where)
    shifted = constant.integers - constant.zero_point
    short_scale = np.all(constant.scale.astype(np.float32) == constant.scale)
    if short_scale and np.all(np.abs(shifted) < 1 << 29):
        return np.asarray(shifted * constant.scale)
    return times(fractions(shifted), fractions(constant.scale))


def fractions(array: Array) -> Array:
    """An object array of Fraction."""
    return Tensor(array).fractions()


def times(a: Array, b: Array) -> Array:
    """Exact product of two arrays of exact values: float64 where nothing is lost, Fractions otherwise."""
    product = np.asarray(fractions(np.asarray(a)) * fractions(np.asarray(b)), dtype=object)
    return shortest(product)


def shortest(values: Array) -> Array:
    """Fractions as float64 if every one is exactly a float64."""
    flat = [Fraction(v) for v in values.ravel().tolist()]
    if all(abs(v) < 1 << 1000 and Fraction(float(v)) == v for v in flat):
        return np.array([float(v) for v in flat], dtype=np.float64).reshape(values.shape)
    return values


def fold(node: NodeProto, inputs: Sequence[AnyConstant | None], version: int) -> list[AnyConstant]:
    """The node's outputs, from constant inputs. Quantized constants only move; arithmetic would lose their integers."""
    quantized = [c for c in inputs if isinstance(c, QuantizedConstant)]
    if not quantized:
        plain = [c.array if isinstance(c, Constant) else None for c in inputs]
        arrays = evaluate(node, plain, version)
        return [Constant(name, array) for name, array in zip(node.output, arrays, strict=False)]
    first = inputs[0]
    if isinstance(first, QuantizedConstant) and casts_to_float(node):
        return [replace(first, name=node.output[0])]
    if node.op_type not in MOVES or not isinstance(first, QuantizedConstant) or len(quantized) > 1:
        raise problem(node, "quantized-constant", f"{node.op_type} computes on the quantized constant "
                      f"{quantized[0].name}",
                      "Fold the arithmetic into the constant before its quantizer.")
    rest = [c.array if isinstance(c, Constant) else None for c in inputs[1:]]
    integers, scale, zero = (evaluate(node, [part, *rest], version)[0]
                             for part in (first.integers, first.scale, first.zero_point))
    return [QuantizedConstant(node.output[0], integers, scale, zero, first.type)]


def casts_to_float(node: NodeProto) -> bool:
    """A Cast that changes nothing about real numbers."""
    return node.op_type == "Cast" and attributes.integer(node, "to", 0) in (TensorProto.FLOAT, TensorProto.DOUBLE)


def evaluate(node: NodeProto, inputs: Sequence[Array | None], version: int) -> list[Array]:
    """One node by onnx.reference; refuses results that are absurdly large before they are made."""
    try:
        if elements_of(node, inputs) > MAX_ELEMENTS:
            raise problem(node, "constant-too-large", f"{node.op_type} makes a constant of more than {MAX_ELEMENTS} "
                          "elements", "Simplify the model before the export.")
        return run_node(node, inputs, version)
    except (ValueError, TypeError, IndexError, KeyError, ArithmeticError, AttributeError, RuntimeError,
            AssertionError, MemoryError) as error:
        raise problem(node, "bad-constant", f"the constant expression {node.op_type} cannot be evaluated "
                      f"({one_line(str(error))})") from error


def run_node(node: NodeProto, inputs: Sequence[Array | None], version: int) -> list[Array]:
    """The library's result."""
    names = [name for name in node.input if name]
    feeds = {name: array for name, array in zip(node.input, inputs, strict=True) if name}
    infos = [helper.make_tensor_value_info(name, 1, None) for name in dict.fromkeys(names)]
    outputs = [helper.make_tensor_value_info(name, 1, None) for name in node.output if name]
    graph = helper.make_graph([node], "fold", infos, outputs)
    with np.errstate(all="ignore"):
        results = ReferenceEvaluator(graph, opsets={"": version}).run(None, feeds)
    return [np.asarray(result) for result in results]


def elements_of(node: NodeProto, inputs: Sequence[Array | None]) -> int:
    """An upper bound of the elements of the result."""
    arrays = [a for a in inputs if a is not None]
    total = sum(a.size for a in arrays)
    if node.op_type in ELEMENTWISE:
        return product(np.broadcast_shapes(*(a.shape for a in arrays)))
    if node.op_type in ("Expand", "Tile"):
        return arrays[0].size * max(product(arrays[1].ravel().tolist()), 1)
    if node.op_type == "ConstantOfShape":
        return product(arrays[0].ravel().tolist())
    if node.op_type == "Range":
        start, limit, delta = (Fraction(a.ravel()[0].item()) for a in arrays)
        return max(int((limit - start) / delta), 0) + 1
    if node.op_type in ("Gather", "MatMul"):
        return max(a.size for a in arrays) if len(arrays) < 2 else arrays[0].size * arrays[1].size // smaller(arrays)
    return total


def smaller(arrays: Sequence[Array]) -> int:
    """What a product of sizes counts twice: the shared or gathered dimension, at least 1."""
    first = arrays[0].shape
    return max(min(first), 1) if first else 1


def product(sizes: Sequence[int]) -> int:
    """The number of elements of a shape, as an unbounded integer."""
    result = 1
    for size in sizes:
        result *= int(size)
    return result
