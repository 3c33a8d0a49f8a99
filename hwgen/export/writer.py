"""An ONNX graph under construction: names, constants, nodes, with opset and IR version set by us."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, checker, helper, numpy_helper

from hwgen import __version__
from hwgen.errors import HwgenError
from hwgen.ir.graph import Graph, Node, Value
from hwgen.ir.tensor import Array

IR_VERSION = 10
"""What onnxruntime 1.17 and later, qonnx and FINN read."""


class Writer:
    """Nodes and constants of one model. Values have the batch in front: shape (1, ...)."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, TensorProto] = {}
        self.domains: dict[str, int] = {}
        self.inner_shapes: dict[str, tuple[int, ...]] = {}
        self.taken = set(graph.values)

    def unique(self, name: str) -> str:
        """The name, with a number where it is taken."""
        made = name
        number = 2
        while made in self.taken:
            made, number = f"{name}_{number}", number + 1
        self.taken.add(made)
        return made

    def constant(self, name: str, array: Array | float | list[int], dtype: Any = np.float32) -> str:
        """The name of a new constant."""
        name = self.unique(name)
        self.constants[name] = numpy_helper.from_array(np.asarray(array, dtype=dtype), name)
        return name

    def node(self, op: str, inputs: Sequence[str], output: str, *, name: str, domain: str = "",
             **attributes: Any) -> str:
        """Append a node; returns its output."""
        self.nodes.append(helper.make_node(op, list(inputs), [output], name=name, domain=domain, **attributes))
        return output

    def inner(self, op: str, inputs: Sequence[str], node: Node, role: str, **attributes: Any) -> str:
        """Append a node on the way to another one's output, of the same shape; returns its own."""
        name = self.unique(f"{node.outputs[0]}_{role}")
        self.inner_shapes[name] = (1, *self.graph.values[node.outputs[0]].shape)
        return self.node(op, inputs, name, name=name, **attributes)

    def model(self, opset: int) -> ModelProto:
        """The finished model, checked. Its inputs and outputs are float32, whatever the graph says of indices."""
        graph = self.graph
        inputs, outputs = ([_port(graph.values[name]) for name in names] for names in (graph.inputs, graph.outputs))
        inner = {name: (1, *value.shape) for name, value in graph.values.items()
                 if name not in graph.inputs and name not in graph.outputs}
        shapes = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
                  for name, shape in {**inner, **self.inner_shapes}.items()]
        made = helper.make_graph(self.nodes, graph.name or "network", inputs, outputs, list(self.constants.values()),
                                 value_info=shapes)
        imports = [helper.make_opsetid("", opset)]
        imports += [helper.make_opsetid(domain, version) for domain, version in sorted(self.domains.items())]
        model = helper.make_model(made, opset_imports=imports, ir_version=IR_VERSION, producer_name="hwgen",
                                  producer_version=__version__)
        checker.check_model(model)
        return model


def _port(value: Value) -> Any:
    kind = TensorProto.FLOAT if not hasattr(value.type, "lo") else TensorProto.INT64
    return helper.make_tensor_value_info(value.name, kind, [1, *value.shape])


def float32(exact: Array, node: Node, what: str) -> Array:
    """Exact reals as float32. HwgenError: "not-float32" where one of them is none."""
    made = np.asarray(exact, dtype=object).astype(np.float64).astype(np.float32)
    pairs = zip(made.ravel().tolist(), np.asarray(exact, dtype=object).ravel().tolist(), strict=True)
    if any(x != y for x, y in pairs):
        raise HwgenError("not-float32", node.name, f"its {what} is no float32 number",
                         "Export a model whose parameters are float32, or use a target with integer constants.")
    return made
