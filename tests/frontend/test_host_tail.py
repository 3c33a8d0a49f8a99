"""What follows the last quantizer runs on the host: against onnx.reference, from import to decoded output."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import NodeProto, helper
from onnx.reference import ReferenceEvaluator

from hwgen.errors import HwgenError
from hwgen.ir.graph import Graph
from hwgen.ir.tensor import Tensor
from hwgen.model import IntegerModel
from hwgen.passes.pipeline import TO_INTEGERS, lower
from hwgen.reference import exact, float32
from tests.frontend.tiny import imported, model, node

Nodes = Sequence[NodeProto]
Weights = dict[str, Any]
STEPS = {"step": 0.25, "zero": np.array(0, np.int8), "low": np.array(-7, np.int8), "high": np.array(7, np.int8)}


def quantized(x: str, y: str) -> list[NodeProto]:
    """Four bits in steps of 1/4."""
    return [node("QuantizeLinear", [x, "step", "zero"], f"{y}_q"), node("Clip", [f"{y}_q", "low", "high"], f"{y}_c"),
            node("DequantizeLinear", [f"{y}_c", "step", "zero"], y)]


def scaled(rng: np.random.Generator) -> tuple[Nodes, Weights]:
    return [node("Relu", ["h"], "a"), node("Mul", ["a", "c"], "b"), node("Sub", ["d", "b"])], {
        "c": rng.normal(size=6).astype(np.float32), "d": rng.normal(size=6).astype(np.float32)}


def classifier(rng: np.random.Generator) -> tuple[Nodes, Weights]:
    nodes = [node("LeakyRelu", ["h"], "a", alpha=0.1), node("Gemm", ["a", "w", "b"], "c", transB=1, alpha=0.5),
             node("Clip", ["c", "zero_f", "six"], "d"), node("MatMul", ["d", "v"], "e"),
             node("LogSoftmax", ["e"], axis=-1)]
    return nodes, {"w": rng.normal(size=(5, 6)).astype(np.float32), "b": rng.normal(size=5).astype(np.float32),
                   "v": rng.normal(size=(5, 4)).astype(np.float32), "zero_f": 0.0, "six": 6.0}


def residual(rng: np.random.Generator) -> tuple[Nodes, Weights]:
    """Branches that meet again on the host; a layer with quantized weights among them."""
    nodes = [node("MatMul", ["h", "w"], "a"), node("Sub", ["a", "h"], "b"), node("Relu", ["b"], "c"),
             node("DequantizeLinear", ["u", "step", "zero"], "v"), node("MatMul", ["c", "v"], "d"),
             node("Concat", ["h", "d", "a"], "e", axis=1), node("Softmax", ["e"], axis=1)]
    return nodes, {"w": rng.normal(size=(6, 6)).astype(np.float32), "u": rng.integers(-7, 8, (6, 6)).astype(np.int8)}


def ranked(rng: np.random.Generator) -> tuple[Nodes, Weights]:
    nodes = [node("MatMul", ["h", "w"], "a"), helper.make_node("TopK", ["a", "k"], ["best", "y"])]
    return nodes, {"w": rng.normal(size=(6, 5)).astype(np.float32), "k": [3]}


def map_head(rng: np.random.Generator) -> tuple[Nodes, Weights]:
    """Every op on maps, from a stream that lies channels last."""
    norm = {name: rng.uniform(0.5, 2, 4).astype(np.float32) for name in ("gamma", "beta", "mean", "variance")}
    nodes = [node("Conv", ["h", "w", "b"], "a", pads=[1, 0, 0, 1], strides=[1, 2], group=2),
             node("BatchNormalization", ["a", *norm], "n"), node("MaxPool", ["n"], "m", kernel_shape=[2, 1]),
             node("AveragePool", ["m"], "p", kernel_shape=[1, 2], pads=[0, 1, 0, 0], count_include_pad=1),
             node("Transpose", ["p"], "t", perm=[0, 2, 3, 1]), node("Flatten", ["t"], "f"),
             node("ReduceMean", ["n", "axes"], "g", keepdims=0), node("MatMul", ["g", "v"], "i"),
             node("Concat", ["f", "i"], axis=1)]
    return nodes, norm | {"axes": [2, 3], "w": rng.normal(size=(4, 1, 2, 2)).astype(np.float32),
                          "b": rng.normal(size=4).astype(np.float32), "v": rng.normal(size=(4, 3)).astype(np.float32)}


def sequence_head(rng: np.random.Generator) -> tuple[Nodes, Weights]:
    nodes = [node("Conv", ["h", "w"], "a", dilations=[2]), node("MaxPool", ["a"], "m", kernel_shape=[2]),
             node("Softmax", ["m"], axis=-1)]
    return nodes, {"w": rng.normal(size=(3, 2, 2)).astype(np.float32)}


CASES: dict[str, tuple[Callable[[np.random.Generator], tuple[Nodes, Weights]], tuple[int, ...]]] = {
    "scaled": (scaled, (6,)), "classifier": (classifier, (6,)), "residual": (residual, (6,)), "ranked": (ranked, (6,)),
    "map_head": (map_head, (2, 5, 4)), "sequence_head": (sequence_head, (2, 8))}


def decoded(graph: Graph, x: Any) -> dict[str, Any]:
    """The outputs of the integer model."""
    *_, (_, made) = lower(graph, TO_INTEGERS)
    return IntegerModel(made).predict({"x": x})


@pytest.mark.parametrize("name", CASES)
def test_tails(name: str, seed: int, tmp_path: Path) -> None:
    """Integer model, exact reference and float32 replay give what onnx.reference gives."""
    rng = np.random.default_rng(seed)
    build, shape = CASES[name]
    tail, weights = build(rng)
    made = model([*quantized("x", "h"), *tail], STEPS | weights, x=("N", *shape), opset=19)
    x = rng.normal(size=(5, *shape)).astype(np.float32)
    (expected,) = ReferenceEvaluator(made).run(None, {"x": x})
    graph = imported(made, tmp_path).graph
    (output,) = graph.outputs
    for found in (decoded(graph, x), exact.run(graph, {"x": x}).outputs, float32.run(graph, {"x": x}).outputs):
        np.testing.assert_allclose(found[output].reshape(expected.shape), expected, rtol=0, atol=2e-5)


@pytest.mark.parametrize("name", CASES)
def test_every_step_of_a_tail_counts(name: str, seed: int, tmp_path: Path) -> None:
    """Mutants: 8 less in the first element of any array moves the output beyond the tolerance above."""
    rng = np.random.default_rng(seed)
    build, shape = CASES[name]
    tail, weights = build(rng)
    made = model([*quantized("x", "h"), *tail], STEPS | weights, x=("N", *shape), opset=19)
    *_, (_, graph) = lower(imported(made, tmp_path).graph, TO_INTEGERS)
    network = IntegerModel(graph)
    (port,) = network.output_ports
    integers = network.run(network.encode({"x": 2 * rng.normal(size=(200, *shape))}))[port.value]
    for i, step in enumerate(port.decode.tail):
        for key in (k for k, v in step.arguments if isinstance(v, Tensor) and v.is_float and v.array.size > 1):
            array = np.array(step.call[2][key])
            array.flat[0] -= 8
            mutant = tuple((k, Tensor(array) if k == key else v) for k, v in step.arguments)
            steps = (*port.decode.tail[:i], replace(step, arguments=mutant), *port.decode.tail[i + 1:])
            wrong = replace(port, decode=replace(port.decode, tail=steps)).run(integers)
            assert np.abs(wrong - port.run(integers)).max() > 2e-5, (step.function, key)


def test_the_warning_names_the_layers_of_the_host(seed: int, tmp_path: Path) -> None:
    """All that have no circuit, those with quantized weights too."""
    tail, weights = residual(np.random.default_rng(seed))
    for i, layer in enumerate(n for n in tail if n.op_type == "MatMul"):
        layer.name = f"layer{i}"
    result = imported(model([*quantized("x", "h"), *tail], STEPS | weights, x=("N", 6)), tmp_path)
    assert result.warnings == ("the host computes layer0, layer1 and what follows, in numpy: float weights have no "
                               "circuit",)
    *_, (_, made) = lower(result.graph, TO_INTEGERS)
    (port,) = IntegerModel(made).output_ports
    assert port.origin == ("layer0", "sub_node", "relu_node", "layer1", "concat_node", "softmax_node")


def test_what_no_output_needs_reads_nothing(seed: int, tmp_path: Path) -> None:
    """onnxruntime quantizes the values of a TopK whose indices alone are an output."""
    tail, weights = ranked(np.random.default_rng(seed))
    made = model([*quantized("x", "h"), *tail, *quantized("best", "unused")], STEPS | weights, x=("N", 6))
    plain = model([*quantized("x", "h"), *tail], STEPS | weights, x=("N", 6))
    assert imported(made, tmp_path).graph == imported(plain, tmp_path).graph


def test_one_output_of_the_hardware_and_one_of_the_host(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    nodes = [*quantized("x", "h"), node("MatMul", ["h", "w"], "a"), node("Relu", ["h"], "r"), *quantized("r", "y")]
    made = model(nodes, STEPS | {"w": rng.normal(size=(4, 3)).astype(np.float32)}, outputs=("y", "a"),
                 opset=19)
    x = rng.normal(size=(6, 4)).astype(np.float32)
    found = decoded(imported(made, tmp_path).graph, x)
    for name, expected in zip(("y", "a"), ReferenceEvaluator(made).run(None, {"x": x}), strict=True):
        np.testing.assert_allclose(found[name], expected, rtol=0, atol=1e-5)


def test_two_streams_do_not_meet_on_the_host(tmp_path: Path) -> None:
    weights = {"w": np.full((4, 4), 0.3, np.float32), "u": np.ones((4, 4), np.int8)}
    nodes = [*quantized("x", "h"), node("DequantizeLinear", ["u", "step", "zero"], "v"),
             node("MatMul", ["h", "v"], "a"), *quantized("a", "b"), node("MatMul", ["b", "w"], "c"),
             node("Add", ["c", "h"])]
    graph = imported(model(nodes, STEPS | weights), tmp_path).graph
    with pytest.raises(HwgenError) as error:
        decoded(graph, np.zeros((1, 4), np.float32))
    assert str(error.value) == ("host-tail: add_node: it joins values of two streams after an op that only the host "
                                "computes. Join the values before that op, or make them two outputs of the model.")
