"""Every standard op that is read, at every opset from 9 to 21, against onnx.reference on the same file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import NodeProto, TensorProto, helper
from onnx.reference import ReferenceEvaluator

from hwgen.ops.quantized import Elementwise
from hwgen.reference import exact, float32
from tests.frontend.tiny import INT8, Shape, imported, model, node

OPSETS = range(9, 22)
WEIGHT = np.array([[1, -2, 3], [0, 4, -1], [2, 2, 2], [-3, 1, 5]], dtype=np.float32)


@dataclass(frozen=True)
class Case:
    """nodes and constants at an opset; x: shape of the input; since: first opset where the form exists."""

    build: Callable[[int], tuple[list[NodeProto], dict[str, Any]]]
    x: Shape = ("N", 4)
    since: int = 9
    outputs: tuple[str, ...] = ("y",)
    frames: int = 3
    element: int = TensorProto.FLOAT
    reference_opset: int = 0


def simple(
    op: str, constants: dict[str, Any] | None = None, inputs: list[str] | None = None, **attributes: Any
) -> Case:
    """One node, the same at every opset."""
    names = inputs or ["x", *(constants or {})]
    return Case(lambda opset: ([node(op, names, **attributes)], constants or {}))


def axes_form(op: str, axes: list[int], x: Shape) -> Case:
    """Axes as an attribute up to opset 12, as an input from 13 on."""

    def build(opset: int) -> tuple[list[NodeProto], dict[str, Any]]:
        if opset < 13:
            return [node(op, ["x"], axes=axes)], {}
        return [node(op, ["x", "axes"])], {"axes": axes}

    return Case(build, x)


def topk(opset: int) -> tuple[list[NodeProto], dict[str, Any]]:
    """k as an attribute in opset 9, as an input later."""
    inputs, attributes = (["x"], {"k": 2}) if opset < 10 else (["x", "k"], {})
    return [helper.make_node("TopK", inputs, ["best", "y"], name="top", **attributes)], {} if opset < 10 else {"k": [2]}


def exporter_reshape(opset: int) -> tuple[list[NodeProto], dict[str, Any]]:
    """x.view(x.shape[0], -1) as torch writes it."""
    axes = {"axes": [0]} if opset < 13 else {}
    unsqueeze = node("Unsqueeze", ["batch"] if opset < 13 else ["batch", "zeros"], "row", **axes)
    chain = [node("Shape", ["x"], "shape"), node("Gather", ["shape", "first"], "batch", axis=0), unsqueeze,
             node("Concat", ["row", "rest"], "target", axis=0), node("Reshape", ["x", "target"])]
    constants = {"first": 0, "rest": [-1]} | ({} if opset < 13 else {"zeros": [0]})
    return chain, constants


def sliced_reshape(opset: int) -> tuple[list[NodeProto], dict[str, Any]]:
    """The target is a slice of the shape: attributes in opset 9, inputs later."""
    if opset < 10:
        cut, constants = node("Slice", ["shape"], "batch", starts=[0], ends=[1]), {"rest": [6]}
    else:
        cut, constants = node("Slice", ["shape", "zero", "one"], "batch"), {"rest": [6], "zero": [0], "one": [1]}
    return [node("Shape", ["x"], "shape"), cut, node("Concat", ["batch", "rest"], "target", axis=0),
            node("Reshape", ["x", "target"])], constants


def cast_target(opset: int) -> tuple[list[NodeProto], dict[str, Any]]:
    """A target computed in float and cast."""
    return [node("Mul", ["half", "four"], "product"), node("Cast", ["product"], "target", to=TensorProto.INT64),
            node("Reshape", ["x", "target"])], {"half": [0.25, 0.5, 0.5], "four": [4.0]}


def dropout(opset: int) -> tuple[list[NodeProto], dict[str, Any]]:
    """Ratio as an attribute up to 11, then inputs; no node where the value is used before the graph's end."""
    inputs = ["x"] if opset < 12 else ["x", "ratio", "training"]
    constants = {} if opset < 12 else {"ratio": np.float32(0.5).reshape(()), "training": np.array(False)}
    return [node("Dropout", inputs, "dropped"), node("Relu", ["dropped"])], constants


def constants_by_attribute(opset: int) -> tuple[list[NodeProto], dict[str, Any]]:
    """Constant nodes of every kind."""
    return [node("Constant", [], "a", value_floats=[1.0, 2.0, 3.0, 4.0]), node("Constant", [], "b", value_float=0.5),
            node("Constant", [], "c", value_ints=[1, 2, 2]), node("Add", ["x", "a"], "xa"),
            node("Mul", ["xa", "b"], "xb"), node("Reshape", ["xb", "c"])], {}


BATCH_NORM = {"gamma": [1.5, -2.0], "beta": [0.25, 3.0], "mean": [1.0, -0.5], "variance": [2.0, 0.75]}
CASES = {
    "matmul": simple("MatMul", {"w": WEIGHT}),
    "gemm": simple("Gemm", {"w": WEIGHT, "c": [0.5, -1.25, 3.0]}),
    "gemm_row_bias": simple("Gemm", {"w": WEIGHT, "c": [[0.5, -1.25, 3.0]]}),
    "gemm_scalar_bias": simple("Gemm", {"w": WEIGHT, "c": 0.5}),
    "gemm_attributes": simple("Gemm", {"w": WEIGHT.T.copy(), "c": [1.0, 2.0, 3.0]}, alpha=0.3, beta=0.7, transB=1),
    "gemm_no_bias": Case(lambda opset: ([node("Gemm", ["x", "w"])], {"w": WEIGHT}), since=11),
    "add": simple("Add", {"c": [1.0, 2.0, -3.0, 0.1]}),
    "add_left": simple("Add", {"c": [1.0, 2.0, -3.0, 0.1]}, ["c", "x"]),
    "sub": simple("Sub", {"c": 0.3}),
    "sub_left": simple("Sub", {"c": [[1.0, 2.0, -3.0, 0.1]]}, ["c", "x"]),
    "mul": simple("Mul", {"c": [0.0, 2.0, -3.0, 0.1]}),
    "mul_left": simple("Mul", {"c": -0.7}, ["c", "x"]),
    "div": simple("Div", {"c": [3.0, -7.0, 0.1, 1.0]}),
    "pow_of_constants": Case(lambda opset: ([node("Pow", ["v", "e"], "root"), node("Div", ["x", "root"])],
                                            {"v": [2.0, 3.0, 4.0, 5.0], "e": 0.5})),
    "sqrt_of_constants": Case(lambda opset: ([node("Add", ["v", "e"], "sum"), node("Sqrt", ["sum"], "root"),
                                              node("Mul", ["x", "root"])], {"v": [2.0, 3.0, 4.0, 5.0], "e": 0.25})),
    "transpose": Case(lambda opset: ([node("Transpose", ["x"], perm=[0, 2, 1])], {}), ("N", 2, 3)),
    "reshape_infer": Case(lambda opset: ([node("Reshape", ["x", "s"])], {"s": [-1, 3, 2]}), ("N", 2, 3)),
    "reshape_copy": Case(lambda opset: ([node("Reshape", ["x", "s"])], {"s": [0, 2, 3, 1]}), ("N", 2, 3)),
    "reshape_baked": Case(lambda opset: ([node("Reshape", ["x", "s"])], {"s": [1, -1]}), (1, 2, 3), frames=1),
    "reshape_allowzero": Case(lambda opset: ([node("Reshape", ["x", "s"], allowzero=1)], {"s": [-1, 6]}),
                              ("N", 2, 3), 14),
    "reshape_exporter": Case(exporter_reshape, ("N", 1, 2, 3)),
    "reshape_sliced": Case(sliced_reshape, ("N", 2, 3)),
    "reshape_cast": Case(cast_target, (1, 4), frames=1),
    "shape_slice": Case(lambda opset: ([node("Shape", ["x"], "s", start=0, end=1),
                                        node("Concat", ["s", "rest"], "target", axis=0),
                                        node("Reshape", ["x", "target"])], {"rest": [6]}), ("N", 2, 3), 15),
    "flatten": Case(lambda opset: ([node("Flatten", ["x"])], {}), ("N", 2, 3)),
    "flatten_negative": Case(lambda opset: ([node("Flatten", ["x"], axis=-2)], {}), ("N", 2, 3), 11),
    "squeeze": axes_form("Squeeze", [2], ("N", 4, 1)),
    "squeeze_two": axes_form("Squeeze", [1, 3], ("N", 1, 4, 1)),
    "unsqueeze": axes_form("Unsqueeze", [1, 3], ("N", 4)),
    "identity": simple("Identity"),
    "dropout": Case(dropout),
    "cast": simple("Cast", to=TensorProto.FLOAT),
    "cast_from_bytes": Case(lambda opset: ([node("Cast", ["x"], to=TensorProto.FLOAT)], {}), element=TensorProto.INT8),
    "batch_norm": Case(lambda opset: ([node("BatchNormalization", ["x", *BATCH_NORM], epsilon=0.125)], BATCH_NORM),
                       ("N", 2), reference_opset=14),
    "batch_norm_default": Case(lambda opset: ([node("BatchNormalization", ["x", *BATCH_NORM])], BATCH_NORM),
                               ("N", 2), reference_opset=14),
    "batch_norm_map": Case(lambda opset: ([node("BatchNormalization", ["x", *BATCH_NORM])], BATCH_NORM),
                           ("N", 2, 3), reference_opset=14),
    "relu": simple("Relu"),
    "softmax": simple("Softmax"),
    "softmax_last": simple("Softmax", axis=1),
    "topk": Case(topk),
    "topk_all": Case(lambda opset: ([helper.make_node("TopK", ["x", "k"], ["best", "y"], largest=1, sorted=1, axis=1)],
                                    {"k": [4]}), since=11),
    "argmax": simple("ArgMax", axis=1),
    "argmax_flat": simple("ArgMax", axis=1, keepdims=0),
    "argmax_negative": Case(lambda opset: ([node("ArgMax", ["x"], axis=-1)], {}), since=11),
    "constants": Case(constants_by_attribute, (1, 4), 12, frames=1),
}


def check(case: Case, opset: int, folder: Path, seed: int) -> None:
    """Both references give what onnx.reference gives."""
    nodes, constants = case.build(opset)
    made = model(nodes, constants, x=case.x, opset=opset, outputs=case.outputs, element=case.element)
    graph = imported(made, folder, INT8).graph
    x = np.random.default_rng(seed).integers(-9, 9, (case.frames, *map(int, case.x[1:])))
    dtype = np.int8 if case.element == TensorProto.INT8 else np.float32
    # onnx.reference runs BatchNormalization below opset 14 in training mode, against the specification.
    same = model(nodes, constants, x=case.x, opset=max(opset, case.reference_opset), element=case.element)
    (expected,) = ReferenceEvaluator(same).run(None, {"x": x.astype(dtype)})
    for run in (exact.run, float32.run):
        found = run(graph, {"x": x}).outputs[graph.outputs[0]]
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize(("name", "opset"), [(n, o) for n, c in CASES.items() for o in OPSETS if o >= c.since])
def test_equals_onnx_reference(name: str, opset: int, tmp_path: Path, seed: int) -> None:
    check(CASES[name], opset, tmp_path, seed)


@pytest.mark.parametrize("opset", [9, 12])
def test_softmax_before_opset_13_flattens_the_rest(opset: int, tmp_path: Path) -> None:
    """Axis 1 of a map means all axes from 1 on, which is not the last axis: refused, not read wrongly."""
    with pytest.raises(Exception, match="unsupported-form"):
        imported(model([node("Softmax", ["x"])], x=("N", 2, 3), opset=opset), tmp_path, INT8)


def test_dead_nodes_are_ignored(tmp_path: Path) -> None:
    graph = imported(model([node("Relu", ["x"]), node("Sin", ["x"], "unused")]), tmp_path).graph
    assert [n.name for n in graph.nodes] == ["relu_node"]


def test_standard_domain_by_its_long_name(tmp_path: Path) -> None:
    """ai.onnx is the same domain, in folded expressions too."""
    nodes = [node("Sqrt", ["c"], "r", domain="ai.onnx"), node("Add", ["x", "r"], domain="ai.onnx")]
    (op,) = [n.op for n in imported(model(nodes, {"c": 4.0}), tmp_path).graph.nodes]
    assert isinstance(op, Elementwise) and op.constant.array == 2.0


def test_names_are_the_files(tmp_path: Path) -> None:
    """Values keep their ONNX names; a node without a name has its output's; equal node names are told apart."""
    nodes = [node("Relu", ["x"], "a", name="same"), node("Relu", ["a"], "b", name="same"), node("Relu", ["b"])]
    nodes[2].name = ""
    result = imported(model(nodes), tmp_path)
    assert [n.name for n in result.graph.nodes] == ["same", "same_2", "y"]
    assert [n.outputs for n in result.graph.nodes] == [("a",), ("b",), ("y",)]
    assert result.names == {"same_2": "same"}


def test_value_info_is_not_trusted(tmp_path: Path) -> None:
    made = model([node("Relu", ["x"], "a"), node("Relu", ["a"])])
    made.graph.value_info.append(helper.make_tensor_value_info("a", TensorProto.INT8, [7, 7]))
    assert imported(made, tmp_path).graph.values["a"].shape == (4,)
