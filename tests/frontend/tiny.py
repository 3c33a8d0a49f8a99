"""Tiny ONNX models, built in the test that uses them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from hwgen.frontend import Imported, ImportOptions, load
from hwgen.ir.types import IntType

QONNX = "qonnx.custom_op.general"
INT8 = ImportOptions(input_types={None: (IntType(-128, 127), Fraction(1))})
Shape = Sequence[int | str]


def node(
    op: str, inputs: Sequence[str], output: str = "y", *, name: str = "", domain: str = "", **attributes: Any
) -> NodeProto:
    """A node of one output."""
    return helper.make_node(op, list(inputs), [output], name=name or f"{op.lower()}_node", domain=domain, **attributes)


def quant(x: str, y: str, scale: str = "scale", zero: str = "zero", bits: str = "bits", *, name: str = "",
          **attributes: Any) -> NodeProto:
    """A Quant node."""
    return node("Quant", [x, scale, zero, bits], y, name=name or f"quant_{y}", domain=QONNX, **attributes)


def model(nodes: Sequence[NodeProto], constants: Mapping[str, Any] | None = None, *, x: Shape = ("N", 4),
          opset: int = 17, outputs: Sequence[str] = ("y",), annotations: Mapping[str, str] | None = None,
          element: int = TensorProto.FLOAT) -> ModelProto:
    """A model of input x and the given outputs. Lists of floats become float32, integers int64."""
    stored = [numpy_helper.from_array(array(value), name) for name, value in (constants or {}).items()]
    graph = helper.make_graph(nodes, "tiny", [helper.make_tensor_value_info("x", element, x)],
                              [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
                              stored)
    for name, kind in (annotations or {}).items():
        entry = graph.quantization_annotation.add(tensor_name=name)
        entry.quant_parameter_tensor_names.add(key="finn_datatype", value=kind)
    opsets = [helper.make_opsetid("", opset)]
    opsets += [helper.make_opsetid(domain, 1) for domain in sorted({n.domain for n in nodes} - {"", "ai.onnx"})]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def array(value: Any) -> np.ndarray[Any, Any]:
    """float32 for floats, int64 for integers; arrays stay what they are."""
    if isinstance(value, np.ndarray):
        return value
    made = np.array(value)
    return made.astype(np.float32) if made.dtype.kind == "f" else made.astype(np.int64)


def save(made: ModelProto, folder: Path, name: str = "tiny.onnx") -> Path:
    """The model as a file."""
    path = folder / name
    path.write_bytes(made.SerializeToString())
    return path


def imported(made: ModelProto, folder: Path, options: ImportOptions | None = None) -> Imported:
    """The model, saved and loaded."""
    return load(save(made, folder), options)
