"""QONNX of ops that change the size of a map, of smooth functions and of products: standard ONNX nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from hwgen.errors import HwgenError
from hwgen.export.writer import Writer, float32
from hwgen.ir.graph import Node
from hwgen.ir.tensor import Array
from hwgen.ops import quantized_curves as c
from hwgen.ops import quantized_layout as layout

Write = Callable[[Writer, Node, Any], None]
_CURVES = {"exp": "Exp", "sigmoid": "Sigmoid", "tanh": "Tanh", "erf": "Erf", "softplus": "Softplus"}


def shape_of(writer: Writer, node: Node) -> tuple[int, ...]:
    """The shape of a node's first input, without the batch."""
    return writer.graph.values[node.inputs[0]].shape


def _curve(writer: Writer, node: Node, op: c.Curve) -> None:
    if op.name in _CURVES:
        writer.node(_CURVES[op.name], node.inputs, node.outputs[0], name=node.outputs[0])
    else:
        {"normal": _normal, "gate": _gate}[op.name](writer, node)


def _normal(writer: Writer, node: Node) -> None:
    """(1 + erf(x / sqrt 2)) / 2."""
    divided = writer.inner("Div", [node.inputs[0], _number(writer, node, "root", np.sqrt(2.0))], node, "divided")
    _half_of_one_more(writer, node, writer.inner("Erf", [divided], node, "erf"))


def _gate(writer: Writer, node: Node) -> None:
    """(1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))) / 2."""
    x = node.inputs[0]
    cube = writer.inner("Mul", [writer.inner("Mul", [x, x], node, "square"), x], node, "cube")
    bent = writer.inner("Mul", [cube, _number(writer, node, "third", 0.044715)], node, "bent")
    total = writer.inner("Add", [x, bent], node, "sum")
    scaled = writer.inner("Mul", [total, _number(writer, node, "factor", np.sqrt(2.0 / np.pi))], node, "scaled")
    _half_of_one_more(writer, node, writer.inner("Tanh", [scaled], node, "tanh"))


def _half_of_one_more(writer: Writer, node: Node, value: str) -> None:
    more = writer.inner("Add", [value, _number(writer, node, "one", 1.0)], node, "more")
    writer.node("Mul", [more, _number(writer, node, "half", 0.5)], node.outputs[0], name=node.outputs[0])


def _number(writer: Writer, node: Node, role: str, value: float) -> str:
    return writer.constant(f"{node.outputs[0]}_{role}", value)


def _product(writer: Writer, node: Node, op: c.Product) -> None:
    writer.node("Mul", node.inputs, node.outputs[0], name=node.outputs[0])


def _resize(writer: Writer, node: Node, op: layout.Resize) -> None:
    factors = op.factors[3 - len(shape_of(writer, node)):]
    scales = writer.constant(f"{node.outputs[0]}_scales", [1.0, 1.0, *map(float, factors)])  # type: ignore[list-item]
    writer.node("Resize", [node.inputs[0], "", scales], node.outputs[0], name=node.outputs[0], mode="nearest",
                coordinate_transformation_mode="asymmetric", nearest_mode="floor")


def _square(writer: Writer, node: Node, block: tuple[int, int]) -> int:
    if block[0] != block[1] or len(shape_of(writer, node)) != 3:
        raise HwgenError("not-exportable", node.name, f"ONNX has no blocks of {block[0]}x{block[1]} on shape "
                         f"{list(shape_of(writer, node))}", "Use square blocks on maps of shape (C, H, W).")
    return block[0]


def _pixel_shuffle(writer: Writer, node: Node, op: layout.PixelShuffle) -> None:
    writer.node("DepthToSpace", node.inputs, node.outputs[0], name=node.outputs[0],
                blocksize=_square(writer, node, op.block), mode="CRD" if op.interleaved else "DCR")


def _space_to_depth(writer: Writer, node: Node, op: layout.SpaceToDepth) -> None:
    writer.node("SpaceToDepth", node.inputs, node.outputs[0], name=node.outputs[0],
                blocksize=_square(writer, node, op.block))


def _crop(writer: Writer, node: Node, op: layout.Crop) -> None:
    flat = len(shape_of(writer, node)) == 2
    numbers = {"starts": op.start, "ends": op.stop, "axes": (1, 2, 2 if flat else 3), "steps": (1, *op.step)}
    names = [writer.constant(f"{node.outputs[0]}_{role}", [x for i, x in enumerate(given) if not flat or i != 1],
                             np.int64) for role, given in numbers.items()]
    writer.node("Slice", [node.inputs[0], *names], node.outputs[0], name=node.outputs[0])


def _pad(writer: Writer, node: Node, op: layout.ConstantPad) -> None:
    axes = len(shape_of(writer, node)) - 1
    (top, left, bottom, right) = op.sides
    pads = [0, 0, *(top, left)[2 - axes:], 0, 0, *(bottom, right)[2 - axes:]]
    value = writer.constant(f"{node.outputs[0]}_border", float32(op.value.fractions().reshape(()), node, "border"))
    sides = writer.constant(f"{node.outputs[0]}_pads", pads, np.int64)
    writer.node("Pad", [node.inputs[0], sides, value], node.outputs[0], name=node.outputs[0])


def transposed_geometry(shape: tuple[int, ...], op: layout.ConvTranspose) -> dict[str, Any]:
    """Attributes of ConvTranspose: what the output lacks at the end is cut off, what it has too much is added."""
    flat = len(shape) == 2
    size = (1, shape[1]) if flat else shape[1:]
    reach = [(n - 1) * s + k for n, s, k in zip(size, op.stride, op.weight.shape[2:], strict=True)]
    after = [full - first - out for full, first, out in zip(reach, op.before, op.outputs, strict=True)]
    ends, more = ([max(sign * x, 0) for x in after] for sign in (1, -1))
    first = 1 if flat else 0
    made = {"kernel_shape": op.weight.shape[2:], "strides": op.stride, "output_padding": more}
    return {**{name: list(numbers)[first:] for name, numbers in made.items()},
            "pads": [*op.before[first:], *ends[first:]], "group": op.groups}


def weights_by_inputs(array: Array, op: layout.ConvTranspose, flat: bool) -> Array:
    """Weights as ONNX has them; a parameter of each output (M, 1, 1, 1) as (1, M / groups, 1, 1) if that is enough."""
    whole = op.weight.shape
    if array.shape == whole:
        return by_inputs(array, op.groups, flat)
    if array.size == 1:
        return array.reshape(())
    made = by_inputs(np.broadcast_to(array, (*whole[:2], 1, 1)), op.groups, flat)
    return made[:1] if (made == made[:1]).all() else made


def by_inputs(array: Array, groups: int, flat: bool) -> Array:
    """(M, C / groups, kh, kw) to ONNX's (C, M / groups, kh, kw), without kh in a 1-D layer."""
    rows, channels, *kernel = array.shape
    split = array.reshape(groups, rows // groups, channels, *kernel)
    made = np.swapaxes(split, 1, 2).reshape(groups * channels, rows // groups, *kernel)
    return made[:, :, 0] if flat else made


WRITERS: Mapping[type, Write] = {
    c.Curve: _curve, c.Product: _product, layout.Resize: _resize, layout.PixelShuffle: _pixel_shuffle,
    layout.SpaceToDepth: _space_to_depth, layout.Crop: _crop, layout.ConstantPad: _pad}
