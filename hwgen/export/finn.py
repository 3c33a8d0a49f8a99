"""FINN-ONNX: integer weights, MultiThreshold with integer thresholds, and datatype annotations.

It begins at the integer level, so its thresholds are exact, ties included, where FINN's own conversion from QONNX
rounds them through float32. Channels are in front; FINN's streamlining moves them behind by itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import NodeProto, helper

from hwgen.errors import HwgenError
from hwgen.export.dialect import Dialect
from hwgen.export.integer_layers import write_network
from hwgen.export.ports import smallest_float32
from hwgen.export.sheet import Exported, Sheet
from hwgen.host import InputPort
from hwgen.ir.graph import Graph, Node
from hwgen.ir.tensor import Array
from hwgen.ir.types import BipolarType, IntType, full_range
from hwgen.ops.integer import int_type
from hwgen.ops.threshold import Threshold

DOMAIN = "qonnx.custom_op.general"
OPSET = 13


def export(graph: Graph) -> Exported:
    """The model of an integer graph. HwgenError: "not-exportable"."""
    return write_network(graph, Finn())


def datatype(kind: IntType) -> str:
    """The smallest of FINN's datatypes that holds a type."""
    if isinstance(kind, BipolarType):
        return "BIPOLAR"
    if (kind.lo, kind.hi) == (-1, 1):
        return "TERNARY"
    return "BINARY" if (kind.lo, kind.hi) == (0, 1) else f"{'INT' if kind.signed else 'UINT'}{kind.bits}"


class Finn(Dialect):
    """Integers as float32 with annotations; one frame at a time, as FINN's graphs are."""

    opset = OPSET
    batch = 1
    real = np.float32

    def first(self, sheet: Sheet, port: InputPort, real: str, place: Array) -> str:
        """A MultiThreshold of the input's cuts, the smallest float32 numbers that reach each level."""
        encode = port.encode
        if len(encode.cuts.array) > 1 or encode.descending.array.any():
            raise HwgenError("not-exportable", port.name, "the thresholds of its quantizer differ from element to "
                             "element", "Quantize the input with one scale and zero point, and nothing before.")
        cuts = smallest_float32(np.where(np.isnan(encode.cuts.array), np.inf, encode.cuts.array))
        sheet.forms[port.name] = "MultiThreshold"
        rows, kind = _reached(cuts, encode.type)
        tensor = multi_threshold(sheet, port.value, real, rows, kind, None)
        sheet.annotations[tensor] = datatype(kind)
        return tensor

    def weights(self, sheet: Sheet, name: str, integers: Array) -> str:
        """A float32 constant of integers, annotated."""
        constant = sheet.constant(name, integers)
        kind = full_range(*_width(sorted({int(v) for v in np.unique(integers)})))
        sheet.annotations[constant] = "BIPOLAR" if set(np.unique(integers)) == {-1, 1} else datatype(kind)
        return constant

    def matrix(self, sheet: Sheet, name: str, integers: Array, kind: type[np.floating]) -> str:
        """The same. HwgenError: "not-exportable" where float32 does not hold the product."""
        if kind is not np.float32:
            raise _beyond(name, "its product passes")
        return self.weights(sheet, name, integers)

    def threshold(self, sheet: Sheet, node: Node, op: Threshold) -> None:
        """MultiThreshold; a channel that descends is one that ascends in the negated input."""
        (source,), name = node.inputs, node.outputs[0]
        kind = int_type(sheet.value(source))
        rows, down = op.thresholds.array, op.descending.array
        if sheet.carrier(source) is not np.float32:
            raise _beyond(node.name, "its input passes")
        x = sheet.read(source)
        if down.any():
            rows = np.where(down[:, None], 1 - rows[:, ::-1], rows)
            signs = sheet.constant(f"{name}_signs", sheet.per_channel(source, np.where(down, -1, 1)))
            x = sheet.step("Mul", [x, signs], f"{name}_turned")
            sheet.annotations[signs] = "BIPOLAR"
            sheet.annotations[x] = datatype(kind.hull(IntType(-kind.hi, -kind.lo)))
        sheet.forms[node.name] = "MultiThreshold"
        sheet.define(name, multi_threshold(sheet, name, x, rows, op.type, kind))

    def upsample(self, sheet: Sheet, node: Node, x: str, factors: tuple[int, int]) -> bool:
        """A Resize, of which FINN makes its own layer."""
        scales = sheet.constant(f"{node.outputs[0]}_scales", [1, 1, *factors])
        sheet.integers(node, "Resize", [x, "", scales], mode="nearest", nearest_mode="floor",
                       coordinate_transformation_mode="asymmetric")
        return True

    def depth_to_space(self, sheet: Sheet, node: Node, x: str, block: tuple[int, int], mode: str) -> bool:
        """The operator itself, whose blocks are square."""
        square = block[0] == block[1]
        if square:
            sheet.integers(node, "DepthToSpace", [x], blocksize=block[0], mode=mode)
        return square

    def finish(self, sheet: Sheet) -> None:
        """The datatypes of all values, and nodes without an attribute left to ONNX's defaults.

        HwgenError: "not-exportable" where a product or a sum needs float64: FINN makes all of it float32.
        """
        wide = next((name for name, kind in sheet.types.items() if kind is np.float64), None)
        if wide is not None:
            layer = max((name for name in sheet.graph.values if wide.startswith(name)), key=len)
            raise _beyond(layer, "its sums pass")
        for node in sheet.nodes:
            if node.op_type in ("Conv", "MaxPool"):
                _complete(sheet, node)
            if node.op_type == "Reshape" and sheet.constants[node.input[1]].dims == [2]:
                _flatten(node)
        for name, tensor in sheet.tensors.items():
            sheet.annotations.setdefault(tensor, datatype(int_type(sheet.value(name))))


def _reached(cuts: Array, kind: IntType) -> tuple[Array, IntType]:
    """Without the thresholds that all numbers reach or none, and the type of what is left, if anything is."""
    finite = np.isfinite(cuts[0])
    if finite.all() or not finite.any():
        return cuts, kind
    low = kind.lo + int((cuts[0] == -np.inf).sum())
    return cuts[:, finite], IntType(low, low + int(finite.sum()))


def _beyond(layer: str, what: str) -> HwgenError:
    return HwgenError("not-exportable", layer, f"{what} 2^24, which float32 does not hold", "Use fewer bits.")


def _complete(sheet: Sheet, node: NodeProto) -> None:
    """Write the defaults too: the lowering of convolutions and the move of channels, in qonnx and FINN, read them."""
    defaults: dict[str, Any] = {"strides": [1, 1], "dilations": [1, 1], "pads": [0, 0, 0, 0]}
    if node.op_type == "Conv":
        defaults |= {"kernel_shape": sheet.constants[node.input[1]].dims[2:], "group": 1}
    given = {attribute.name for attribute in node.attribute}
    node.attribute.extend(helper.make_attribute(name, value) for name, value in defaults.items() if name not in given)


def _flatten(node: NodeProto) -> None:
    """A Reshape to vectors as Flatten, into which FINN absorbs the transpose that makes a map channels last."""
    node.op_type = "Flatten"
    del node.input[1]
    node.attribute.append(helper.make_attribute("axis", 1))


def _width(values: list[int]) -> tuple[int, bool]:
    """Bits and sign of the smallest type of these ascending values."""
    kind = IntType(values[0], max(values[-1], values[0] + 1))
    return kind.bits, kind.signed


def multi_threshold(sheet: Sheet, name: str, x: str, rows: Array, out: IntType, kind: IntType | None) -> str:
    """The node; kind: of integer thresholds' input, None for those of reals."""
    sheet.domains[DOMAIN] = 2
    table = sheet.constant(f"{name}_thresholds", rows)
    if kind is not None:
        sheet.annotations[table] = datatype(IntType(kind.lo, kind.hi + 1))
    dims = len(sheet.value(name).shape)
    unit = 2.0 if isinstance(out, BipolarType) else 1.0
    return sheet.step("MultiThreshold", [x, table], name, domain=DOMAIN, out_dtype=datatype(out), out_scale=unit,
                      out_bias=float(out.lo), data_layout="NCHW" if dims == 3 else "NC")
