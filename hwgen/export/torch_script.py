"""An ONNX model of the exporters' nodes as TorchScript: a line of source a node, constants as attributes.

Codes are quint8 tensors of scale 1; a QuantizeLinear divides and rounds first, as ONNX says, since torch would multiply
by the reciprocal and round behind the zero point. Weights of the quantized operators are packed when a file is read, by
the engine that is set then.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from onnx import ModelProto, NodeProto, helper, numpy_helper

from hwgen.export.engines import need

DOMAIN = "quantized"
"""Of nodes that are torch's operators of that namespace."""
_DTYPES = {1: "torch.float32", 7: "torch.int64", 11: "torch.float64"}


def script_of(model: ModelProto, tensors: Iterable[str] = ()) -> bytes:
    """The file that torch.jit.load reads, whose forward takes the model's inputs and gives its outputs, in their order.

    tensors: of the model, given behind its outputs; bytes as they are stored. Equal models give equal bytes.
    HwgenError: "no-package" without torch.
    """
    script = _Script(model)
    for node in model.graph.node:
        script.write(node)
    return script.compiled([*(output.name for output in model.graph.output), *tensors])


class _Script:
    """Lines of a method, and the attributes that they read. zeros: of the tensors that are quint8, the zero points."""

    def __init__(self, model: ModelProto) -> None:
        self.torch = need("torch", "pytorch")
        self.inputs = [value.name for value in model.graph.input]
        self.constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
        self.attributes: dict[str, Any] = {}
        self.lines: list[str] = []
        self.zeros: dict[str, int] = {}
        self.names: dict[str, str] = {}
        self.taken = {"self", "torch", "training", "forward", *keyword.kwlist}

    def name(self, tensor: str) -> str:
        """The identifier of a tensor of the model."""
        if tensor not in self.names:
            made = base = re.sub(r"\W|^(?=\d)", "_", tensor, flags=re.ASCII)
            number = 2
            while made in self.taken:
                made, number = f"{base}_{number}", number + 1
            self.taken.add(made)
            self.names[tensor] = made
        return self.names[tensor]

    def read(self, tensor: str) -> str:
        """The expression of a tensor or constant."""
        name = self.name(tensor)
        if tensor not in self.constants:
            return name
        self.attributes.setdefault(name, self.torch.from_numpy(self.constants[tensor].copy()))
        return f"self.{name}"

    def number(self, tensor: str) -> float:
        """A constant of one element, exactly."""
        return float(self.constants[tensor].item())

    def integers(self, tensor: str) -> list[int]:
        """A constant of whole numbers."""
        return [int(v) for v in self.constants[tensor].ravel()]

    def keep(self, node: NodeProto) -> None:
        """The node's output is of bytes where its first input is."""
        if node.input[0] in self.zeros:
            self.zeros[node.output[0]] = self.zeros[node.input[0]]

    def write(self, node: NodeProto) -> None:
        """A node's line; of a node with two outputs the second one is what is read."""
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        write = _operator if node.domain == DOMAIN else _WRITERS[node.op_type]
        self.lines.append(f"{self.name(node.output[-1])} = {write(self, node, attributes)}")

    def compiled(self, results: Sequence[str]) -> bytes:
        """A module of a compilation unit of its own: in the common one, names tell what the process compiled before."""
        low = self.torch._C
        module = low.ScriptModule("__torch__.Network", self.torch.jit.CompilationUnit(), True)
        module._register_attribute("training", low.BoolType.get(), False)
        for name, value in self.attributes.items():
            module._register_attribute(name, low._jit_try_infer_type(value).type(), value)
        described = low.ConcreteModuleType.from_jit_type(module._type())
        module._define(described, self.source(results), {"torch": self.torch}.get)
        return bytes(module.save_to_buffer())

    def source(self, results: Sequence[str]) -> str:
        """The method forward."""
        given = [f"{self.name(r)}.int_repr()" if r in self.zeros else self.read(r) for r in results]
        head = f"def forward(self, {', '.join(map(self.name, self.inputs))}):"
        return "\n    ".join([head, *self.lines, f"return {', '.join(given)}\n"])


def _infix(sign: str) -> Callable[..., str]:
    return lambda script, node, attributes: f" {sign} ".join(map(script.read, node.input))


def _function(name: str) -> Callable[..., str]:
    return lambda script, node, attributes: f"torch.{name}({', '.join(map(script.read, node.input))})"


def _along_axis(name: str) -> Callable[..., str]:
    return lambda script, node, attributes: f"torch.{name}({script.read(node.input[0])}, {attributes['axis']})"


def _geometry(script: _Script, x: str, attributes: Mapping[str, Any]) -> tuple[str, list[list[int]]]:
    """The map, padded where two sides differ; strides, pads and dilations."""
    top, left, bottom, right = attributes.get("pads", [0, 0, 0, 0])
    if (top, left) != (bottom, right):
        x, top, left = f"torch.constant_pad_nd({x}, {[left, right, top, bottom]}, 0.)", 0, 0
    return x, [list(attributes.get("strides", [1, 1])), [top, left], list(attributes.get("dilations", [1, 1]))]


def _thinned(x: str, attributes: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Of a kernel of one pixel only the pixels that it reads: oneDNN's threads share a buffer where it skips some.

    Seen without VNNI instructions at a stride of 4: a tenth of the runs gave other integers.
    """
    down, right = strides = attributes.get("strides", [1, 1])
    if strides == [1, 1] or attributes.get("kernel_shape", [1, 1]) != [1, 1] or any(attributes.get("pads", [])):
        return x, attributes
    return f"{x}[:, :, ::{down}, ::{right}].contiguous()", {**attributes, "strides": [1, 1]}


def _conv(script: _Script, node: NodeProto, attributes: Mapping[str, Any]) -> str:
    x, sizes = _geometry(script, script.read(node.input[0]), attributes)
    weight, group = script.read(node.input[1]), attributes.get("group", 1)
    return f"torch.conv2d({x}, {weight}, None, {', '.join(map(str, sizes))}, {group})"


def _max_pool(script: _Script, node: NodeProto, attributes: Mapping[str, Any]) -> str:
    x, sizes = _geometry(script, script.read(node.input[0]), attributes)
    script.keep(node)
    return f"torch.max_pool2d({x}, {list(attributes['kernel_shape'])}, {', '.join(map(str, sizes))})"


def _operator(script: _Script, node: NodeProto, attributes: Mapping[str, Any]) -> str:
    """A product of bytes with packed weights, one scale a channel."""
    torch, x = script.torch, script.read(node.input[0])
    weight, scales, bias = (torch.from_numpy(script.constants[name].copy()) for name in node.input[1:])
    zeros = torch.zeros(len(weight), dtype=torch.int64)
    stored = torch._make_per_channel_quantized_tensor(weight, scales.double(), zeros, 0)
    packed = f"{script.name(node.output[0])}_packed"
    if node.op_type.startswith("linear"):
        script.attributes[packed] = torch.ops.quantized.linear_prepack(stored, bias)
    else:
        x, sizes = _geometry(script, *_thinned(x, attributes))
        group = attributes.get("group", 1)
        script.attributes[packed] = torch.ops.quantized.conv2d_prepack(stored, bias, *sizes, group)
    script.zeros[node.output[0]] = attributes["zero_point"]
    return f"torch.ops.quantized.{node.op_type}({x}, self.{packed}, 1., {attributes['zero_point']})"


def _quantize(script: _Script, node: NodeProto, attributes: Mapping[str, Any]) -> str:
    x, scale, zero = node.input
    divided = script.read(x) if script.number(scale) == 1 else f"{script.read(x)} / {script.read(scale)}"
    script.zeros[node.output[0]] = origin = int(script.number(zero))
    return f"torch.quantize_per_tensor(torch.round({divided}), 1., {origin}, torch.quint8)"


def _dequantize(script: _Script, node: NodeProto, attributes: Mapping[str, Any]) -> str:
    return f"torch.dequantize({script.read(node.input[0])})"


def _clip(script: _Script, node: NodeProto, attributes: Mapping[str, Any]) -> str:
    """Codes are clipped to the integers that they stand for, channels first: qnnpack would mix up channels last."""
    x, *ends = node.input
    if x in script.zeros:
        script.keep(node)
        low, high = (script.number(end) - script.zeros[x] for end in ends)
        return f"torch.clamp({script.read(x)}.contiguous(), {low}, {high})"
    given = [f"{role}={script.read(end)}" for role, end in zip(("min", "max"), ends, strict=False) if end]
    return f"torch.clamp({', '.join([script.read(x), *given])})"


def _cast(script: _Script, node: NodeProto, attributes: Mapping[str, Any]) -> str:
    return f"{script.read(node.input[0])}.to({_DTYPES[attributes['to']]})"


def _reshape(script: _Script, node: NodeProto, attributes: Mapping[str, Any]) -> str:
    x, sizes = script.read(node.input[0]), script.integers(node.input[1])
    script.keep(node)
    return f"torch.reshape({x}, [{', '.join(str(size) if size else f'{x}.size({i})' for i, size in enumerate(sizes))}])"


def _transpose(script: _Script, node: NodeProto, attributes: Mapping[str, Any]) -> str:
    return f"torch.permute({script.read(node.input[0])}, {list(attributes['perm'])})"


def _concat(script: _Script, node: NodeProto, attributes: Mapping[str, Any]) -> str:
    return f"torch.cat([{', '.join(map(script.read, node.input))}], {attributes['axis']})"


def _slice(script: _Script, node: NodeProto, attributes: Mapping[str, Any]) -> str:
    x, *numbers = node.input
    starts, ends, axes, *steps = map(script.integers, numbers)
    taken = dict(zip(axes, zip(starts, ends, *steps, strict=True), strict=True))
    places = [":".join(map(str, taken.get(axis, ("", "")))) for axis in range(max(axes) + 1)]
    return f"{script.read(x)}[{', '.join(places)}]"


def _pad(script: _Script, node: NodeProto, attributes: Mapping[str, Any]) -> str:
    """ONNX has all firsts, then all lasts; torch pairs, the last axis in front."""
    x, pads, *fill = node.input
    sizes = script.integers(pads)
    pairs = zip(sizes[: len(sizes) // 2][::-1], sizes[len(sizes) // 2 :][::-1], strict=True)
    flat = [int(size) for pair in pairs for size in pair]
    return f"torch.constant_pad_nd({script.read(x)}, {flat}, {script.number(fill[0]) if fill else 0.0})"


def _gather(script: _Script, node: NodeProto, attributes: Mapping[str, Any]) -> str:
    """Of constant places along an axis, or of a constant list at computed places."""
    data, index = map(script.read, node.input)
    if node.input[0] in script.constants:
        return f"torch.take({data}, {index})"
    return f"torch.index_select({data}, {attributes['axis']}, {index})"


def _unsqueeze(script: _Script, node: NodeProto, attributes: Mapping[str, Any]) -> str:
    return f"torch.unsqueeze({script.read(node.input[0])}, {script.integers(node.input[1])[0]})"


def _reduce_sum(script: _Script, node: NodeProto, attributes: Mapping[str, Any]) -> str:
    return f"torch.sum({script.read(node.input[0])}, {script.integers(node.input[1])})"


def _leaky(script: _Script, node: NodeProto, attributes: Mapping[str, Any]) -> str:
    x, slope = map(script.read, node.input)
    return f"torch.where({x} < 0, {x} * {slope}, {x})"


def _argmax(script: _Script, node: NodeProto, attributes: Mapping[str, Any]) -> str:
    return f"torch.argmax({script.read(node.input[0])}, {attributes['axis']}, {bool(attributes['keepdims'])})"


def _top(script: _Script, node: NodeProto, attributes: Mapping[str, Any]) -> str:
    """Places of the largest values, of equal ones the first: a stable sort."""
    x, (count,), axis = script.read(node.input[0]), script.integers(node.input[1]), attributes["axis"]
    places = f"torch.sort({x}, stable=True, dim={axis}, descending=True)[1]"
    return f"torch.narrow({places}, {axis}, 0, {count})"


_WRITERS: Mapping[str, Callable[[_Script, NodeProto, Mapping[str, Any]], str]] = {
    "Add": _infix("+"), "Sub": _infix("-"), "Mul": _infix("*"), "Div": _infix("/"), "GreaterOrEqual": _infix(">="),
    "MatMul": _function("matmul"), "Round": _function("round"), "Floor": _function("floor"), "Exp": _function("exp"),
    "Log": _function("log"), "Abs": _function("abs"), "Erf": _function("erf"), "Tanh": _function("tanh"),
    "Sigmoid": _function("sigmoid"),
    "Softmax": _along_axis("softmax"), "LogSoftmax": _along_axis("log_softmax"), "Conv": _conv, "MaxPool": _max_pool,
    "QuantizeLinear": _quantize, "DequantizeLinear": _dequantize, "Clip": _clip, "Cast": _cast, "Reshape": _reshape,
    "Transpose": _transpose, "Concat": _concat, "Slice": _slice, "Pad": _pad, "Gather": _gather, "TopK": _top,
    "Unsqueeze": _unsqueeze, "ReduceSum": _reduce_sum, "PRelu": _leaky, "ArgMax": _argmax}
