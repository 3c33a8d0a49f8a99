"""Convolutional networks: integer activations of Brevitas and others, through both references and the lowering."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwgen.frontend import load
from hwgen.ir.graph import Graph
from hwgen.ir.tensor import Array
from hwgen.model import IntegerModel
from hwgen.ops.quantized import Quant
from hwgen.passes.pipeline import PASSES
from hwgen.reference import exact, float32

CNN = ["0", "3", "5"]
ACT = ["f.0", "f.3.1", "f.6.1"]
TUD = ["input", "relu1", "relu2", "relu3"]
"""Activation quantizers in graph order: a module with act_quant, or a whole key; None has no key of its own."""
MODULES: dict[str, list[str | None]] = {
    "act_hardtanh": ["f.0", "f.3.0", "f.6.0"], "act_leaky": ACT, "act_relu6": ACT, "cnn_bias_Int32Bias": CNN,
    "cnn_bias_Int8Bias": CNN, "cnn_binw_avescale_a4": CNN, "cnn_constscale": CNN, "cnn_dpuround_act": CNN,
    "cnn_fixed8_pot": CNN, "cnn_log2scale_act": CNN, "cnn_perch_Int16Bias": CNN, "cnn_perch_w4a4": CNN,
    "cnn_ternaryquant_a4": CNN, "cnn_truncavgpool_floor": ["f.0", "f.3", "f.4.trunc_quant"],
    "cnn_truncavgpool_round": ["f.0", "f.3", "f.4.trunc_quant"], "cnn_w1a1_tud": TUD, "cnn_w8a8_tud": TUD,
    "concat_unequal": ["i", "stem.q", "a.q", "b.q", "c.q", "j.q"],
    "dwsep_k5s2": ["i", "a.q", "d.q", "p.q", "d2.q", "p2.q"],
    "lenet_lowprec_w3a4b8": ["quant_inp", "relu1", "relu2", "relu3", "relu4"],
    "mobblock_w4a4": ["f.0", "f.3", "f.6", "f.9", "f.12", "f.13.trunc_quant"],
}
FILES = ["model_qonnx.onnx", "model_qonnx_ts.onnx"]
FLOAT32_NOISE = 1e-5
"""The golden outputs carry float32 rounding; every activation is compared on its own."""


def expected(data: Any, module: str) -> Array:
    """The integers of one activation quantizer."""
    keys = (f"inter/{module}.act_quant.int", f"inter/{module}.int")
    return np.asarray(data[next(key for key in keys if key in data)])


def lowered(graph: Graph) -> IntegerModel:
    """The integer model of the passes up to narrow-types."""
    for name, run in PASSES:
        graph = run(graph)
        if name == "narrow-types":
            break
    return IntegerModel(graph)


def model_integers(graph: Graph, x: Array) -> dict[str, Array]:
    """Every integer value by the integer model, maps channels first as in the foreign graph."""
    model = lowered(graph)
    values = model.activations(model.encode({graph.inputs[0]: x}))
    return {name: np.moveaxis(a, -1, 1) if a.ndim == 4 else a for name, a in values.items()}


def assert_lowering(graph: Graph, x: Array, integers: dict[str, Array]) -> None:
    """The integer model's activations are the reference's."""
    found = model_integers(graph, x)
    for name, values in integers.items():
        np.testing.assert_array_equal(found[name].reshape(values.shape), values, err_msg=name)


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("name", MODULES)
def test_brevitas_activations(name: str, file: str, models: Path) -> None:
    """Every activation quantizer's integers: exact reference, float32 replay and integer model."""
    data = np.load(models / "brevitas" / name / "golden.npz")
    graph = load(models / "brevitas" / name / file).graph
    result = exact.run(graph, {graph.inputs[0]: data["input"]})
    replay = float32.run(graph, {graph.inputs[0]: data["input"]})
    assert len(result.integers) == len(MODULES[name])
    for value, module in zip(result.integers, MODULES[name], strict=True):
        golden = expected(data, str(module))
        np.testing.assert_array_equal(result.integers[value], golden.reshape(result.integers[value].shape), module)
        np.testing.assert_array_equal(replay.integers[value], result.integers[value], module)
    found = result.outputs[graph.outputs[0]]
    np.testing.assert_allclose(found, data["output"].reshape(found.shape), rtol=0, atol=FLOAT32_NOISE)
    assert_lowering(graph, data["input"], dict(result.integers))
