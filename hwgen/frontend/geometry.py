"""How a kernel moves over a map: kernel_shape, strides, dilations, pads, auto_pad and ceil_mode of a node."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from onnx import NodeProto

from hwgen.exact.convolution import Geometry
from hwgen.frontend import attributes
from hwgen.frontend.attributes import problem
from hwgen.ir.graph import Value

Pair = tuple[int, int]
MAX_NUMBER = 1 << 16


def map_size(node: NodeProto, value: Value) -> Pair:
    """Height and width; the height of a (C, L) map is 1."""
    if len(value.shape) not in (2, 3):
        raise problem(node, "unsupported-form", f"{node.op_type} of a value of shape {[1, *value.shape]}",
                      "Only maps of shape [batch, C, H, W] and [batch, C, L] are supported.")
    return (1, value.shape[1]) if len(value.shape) == 2 else (value.shape[1], value.shape[2])


def whole_map(node: NodeProto, value: Value) -> Geometry:
    """One window over everything."""
    return Geometry(map_size(node, value))


def geometry(node: NodeProto, value: Value, kernel: Sequence[int] | None = None) -> Geometry:
    """The node's geometry on this map, its border worked out; `kernel` is the weights' where there are some."""
    size = map_size(node, value)
    axes = len(value.shape) - 1
    given = attributes.integers(node, "kernel_shape")
    if given is None and kernel is None:
        raise problem(node, "bad-attribute", f"{node.op_type} has no kernel_shape")
    if kernel is not None and given is not None and given != list(kernel):
        raise problem(node, "bad-attribute", f"its kernel_shape is {given}, its weights are of {list(kernel)}")
    shape = pair(node, "kernel_shape", given if kernel is None else list(kernel), axes)
    stride = pair(node, "strides", attributes.integers(node, "strides"), axes)
    dilation = pair(node, "dilations", attributes.integers(node, "dilations"), axes)
    plain = Geometry(shape, stride, dilation=dilation)
    made = replace(plain, pads=border(node, plain, size, axes))
    room = (size[0] + made.pads[0] + made.pads[2], size[1] + made.pads[1] + made.pads[3])
    if any(extent > length for extent, length in zip(reach(made), room, strict=True)):
        raise problem(node, "shape-mismatch", f"its kernel reaches over {numbers(reach(made))} pixels, more than its "
                      f"input of {numbers(room)} with its border", "Give a larger --input-shape.")
    return made


def numbers(pair: Pair) -> str:
    """Height and width as text."""
    return f"{pair[0]}x{pair[1]}"


def pair(node: NodeProto, name: str, given: list[int] | None, axes: int) -> Pair:
    """One positive number for each axis, 1 by default; the vertical one of a (C, L) map is 1."""
    sizes = [1] * axes if given is None else given
    if len(sizes) != axes or min(sizes) < 1 or max(sizes) > MAX_NUMBER:
        raise problem(node, "bad-attribute", f"its {name} is {sizes}, not {axes} positive number"
                      f"{'s' if axes > 1 else ''} up to {MAX_NUMBER}")
    return (1, sizes[0]) if axes == 1 else (sizes[0], sizes[1])


def border(node: NodeProto, plain: Geometry, size: Pair, axes: int) -> tuple[int, int, int, int]:
    """Top, left, bottom, right."""
    mode = attributes.text(node, "auto_pad", "NOTSET") or "NOTSET"
    given = attributes.integers(node, "pads")
    if mode in ("SAME_UPPER", "SAME_LOWER"):
        pairs = [same(mode, *one) for one in zip(size, reach(plain), plain.stride, strict=True)]
        return pairs[0][0], pairs[1][0], pairs[0][1], pairs[1][1]
    if mode not in ("NOTSET", "VALID"):
        raise problem(node, "bad-attribute", f"{mode!r} is no auto_pad")
    pads = [0] * (2 * axes) if given is None or mode == "VALID" else given
    if len(pads) != 2 * axes or max(pads) > MAX_NUMBER:
        raise problem(node, "bad-attribute", f"its pads is {pads}, not {2 * axes} numbers up to {MAX_NUMBER}")
    if min(pads) < 0:
        raise problem(node, "unsupported-form", f"its pads {pads} are negative, which crops its input",
                      "Crop in the network before it.")
    return (0, pads[0], 0, pads[1]) if axes == 1 else (pads[0], pads[1], pads[2], pads[3])


def reach(plain: Geometry) -> Pair:
    """Pixels from the first to the last element of the kernel, both included."""
    height, width = ((k - 1) * d + 1 for k, d in zip(plain.kernel, plain.dilation, strict=True))
    return height, width


def same(mode: str, size: int, extent: int, stride: int) -> Pair:
    """The border before and after that gives ceil(size / stride) outputs; an odd pixel goes where the mode says."""
    total = max((-(-size // stride) - 1) * stride + extent - size, 0)
    small, large = total // 2, total - total // 2
    return (small, large) if mode == "SAME_UPPER" else (large, small)


def ceiled(node: NodeProto, plain: Geometry, size: Pair) -> Geometry:
    """ceil_mode as extra border at the bottom and the right; no window starts beyond the map and its first border."""
    if not attributes.integer(node, "ceil_mode", 0):
        return plain
    top, left, bottom, right = plain.pads
    lines = zip(size, (top, left), (bottom, right), reach(plain), plain.stride, strict=True)
    after = [extra(*line) for line in lines]
    return replace(plain, pads=(top, left, after[0], after[1]))


def extra(size: int, before: int, after: int, extent: int, stride: int) -> int:
    """The border after the map that the rounded-up number of windows needs, at least the given one."""
    outputs = -(-(size + before + after - extent) // stride) + 1
    if (outputs - 1) * stride >= size + before:
        outputs -= 1
    return max((outputs - 1) * stride + extent - size - before, after)


def sees_map(plain: Geometry, size: Pair) -> bool:
    """Whether every window holds a pixel of the map, and not only border."""
    lines = zip(size, plain.output(*size), plain.pads[:2], plain.kernel, plain.stride, plain.dilation, strict=True)
    for length, outputs, before, kernel, stride, step in lines:
        for start in range(-before, outputs * stride - before, stride):
            tap = -(-max(-start, 0) // step)
            if tap >= kernel or start + tap * step >= length:
                return False
    return True
