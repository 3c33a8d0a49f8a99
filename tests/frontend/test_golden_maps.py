"""Convolutional networks: integer activations of Brevitas and others, through both references and the lowering."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwgen.errors import HwgenError
from hwgen.frontend import ImportOptions, load
from hwgen.ir.graph import Graph
from hwgen.ir.tensor import Array
from hwgen.model import IntegerModel
from hwgen.ops.quantized import Dense, Quant
from hwgen.ops.quantized_layout import ConvTranspose
from hwgen.ops.quantized_maps import Conv
from hwgen.passes.pipeline import PASSES
from hwgen.reference import exact, float32

CNN = ["0", "3", "5"]
ACT = ["f.0", "f.3.1", "f.6.1"]
INNER = ["f.0", "f.3.0", "f.6.0"]
MIXED = ["conv1.input_quant", "conv1.output_quant", "conv2.output_quant", "fc1.output_quant"]
TUD = ["input", "relu1", "relu2", "relu3"]
"""Activation quantizers in graph order: a module with act_quant, or a whole key; :i is the i-th of two calls a frame.
None has no key of its own."""
MODULES: Mapping[str, Sequence[str | None]] = {
    "act_hardtanh": INNER, "act_sigmoid": INNER, "act_leaky": ACT, "act_relu6": ACT, "act_gelu": ACT,
    "act_gelu_const": ACT, "cnn_a2q_p14": CNN, "cnn_floor_weight": CNN, "cnn_bias_Int32Bias": CNN,
    "cnn_bias_Int8Bias": CNN, "cnn_asym_wu8_au8": CNN, "cnn_binw_avescale_a4": CNN, "cnn_constscale": CNN,
    "cnn_dpuround_act": CNN,
    "cnn_fixed8_pot": CNN, "cnn_log2scale_act": CNN, "cnn_perch_Int16Bias": CNN, "cnn_perch_w4a4": CNN,
    "cnn_ternaryquant_a4": CNN, "cnn_truncavgpool_floor": ["f.0", "f.3", "f.4.trunc_quant"],
    "cnn_truncavgpool_round": ["f.0", "f.3", "f.4.trunc_quant"], "cnn_w1a1_tud": TUD, "cnn_w8a8_tud": TUD,
    "conv1d_w4a4": ["f.0", "f.3", "f.6"], "concat_w4a4": ["inp", None, None, "cat.output_quant", "t.2"],
    "concat_unequal": ["i", "stem.q", "a.q", "b.q", "c.q", "j.q"],
    "dwsep_k5s2": ["i", "a.q", "d.q", "p.q", "d2.q", "p2.q"],
    "lenet_mixed_onnx": MIXED, "lenet_mixed_pt": MIXED, "mlp_bn_w4a4": ["f.0", "f.3", "f.6", "f.9"],
    "mlp_bipolar_w1a1_const": ["inp", "l.0.2", "l.1.2"],
    "tconv_autoenc_w4a4": ["f.0", "f.3", "f.6", "f.9", "f.11"],
    "lenet_lowprec_w3a4b8": ["quant_inp", "relu1", "relu2", "relu3", "relu4"],
    "mobblock_w4a4": ["f.0", "f.3", "f.6", "f.9", "f.12", "f.13.trunc_quant"],
    "resblock_unequal": ["i", "stem.q", "b1.0.q", "q2.0", "qs.0", "qo.0"],
    "resblock_w4a4": ["inp", "stem.2", "r1", "add.input_quant:0", "add.input_quant:1", "add.output_quant", "r2",
                      "gap.trunc_quant"],
    "lenet_dpu_fixed8": ["conv1.input_quant", "conv1.output_quant", "conv2.output_quant", "fc1.output_quant",
                         "fc2.output_quant", "fc3.output_quant"],
}
FIXED, QONNX, TORCHSCRIPT, QCDQ = (f"model_{name}.onnx" for name in ("qonnx_fixed", "qonnx", "qonnx_ts", "qcdq"))
REFUSED = "lenet_weightonly_w3"
WARNINGS: Mapping[tuple[str, str], str] = {
    **{(name, file): "if they were trained with FLOOR or A2Q" for name in ("cnn_a2q_p14", "cnn_floor_weight")
       for file in (QONNX, TORCHSCRIPT)},
    **{(name, QCDQ): "quantizes an average pool" for name in ("cnn_truncavgpool_floor", "cnn_truncavgpool_round",
                                                              "mobblock_w4a4", "resblock_w4a4")},
    **{("cnn_w1a1_tud", file): "BipolarQuant of a value that is never negative is read as an unsigned 1-bit"
       for file in (QONNX, TORCHSCRIPT)},
    ("cnn_asym_wu8_au8", QCDQ): "adds its odd zero point after the rounding"}
"""Known faults of the files, and what the importer says of each."""
READ_RIGHT = {"cnn_w1a1_tud", "cnn_truncavgpool_round"}
WRONG = {case for case in WARNINGS if case[0] not in READ_RIGHT}
LOST_TRUNC = {case for case in WARNINGS if "average pool" in WARNINGS[case]}
"""Right up to the plain quantizer in the place of Trunc (cnn_truncavgpool_round: there too, float32 misses ties)."""
FLOAT32_NOISE = 1e-5
"""The golden outputs carry float32 rounding; every activation is compared on its own."""


def files_of(folder: Path) -> list[str]:
    """The files of a model that hwgen has to read."""
    return sorted(path.name for path in folder.glob("model_*.onnx"))


def expected(data: Any, module: str) -> Array:
    """The integers of one activation quantizer."""
    name, _, call = module.partition(":")
    keys = (f"inter/{name}.act_quant.int", f"inter/{name}.int")
    found = np.asarray(data[next(key for key in keys if key in data)])
    return found[int(call)::2] if call else found


def lowered(graph: Graph) -> IntegerModel:
    """The integer model of the passes up to narrow-types."""
    for name, run in PASSES:
        graph = run(graph)
        if name == "narrow-types":
            break
    return IntegerModel(graph)


def model_integers(graph: Graph, x: Array) -> dict[str, Array]:
    """Every integer value by the integer model, in the order and, where it is known, the shape of the foreign graph."""
    model = lowered(graph)
    return in_imported_form(graph, model.graph, model.activations(model.encode({graph.inputs[0]: x})))


def in_imported_form(imported: Graph, made: Graph, integers: Mapping[str, Array]) -> dict[str, Array]:
    """(frames, *shape) integers as the foreign graph lays them."""
    shapes = {name: imported.values[name].shape if name in imported.values else a.shape[1:]
              for name, a in integers.items()}
    return {name: made.in_imported_order(name, a).reshape(len(a), *shapes[name]) for name, a in integers.items()}


def assert_lowering(graph: Graph, x: Array, integers: dict[str, Array], output: Array | None = None) -> None:
    """The integer model's activations are the reference's, and its decoded output too, but for the last float32 bit."""
    model = lowered(graph)
    values = model.activations(model.encode({graph.inputs[0]: x}))
    found = in_imported_form(graph, model.graph, values)
    for name, expected in integers.items():
        np.testing.assert_array_equal(found[name].reshape(expected.shape), expected, err_msg=name)
    if output is not None:
        np.testing.assert_allclose(model.decode(values)[graph.outputs[0]], output, rtol=0, atol=FLOAT32_NOISE / 10)


def weights_differ(data: Any, graph: Graph) -> int:
    """How many of the golden weight tensors no layer of the graph has."""
    found = [node.op.weight.array for node in graph.nodes if isinstance(node.op, Dense | Conv)]
    found += [node.op.weight.array.swapaxes(0, 1) for node in graph.nodes if isinstance(node.op, ConvTranspose)]
    golden = [data[key] for key in data if key.startswith("param/") and key.endswith(".weight.int")]
    return sum(all(w.size != g.size or np.any(w.reshape(g.shape) != g) for w in found) for g in golden)


@pytest.mark.parametrize("name", MODULES)
def test_brevitas_activations(name: str, models: Path) -> None:
    """Every activation quantizer's integers, for each file: exact reference, float32 replay and integer model.

    No difference at all: the near-tie rule of the issue is not needed. Outputs to 1e-5, weights to the integer.
    """
    folder = models / "brevitas" / name
    data = np.load(folder / "golden.npz")
    for file in files_of(folder):
        if (name, file) in WRONG - LOST_TRUNC:
            continue
        graph = load(folder / file).graph
        result = exact.run(graph, {graph.inputs[0]: data["input"]})
        replay = float32.run(graph, {graph.inputs[0]: data["input"]})
        lost = (name, file) in LOST_TRUNC
        pairs = list(zip(result.integers, MODULES[name], strict=True))[:-1 if lost else None]
        for value, module in pairs:
            np.testing.assert_array_equal(replay.integers[value], result.integers[value], f"{file}: {module or value}")
            if module is not None:
                golden = expected(data, module).reshape(result.integers[value].shape)
                np.testing.assert_array_equal(result.integers[value], golden, f"{file}: {module}")
        found = result.outputs[graph.outputs[0]]
        if not lost:
            np.testing.assert_allclose(found, data["output"].reshape(found.shape), rtol=0, atol=FLOAT32_NOISE)
        assert weights_differ(data, graph) == 0, file
        assert_lowering(graph, data["input"], dict(result.integers), found)


@pytest.mark.parametrize(("name", "file"), WARNINGS)
def test_known_faults_are_named(name: str, file: str, models: Path) -> None:
    """Files that lost what was trained are warned about; what is wrong in them shows against the golden values."""
    folder = models / "brevitas" / name
    data = np.load(folder / "golden.npz")
    result = load(folder / file)
    assert sum(WARNINGS[name, file] in warning for warning in result.warnings) == 1
    found = exact.run(result.graph, {result.graph.inputs[0]: data["input"][:4]}).outputs[result.graph.outputs[0]]
    wrong = np.abs(found - data["output"][:4].reshape(found.shape)).max() > FLOAT32_NOISE
    assert wrong == ((name, file) in WRONG)


def test_weights_only(models: Path) -> None:
    for file in files_of(models / "brevitas" / REFUSED):
        with pytest.raises(HwgenError, match=r"no-quantizers: .* it quantizes its weights, but not its activations"):
            load(models / "brevitas" / REFUSED / file)


def test_number_of_compared_quantizers(models: Path) -> None:
    """What the tests above compare: no model, file or quantizer drops out unseen."""
    folders = {path.parent.name for path in (models / "brevitas").glob("*/meta.json")}
    assert folders == {*MODULES, REFUSED} and len(folders) == 38
    files = [(name, file) for name in MODULES for file in files_of(models / "brevitas" / name)]
    compared = [(name, module) for name, file in files if (name, file) not in WRONG - LOST_TRUNC
                for module in MODULES[name][:-1 if (name, file) in LOST_TRUNC else None] if module is not None]
    assert (len(MODULES), len(files), len(compared)) == (37, 109, 395)
    assert sum(module is not None for modules in MODULES.values() for module in modules) == 140


@pytest.mark.parametrize("name", ["QDQ_pt", "QDQ_pc"])
def test_onnxruntime_qdq(name: str, models: Path) -> None:
    """onnxruntime's output: to the bit by the float32 replay, and by the exact reference all integers of the replay.

    The input lies on ties of its quantizer, but for the last bits, which float32 drops (hwgen.reference.host).
    """
    folder = models / "brevitas" / "ort_qop_lenet"
    data = np.load(folder / f"{name}_golden.npz")
    graph = load(folder / f"{name}.onnx").graph
    replay = float32.run(graph, {graph.inputs[0]: data["input"]})
    np.testing.assert_array_equal(replay.outputs[graph.outputs[0]], data["output"])
    result = exact.run(graph, {graph.inputs[0]: data["input"]})
    for value, integers in result.integers.items():
        np.testing.assert_array_equal(integers, replay.integers[value], value)
    assert_lowering(graph, data["input"], dict(result.integers))


@pytest.mark.parametrize("name", ["cnvW1A1", "cnvW2A2"])
def test_cnv_logits(name: str, models: Path) -> None:
    """Integer logits of the trained CIFAR-10 networks: equal, and by the integer model too."""
    data = np.load(models / "bnn-pynq" / f"{name}_cifar10_golden20.npz")
    graph = load(models / "bnn-pynq" / f"{name}_cifar10_int.onnx").graph
    result = exact.run(graph, {graph.inputs[0]: data["x"][:4]})
    np.testing.assert_array_equal(result.outputs[graph.outputs[0]], data["y"][:4])
    model = lowered(graph)
    np.testing.assert_array_equal(model.predict({graph.inputs[0]: data["x"]})[graph.outputs[0]], data["y"])
    found = in_imported_form(graph, model.graph, model.activations(model.encode({graph.inputs[0]: data["x"][:2]})))
    for value, integers in result.integers.items():
        np.testing.assert_array_equal(found[value].reshape(integers[:2].shape), integers[:2], err_msg=value)


@pytest.mark.parametrize("name", ["w2_po2", "w2_po2_raw"])
def test_power_of_two_lenet(name: str, models: Path) -> None:
    """float32 is exact there: no difference at all."""
    graph = load(models / "workloads" / f"{name}.onnx").graph
    x = np.load(models / "workloads" / "w2_po2_x.npy")
    result = exact.run(graph, {graph.inputs[0]: x})
    np.testing.assert_array_equal(result.outputs[graph.outputs[0]], np.load(models / "workloads" / "w2_po2_ref.npy"))
    assert_lowering(graph, x, dict(result.integers))


def test_metafi_activations(models: Path) -> None:
    """32 convolutions, 12 sums: the first frame at each of its 54 activation quantizers.

    The golden file is float32; a difference must start at a near-tie of the replay, and be rarer than 1 in 10,000.
    """
    data = np.load(models / "metafi" / "metafi_signed_golden.npz")
    graph = load(models / "metafi" / "metafi_signed.onnx").graph
    result = exact.run(graph, {graph.inputs[0]: data["x"][:1]})
    steps = {node.outputs[0]: node.op.scale.array for node in graph.nodes if isinstance(node.op, Quant)}
    wrong = {value: int((np.round(data[f"act/{value}"] / steps[value]) != integers).sum())
             for value, integers in result.integers.items()}
    assert len(wrong) == 54 and {f"act/{value}" for value in wrong} == {key for key in data if key.startswith("act/")}
    assert sum(wrong.values()) <= sum(q.size for q in result.integers.values()) // 10_000
    first = next(value for value, count in wrong.items() if count)
    replay = float32.run(graph, {graph.inputs[0]: data["x"][:1]})
    there = np.round(data[f"act/{first}"] / steps[first]) != result.integers[first]
    assert replay.distances[first][there].max() < 1e-3
    assert_lowering(graph, data["x"][:1], dict(result.integers))


def test_metafi_at_a_reduced_size(models: Path, seed: int) -> None:
    """--input-shape: every size in the network follows, and every integer is the exact reference's."""
    options = ImportOptions(input_shapes={None: (1, 6, 22, 18)})
    graph = load(models / "metafi" / "metafi_signed.onnx", options).graph
    x = np.random.default_rng(seed).normal(size=(2, 6, 22, 18)).astype(np.float32)
    result = exact.run(graph, {graph.inputs[0]: x})
    assert len(result.integers) == 54 and graph.values[graph.outputs[0]].shape == (1, 1)
    assert_lowering(graph, x, dict(result.integers), result.outputs[graph.outputs[0]])
    with pytest.raises(HwgenError, match=r"--input-shape changes the sizes .* own \(global_in \[1, 6, 38, 114\]\)"):
        load(models / "metafi" / "metafi_signed.onnx", ImportOptions(input_shapes={None: (1, 6, 16, 32)}))


def test_super_resolution(models: Path) -> None:
    """5 quantizers, 2.9 million activations: the float32 replay differs from the integer model first at near-ties.

    Which side of them float32 takes depends on the order of a sum, and so on the processor. The golden pixels took
    the other side at some: they differ from the integer model within the reach of near-ties, and nowhere else.
    """
    data = np.load(models / "superres" / "espcn_golden.npz")
    graph = load(models / "superres" / "espcn_nn_resize_quant.onnx").graph
    replay = float32.run(graph, {graph.inputs[0]: data["x"]})
    found = model_integers(graph, data["x"])
    wrong = {name: found[name] != integers for name, integers in replay.integers.items()}
    assert len(wrong) == 5 and sum(w.size for w in wrong.values()) == 2_867_200
    first = next((name for name, w in wrong.items() if w.any()), "96")
    assert replay.distances[first][wrong[first]].max(initial=0) < 3e-5
    reach = reach_in_pixels([near[0] < 3e-5 for near in replay.distances.values()])
    assert reach.mean() < 0.1 and not wrong["96"][0][:, ~reach].any()
    golden = np.round(data["y"][0] / np.float64(np.float32(1) / np.float32(255)))
    differs = golden != found["96"][0]
    assert differs.sum() == 138 and np.abs(golden - found["96"][0]).max() == 2 and not differs[:, ~reach].any()


def reach_in_pixels(ties: Sequence[Array]) -> Array:
    """Which pixels (256, 256) of ESPCN are reached from activations of its five quantizers, each a mask (C, H, W).

    Kernels of 3x3 lie between them (of 5x5 behind the input, which has no near-ties), and x2 before the last.
    """
    reached = ties[0].any(axis=0)
    for factor, layer in zip((1, 1, 1, 2), ties[1:], strict=True):
        larger = np.pad(reached.repeat(factor, axis=0).repeat(factor, axis=1), 1)
        kernel = np.lib.stride_tricks.sliding_window_view(larger, (3, 3)).any(axis=(2, 3))
        reached = np.logical_or(kernel, layer.any(axis=0))
    return np.asarray(reached)


def test_super_resolution_at_a_reduced_size(models: Path, seed: int) -> None:
    graph = load(models / "superres" / "espcn_nn_resize_quant.onnx",
                 ImportOptions(input_shapes={None: (1, 3, 10, 7)})).graph
    x = np.random.default_rng(seed).uniform(0, 1, (2, 3, 10, 7)).astype(np.float32)
    result = exact.run(graph, {graph.inputs[0]: x})
    assert len(result.integers) == 5 and graph.values[graph.outputs[0]].shape == (3, 20, 14)
    assert_lowering(graph, x, dict(result.integers), result.outputs[graph.outputs[0]])
