"""QDQ: ONNX with QuantizeLinear, Clip and DequantizeLinear, whose integers in onnxruntime are the integer model's.

All scales between the layers are 1, so that every tensor between two layers holds the integers themselves. A layer's
step function is an Add, a Mul and a QuantizeLinear in float32 where constants are certified for every accumulator
value (hwgen.export.requantization), else it is computed in float64, or by comparing with the thresholds.

What onnxruntime's optimiser would do to other forms: weights of a convolution that are plain constants take up the
multiplier behind them, and a product takes up a scalar one; so the weights are behind a DequantizeLinear, and steps of
a single channel are computed in float64, behind a Cast.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hwgen.export.bisection import MOST_COMPARED
from hwgen.export.dialect import Dialect
from hwgen.export.integer_layers import counted, searched, write_network
from hwgen.export.ports import Scale, compared_or_scaled
from hwgen.export.requantization import Double, Single, double_of, single_of
from hwgen.export.sheet import Codes, Exported, Sheet
from hwgen.host import InputPort
from hwgen.ir.graph import Graph, Node
from hwgen.ir.tensor import Array
from hwgen.ir.types import IntType
from hwgen.ops.integer import int_type
from hwgen.ops.threshold import Threshold

OPSET = 17
CODES = 256


def export(graph: Graph) -> Exported:
    """The model of an integer graph. HwgenError: "not-exportable"."""
    return write_network(graph, Qdq())


class Qdq(Dialect):
    """Integers as float32 between a DequantizeLinear and a QuantizeLinear."""

    opset = OPSET

    def first(self, sheet: Sheet, port: InputPort, real: str, place: Array) -> str:
        """One QuantizeLinear, or comparisons."""
        return compared_or_scaled(sheet, port, real, place,
                                  lambda x, scale, kind: _input(sheet, port.value, x, scale, kind))

    def weights(self, sheet: Sheet, name: str, integers: Array) -> str:
        """int8, uint8 or int32 behind a DequantizeLinear of scale 1."""
        low, high = int(integers.min()), int(integers.max())
        dtype = np.int8 if low >= -128 and high < 128 else np.uint8 if low >= 0 and high < CODES else np.int32
        stored = sheet.constant(f"{name}_integers", integers, dtype)
        return sheet.step("DequantizeLinear", [stored, sheet.constant(f"{name}_scale", 1.0)], name)

    def threshold(self, sheet: Sheet, node: Node, op: Threshold) -> None:
        """The first form that is exact."""
        kind = int_type(sheet.value(node.inputs[0]))
        single = single_of(op, kind) if len(op.thresholds.array) > 1 else None
        double = double_of(op, kind) if single is None else None
        if single is not None:
            form, tensor = "float32", requantized(sheet, node, single, op.type)
        elif double is not None:
            form, tensor = "float64", in_float64(sheet, node, double, op.type)
        else:
            form, count = ("comparisons", counted) if op.thresholds.shape[1] <= MOST_COMPARED else ("search", searched)
            tensor = quantized(sheet, node.outputs[0], count(sheet, node, op), 1.0, op.type)
        sheet.forms[node.name] = form
        sheet.define(node.outputs[0], tensor)


def _input(sheet: Sheet, name: str, x: str, scale: Scale, kind: IntType) -> str:
    """The input's quantizer; a zero point inside the rounding is added before the QuantizeLinear."""
    if scale.wide:
        return quantized(sheet, name, _rounded_in_float64(sheet, name, x, scale), 1.0, kind)
    if not scale.zero:
        return quantized(sheet, name, x, scale.step, kind)
    zero = sheet.constant(f"{name}_zero", scale.zero)
    if scale.inside:
        divided = sheet.step("Div", [x, sheet.constant(f"{name}_step", scale.step)], f"{name}_steps")
        return quantized(sheet, name, sheet.step("Add", [divided, zero], f"{name}_moved"), 1.0, kind)
    moved = quantized(sheet, f"{name}_moved", x, scale.step, IntType(kind.lo - scale.zero, kind.hi - scale.zero))
    return sheet.step("Add", [moved, zero], name)


def _rounded_in_float64(sheet: Sheet, name: str, x: str, scale: Scale) -> str:
    """round(x / step) + zero, or round(x / step + zero), as float32 integers."""
    step, zero = (sheet.constant(f"{name}_{role}", number, np.float64) for role, number in (("step", scale.step),
                                                                                            ("zero", scale.zero)))
    x = sheet.step("Div", [sheet.cast(x, np.float64), step], f"{name}_steps", np.float64)
    for op in ("Add", "Round") if scale.inside else ("Round", "Add"):
        x = sheet.step(op, [x] if op == "Round" else [x, zero], f"{name}_{op.lower()}ed", np.float64)
    return sheet.cast(x, np.float32)


def quantized(sheet: Sheet, name: str, x: str, scale: float, kind: IntType) -> str:
    """QuantizeLinear, Clip where the type is smaller than its container, DequantizeLinear; else Round and Clip."""
    byte = container(sheet, kind)
    if byte is None:
        return _rounded(sheet, name, x, scale, kind)
    dtype, zero = byte
    steps = sheet.constant(f"{name}_scale", scale)
    origin = sheet.constant(f"{name}_zero_point", zero, dtype)
    raw = Codes(sheet.step("QuantizeLinear", [x, steps, origin], f"{name}_codes"), origin, zero, dtype)
    codes = limited(sheet, name, raw, kind)
    return decoded(sheet, name, codes)


def decoded(sheet: Sheet, name: str, codes: Codes) -> str:
    """The integers of codes, as float32."""
    made = sheet.step("DequantizeLinear", [codes.tensor, sheet.constant(f"{name}_unit", 1.0), codes.origin], name)
    sheet.codes[made] = codes
    return made


def container(sheet: Sheet, kind: IntType) -> tuple[type[np.integer], int] | None:
    """The type of one byte that holds a type, and the zero point that it needs; None where none does."""
    if sheet.signed_codes and kind.lo < 0 and kind.lo >= -128 and kind.hi < 128:
        return np.int8, 0
    if kind.lo >= 0:
        return (np.uint8, 0) if kind.hi < CODES else None
    return (np.uint8, -kind.lo) if kind.lo > -CODES and kind.levels <= CODES else None


def limited(sheet: Sheet, name: str, codes: Codes, kind: IntType) -> Codes:
    """Codes clipped to a type, where it is smaller than its container."""
    limits, span = np.iinfo(codes.dtype), (kind.lo + codes.zero, kind.hi + codes.zero)
    if span == (limits.min, limits.max):
        return codes
    ends = [sheet.constant(f"{name}_{role}", end, codes.dtype) for role, end in zip(("low", "high"), span, strict=True)]
    return replace(codes, tensor=sheet.step("Clip", [codes.tensor, *ends], f"{name}_clipped"))


def _rounded(sheet: Sheet, name: str, x: str, scale: float, kind: IntType) -> str:
    """The same for more levels than eight bits have."""
    divided = x if scale == 1 else sheet.step("Div", [x, sheet.constant(f"{name}_scale", scale)], f"{name}_steps")
    ends = [sheet.constant(f"{name}_{role}", end) for role, end in (("low", kind.lo), ("high", kind.hi))]
    return sheet.step("Clip", [sheet.step("Round", [divided], f"{name}_rounded"), *ends], name)


def requantized(sheet: Sheet, node: Node, form: Single, kind: IntType) -> str:
    """Add, Mul, and a quantizer of scale 1."""
    (source,), name = node.inputs, node.outputs[0]
    offsets, multipliers = (sheet.constant(f"{name}_{role}", sheet.per_channel(source, part)) for role, part in (
        ("offset", form.offsets), ("multiplier", form.multipliers)))
    moved = sheet.step("Add", [sheet.read(source), offsets], f"{name}_moved")
    scaled = sheet.step("Mul", [moved, multipliers], f"{name}_scaled")
    if container(sheet, kind) is None or (kind.lo, kind.hi) == (-1, 1):
        return quantized(sheet, name, _clipped(sheet, name, scaled, kind), 1.0, kind)
    return quantized(sheet, name, scaled, 1.0, kind)


def _clipped(sheet: Sheet, name: str, x: str, kind: IntType) -> str:
    ends = [sheet.constant(f"{name}_{role}", end) for role, end in (("first", kind.lo), ("last", kind.hi))]
    return sheet.step("Clip", [x, *ends], f"{name}_bounded")


def in_float64(sheet: Sheet, node: Node, form: Double, kind: IntType) -> str:
    """Cast, Mul, Add, Floor or Round, Clip, Cast, and a quantizer of scale 1."""
    (source,), name = node.inputs, node.outputs[0]
    x = sheet.read(source, np.float64)
    for op, role, part in (("Mul", "multiplier", form.multipliers), ("Add", "offset", form.offsets)):
        values = sheet.per_channel(source, part, np.float64)
        x = sheet.step(op, [x, sheet.constant(f"{name}_{role}", values, np.float64)], f"{name}_{role}_done", np.float64)
    rounded = sheet.step("Floor" if form.floor else "Round", [x], f"{name}_rounded", np.float64)
    ends = [sheet.constant(f"{name}_{role}", end, np.float64) for role, end in (("first", form.first),
                                                                                ("last", form.last))]
    clipped = sheet.step("Clip", [rounded, *ends], f"{name}_bounded", np.float64)
    if form.shift:
        shift = sheet.constant(f"{name}_shift", form.shift, np.float64)
        clipped = sheet.step("Add", [clipped, shift], f"{name}_shifted", np.float64)
    return quantized(sheet, name, sheet.cast(clipped, np.float32), 1.0, kind)
