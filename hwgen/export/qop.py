"""QOperator: ONNX with QLinearConv, QLinearMatMul, ConvInteger and MatMulInteger on bytes.

A layer and the step function behind it become one QLinearConv where an integer bias and a multiplier per channel are
certified for every accumulator value; a product of vectors a QLinearMatMul, or with a bias a QLinearConv of 1x1. Where
no such constants exist, the layer is a ConvInteger or MatMulInteger, and its step function one of the QDQ forms. Layers
whose inputs or weights no byte holds are products of floats, as in QDQ.

Weights of the QLinear operators are int8, which is the fastest; where two products could have a sum beyond 16 bits,
which processors without VNNI instructions saturate for int8, they are uint8: for these onnxruntime has kernels of
16-bit products there. ConvInteger is several times faster with uint8, and before onnxruntime 1.24 has nothing else.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto

from hwgen.export.integer_layers import write_network
from hwgen.export.qdq import Qdq, container, decoded, limited, quantized
from hwgen.export.requantization import Single, single_of
from hwgen.export.sheet import Codes, Exported, Sheet
from hwgen.host import InputPort
from hwgen.ir.graph import Graph, Node
from hwgen.ir.tensor import Array
from hwgen.ir.types import IntType
from hwgen.ops.integer import int_type
from hwgen.ops.threshold import Threshold

ACCUMULATOR = 1 << 31
_PAIR = 1 << 15
_SIGN = 128


def export(graph: Graph) -> Exported:
    """The model of an integer graph. HwgenError: "not-exportable"."""
    return write_network(graph, Qop())


class _Product:
    """A product that is not written yet: its input's tensor, its weights and attributes."""

    def __init__(self, node: Node, source: str, weight: Array, attributes: dict[str, Any]) -> None:
        self.node, self.source, self.weight, self.attributes = node, source, weight, attributes


class Qop(Qdq):
    """As QDQ, with the products on bytes."""

    def __init__(self) -> None:
        self.products: dict[str, _Product] = {}

    def first(self, sheet: Sheet, port: InputPort, real: str, place: Array) -> str:
        """As QDQ; all bytes are unsigned, since onnxruntime's QLinearConv has the same type on both sides."""
        sheet.signed_codes = False
        return super().first(sheet, port, real, place)

    def product(self, sheet: Sheet, node: Node, source: str, weight: Array, attributes: dict[str, Any]) -> bool:
        """Kept until its reader is known; left to floats, as QDQ has it, where no bytes hold it."""
        total = int_type(sheet.value(node.outputs[0]))
        if container(sheet, int_type(sheet.value(source))) is None or zero_of(weight) is None or max(
                -total.lo, total.hi) >= ACCUMULATOR:
            sheet.forms[node.name] = "floats"
            return False
        made = self.products[node.outputs[0]] = _Product(node, source, weight, attributes)
        sheet.lazy[node.outputs[0]] = lambda: _accumulator(sheet, made)
        return True

    def max_pool(self, sheet: Sheet, node: Node, x: str, attributes: dict[str, Any]) -> bool:
        """Of the bytes themselves."""
        codes = sheet.codes.get(x)
        if codes is not None:
            pooled = sheet.step("MaxPool", [codes.tensor], f"{node.outputs[0]}_codes", **attributes)
            made = decoded(sheet, node.outputs[0], Codes(pooled, codes.origin, codes.zero, codes.dtype))
            sheet.define(node.outputs[0], made)
        return codes is not None

    def threshold(self, sheet: Sheet, node: Node, op: Threshold) -> None:
        """With its product where nothing else reads that, by integer bias and multiplier; else as QDQ has it."""
        product = self.products.get(node.inputs[0])
        alone = len(sheet.graph.consumers(node.inputs[0])) == 1 and node.inputs[0] not in sheet.graph.outputs
        single = None
        if product is not None and alone and not op.descending.array.any() and container(sheet, op.type):
            single = single_of(op, int_type(sheet.value(node.inputs[0])), whole=True)
        if product is None or single is None or np.abs(single.offsets).max() >= ACCUMULATOR >> 1:
            super().threshold(sheet, node, op)
            return
        operator, codes = _fused(sheet, node, product, single, op.type)
        sheet.forms[node.name] = operator
        made = decoded(sheet, node.outputs[0], limited(sheet, node.outputs[0], codes, op.type))
        sheet.define(node.outputs[0], made)


def codes_of(sheet: Sheet, source: str) -> Codes:
    """A value's bytes; a quantizer of scale 1 makes them where there are none yet."""
    x = sheet.read(source)
    if x not in sheet.codes:
        x = quantized(sheet, f"{source}_bytes", x, 1.0, int_type(sheet.value(source)))
    return sheet.codes[x]


def _stored(sheet: Sheet, product: _Product, codes: Codes, weight: Array, *, signed: bool = True) -> tuple[str, Array]:
    """The weights as bytes, in the operator's arrangement, and their zero point, which has the type of the bytes.

    signed: whether they may be int8.
    """
    zero = zero_of(weight) or 0
    signed = signed and not pairs_saturate(product.weight + zero, int_type(sheet.value(product.source)).hi + codes.zero)
    zeros = np.array(zero if signed else zero + _SIGN, np.int8 if signed else np.uint8)
    return sheet.constant(f"{product.node.outputs[0]}_weight", weight + int(zeros), zeros.dtype.type), zeros


def _accumulator(sheet: Sheet, product: _Product) -> str:
    """ConvInteger or MatMulInteger, as floats."""
    name, matrix = product.node.outputs[0], product.weight.ndim == 2
    codes = codes_of(sheet, product.source)
    weight, zeros = _stored(sheet, product, codes, product.weight.T if matrix else product.weight, signed=matrix)
    zero = sheet.constant(f"{name}_weight_zero_point", zeros, zeros.dtype.type)
    x = _vector(sheet, product, codes.tensor) if matrix else codes.tensor
    total = sheet.step("MatMulInteger" if matrix else "ConvInteger", [x, weight, codes.origin, zero], f"{name}_int32",
                       **product.attributes)
    kind = sheet.carrier(name)
    to = TensorProto.FLOAT if kind is np.float32 else TensorProto.DOUBLE
    return sheet.step("Cast", [total], name, kind, to=to)


def _vector(sheet: Sheet, product: _Product, codes: str, *more: int) -> str:
    """Bytes as (N, K), or with more axes behind."""
    if len(sheet.value(product.source).shape) == 1 and not more:
        return codes
    return sheet.reshaped(codes, [product.weight.shape[1], *more], f"{product.node.outputs[0]}_vector")


def _fused(sheet: Sheet, node: Node, product: _Product, form: Single, kind: IntType) -> tuple[str, Codes]:
    """QLinearConv, or QLinearMatMul where all offsets are zero; the operator's name, and the bytes."""
    name, matrix = node.outputs[0], product.weight.ndim == 2
    codes, (dtype, zero) = codes_of(sheet, product.source), container(sheet, kind) or (np.uint8, 0)
    plain = matrix and not form.offsets.any()
    arranged = product.weight.T if plain else product.weight[:, :, None, None] if matrix else product.weight
    weight, zeros = _stored(sheet, product, codes, arranged)
    one = sheet.constant(f"{name}_scale", 1.0)
    origin = sheet.constant(f"{name}_zero_point", zero, dtype)
    x = codes.tensor if not matrix else _vector(sheet, product, codes.tensor, *(() if plain else (1, 1)))
    rows = len(form.multipliers)
    zeros = np.full(rows, zeros) if plain else zeros
    inputs = [x, one, codes.origin, weight, sheet.constant(f"{name}_multipliers", form.multipliers),
              sheet.constant(f"{name}_weight_zero_point", zeros, zeros.dtype.type), one, origin]
    if not plain:
        inputs.append(sheet.constant(f"{name}_bias", form.offsets, np.int32))
    operator = "QLinearMatMul" if plain else "QLinearConv"
    made = sheet.step(operator, inputs, f"{name}_codes", **product.attributes)
    if matrix and not plain:
        made = sheet.reshaped(made, [rows], f"{name}_flat")
    return operator, Codes(made, origin, zero, dtype)


def zero_of(weight: Array) -> int | None:
    """The zero point nearest to zero with which int8 holds the weights, None where there is none."""
    first, last = max(-128, -128 - int(weight.min())), min(127, 127 - int(weight.max()))
    return None if first > last else min(max(0, first), last)


def pairs_saturate(weight: Array, code: int) -> bool:
    """Whether two products of a filter's weights (C, ...) and codes up to `code` can have a sum beyond 16 bits.

    Processors without VNNI instructions saturate such sums of signed weights and unsigned codes, and fbgemm's
    depthwise kernels do on every processor.
    """
    rows = np.sort(np.concatenate([weight.reshape(len(weight), -1), np.zeros((len(weight), 2), np.int64)], axis=1))
    return bool((rows[:, -2:].sum(axis=1) * code >= _PAIR).any() or (rows[:, :2].sum(axis=1) * code < -_PAIR).any())
