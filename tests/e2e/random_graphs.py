"""Random small quantized networks as QONNX files: ops, shapes, types, scales, zero points, branches, by Hypothesis."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto, helper, numpy_helper

DOMAIN = "qonnx.custom_op.general"
ROUNDING = ("ROUND", "ROUND", "ROUND", "FLOOR", "CEIL", "HALF_UP", "DOWN")
CHANNELS = (1, 2, 3, 4, 5, 7)
Shape = tuple[int, int, int]


@dataclass
class Network:
    """A model under construction. draw: Hypothesis' choices; numbers: of weights, from one drawn seed."""

    draw: Callable[[Any], Any]
    numbers: np.random.Generator
    nodes: list[Any] = field(default_factory=list)
    constants: list[TensorProto] = field(default_factory=list)
    ops: Counter[str] = field(default_factory=Counter)
    branches: int = 0

    def choose(self, *options: Any) -> Any:
        return self.draw(st.sampled_from(options))

    def constant(self, array: Any, dtype: Any = np.float32) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(array, dtype=dtype), name))
        return name

    def node(self, op: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        name = f"{op.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], name=name, domain=domain, **attributes))
        self.ops[op] += 1
        return name

    def scale(self) -> np.float32:
        """A power of two (where exact ties are frequent) or any."""
        return np.float32(2.0 ** self.choose(-5, -4, -3, -2)) if self.choose(True, False) else np.float32(
            self.numbers.uniform(0.03, 0.3))

    def quant(self, x: str, unsigned: bool | None = None) -> str:
        """A quantizer of an activation: bipolar, or 1 to 8 bits, sometimes with a zero point."""
        if unsigned is None and self.choose(False, False, False, False, True):
            return self.node("BipolarQuant", x, self.constant(self.scale()), domain=DOMAIN)
        bits, signed = self.choose(1, 2, 3, 4, 4, 5, 8), not (unsigned or self.choose(True, False))
        bits = max(bits, 2) if signed else bits
        zero = 0 if signed or self.choose(True, True, False) else int(self.numbers.integers(0, 1 << bits))
        return self.grid(x, self.scale(), zero, bits, signed)

    def grid(self, x: str, scale: Any, zero: Any, bits: int, signed: bool, narrow: bool = False) -> str:
        parts = [self.constant(part) for part in (scale, zero, bits)]
        return self.node("Quant", x, *parts, domain=DOMAIN, signed=int(signed), narrow=int(narrow),
                         rounding_mode=self.choose(*ROUNDING))

    def weights(self, *shape: int, rows: int = 0) -> str:
        """A quantized constant: integers of 1 to 8 bits; rows: the axis that may have a scale each."""
        kind = self.choose("binary", "ternary", "int", "int", "int", "unsigned")
        scale: Any = self.scale()
        if self.choose(False, False, True):
            sizes = [n if axis == rows else 1 for axis, n in enumerate(shape)]
            scale = self.numbers.uniform(0.05, 0.3, sizes).astype(np.float32)
        if kind == "binary":
            w = self.constant((2 * self.numbers.integers(0, 2, shape) - 1) * scale)
            return self.node("BipolarQuant", w, self.constant(scale), domain=DOMAIN)
        bits = 2 if kind == "ternary" else self.choose(2, 3, 4, 8)
        low, high = (0, (1 << bits) - 1) if kind == "unsigned" else (1 - (1 << (bits - 1)), (1 << (bits - 1)) - 1)
        zero = int(self.numbers.integers(0, high)) if kind == "unsigned" else 0
        integers = self.numbers.integers(low, high + 1, shape)
        w = self.constant((integers - zero) * scale.astype(np.float32))
        parts = [self.constant(part) for part in (scale, zero, bits)]
        return self.node("Quant", w, *parts, domain=DOMAIN, signed=int(kind != "unsigned"),
                         narrow=int(kind != "unsigned"), rounding_mode="ROUND")


def activation(net: Network, x: str, channels: int) -> str:
    """Perhaps BatchNorm, perhaps a function, then a quantizer."""
    if net.choose(True, False):
        gamma = net.numbers.uniform(-1.5, 1.5, channels)
        parts = (gamma, net.numbers.normal(0, 0.5, channels), net.numbers.normal(0, 0.5, channels),
                 net.numbers.uniform(0.3, 2, channels))
        x = net.node("BatchNormalization", x, *(net.constant(part) for part in parts), epsilon=1e-5)
    function = net.choose("", "", "Relu", "Relu", "LeakyRelu", "Clip", "Sigmoid", "Tanh", "HardSwish", "PRelu")
    if function == "Clip":
        x = net.node("Clip", x, net.constant(-1.0), net.constant(1.5))
    elif function == "PRelu":
        x = net.node("PRelu", x, net.constant(net.numbers.uniform(0, 0.5, (channels, 1, 1))))
    elif function:
        x = net.node(function, x)
    return net.quant(x, unsigned=True if function in ("Relu", "Sigmoid") else None)


def convolution(net: Network, x: str, shape: Shape) -> tuple[str, Shape]:
    channels, height, width = shape
    outputs = net.choose(*CHANNELS)
    groups = channels if net.choose(False, False, True) else 1
    outputs = outputs * groups if groups > 1 and outputs * groups <= 8 else (channels if groups > 1 else outputs)
    kernel = [min(net.choose(1, 2, 3), height), min(net.choose(1, 3), width)]
    stride, pads = net.choose(1, 1, 2), [net.choose(0, 0, 1) for _ in range(4)]
    w = net.weights(outputs, channels // groups, *kernel)
    bias = [net.constant(net.numbers.normal(0, 0.5, outputs))] if net.choose(True, False) else []
    y = net.node("Conv", x, w, *bias, kernel_shape=kernel, strides=[stride, stride], pads=pads, group=groups)
    rows = (height + pads[0] + pads[2] - kernel[0]) // stride + 1
    columns = (width + pads[1] + pads[3] - kernel[1]) // stride + 1
    return activation(net, y, outputs), (outputs, rows, columns)


def transposed(net: Network, x: str, shape: Shape) -> tuple[str, Shape]:
    channels, height, width = shape
    outputs, kernel, stride = net.choose(1, 2, 3), net.choose(2, 3), net.choose(1, 2)
    w = net.weights(channels, outputs, kernel, kernel, rows=1)
    y = net.node("ConvTranspose", x, w, kernel_shape=[kernel, kernel], strides=[stride, stride])
    rows, columns = ((n - 1) * stride + kernel for n in (height, width))
    return activation(net, y, outputs), (outputs, rows, columns)


def pool(net: Network, x: str, shape: Shape) -> tuple[str, Shape]:
    channels, height, width = shape
    kernel, op = [min(2, height), min(net.choose(2, 3), width)], net.choose("MaxPool", "AveragePool")
    y = net.node(op, x, kernel_shape=kernel, strides=kernel)
    made = (channels, height // kernel[0], width // kernel[1])
    return (y if op == "MaxPool" else net.quant(y)), made


def moved(net: Network, x: str, shape: Shape) -> tuple[str, Shape]:
    """Pixels in other places."""
    channels, height, width = shape
    op = net.choose("Resize", "DepthToSpace", "Slice", "Pad")
    if op == "Resize" and height * width <= 30:
        sizes = net.constant([1, 1, 2, 2])
        return net.node("Resize", x, "", sizes, mode="nearest", nearest_mode="floor",
                        coordinate_transformation_mode="asymmetric"), (channels, 2 * height, 2 * width)
    if op == "DepthToSpace" and channels % 4 == 0:
        return net.node("DepthToSpace", x, blocksize=2, mode=net.choose("DCR", "CRD")), (
            channels // 4, 2 * height, 2 * width)
    if op == "Slice" and height > 2:
        parts = [net.constant(part, np.int64) for part in ([1], [height], [2])]
        return net.node("Slice", x, *parts), (channels, height - 1, width)
    pads = net.constant([0, 0, 1, 0, 0, 0, 0, 1], np.int64)
    return net.node("Pad", x, pads), (channels, height + 1, width + 1)


def residual(net: Network, x: str, shape: Shape) -> tuple[str, Shape]:
    """x and a convolution of it, summed: on one scale or on two."""
    channels = shape[0]
    net.branches += 1
    w = net.weights(channels, channels, 1, 3)
    y = net.node("Conv", x, w, kernel_shape=[1, 3], pads=[0, 1, 0, 1])
    scale, other = net.scale(), net.scale()
    left = net.grid(y, scale, 0, net.choose(3, 4), True)
    right = net.grid(x, scale if net.choose(True, False) else other, 0, net.choose(3, 4), True)
    return net.quant(net.node(net.choose("Add", "Add", "Sub"), left, right)), shape


def fork_and_concat(net: Network, x: str, shape: Shape) -> tuple[str, Shape]:
    """Two convolutions of x, side by side, behind one quantizer or two."""
    channels, height, width = shape
    net.branches += 1
    sides, outputs = [], 0
    for _ in range(2):
        rows = net.choose(1, 2, 3)
        y = net.node("Conv", x, net.weights(rows, channels, 1, 1), kernel_shape=[1, 1])
        sides.append(net.quant(y, unsigned=net.choose(True, False)))
        outputs += rows
    return net.node("Concat", *sides, axis=1), (outputs, height, width)


def head(net: Network, x: str, shape: Shape) -> tuple[str, list[int]]:
    """The map itself, or a dense layer, perhaps with the class's index."""
    kind = net.choose("map", "dense", "dense", "class")
    if kind == "map":
        return x, [1, *shape]
    features, classes = int(np.prod(shape)), net.choose(1, 2, 5)
    flat = net.node("Flatten", x)
    w = net.weights(features, classes, rows=1)
    y = net.node("MatMul", flat, w)
    if kind == "class" and classes > 1:
        return net.node("ArgMax", y, axis=-1, keepdims=1), [1, 1]
    return y, [1, classes]


@dataclass(frozen=True)
class Drawn:
    """A model, its input's shape, how many of each op it has, and how many branches."""

    model: ModelProto
    shape: Shape
    ops: Counter[str]
    branches: int


BLOCKS = (convolution, convolution, convolution, pool, moved, transposed)
BRANCHES = (residual, residual, fork_and_concat)


@st.composite
def networks(draw: Any) -> Drawn:
    """One to three blocks behind the input's quantizer, in every other network one more with branches, and a head."""
    net = Network(draw, np.random.default_rng(draw(st.integers(0, (1 << 32) - 1))))
    first: Shape = (net.choose(1, 2, 3, 4), draw(st.integers(3, 7)), draw(st.integers(3, 6)))
    x, shape = net.quant("x", unsigned=net.choose(None, True, False)), first
    blocks = draw(st.lists(st.sampled_from(BLOCKS), min_size=1, max_size=3))
    if draw(st.integers(0, 1)) == 0:
        blocks.insert(draw(st.integers(0, len(blocks))), draw(st.sampled_from(BRANCHES)))
    for block in blocks:
        if min(shape) >= 1 and shape[1] * shape[2] <= 150:
            x, shape = block(net, x, shape)
    y, outer = head(net, x, shape)
    kind = TensorProto.INT64 if y.startswith("argmax") else TensorProto.FLOAT
    graph = helper.make_graph(net.nodes, "random", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, *first])],
                              [helper.make_tensor_value_info(y, kind, outer)], net.constants)
    imports = [helper.make_opsetid("", 17), helper.make_opsetid(DOMAIN, 2)]
    return Drawn(helper.make_model(graph, opset_imports=imports, ir_version=10), first, net.ops, net.branches)
