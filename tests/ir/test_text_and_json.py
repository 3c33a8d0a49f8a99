"""The IR's text is one line a node and says everything; its JSON form reads back equal, and nothing else is read."""

from __future__ import annotations

import json

import numpy as np
import pytest

from hwgen.errors import HwgenError
from hwgen.ir.graph import Graph, GraphBuilder, Level, Value
from hwgen.ir.json import graph_from_json, graph_to_json
from hwgen.ir.tensor import Tensor
from hwgen.ir.text import graph_text
from hwgen.ir.types import BIPOLAR, REAL, IntType
from hwgen.ops.concat import Concat
from hwgen.ops.matmul import MatMul
from hwgen.ops.quantized import Relu
from hwgen.ops.quantized_maps import Concat as QuantizedConcat
from hwgen.passes.canonicalise import canonicalise
from hwgen.passes.fold_scales import fold_scales
from hwgen.passes.thresholds import thresholds
from tests.networks import random_mlp


@pytest.fixture
def quantized(seed: int) -> Graph:
    return random_mlp(np.random.default_rng(seed), (5, 4, 3))


def integer(weights: np.ndarray) -> Graph:
    builder = GraphBuilder("net", Level.INTEGER)
    builder.add_input(Value("x", (weights.shape[1],), IntType(0, 3)))
    op = MatMul(Tensor(weights), IntType(int(weights.min()), int(weights.max())))
    builder.add("fc", op, ["x"], ["y"], origin=("Gemm 1",))
    return builder.build(["y"])


def test_every_node_has_one_line_with_its_values_and_origin() -> None:
    text = graph_text(integer(np.array([[1, -2]])))
    assert "y: int4{-6..3}[1] = MatMul(weight=tensor[1x2]#" in text
    assert text.endswith("output y: int4{-6..3}[1]\n")
    assert '  # fc <- "Gemm 1"' in text
    assert len(text.splitlines()) == 4


def test_a_name_cannot_break_a_line() -> None:
    builder = GraphBuilder("evil\nname", Level.QUANTIZED)
    builder.add_input(Value("x\ny", (1,), REAL))
    builder.add("n", Relu(), ["x\ny"], ["out"])
    lines = graph_text(builder.build(["out"])).splitlines()
    assert lines[0] == r'graph "evil\nname" level quantized'
    assert len(lines) == 4


def test_the_text_tells_two_graphs_apart_by_one_weight() -> None:
    assert graph_text(integer(np.array([[1, -2]]))) != graph_text(integer(np.array([[1, -1]])))


def test_classes_of_one_name_are_told_apart() -> None:
    """Concat is an op of the quantized level and one of the integer level."""
    graphs = []
    for level, op, kind in ((Level.QUANTIZED, QuantizedConcat(), REAL), (Level.INTEGER, Concat(), IntType(0, 3))):
        builder = GraphBuilder("net", level)
        shape = (2, 1, 1) if level is Level.QUANTIZED else (1, 1, 2)
        builder.add_input(Value("x", shape, kind))
        builder.add("both", op, ["x", "x"], ["y"])
        graphs.append(builder.build(["y"]))
    assert [graph_from_json(graph_to_json(graph)) for graph in graphs] == graphs


@pytest.mark.parametrize("stage", [fold_scales, lambda graph: thresholds(fold_scales(graph))])
def test_json_reads_back_equal(quantized: Graph, stage: object) -> None:
    graph = stage(canonicalise(quantized))  # type: ignore[operator]
    assert graph_from_json(graph_to_json(graph)) == graph


@pytest.mark.parametrize("low, high", [(-1, 1), (-300, 300), (-(1 << 40), 1 << 40), (-(1 << 70), 1 << 70)])
def test_json_keeps_integers_of_any_width(low: int, high: int) -> None:
    graph = integer(Tensor.of_ints([low, high], (1, 2)).array)
    assert graph_from_json(graph_to_json(graph)) == graph


def test_json_keeps_bipolar_apart_from_the_interval() -> None:
    builder = GraphBuilder("net", Level.INTEGER)
    builder.add_input(Value("x", (1,), BIPOLAR))
    graph = builder.build(["x"])
    assert graph_from_json(graph_to_json(graph)).values["x"].type == BIPOLAR


@pytest.mark.parametrize("text", [
    "", "{}", "[]", '{"format": 2}', '{"format": 1, "graph": {}}', '{"format": 2, "graph": {"$": "os"}}',
    '{"format": 2, "graph": {"$": "Path", "name": "x"}}', '{"format": 2, "graph": 7}',
    '{"format": 2, "graph": {"$": "errors.HwgenError", "code": "x"}}',
    '{"format": 2, "graph": {"$": "ir.graph.Graph", "nam": "x"}}',
])
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(HwgenError) as caught:
        graph_from_json(text, "graph.json")
    assert caught.value.code == "bad-graph-file"


def test_a_tensor_with_too_few_bytes_is_refused() -> None:
    document = json.loads(graph_to_json(integer(np.array([[1, -2]]))))
    document["graph"]["nodes"][0]["op"]["weight"]["shape"] = [2, 2]
    with pytest.raises(HwgenError, match="bad-graph-file"):
        graph_from_json(json.dumps(document))
