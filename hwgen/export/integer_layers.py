"""The integer level's ops as ONNX: convolutions, pools, sums; whole networks. Step functions are the dialect's.

A convolution's accumulator is exact in float32 while every partial sum stays below 2^24. Beyond that its weights are
split into digits, each with a convolution of its own, whose results are added in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import Any

import numpy as np

from hwgen.errors import HwgenError
from hwgen.export.bisection import bisected
from hwgen.export.dialect import Dialect
from hwgen.export.ports import write_input, write_output
from hwgen.export.sheet import Exported, Sheet, positions
from hwgen.ir.graph import Graph, Node
from hwgen.ir.tensor import Array
from hwgen.ir.types import BipolarType
from hwgen.ops.add import Add
from hwgen.ops.argmax import ArgMax
from hwgen.ops.concat import Concat
from hwgen.ops.depth_to_space import DepthToSpace
from hwgen.ops.depthwise import Depthwise
from hwgen.ops.identity import Identity
from hwgen.ops.integer import int_type, largest
from hwgen.ops.matmul import MatMul
from hwgen.ops.pad import Pad
from hwgen.ops.pool import Pool
from hwgen.ops.scaled_add import ScaledAdd
from hwgen.ops.slice import Slice
from hwgen.ops.table import Table
from hwgen.ops.threshold import Threshold
from hwgen.ops.upsample import Upsample
from hwgen.ops.window import Window

Write = Callable[[Sheet, Dialect, Node, Any], None]
FLOAT32 = 1 << 24


def write_network(graph: Graph, dialect: Dialect) -> Exported:
    """The model. HwgenError: "not-exportable" with every node that the target has no form for."""
    missing = [f"{node.op.label} '{node.name}'" for node in graph.nodes if type(node.op) not in WRITERS]
    if missing:
        raise HwgenError("not-exportable", ", ".join(missing), "the target has no form of it", "Replace these layers.")
    sheet = Sheet(graph, dialect.batch, dialect.real)
    for port in sheet.inputs:
        write_input(sheet, dialect, port)
    for node in graph.nodes:
        WRITERS[type(node.op)](sheet, dialect, node, node.op)
    for output in sheet.outputs:
        write_output(sheet, output)
    dialect.finish(sheet)
    return sheet.exported(dialect.opset)


def _pad(sheet: Sheet, dialect: Dialect, node: Node, op: Pad) -> None:
    """Written when something other than a convolution reads it."""
    (source,) = node.inputs
    pads = [0, 0, op.top, op.left, 0, 0, op.bottom, op.right]

    def write() -> str:
        kind = sheet.carrier(node.outputs[0])
        name, values = node.outputs[0], op.value.array
        border = sheet.constant(f"{name}_pads", pads, np.int64)
        if len({int(v) for v in values}) == 1:
            fill = sheet.constant(f"{name}_border", values.ravel()[0], kind)
            return sheet.step("Pad", [sheet.read(source, kind), border, fill], name, kind)
        level = sheet.constant(f"{name}_border", sheet.per_channel(source, values, kind), kind)
        moved = sheet.step("Sub", [sheet.read(source, kind), level], f"{name}_moved", kind)
        padded = sheet.step("Pad", [moved, border], f"{name}_padded", kind)
        return sheet.step("Add", [padded, level], name, kind)

    sheet.lazy[node.outputs[0]] = write


def _window(sheet: Sheet, dialect: Dialect, node: Node, op: Window) -> None:
    """Written where something other than a kernel that moves over the map reads it: a Slice a tap, side by side."""
    (source,), name = node.inputs, node.outputs[0]
    sizes = sheet.value(name).shape[:2]

    def write() -> str:
        kind = sheet.carrier(source)
        x, taps = sheet.read(source, kind), []
        axes, steps = (sheet.constant(f"{name}_{role}", numbers, np.int64) for role, numbers in (
            ("axes", [2, 3]), ("steps", list(op.stride))))
        for tap in np.ndindex(*op.kernel):
            start = [t * d for t, d in zip(tap, op.dilation, strict=True)]
            stop = [s + (size - 1) * step + 1 for s, size, step in zip(start, sizes, op.stride, strict=True)]
            ends = [sheet.constant(f"{name}_{role}", place, np.int64) for role, place in (("start", start),
                                                                                          ("stop", stop))]
            taps.append(sheet.step("Slice", [x, *ends, axes, steps], f"{name}_tap", kind))
        return taps[0] if len(taps) == 1 else sheet.step("Concat", taps, name, kind, axis=1)

    sheet.lazy[name] = write


def _geometry(sheet: Sheet, source: str, pads: bool) -> tuple[str, tuple[int, int], dict[str, Any]]:
    """The map that a kernel moves over, the kernel, and attributes; zeros around it as pads if wanted."""
    window = sheet.producers.get(source)
    if window is None or not isinstance(window.op, Window):
        return source, (1, 1), {}
    (under,), op = window.inputs, window.op
    attributes = {"kernel_shape": list(op.kernel), "strides": list(op.stride), "dilations": list(op.dilation)}
    border = sheet.producers.get(under)
    if pads and border is not None and isinstance(border.op, Pad) and not border.op.value.array.any():
        p = border.op
        return border.inputs[0], op.kernel, {**attributes, "pads": [p.top, p.left, p.bottom, p.right]}
    return under, op.kernel, attributes


def _matmul(sheet: Sheet, dialect: Dialect, node: Node, op: MatMul) -> None:
    source, kernel, attributes = _geometry(sheet, node.inputs[0], pads=True)
    weight, shape = op.weight.array, sheet.value(source).shape
    if len(shape) == 1 or weight.shape[1] != kernel[0] * kernel[1] * shape[-1]:
        _dense(sheet, dialect, node, op)
        return
    filters = weight.reshape(len(weight), *kernel, shape[-1]).transpose(0, 3, 1, 2)
    _convolution(sheet, dialect, node, source, filters, attributes)


def _depthwise(sheet: Sheet, dialect: Dialect, node: Node, op: Depthwise) -> None:
    source, kernel, attributes = _geometry(sheet, node.inputs[0], pads=True)
    weight = op.weight.array
    if len(sheet.value(source).shape) == 1:
        bound = int(np.abs(weight).max()) * largest(int_type(sheet.value(source)))
        kind = sheet.working(node.name, bound)
        factor = sheet.constant(f"{node.outputs[0]}_factor", sheet.per_channel(source, weight[:, 0], kind), kind)
        sheet.integers(node, "Mul", [sheet.read(source, kind), factor], kind)
        return
    filters = weight.reshape(len(weight), 1, *kernel)
    _convolution(sheet, dialect, node, source, filters, {**attributes, "group": len(weight)})


def _convolution(sheet: Sheet, dialect: Dialect, node: Node, source: str, filters: Array,
                 attributes: dict[str, Any]) -> None:
    """One Conv, or one a digit, unless the dialect has its own."""
    if dialect.product(sheet, node, source, filters, attributes):
        return
    name, x = node.outputs[0], sheet.read(source)
    digits = _digits(filters, largest(int_type(sheet.value(source))))
    if not digits:
        _matrices(sheet, dialect, node)
        return
    if len(digits) == 1:
        sheet.integers(node, "Conv", [x, dialect.weights(sheet, f"{name}_weight", filters)], **attributes)
        return
    total = ""
    for place, digit in digits:
        part = sheet.step("Conv", [x, dialect.weights(sheet, f"{name}_weight", digit)], f"{name}_part", **attributes)
        wide = sheet.cast(part, np.float64)
        scaled = sheet.step("Mul", [wide, sheet.constant(f"{name}_place", place, np.float64)], f"{name}_scaled",
                            np.float64)
        total = scaled if not total else sheet.step("Add", [total, scaled], f"{name}_sum", np.float64)
    sheet.define(name, total if sheet.carrier(name) is np.float64 else sheet.cast(total, np.float32))


def _digits(filters: Array, size: int) -> list[tuple[int, Array]]:
    """(place, digits) that add up to the weights, each of partial sums below 2^24; none where one bit is too many."""
    def bound(weights: Array) -> int:
        return int(np.abs(weights.astype(object)).reshape(len(weights), -1).sum(axis=1).max()) * size

    if bound(filters) < FLOAT32:
        return [(1, filters)]
    bits = int(np.abs(filters).max()).bit_length()
    for width in range(bits - 1, 0, -1):
        rest, found = filters, []
        for place in range(0, bits + 1, width):
            digit = (rest + (1 << (width - 1))) % (1 << width) - (1 << (width - 1)) if place + width <= bits else rest
            found.append((1 << place, digit))
            rest = (rest - digit) >> width
        kept = [(place, digit) for place, digit in found if digit.any()]
        if all(bound(digit) < FLOAT32 for _, digit in kept):
            return kept
    return []


def _matrices(sheet: Sheet, dialect: Dialect, node: Node) -> None:
    """A convolution as a product of float64 matrices, (M, K) by the windows (N, K, H * W)."""
    (source,), name, op = node.inputs, node.outputs[0], node.op
    if not isinstance(op, MatMul):
        raise HwgenError("not-exportable", node.name, "even one-bit digits of its weights have sums beyond 2^24",
                         "Use fewer bits or smaller windows.")
    height, width, size = sheet.value(source).shape
    matrix = dialect.matrix(sheet, f"{name}_weight", op.weight.array, np.float64)
    windows = sheet.reshaped(sheet.read(source, np.float64), [size, height * width], f"{name}_windows")
    sums = sheet.step("MatMul", [matrix, windows], f"{name}_sums", np.float64)
    made = sheet.reshaped(sums, [len(op.weight.array), height, width], name)
    sheet.define(name, sheet.cast(made, sheet.carrier(name)))


def _dense(sheet: Sheet, dialect: Dialect, node: Node, op: MatMul) -> None:
    """A vector's product; the vector is a map's elements, channels first. float64 where float32 is not exact."""
    (source,) = node.inputs
    shape, weight, name = sheet.value(source).shape, op.weight.array, node.outputs[0]
    bound = int(np.abs(weight.astype(object)).sum(axis=1).max(initial=1)) * largest(int_type(sheet.value(source)))
    weight = weight[:, positions(shape)] if len(shape) > 1 else weight
    if dialect.product(sheet, node, source, weight, {}):
        return
    kind = sheet.working(node.name, bound)
    x = sheet.read(source, kind)
    if len(shape) > 1:
        x = sheet.reshaped(x, [prod(shape)], f"{name}_vector")
    matrix = dialect.matrix(sheet, f"{name}_weight", weight.T, kind)
    sheet.integers(node, "MatMul", [x, matrix], kind)


def _pool(sheet: Sheet, dialect: Dialect, node: Node, op: Pool) -> None:
    source, kernel, attributes = _geometry(sheet, node.inputs[0], pads=False)
    shape = sheet.value(source).shape
    if len(shape) != 3:
        raise HwgenError("not-exportable", node.name, "it pools no map", "Remove the pool.")
    if not attributes:
        kernel = (shape[0], shape[1])
        attributes = {"kernel_shape": list(kernel), "strides": [1, 1]}
    if op.kind == "sum":
        ones = np.ones((shape[-1], 1, *kernel), dtype=np.int64)
        _convolution(sheet, dialect, node, source, ones, {**attributes, "group": shape[-1]})
        return
    kind = sheet.carrier(source)
    falling = np.broadcast_to(op.falling.array, (shape[-1],))
    x = sheet.read(source, kind)
    if not falling.any():
        if not dialect.max_pool(sheet, node, x, attributes):
            sheet.integers(node, "MaxPool", [x], kind, **attributes)
        return
    signs = sheet.constant(f"{node.outputs[0]}_signs", sheet.per_channel(source, np.where(falling, -1, 1), kind), kind)
    turned = sheet.step("Mul", [x, signs], f"{node.outputs[0]}_turned", kind)
    pooled = sheet.step("MaxPool", [turned], f"{node.outputs[0]}_pooled", kind, **attributes)
    sheet.integers(node, "Mul", [pooled, signs], kind)


def _add(sheet: Sheet, dialect: Dialect, node: Node, op: Add) -> None:
    _sum(sheet, node, np.array([op.first]), np.array([op.second]))


def _scaled_add(sheet: Sheet, dialect: Dialect, node: Node, op: ScaledAdd) -> None:
    _sum(sheet, node, op.first.array, op.second.array)


def _sum(sheet: Sheet, node: Node, first_factors: Array, second_factors: Array) -> None:
    """Each side times its factors; sums of both sides' largest sizes are exact."""
    name = node.outputs[0]
    factors = (first_factors, second_factors)
    bound = sum(int(np.abs(f).max()) * largest(int_type(sheet.value(i)))
                for f, i in zip(factors, node.inputs, strict=True))
    kind = sheet.working(node.name, bound)
    sides = []
    for values, source in zip(factors, node.inputs, strict=True):
        side = sheet.read(source, kind)
        if np.any(values != 1):
            by = sheet.constant(f"{name}_factor", sheet.per_channel(source, values, kind), kind)
            side = sheet.step("Mul", [side, by], f"{name}_side", kind)
        sides.append(side)
    if sheet.carrier(name) is kind:
        sheet.integers(node, "Add", sides, kind)
    else:
        sheet.define(name, sheet.cast(sheet.step("Add", sides, f"{name}_sum", kind), sheet.carrier(name)))


def _concat(sheet: Sheet, dialect: Dialect, node: Node, op: Concat) -> None:
    kind = sheet.carrier(node.outputs[0])
    sheet.integers(node, "Concat", [sheet.read(name, kind) for name in node.inputs], kind, axis=1)


def _slice(sheet: Sheet, dialect: Dialect, node: Node, op: Slice) -> None:
    kind, name = sheet.carrier(node.inputs[0]), node.outputs[0]
    ends = [sheet.constant(f"{name}_{role}", [place[2], *place[:2]], np.int64)
            for role, place in (("start", op.start), ("stop", op.stop))]
    axes = sheet.constant(f"{name}_axes", [1, 2, 3], np.int64)
    sheet.integers(node, "Slice", [sheet.read(node.inputs[0], kind), *ends, axes], kind)


def _upsample(sheet: Sheet, dialect: Dialect, node: Node, op: Upsample) -> None:
    """Each pixel several times, by taking rows and columns: Resize has too many readings."""
    kind, name = sheet.carrier(node.inputs[0]), node.outputs[0]
    x = sheet.read(node.inputs[0], kind)
    if dialect.upsample(sheet, node, x, op.factors):
        return
    for axis, factor in zip((2, 3), op.factors, strict=True):
        size = sheet.value(node.inputs[0]).shape[axis - 2]
        index = sheet.constant(f"{name}_index", np.repeat(np.arange(size), factor), np.int64)
        x = sheet.step("Gather", [x, index], f"{name}_rows" if axis == 2 else name, kind, axis=axis)
    sheet.define(name, x)


def _depth_to_space(sheet: Sheet, dialect: Dialect, node: Node, op: DepthToSpace) -> None:
    """By Reshape and Transpose, which also have blocks that are not square."""
    kind, name, (down, right) = sheet.carrier(node.inputs[0]), node.outputs[0], op.block
    height, width, channels = sheet.value(node.inputs[0]).shape
    rest = channels // (down * right)
    x = sheet.read(node.inputs[0], kind)
    if dialect.depth_to_space(sheet, node, x, op.block, "CRD" if op.interleaved else "DCR"):
        return
    split, order = ([rest, down, right], [0, 1, 4, 2, 5, 3]) if op.interleaved else ([down, right, rest],
                                                                                    [0, 3, 4, 1, 5, 2])
    parts = sheet.reshaped(x, [*split, height, width], f"{name}_parts")
    moved = sheet.step("Transpose", [parts], f"{name}_moved", kind, perm=order)
    sheet.define(name, sheet.reshaped(moved, [rest, height * down, width * right], name))


def _argmax(sheet: Sheet, dialect: Dialect, node: Node, op: ArgMax) -> None:
    """The lowest index of the largest score, as ONNX's ArgMax gives it."""
    (source,), name, offset = node.inputs, node.outputs[0], op.offset.array
    bound = op.multiplier * largest(int_type(sheet.value(source))) + int(np.abs(offset).max())
    kind = sheet.working(node.name, bound)
    x = sheet.reshaped(sheet.read(source, kind), [offset.shape[0]], f"{name}_scores")
    if op.multiplier != 1:
        x = sheet.step("Mul", [x, sheet.constant(f"{name}_factor", op.multiplier, kind)], f"{name}_scaled", kind)
    if offset.any():
        x = sheet.step("Add", [x, sheet.constant(f"{name}_offset", offset, kind)], f"{name}_moved", kind)
    index = sheet.step("ArgMax", [x], f"{name}_index", axis=1, keepdims=1, select_last_index=0)
    sheet.integers(node, "Cast", [index], to=1)


def _table(sheet: Sheet, dialect: Dialect, node: Node, op: Table) -> None:
    """One Gather; with tables of their own, the channels' follow each other."""
    (source,), name = node.inputs, node.outputs[0]
    rows, entries = op.values.shape
    kind = sheet.working(node.name, rows * entries + largest(int_type(sheet.value(source))))
    start = sheet.per_channel(source, np.arange(rows) * entries - op.low, kind)
    moved = sheet.step("Add", [sheet.read(source, kind), sheet.constant(f"{name}_start", start, kind)],
                       f"{name}_place", kind)
    index = sheet.step("Cast", [moved], f"{name}_index", to=7)
    out = sheet.carrier(name)
    values = sheet.constant(f"{name}_values", op.values.array.ravel(), out)
    sheet.forms[node.name] = "table"
    sheet.integers(node, "Gather", [values, index], out, axis=0)


def _identity(sheet: Sheet, dialect: Dialect, node: Node, op: Identity) -> None:
    sheet.define(node.outputs[0], sheet.read(node.inputs[0], sheet.carrier(node.inputs[0])))


def _threshold(sheet: Sheet, dialect: Dialect, node: Node, op: Threshold) -> None:
    dialect.threshold(sheet, node, op)


def counted(sheet: Sheet, node: Node, op: Threshold) -> str:
    """y = low + #(a >= threshold), counted down where the channel descends: a form of any step function."""
    (source,), name, kind = node.inputs, node.outputs[0], sheet.carrier(node.inputs[0])
    levels, dims = op.thresholds.shape[1], len(sheet.value(source).shape)
    last = sheet.constant(f"{name}_axis", [dims + 1], np.int64)
    spread = sheet.step("Unsqueeze", [sheet.read(source, kind), last], f"{name}_spread", kind)
    rows = op.thresholds.array.reshape(1, -1, *(1,) * (dims - 1), levels)
    above = sheet.step("GreaterOrEqual", [spread, sheet.constant(f"{name}_thresholds", rows, kind)], f"{name}_above")
    codes = sheet.step("ReduceSum", [sheet.step("Cast", [above], f"{name}_ones", to=1), last], f"{name}_codes",
                       keepdims=0)
    return _leveled(sheet, node, op, codes)


def searched(sheet: Sheet, node: Node, op: Threshold) -> str:
    """The same by bisection."""
    (source,), rows = node.inputs, op.thresholds.array
    kind, row = sheet.carrier(source), sheet.per_channel(source, np.arange(len(rows)), np.int64)
    return _leveled(sheet, node, op, bisected(sheet, sheet.read(source, kind), rows, row, kind, node.outputs[0]))


def _leveled(sheet: Sheet, node: Node, op: Threshold, codes: str) -> str:
    """The integers of numbers of thresholds reached, float32 (N, C, ...)."""
    (source,), name, down = node.inputs, node.outputs[0], op.descending.array
    unit = 2 if isinstance(op.type, BipolarType) else 1
    sign = sheet.per_channel(source, np.where(down, -unit, unit))
    base = sheet.per_channel(source, np.where(down, op.type.hi, op.type.lo))
    turned = sheet.step("Mul", [codes, sheet.constant(f"{name}_sign", sign)], f"{name}_turned")
    return sheet.step("Add", [turned, sheet.constant(f"{name}_base", base)], name)


WRITERS: Mapping[type, Write] = {
    Pad: _pad, Window: _window, MatMul: _matmul, Depthwise: _depthwise, Pool: _pool, Add: _add, Concat: _concat,
    ScaledAdd: _scaled_add, Slice: _slice, Upsample: _upsample, DepthToSpace: _depth_to_space, ArgMax: _argmax,
    Table: _table, Identity: _identity, Threshold: _threshold}
