"""The state of one import: the graph so far, the constants, and what handlers ask about both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from onnx import ModelProto, NodeProto

from hwgen.frontend.attributes import node_name, problem
from hwgen.frontend.constants import AnyConstant, Constant, exact
from hwgen.frontend.notes import Notes
from hwgen.frontend.options import ImportOptions
from hwgen.ir.graph import GraphBuilder, Level, Node, Op, Value
from hwgen.ir.tensor import Array, Tensor
from hwgen.ir.types import IntType, RealType
from hwgen.ops.quantized import Quant, Reshape


@dataclass(frozen=True)
class Pending:
    """A QuantizeLinear of a value, with the Clips that followed it, until something reads its integers."""

    node: NodeProto
    op: Quant
    value: Value

    def narrowed(self, node: NodeProto, kind: IntType) -> Pending:
        """After a Clip to fewer integers."""
        return Pending(node, replace(self.op, type=kind), self.value)


class Context:
    """Handlers read nodes through it and add ops to its builder. Frame shapes have no batch dimension.

    nodes: those of the model that are read; readers: how many of them read each value.
    """

    def __init__(self, name: str, model: ModelProto, nodes: Iterable[NodeProto], version: int,
                 options: ImportOptions) -> None:
        self.version = version
        self.options = options
        self.builder = GraphBuilder(name, Level.QUANTIZED)
        self.constants: dict[str, AnyConstant] = {}
        self.alias: dict[str, str] = {}
        self.pending: dict[str, Pending] = {}
        self.integers: dict[str, Quant] = {}
        self.from_brevitas = model.producer_name == "pytorch"
        self.annotations = read_annotations(model)
        self.warnings: list[str] = []
        self.names: dict[str, str] = {}
        self.notes = Notes()
        self.outputs = {output.name for output in model.graph.output}
        self.readers = Counter(str(name) for node in nodes for name in node.input)
        self.used = self.outputs | set(self.readers)
        self.taken = {name for node in model.graph.node for name in node.output}
        self._node_names: set[str] = set()

    def is_constant(self, name: str) -> bool:
        """Whether a name is a constant, folded or stored."""
        return name in self.constants

    def input(self, node: NodeProto, index: int) -> str:
        """The name of a required input."""
        if index >= len(node.input) or not node.input[index]:
            raise problem(node, "missing-input", f"{node.op_type} has no input {index}")
        return str(node.input[index])

    def optional(self, node: NodeProto, index: int) -> str | None:
        """The name of an optional input, None where it is absent."""
        return str(node.input[index]) if index < len(node.input) and node.input[index] else None

    def value(self, node: NodeProto, index: int = 0) -> Value:
        """The computed value at an input; a constant there is refused."""
        name = self.input(node, index)
        if name in self.constants:
            raise problem(node, "unsupported-form", f"input {index} of {node.op_type} is the constant {name}; "
                             "only a computed value is supported there", "Swap or fold the operands before the export.")
        if name in self.pending:
            made = self.pending.pop(name)
            self.add(made.node, made.op, made.value)
        if name not in self.alias:
            raise problem(node, "missing-input", f"nothing computes its input {name}")
        return self.builder.values[self.alias[name]]

    def real_value(self, node: NodeProto, index: int = 0) -> Value:
        """A computed value that is not a class index."""
        value = self.value(node, index)
        if not isinstance(value.type, RealType):
            raise problem(node, "unsupported-form", f"{node.op_type} computes on class indices",
                             "End the model at the TopK or ArgMax.")
        return value

    def constant(self, node: NodeProto, index: int) -> AnyConstant:
        """The constant at an input; a computed value there is refused."""
        name = self.input(node, index)
        if name not in self.constants:
            raise problem(node, "dynamic-parameter", f"input {index} of {node.op_type}, {name}, is computed "
                             "at run time", "Only constants are supported there; export in evaluation mode.")
        return self.constants[name]

    def plain(self, node: NodeProto, index: int) -> Constant:
        """A constant that no quantizer made."""
        constant = self.constant(node, index)
        if not isinstance(constant, Constant):
            raise problem(node, "quantized-constant", f"input {index} of {node.op_type} is a quantized "
                             "constant")
        return constant

    def exact(self, node: NodeProto, index: int) -> Array:
        """The exact values of a constant input, finite."""
        return exact(self.constant(node, index), node_name(node))

    def scalar(self, node: NodeProto, index: int) -> float:
        """A constant input of one element."""
        array = self.exact(node, index)
        if array.size != 1:
            raise problem(node, "bad-constant", f"input {index} of {node.op_type} has {array.size} elements "
                             "where one is expected")
        return float(array.ravel()[0])

    def sizes(self, node: NodeProto, index: int) -> list[int]:
        """A constant list of integers: a shape or axes."""
        array = self.plain(node, index).array
        if array.dtype.kind not in "iu" or array.ndim > 1:
            raise problem(node, "bad-constant", f"input {index} of {node.op_type} is not a list of integers")
        return [int(i) for i in array.ravel()]

    def frame(self, node: NodeProto, array: Array, value: Value) -> Array:
        """A constant that meets a value, without its batch dimension."""
        rank = len(value.shape) + 1
        if array.ndim > rank or (array.ndim == rank and array.shape[0] != 1):
            raise problem(node, "broadcast", f"a constant of shape {list(array.shape)} enlarges a value of "
                             f"shape {[1, *value.shape]}", "Give the constant the shape of the value.")
        array = array[0] if array.ndim == rank else array
        try:
            fits = np.broadcast_shapes(array.shape, value.shape) == value.shape
        except ValueError:
            fits = False
        if not fits:
            raise problem(node, "broadcast", f"a constant of shape {list(array.shape)} does not fit a value "
                             f"of shape {[1, *value.shape]}", "Give the constant the shape of the value.")
        return array

    def add(self, node: NodeProto, op: Op, *values: Value, output: int = 0) -> Value:
        """Append an op whose result carries the node's output name."""
        name = str(node.output[output]) if output < len(node.output) else ""
        if not name:
            raise problem(node, "invalid-model", f"{node.op_type} has no output {output}")
        made = self._append(node, op, values, name)
        self.alias[name] = name
        return made

    def add_inner(self, node: NodeProto, op: Op, values: Value | Sequence[Value], role: str) -> Value:
        """Append an op that comes before or after the node's own, with a name made of the node's output and a role."""
        name = self.fresh(f"{node.output[0]}_{role}")
        self.names[name] = str(node.output[0])
        return self._append(node, op, (values,) if isinstance(values, Value) else values, name)

    def _append(self, node: NodeProto, op: Op, values: Sequence[Value], name: str) -> Value:
        inputs = [value.name for value in values]
        (made,) = self.builder.add(self.unique(node_name(node)), op, inputs, [name], [node_name(node)])
        return made

    def same(self, node: NodeProto, value: Value) -> None:
        """The node changes nothing: its output is another name of the value (a Reshape where the graph ends there)."""
        name = str(node.output[0])
        if name in self.outputs:
            self.add(node, Reshape(value.shape), value)
        else:
            self.alias[name] = value.name

    def unique(self, name: str) -> str:
        """A node name that no other node of the graph has."""
        made, count = name, 1
        while made in self._node_names:
            count += 1
            made = f"{name}_{count}"
        self._node_names.add(made)
        if made != name:
            self.names[made] = name
        return made

    def fresh(self, name: str) -> str:
        """A value name that the file does not use."""
        made = name
        while made in self.taken or made in self.builder.values or made in self.constants:
            made += "_"
        self.taken.add(made)
        return made

    def producer(self, value: Value) -> Node | None:
        """The node that makes a value, None for a graph input."""
        return next((n for n in reversed(self.builder.nodes) if value.name in n.outputs), None)

    def set_constant(self, constant: AnyConstant) -> None:
        """Remember a constant under its name."""
        self.constants[constant.name] = constant

    def warn(self, text: str) -> None:
        """Tell the user, without stopping."""
        self.warnings.append(text)


def read_annotations(model: ModelProto) -> dict[str, str]:
    """The finn_datatype annotation of each tensor that has one."""
    found = {}
    for annotation in model.graph.quantization_annotation:
        for entry in annotation.quant_parameter_tensor_names:
            if entry.key == "finn_datatype":
                found[str(annotation.tensor_name)] = str(entry.value)
    return found


def tensor(array: Array) -> Tensor:
    """A Tensor; one element becomes a scalar."""
    return Tensor(array.reshape(()) if array.size == 1 else array)
