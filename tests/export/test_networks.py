"""Real networks through the targets' own runtimes: every integer between two layers is the integer model's."""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from hwgen.export import finn, qdq, qop
from hwgen.export.engines import onnxruntime, qonnx
from hwgen.export.targets import integers_of
from hwgen.frontend import load
from hwgen.ir.graph import Graph
from tests.conftest import need_package
from tests.export.running import differences, inputs_of

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

QDQ = {
    "lenet_lowprec_w3a4b8": {"scale": 1, "float32": 4}, "lenet_dpu_fixed8": {"scale": 1, "float32": 9},
    "lenet_mixed_onnx": {"scale": 1, "float32": 2, "float64": 3},
    "lenet_mixed_pt": {"scale": 1, "float32": 2, "float64": 3},
    "cnn_w8a8_tud": {"scale": 1, "float64": 3}, "cnn_perch_w4a4": {"scale": 1, "float32": 2},
    "mlp_bn_w4a4": {"scale": 1, "float32": 3}, "resblock_w4a4": {"scale": 1, "float32": 7},
    "mobblock_w4a4": {"scale": 1, "float32": 5},
    "act_gelu": {"scale": 1, "comparisons": 2}, "cnn_asym_wu8_au8": {"scale": 1, "float32": 1, "float64": 1},
    "cnn_w1a1_tud": {"scale": 1, "float32": 3}, "concat_unequal": {"scale": 1, "float32": 4, "comparisons": 1},
    "conv1d_w4a4": {"scale": 1, "float32": 2}, "dwsep_k5s2": {"scale": 1, "float32": 5},
    "tconv_autoenc_w4a4": {"scale": 1, "float32": 3, "comparisons": 1},
    "mlp_bipolar_w1a1_const": {"comparisons": 1, "float32": 2}}
"""What computes the layers: the certificate finds float32 constants for 4-bit and power-of-two networks."""
QOP = {
    "lenet_lowprec_w3a4b8": {"scale": 1, "QLinearConv": 4},
    "lenet_dpu_fixed8": {"scale": 1, "QLinearConv": 4, "float32": 4, "QLinearMatMul": 1},
    "lenet_mixed_onnx": {"scale": 1, "float32": 2, "float64": 3}, "cnn_w8a8_tud": {"scale": 1, "float64": 3},
    "cnn_perch_w4a4": {"scale": 1, "float32": 2}, "mlp_bn_w4a4": {"scale": 1, "float32": 3},
    "resblock_w4a4": {"scale": 1, "float32": 6, "QLinearConv": 1},
    "mobblock_w4a4": {"scale": 1, "float32": 4, "QLinearConv": 1},
    "cnn_asym_wu8_au8": {"scale": 1, "float64": 1, "QLinearConv": 1}, "act_gelu": {"scale": 1, "comparisons": 2}}
FINN = ["lenet_lowprec_w3a4b8", "cnn_fixed8_pot", "cnn_perch_w4a4", "mlp_bn_w4a4", "resblock_w4a4", "mobblock_w4a4",
        "act_gelu", "cnn_asym_wu8_au8", "conv1d_w4a4", "mlp_bipolar_w1a1_const", "concat_w4a4"]


def network(models: Path, name: str) -> tuple[Graph, dict[str, np.ndarray]]:
    folder = models / "brevitas" / name
    fixed = folder / "model_qonnx_fixed.onnx"
    graph = integers_of(load(fixed if fixed.exists() else folder / "model_qonnx.onnx").graph)
    return graph, np.load(folder / "golden.npz")["input"]


@pytest.mark.parametrize("name", QDQ)
def test_qdq_in_onnxruntime(name: str, models: Path, seed: int) -> None:
    """With its optimiser and without it, on random inputs and the golden images: no difference at all."""
    need_package("onnxruntime")
    graph, golden = network(models, name)
    exported = qdq.export(graph)
    inputs = inputs_of(graph, 6, seed, golden[:6])
    for optimised in (True, False):
        assert differences(graph, exported, inputs, partial(onnxruntime, optimised=optimised)) == {}
    assert Counter(exported.forms.values()) == QDQ[name]


@pytest.mark.parametrize("name", QOP)
def test_qop_in_onnxruntime(name: str, models: Path, seed: int) -> None:
    """The same, bytes included."""
    need_package("onnxruntime")
    graph, golden = network(models, name)
    exported = qop.export(graph)
    inputs = inputs_of(graph, 6, seed, golden[:6])
    for optimised in (True, False):
        assert differences(graph, exported, inputs, partial(onnxruntime, optimised=optimised)) == {}
    assert Counter(exported.forms.values()) == QOP[name]


@pytest.mark.parametrize("name", FINN)
def test_finn_in_qonnx(name: str, models: Path, seed: int) -> None:
    need_package("qonnx")
    graph, golden = network(models, name)
    assert differences(graph, finn.export(graph), inputs_of(graph, 2, seed, golden[:2]), qonnx) == {}
