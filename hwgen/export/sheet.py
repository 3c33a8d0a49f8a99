"""An ONNX graph of integers under construction: integer values as floats that hold them exactly, channels first.

A value (H, W, C) of the integer level is a tensor (N, C, H, W), a value (C,) is (N, C). It is float32 where that holds
every integer of its type, else float64.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from onnx import ModelProto, StringStringEntryProto, TensorProto, checker, helper, shape_inference

from hwgen import __version__
from hwgen.errors import HwgenError
from hwgen.export.writer import IR_VERSION, Writer
from hwgen.host import InputPort, OutputPort
from hwgen.ir.graph import Graph, Node, Value
from hwgen.ir.tensor import Array
from hwgen.ops.integer import float_type, int_type, largest

Lazy = Callable[[], str]


@dataclass(frozen=True)
class Codes:
    """A tensor of uint8 or int8 that holds integers plus a zero point; origin: the constant that holds that."""

    tensor: str
    origin: str
    zero: int
    dtype: type[np.integer]


@dataclass(frozen=True)
class Exported:
    """A written model. tensors: of integer values, the float tensor that holds each; forms: what computes each layer.

    codes: of values that no float tensor holds, the tensor of bytes.
    """

    model: ModelProto
    tensors: Mapping[str, str]
    forms: Mapping[str, str]
    codes: Mapping[str, Codes] = field(default_factory=dict)


class Sheet(Writer):
    """Nodes and constants of the integer level. batch: the batch axis, a number or a name; real: the outputs' type."""

    def __init__(self, graph: Graph, batch: int | str, real: type[np.floating]) -> None:
        super().__init__(graph)
        self.batch, self.real = batch, real
        self.inputs = [p for p in graph.ports.values() if isinstance(p, InputPort)]
        self.outputs = [p for p in graph.ports.values() if isinstance(p, OutputPort)]
        self.taken = _names(self.inputs, self.outputs)
        self.producers = {node.outputs[0]: node for node in graph.nodes}
        self.lazy: dict[str, Lazy] = {}
        self.tensors: dict[str, str] = {}
        self.types: dict[str, type[np.floating]] = {}
        self.forms: dict[str, str] = {}
        self.annotations: dict[str, str] = {}
        self.codes: dict[str, Codes] = {}
        self.signed_codes = True

    def value(self, name: str) -> Value:
        return self.graph.values[name]

    def carrier(self, name: str) -> type[np.floating]:
        """The float that holds a value. HwgenError: "not-exportable" beyond float64."""
        return self.working(name, largest(int_type(self.value(name))))

    def working(self, name: str, bound: int) -> type[np.floating]:
        """The float that is exact up to a bound. HwgenError: "not-exportable" beyond float64."""
        found = float_type(bound)
        if found is None:
            raise HwgenError("not-exportable", name, "its integers pass 2^53", "Use fewer bits.")
        return found

    def read(self, name: str, dtype: type[np.floating] = np.float32) -> str:
        """The tensor of a value, cast to a float type where it is another one."""
        if name in self.lazy:
            self.define(name, self.lazy.pop(name)())
        return self.cast(self.tensors[name], dtype)

    def cast(self, tensor: str, dtype: type[np.floating]) -> str:
        """A tensor as float32 or float64."""
        if self.types.get(tensor, np.float32) is dtype:
            return tensor
        return self.step("Cast", [tensor], f"{tensor}_as", dtype, to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def cast_from_indices(self, tensor: str, name: str) -> str:
        """int64 indices as reals."""
        return self.step("Cast", [tensor], f"{name}_index", self.real,
                         to=helper.np_dtype_to_tensor_dtype(np.dtype(self.real)))

    def define(self, name: str, tensor: str) -> None:
        """From now on the tensor stands for the value."""
        self.tensors[name] = tensor

    def step(self, op: str, inputs: Sequence[str], name: str, dtype: type[np.floating] = np.float32,
             **attributes: Any) -> str:
        """Append a node with an output of a free name; returns it."""
        output = self.unique(name)
        self.types[output] = dtype
        return self.node(op, inputs, output, name=output, **attributes)

    def integers(self, node: Node, op: str, inputs: Sequence[str], dtype: type[np.floating] = np.float32,
                 **attributes: Any) -> str:
        """Append the node whose output stands for that of an integer node."""
        made = self.step(op, inputs, node.outputs[0], dtype, **attributes)
        self.define(node.outputs[0], made)
        return made

    def per_channel(self, name: str, values: Array, dtype: Any = np.float32) -> Array:
        """(C,) values as a constant that broadcasts to the tensor of a value."""
        return np.asarray(values, dtype=dtype).reshape(1, -1, *(1,) * (len(self.value(name).shape) - 1))

    def dims(self, name: str) -> list[int | str]:
        """Axes of a value's tensor, with the batch in front."""
        return [self.batch, *first(self.value(name).shape)]

    def reshaped(self, tensor: str, shape: Sequence[int], name: str) -> str:
        """A tensor's elements in another shape, the batch kept."""
        target = self.constant(f"{name}_shape", [0, *shape], np.int64)
        return self.step("Reshape", [tensor, target], name, self.types.get(tensor, np.float32))

    def _pruned(self) -> None:
        """Leave out the nodes, constants and tensors that no output needs."""
        needed, kept = {port.name for port in self.outputs}, []
        for node in reversed(self.nodes):
            if needed & set(node.output):
                kept.append(node)
                needed |= set(node.input)
        self.nodes = kept[::-1]
        self.constants = {name: tensor for name, tensor in self.constants.items() if name in needed}
        held = {name: self.codes[tensor] for name, tensor in self.tensors.items() if tensor in self.codes}
        self.tensors = {name: tensor for name, tensor in self.tensors.items() if tensor in needed}
        self.codes = {name: codes for name, codes in held.items()
                      if codes.tensor in needed and name not in self.tensors}

    def exported(self, opset: int) -> Exported:
        """The finished model, checked, with the shapes of all values."""
        self._pruned()
        made = helper.make_graph(
            self.nodes, self.graph.name or "network",
            [helper.make_tensor_value_info(p.name, TensorProto.FLOAT, [self.batch, *p.shape]) for p in self.inputs],
            [helper.make_tensor_value_info(p.name, TensorProto.INT64 if p.decode.indices else TensorProto.FLOAT,
                                           [self.batch, *p.shape]) for p in self.outputs],
            list(self.constants.values()), value_info=list(self._shapes()))
        for tensor, kind in self.annotations.items():
            made.quantization_annotation.add(tensor_name=tensor, quant_parameter_tensor_names=[
                StringStringEntryProto(key="finn_datatype", value=kind)])
        imports = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, version)
                                                     for domain, version in sorted(self.domains.items()))]
        model = helper.make_model(made, opset_imports=imports, ir_version=IR_VERSION, producer_name="hwgen",
                                  producer_version=__version__)
        checker.check_model(model)
        return Exported(shape_inference.infer_shapes(model), self.tensors, self.forms, self.codes)

    def _shapes(self) -> list[Any]:
        """Shapes of the values' tensors that are no ports."""
        ports = _names(self.inputs, self.outputs)
        named = {tensor: name for name, tensor in self.tensors.items() if tensor not in ports}
        return [helper.make_tensor_value_info(tensor, helper.np_dtype_to_tensor_dtype(np.dtype(
            self.types.get(tensor, np.float32))), self.dims(name)) for tensor, name in named.items()]


def _names(inputs: Sequence[InputPort], outputs: Sequence[OutputPort]) -> set[str]:
    return {port.name for port in inputs} | {port.name for port in outputs}


def first(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A value's shape with the channels first."""
    return (shape[-1], *shape[:-1])


def positions(shape: tuple[int, ...]) -> Array:
    """For each element of the tensor, channels first, its index in the value, channels last."""
    index = np.arange(int(np.prod(shape, dtype=np.int64))).reshape(shape)
    return np.moveaxis(index, -1, 0).ravel()
