"""FINN-ONNX: MultiThreshold against its definition, datatype annotations, typed inputs."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from hwgen.frontend import ImportOptions
from hwgen.frontend.finn import parse_datatype
from hwgen.ir.types import BIPOLAR, IntType
from hwgen.ops.quantized import Dense, MultiThreshold, Quant
from hwgen.reference import exact, float32
from tests.frontend.tiny import INT8, QONNX, imported, model, node


def multi_threshold(thresholds: Any, **attributes: Any) -> Any:
    """A model that is one MultiThreshold."""
    constants = {"t": np.array(thresholds, np.float32)}
    return model([node("MultiThreshold", ["x", "t"], domain=QONNX, **attributes)], constants, x=("N", 3))


@pytest.mark.parametrize("thresholds", [[[-1.5, 0.0, 2.0]], [[-1, 0, 1], [-2, 1, 1], [5, 6, 7]], [[2.0, -1.5, 0.0]]])
@pytest.mark.parametrize(("scale", "bias", "kind"), [(1.0, 0.0, IntType(0, 3)), (1.0, -2.0, IntType(-2, 1)),
                                                     (0.5, 0.25, IntType(0, 3)), (2.0, 0.0, IntType(0, 3))])
def test_counts_thresholds(thresholds: Any, scale: float, bias: float, kind: IntType, tmp_path: Path) -> None:
    """One row for all channels or one for each, in any order of the thresholds."""
    graph = imported(multi_threshold(thresholds, out_dtype="INT8", out_scale=scale, out_bias=bias), tmp_path).graph
    x = np.random.default_rng(0).integers(-20, 20, (50, 3)) / 4
    t = np.array(thresholds)
    reached = (x[:, :, None] >= t[None]).sum(axis=2)
    for run in (exact.run, float32.run):
        result = run(graph, {"x": x})
        np.testing.assert_array_equal(result.outputs["y"], reached * scale + bias)
        np.testing.assert_array_equal(result.integers["y"], reached + kind.lo)
    assert isinstance(graph.nodes[0].op, MultiThreshold) and graph.nodes[0].op.type == kind


def test_bipolar_output(tmp_path: Path) -> None:
    graph = imported(multi_threshold([[0.5]], out_dtype="BIPOLAR", out_scale=2.0, out_bias=-1.0), tmp_path).graph
    assert isinstance(graph.nodes[0].op, MultiThreshold) and graph.nodes[0].op.type == BIPOLAR
    result = exact.run(graph, {"x": np.array([[0.0, 0.5, 1.0]])})
    assert result.integers["y"].tolist() == [[-1, 1, 1]]


@pytest.mark.parametrize(("name", "expected"), [
    ("INT4", (IntType(-8, 7), 1)), ("UINT8", (IntType(0, 255), 1)), ("BIPOLAR", (BIPOLAR, 1)),
    ("BINARY", (IntType(0, 1), 1)), ("TERNARY", (IntType(-1, 1), 1)),
    ("FIXED<8,3>", (IntType(-128, 127), Fraction(1, 32))), ("FLOAT32", None),
    ("SCALEDINT<8>", None), ("", None)])
def test_datatype_names(name: str, expected: Any) -> None:
    assert parse_datatype(name) == expected


def typed_input(made: Any, folder: Path, options: ImportOptions | None = None) -> Quant | None:
    """The quantizer that types the graph input."""
    op = imported(made, folder, options).graph.nodes[0].op
    return op if isinstance(op, Quant) else None


def test_input_types(tmp_path: Path) -> None:
    """An annotation types an input, the user's word goes before it, an integer input types itself."""
    relu = [node("Relu", ["x"])]
    annotated = typed_input(model(relu, annotations={"x": "INT4"}), tmp_path)
    assert annotated is not None and (annotated.type, annotated.scale.array) == (IntType(-8, 7), 1.0)
    chosen = typed_input(model(relu, annotations={"x": "INT4"}), tmp_path,
                         ImportOptions(input_types={"x": (IntType(0, 255), Fraction(1, 255))}))
    assert chosen is not None and chosen.scale.fractions().tolist() == Fraction(1, 255)
    integer = typed_input(model(relu, element=TensorProto.UINT8), tmp_path)
    assert integer is not None and integer.type == IntType(0, 255)
    assert typed_input(model(relu, annotations={"x": "FLOAT32"}), tmp_path) is None


def test_typed_input_has_its_own_name(tmp_path: Path) -> None:
    result = imported(model([node("Relu", ["x"], "x_typed"), node("Relu", ["x_typed"])]), tmp_path, INT8)
    assert [n.outputs for n in result.graph.nodes] == [("x_typed_",), ("x_typed",), ("y",)]
    assert result.names["x_typed_"] == "x"


@pytest.mark.parametrize("annotation", [None, "INT3", "FLOAT32"])
def test_integer_weights_need_no_quantizer(annotation: str | None, tmp_path: Path) -> None:
    w = np.array([[1.0, -2.0], [3.0, -4.0], [0.0, 1.0]], np.float32)
    annotations = {"w": annotation} if annotation else {}
    made = model([node("MatMul", ["x", "w"])], {"w": w}, x=("N", 3), annotations=annotations)
    (op,) = [n.op for n in imported(made, tmp_path, INT8).graph.nodes if isinstance(n.op, Dense)]
    assert op.weight.array.tolist() == w.T.tolist() and op.scale.array == 1.0
