"""QuantizeLinear, Clip, DequantizeLinear against the ONNX specification, written out in numpy here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, NodeProto, TensorProto

from hwgen.errors import HwgenError
from hwgen.frontend.registry import lookup
from hwgen.ops.quantized import Dense, Quant
from hwgen.ops.quantized_maps import Conv
from hwgen.reference import exact, float32
from tests.frontend.tiny import INT8, imported, model, node

UINT8 = {"scale": 0.5, "zero": np.array(3, np.uint8)}


def pair(x: str, y: str, scale: str = "scale", zero: str = "zero", **attributes: Any) -> list[NodeProto]:
    """Quantize and dequantize."""
    return [node("QuantizeLinear", [x, scale, zero], f"{y}_q", **attributes),
            node("DequantizeLinear", [f"{y}_q", scale, zero], y, **attributes)]


def clipped(low: int, high: int, dtype: Any, opset: int = 17) -> ModelProto:
    """A quantizer of fewer bits than its integers' type."""
    limits = {"low": np.array(low, dtype), "high": np.array(high, dtype)}
    nodes = [node("QuantizeLinear", ["x", "scale", "zero"], "q"), node("Clip", ["q", "low", "high"], "c"),
             node("DequantizeLinear", ["c", "scale", "zero"])]
    return model(nodes, limits | {"scale": 0.25, "zero": np.array(-2, dtype)}, opset=opset)


@pytest.mark.parametrize("opset", [10, 13, 19, 21])
def test_zero_point_is_added_after_the_rounding(opset: int, tmp_path: Path) -> None:
    """Ties go to the even quotient, whatever the zero point: 2.5 + 3 gives 5, not 6."""
    x = np.arange(-40, 600, 1).reshape(-1, 4) / 8
    graph = imported(model(pair("x", "y"), UINT8, opset=opset), tmp_path).graph
    expected = np.clip(np.round(x / 0.5) + 3, 0, 255)
    for run in (exact.run, float32.run):
        result = run(graph, {"x": x})
        np.testing.assert_array_equal(next(iter(result.integers.values())), expected)
        np.testing.assert_array_equal(result.outputs[graph.outputs[0]], (expected - 3) * 0.5)


@pytest.mark.parametrize("opset", [13, 21])
def test_clip_narrows_the_type(opset: int, tmp_path: Path) -> None:
    x = np.arange(-40, 40).reshape(-1, 4) / 8
    graph = imported(clipped(-7, 7, np.int8, opset), tmp_path).graph
    (op,) = [n.op for n in graph.nodes if isinstance(n.op, Quant)]
    assert (op.type.lo, op.type.hi) == (-7, 7)
    expected = np.clip(np.round(x / 0.25) - 2, -7, 7)
    np.testing.assert_array_equal(exact.run(graph, {"x": x}).outputs[graph.outputs[0]], (expected + 2) * 0.25)


def test_another_scale_and_zero_point_than_the_quantizers(tmp_path: Path) -> None:
    """The specification gives every tensor of integers the meaning that its reader names."""
    nodes = [node("QuantizeLinear", ["x", "scale", "zero"], "q"), node("DequantizeLinear", ["q", "half", "ten"])]
    graph = imported(model(nodes, UINT8 | {"half": 0.25, "ten": np.array(10, np.uint8)}), tmp_path).graph
    x = np.arange(-40, 600, 1).reshape(-1, 4) / 8
    expected = (np.clip(np.round(x / 0.5) + 3, 0, 255) - 10) * 0.25
    np.testing.assert_array_equal(exact.run(graph, {"x": x}).outputs["y"], expected)


def test_clip_of_integers_that_others_read_too(tmp_path: Path) -> None:
    """The limits of a Clip are integers, also where the quantizer's own are read unclipped."""
    nodes = [*pair("x", "a"), node("Clip", ["a_q", "low", "high"], "c"),
             node("DequantizeLinear", ["c", "scale", "zero"], "b"), node("Add", ["a", "b"])]
    limits = {"low": np.array(2, np.uint8), "high": np.array(9, np.uint8)}
    graph = imported(model(nodes, UINT8 | limits), tmp_path).graph
    found = exact.run(graph, {"x": np.array([[1.0, 9.0, -9.0, 0.3]])}).outputs["y"]
    np.testing.assert_array_equal(found, [[2.0, 12.0, -2.0, 1.0]])


def test_one_quantizer_for_two_readers(tmp_path: Path) -> None:
    nodes = [*pair("x", "a"), node("DequantizeLinear", ["a_q", "scale", "zero"], "b"), node("Add", ["a", "b"])]
    graph = imported(model(nodes, UINT8), tmp_path).graph
    assert sum(isinstance(n.op, Quant) for n in graph.nodes) == 1
    found = exact.run(graph, {"x": np.array([[1.0, 2.0, -9.0, 0.3]])}).outputs["y"]
    np.testing.assert_array_equal(found, [[2.0, 4.0, -3.0, 1.0]])


@pytest.mark.parametrize("stored", [True, False])
def test_weights_per_channel(stored: bool, tmp_path: Path) -> None:
    """Integers in the file, or floats with a QuantizeLinear: one scale for each row along axis 0."""
    integers = np.array([[[-3, 2]], [[7, -8]]], np.int8)
    scales = np.array([0.5, 0.25], np.float32)
    constants = {"s": scales, "z": np.zeros(2, np.int8)}
    nodes = [node("DequantizeLinear", ["wq", "s", "z"], "w", axis=0), node("Conv", ["x", "w"])]
    if stored:
        constants |= {"wq": integers}
    else:
        constants |= {"wf": (integers * scales[:, None, None]).astype(np.float32)}
        nodes = [node("QuantizeLinear", ["wf", "s", "z"], "wq", axis=0), *nodes]
    (op,) = [n.op for n in imported(model(nodes, constants, x=("N", 1, 5)), tmp_path, INT8).graph.nodes
             if isinstance(n.op, Conv)]
    np.testing.assert_array_equal(op.weight.array, integers[:, :, None, :])
    np.testing.assert_array_equal(op.scale.array, scales.reshape(2, 1, 1, 1))


def test_integer_bias(tmp_path: Path) -> None:
    constants = {"w": np.eye(4, dtype=np.int8), "b": np.array([3, -5, 0, 1], np.int32), "s": np.float32(0.125),
                 "zw": np.int8(0), "zb": np.int32(0)}
    nodes = [node("DequantizeLinear", ["w", "s", "zw"], "wd"), node("DequantizeLinear", ["b", "s", "zb"], "bd"),
             node("Gemm", ["x", "wd", "bd"])]
    (op,) = [n.op for n in imported(model(nodes, constants), tmp_path, INT8).graph.nodes if isinstance(n.op, Dense)]
    assert op.bias is not None and op.bias.array.tolist() == [0.375, -0.625, 0.0, 0.125]


def test_integer_input(tmp_path: Path) -> None:
    """A graph input of bytes with its own DequantizeLinear."""
    made = model([node("DequantizeLinear", ["x", "scale", "zero"])], UINT8, element=TensorProto.UINT8)
    graph = imported(made, tmp_path).graph
    found = exact.run(graph, {"x": np.array([[0, 3, 7, 255]])}).outputs["y"]
    np.testing.assert_array_equal(found, [[-1.5, 0.0, 2.0, 126.0]])


@pytest.mark.parametrize(("nodes", "words"), [
    ([node("DequantizeLinear", ["x", "scale"], name="bad")], "bad: its input x is no tensor of integers"),
    ([node("QuantizeLinear", ["x", "scale", "zero"], name="bad")], "y: this graph output is a tensor of integers"),
    ([node("QuantizeLinear", ["x", "scale", "zero"], "q"), node("Flatten", ["q"])],
     "y: this graph output is a tensor of integers"),
    ([node("QuantizeLinear", ["x", "scale", "zero"], "q"), node("Relu", ["q"], name="bad")],
     "bad: Relu computes on the integers of a quantizer"),
    ([*pair("x", "a"), *pair("x", "b", "other"), node("Concat", ["a_q", "b_q"], axis=1, name="bad")],
     "bad: it joins integers of different scales or zero points"),
    ([node("QuantizeLinear", ["x", "rows", "zeros"], "q"), node("Flatten", ["q"], name="bad")],
     "bad: it moves integers with a scale for each channel"),
    ([node("QuantizeLinear", ["x", "rows", "zeros"], "q"), node("Identity", ["q"], "i"),
      node("Clip", ["i", "zero", "zero"], name="bad")], "bad: it clips integers with a scale for each channel"),
])
def test_refusals(nodes: list[NodeProto], words: str, tmp_path: Path) -> None:
    with pytest.raises(HwgenError, match=words):
        imported(model(nodes, UINT8 | {"other": 0.25, "rows": [0.5, 1.0, 2.0, 4.0], "zeros": np.zeros(4, np.uint8)}),
                 tmp_path)


@pytest.mark.parametrize(("op", "constant", "words"), [
    ("Div", np.array(2, np.int8), "Div of integers wraps or truncates"),
    ("Add", np.array(2, np.int8), "Add of integers wraps or truncates"), ("Add", np.float32(2), ""),
])
def test_arithmetic_of_an_integer_input(op: str, constant: Any, words: str, tmp_path: Path) -> None:
    """8-bit sums wrap in ONNX, and its integer quotients truncate: not the real numbers that hwgen has."""
    made = model([node(op, ["x", "c"])], {"c": constant}, element=TensorProto.INT8)
    if not words:
        assert imported(made, tmp_path).graph.outputs == ("y",)
        return
    with pytest.raises(HwgenError, match=words):
        imported(made, tmp_path)


@pytest.mark.parametrize(("zero", "warned"), [(3, True), (4, False)])
def test_warns_where_an_odd_zero_point_moves_ties(zero: int, warned: bool, tmp_path: Path) -> None:
    made = model(pair("x", "y"), UINT8 | {"zero": np.array(zero, np.uint8)})
    assert imported(made, tmp_path).warnings == ()
    made.producer_name = "pytorch"
    found = imported(made, tmp_path).warnings
    assert len(found) == warned and all(text.startswith("quantizelinear_node: QuantizeLinear adds its odd zero")
                                        for text in found)


def test_warns_of_a_quantized_average_pool(tmp_path: Path) -> None:
    """Brevitas writes a plain quantizer in the place of a Trunc."""
    nodes = [*pair("x", "a"), node("AveragePool", ["a"], "p", kernel_shape=[2, 2]), *pair("p", "y")]
    made = model(nodes, UINT8 | {"zero": np.array(4, np.uint8)}, x=("N", 1, 4, 4))
    assert imported(made, tmp_path).warnings == ()
    made.producer_name = "pytorch"
    (warning,) = imported(made, tmp_path).warnings
    assert "quantizes an average pool; if that was a pool with truncation" in warning


def test_opset_9_has_no_quantize_linear() -> None:
    assert lookup(node("QuantizeLinear", ["x"]), 9) is None and lookup(node("QuantizeLinear", ["x"]), 10) is not None
