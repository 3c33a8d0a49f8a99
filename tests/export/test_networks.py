"""Every real network through the targets' own runtimes, as matrix.toml states it."""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from hwgen.errors import HwgenError
from hwgen.export import finn, qdq, qonnx, qop
from hwgen.export.engines import onnxruntime
from hwgen.export.engines import qonnx as executor
from hwgen.frontend import load
from hwgen.ir.graph import Graph
from hwgen.model import IntegerModel
from hwgen.ops.quantized import Quant
from hwgen.ops.quantized_maps import Trunc
from hwgen.passes.pipeline import integers_of
from hwgen.reference import float32
from hwgen.verification import NEAR_TIE
from tests.conftest import need_package
from tests.e2e.test_zoo import VERDICTS
from tests.export.matrix import Network, networks, parameters
from tests.export.running import differences, inputs_of, wrong

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
    "tconv_autoenc_w4a4": {"scale": 1, "float32": 3, "search": 1},
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


@pytest.mark.parametrize("network", parameters())
@pytest.mark.parametrize(("name", "forms"), [("qdq", QDQ), ("qop", QOP)], ids=["qdq", "qop"])
def test_in_onnxruntime(name: str, forms: dict[str, dict[str, int]], network: Network, models: Path, seed: int) -> None:
    """With its optimiser and without it; bytes included."""
    need_package("onnxruntime")
    graph = integers_of(network.graph(models))
    try:
        exported = {"qdq": qdq, "qop": qop}[name].export(graph)
    except HwgenError as error:
        assert error.code == network.verdicts[name]
        return
    inputs = inputs_of(graph, 6, seed, network.inputs(models))
    for optimised in (True, False):
        assert differences(graph, exported, inputs, partial(onnxruntime, optimised=optimised)) == {}
    assert network.verdicts[name] == "exact"
    assert Counter(exported.forms.values()) == forms.get(network.id, Counter(exported.forms.values()))


@pytest.mark.parametrize("network", parameters())
def test_finn_in_qonnx(network: Network, models: Path, seed: int) -> None:
    need_package("qonnx")
    graph = integers_of(network.graph(models))
    try:
        exported = finn.export(graph)
    except HwgenError as error:
        assert error.code == network.verdicts["finn"]
        return
    assert differences(graph, exported, inputs_of(graph, 2, seed, network.inputs(models)[:2]), executor) == {}
    assert network.verdicts["finn"] == "exact"


@pytest.mark.parametrize("network", parameters())
def test_qonnx_in_qonnx(network: Network, models: Path, tmp_path: Path, seed: int) -> None:
    """Also read again, which gives back the integers of the first reading whatever a float32 executor decides."""
    need_package("qonnx")
    quantized = network.graph(models)
    try:
        made = qonnx.export(quantized)
    except HwgenError as error:
        assert error.code == network.verdicts["qonnx"]
        return
    graph = integers_of(quantized)
    real, random = {graph_input(graph): network.inputs(models)}, inputs_of(graph, 3, seed)
    decided = [decisions(quantized, graph, made, inputs) for inputs in (real, random)]
    assert decided[0] == (0, 0) and decided[1][1] == 0
    assert network.verdicts["qonnx"] == "exact"
    onnx.save(made, tmp_path / "model.onnx")
    again = IntegerModel(integers_of(load(tmp_path / "model.onnx").graph))
    for inputs in (real, random):
        for name, y in IntegerModel(graph).predict(inputs).items():
            assert np.array_equal(again.predict(inputs)[name], y)


def graph_input(graph: Graph) -> str:
    (port,) = IntegerModel(graph).input_ports
    return port.name


def decisions(quantized: Graph, graph: Graph, made: onnx.ModelProto, inputs: dict[str, Any]) -> tuple[int, int]:
    """Integers that qonnx's executor decides otherwise, and those of them that are no near ties.

    Only the first quantizer of each frame where any differ counts: what follows has other inputs. In frames without
    any, the outputs have to agree.
    """
    model = IntegerModel(graph)
    wanted, distances = model.activations(model.encode(inputs)), float32.run(quantized, inputs).distances
    nodes = [node for node in quantized.nodes if isinstance(node.op, Quant | Trunc) and node.outputs[0] in wanted]
    found = executor(made, inputs, [node.outputs[0] for node in nodes])
    same = np.ones(len(next(iter(inputs.values()))), dtype=bool)
    otherwise = far = 0
    for node in nodes:
        name, integers = node.outputs[0], integers_behind(node.op, found[node.outputs[0]])
        due = graph.in_imported_order(name, wanted[name]).reshape(integers.shape)
        differ = (integers != due) & same.reshape(-1, *(1,) * (integers.ndim - 1))
        otherwise += int(differ.sum())
        far += int((differ & (distances[name].reshape(integers.shape) >= NEAR_TIE)).sum())
        same &= ~differ.reshape(len(differ), -1).any(axis=1)
    for port in model.output_ports:
        far += int(wrong(port, found[port.name], port.run(wanted[port.value]))[same].sum())
    return otherwise, far


def integers_behind(op: Quant | Trunc, reals: Any) -> Any:
    """The integers that a quantizer's reals stand for."""
    scale, zero = (op.scale, op.zero_point) if isinstance(op, Quant) else (op.out_scale, op.out_zero_point)
    return np.rint(reals.astype(np.float64) / scale.array.astype(np.float64) + zero.array.astype(np.float64))


def test_every_network_has_a_row(models: Path) -> None:
    """Of each folder of brevitas/ the QONNX file, of the others every file; but those that hwgen does not read."""
    rows = {network.path for network in networks()}
    folders = {Path(path).parent for path in rows if path.startswith("brevitas/")}
    for path, verdict in VERDICTS.items():
        covered = Path(path).parent in folders and "ort_qop" not in path
        assert path in rows or covered or verdict.startswith("refused") or path == "metafi/step_tidy_up.onnx", path
    assert len(rows) == len(networks()) and rows <= set(VERDICTS)
