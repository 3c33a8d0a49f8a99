"""The files of a DPU export: like the reference's, and executed as their formats say, they give the DPU's numbers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from hwgen import __version__
from hwgen.dpu.arch import architecture
from hwgen.dpu.arithmetic import Activation
from hwgen.dpu.layers import (
    AveragePool,
    Border,
    Concat,
    Curve,
    Layer,
    MaxPool,
    Rectified,
    Reshape,
    Shape,
    Sum,
    Upsampled,
)
from hwgen.dpu.network import DpuNetwork, Entry
from hwgen.dpu.read import read
from hwgen.dpu.weighted import Convolution, FullyConnected, Transposed, Weighted
from hwgen.exact.convolution import Geometry
from hwgen.export import pyxir, xmodel
from hwgen.export.dpu_files import files
from hwgen.export.dpu_names import Labels, shapes_of
from hwgen.frontend import ImportOptions, load
from hwgen.ir.graph import GraphBuilder, Level, Value
from hwgen.ir.tensor import Array, Tensor
from hwgen.ir.types import REAL
from tests.conftest import ROOT
from tests.export import xmodel_reader
from tests.export.pyxir_reader import attributes, executed

GOLDEN = ROOT / "tests" / "golden" / "dpu"
B4096 = architecture("DPUCZDX8G_ISA1_B4096")
BORDER = (1, 1, 1, 1)


def network_of(entries: list[Entry], layers: list[Layer], outputs: list[str], name: str = "every") -> DpuNetwork:
    builder = GraphBuilder(name, Level.QUANTIZED)
    builder.add_input(Value("image", (1,), REAL))
    return DpuNetwork(name, tuple(entries), tuple(layers), tuple(outputs), (), (), builder.build(["image"]))


def integers(rng: np.random.Generator, *shape: int) -> Tensor:
    return Tensor(rng.integers(-128, 128, shape))


def every_layer() -> DpuNetwork:
    """One layer of each kind and activation, borders, strides and dilations of unequal sides."""
    rng = np.random.default_rng(7)
    layers: list[Layer] = []

    def add(layer: Layer) -> None:
        layers.append(layer)

    def filtered(name: str, source: str, shape: Shape, position: int, weight: Tensor, geometry: Geometry,
                 activation: Activation = Activation.NONE, *, groups: int = 1, bias: int | None = 5,
                 kind: type[Convolution | Transposed] = Convolution) -> None:
        biases = None if bias is None else integers(rng, shape[0])
        add(kind(name, f"v_{name}", (source,), shape, position, weight, 6, biases, bias, activation, geometry, groups))

    def connected(name: str, source: str, rows: int, columns: int, position: int, activation: Activation) -> None:
        biases, weight = integers(rng, rows), integers(rng, rows, columns)
        add(FullyConnected(name, f"v_{name}", (source,), (rows,), position, weight, 6, biases, 5, activation))

    uneven = Geometry((3, 2), (2, 1), (1, 0, 2, 1), (1, 2))
    filtered("stem", "v_x", (4, 5, 8), 1, integers(rng, 4, 3, 3, 2), uneven, Activation.RELU)
    filtered("depth wise", "v_stem", (4, 5, 8), 1, integers(rng, 4, 1, 3, 3), Geometry((3, 3), (1, 1), BORDER),
             Activation.LEAKY_RELU, groups=4)
    filtered("point", "v_depth wise", (4, 5, 8), 4, integers(rng, 4, 4, 1, 1), Geometry((1, 1)), Activation.RELU6,
             bias=None)
    add(Sum("join", "v_join", ("v_depth wise", "v_point"), (4, 5, 8), 0, Activation.RELU))
    add(MaxPool("most", "v_most", ("v_depth wise",), (4, 3, 4), 1, Geometry((3, 3), (2, 2), BORDER)))
    add(AveragePool("mean", "v_mean", ("v_depth wise",), (4, 5, 4), 3, Geometry((3, 3), (1, 2), BORDER)))
    add(Curve("gate", "v_gate", ("v_mean",), (4, 5, 4), 7, Activation.HARD_SIGMOID))
    add(Curve("swish", "v_swish", ("v_mean",), (4, 5, 4), 3, Activation.HARD_SWISH))
    add(Curve("leak", "v_leak", ("v_mean",), (4, 5, 4), 2, Activation.LEAKY_RELU))
    add(Concat("both", "v_both", ("v_mean", "v_swish"), (8, 5, 4), 3))
    add(Upsampled("larger", "v_larger", ("v_most",), (4, 6, 12), 1, (2, 3)))
    add(Border("framed", "v_framed", ("v_larger",), (4, 9, 15), 1, (1, 0, 2, 3)))
    add(Rectified("rectified", "v_rectified", ("v_framed",), (4, 9, 15), 1, Activation.RELU))
    add(AveragePool("all", "v_all", ("v_rectified",), (4, 1, 1), 2, Geometry((9, 15))))
    add(Reshape("features", "v_features", ("v_all",), (4,), 2))
    add(Reshape("flat", "v_flat", ("v_most",), (48,), 1))
    connected("dense", "v_flat", 5, 48, 0, Activation.RELU)
    connected("scores", "v_dense", 3, 5, -2, Activation.NONE)
    add(Rectified("capped", "v_capped", ("v_scores",), (3,), -2, Activation.RELU6))
    add(Reshape("again", "v_again", ("v_most",), (6, 4, 2), 1))
    add(Reshape("read twice", "v_read twice", ("v_most",), (48,), 1))
    add(Concat("vectors", "v_vectors", ("v_read twice", "v_read twice"), (96,), 1))
    filtered("up", "v_most", (3, 6, 12), 0, integers(rng, 3, 4, 3, 4), Geometry((3, 4), (2, 3), (1, 0, 0, 1)),
             Activation.LEAKY_RELU, kind=Transposed)
    filtered("up wise", "v_up", (3, 6, 24), 1, integers(rng, 3, 1, 3, 3), Geometry((3, 3), (1, 2), (2, 0, 0, 1)),
             groups=3, kind=Transposed)
    return network_of([Entry("quantizer", "image", "v_x", (3, 8, 9), 4)], layers,
                      ["v_join", "v_gate", "v_leak", "v_both", "v_features", "v_capped", "v_again", "v_vectors",
                       "v_up wise"])


def tiny() -> DpuNetwork:
    """A convolution of one weight, and a ReLU of its own."""
    conv = Convolution("conv", "v_conv", ("v_x",), (1, 1, 1), 4, Tensor(np.array([[[[-3]]]])), 1, None, None,
                       Activation.NONE, Geometry((1, 1)), 1)
    relu = Rectified("relu", "v_relu", ("v_conv",), (1, 1, 1), 4, Activation.RELU)
    return network_of([Entry("quantizer", "x", "v_x", (1, 1, 1), 5)], [conv, relu], ["v_relu"], "tiny")


def run(network: DpuNetwork, seed: int = 1) -> dict[str, Array]:
    """Values of three random frames."""
    rng = np.random.default_rng(seed)
    return network.run({entry.value: rng.integers(-128, 128, (3, *entry.shape)) for entry in network.entries})


@pytest.fixture(scope="module")
def every() -> tuple[DpuNetwork, dict[str, Array], dict[str, bytes]]:
    network = every_layer()
    values = run(network)
    return network, values, files(network, B4096, values)


@pytest.fixture(scope="module")
def lenet(models: Path) -> tuple[Path, DpuNetwork, dict[str, Array], dict[str, bytes]]:
    folder = models / "brevitas" / "lenet_dpu_fixed8"
    network = read(load(folder / "model_qonnx.onnx", ImportOptions()).graph)
    (entry,) = network.entries
    values = network.run({entry.value: np.load(folder / "dpu" / "golden_int.npz")["input.int8"]})
    return folder / "dpu", network, values, files(network, B4096, values)


def dataflow(model: onnx.ModelProto) -> list[list[object]]:
    """For each node, where its inputs come from: a node's number, "input", or an initialiser's numbers."""
    sources: dict[str, object] = {item.name: "input" for item in model.graph.input}
    sources |= {item.name: numpy_helper.to_array(item).tolist() for item in model.graph.initializer}
    found = []
    for number, node in enumerate(model.graph.node):
        found.append([sources[name] for name in node.input])
        sources[node.output[0]] = number
    return found


def test_the_pyxir_model_is_the_references(lenet: tuple[Path, DpuNetwork, Any, dict[str, bytes]]) -> None:
    folder, *_, written = lenet
    ours, theirs = onnx.load_from_string(written["pyxir.onnx"]), onnx.load(folder / "pyxir_lenet.onnx")
    assert [(node.domain, node.op_type) for node in ours.graph.node] == [
        (node.domain, node.op_type) for node in theirs.graph.node]
    assert [attributes(node) for node in ours.graph.node] == [attributes(node) for node in theirs.graph.node]
    assert dataflow(ours) == dataflow(theirs)
    assert {item.data_type for item in ours.graph.initializer} == {onnx.TensorProto.INT8}
    assert (ours.ir_version, [*ours.opset_import]) == (theirs.ir_version, [*theirs.opset_import])
    assert [item.type for item in ours.graph.input] == [item.type for item in theirs.graph.input]
    assert [item.type for item in ours.graph.output] == [item.type for item in theirs.graph.output]


def test_quant_info_and_shifts_are_the_references(lenet: tuple[Path, DpuNetwork, Any, dict[str, bytes]]) -> None:
    folder, *_, written = lenet
    ours, theirs = (text.splitlines() for text in (written["quant_info.txt"].decode(),
                                                   (folder / "quant_info_pyxir.txt").read_text()))
    assert [line.split()[::2] for line in ours] != []
    assert [(line.split()[0], line.split()[2:]) for line in ours] == [
        (line.split()[0], line.split()[2:]) for line in theirs]
    shifts = json.loads(written["shifts.json"])
    weighted = [{k: v for k, v in facts.items() if k != "kind"} for facts in shifts.values() if "w_fp" in facts]
    assert weighted == [*json.loads((folder / "shifts.json").read_text()).values()]
    info, reference = (json.loads(text) for text in (written["quant_info.json"],
                                                     (folder / "quant_info_vai_style.json").read_text()))
    assert [*info["param"].values()] == [*reference["param"].values()]
    assert json.loads(written["arch.json"]) == json.loads((folder / f"arch_{B4096.name}.json").read_text())


def test_the_dumps_are_the_references_integers(lenet: tuple[Path, DpuNetwork, Any, dict[str, bytes]]) -> None:
    folder, *_, written = lenet
    theirs = np.load(folder / "golden_int.npz")
    index = json.loads(written["dump/index.json"])
    assert np.array_equal(dumped(written, index[0])[0], theirs["input.int8"][0].transpose(1, 2, 0))
    last = index[-1]
    assert np.array_equal(dumped(written, last)[0], theirs["half_up/fc3.int8"][0])


def dumped(written: Mapping[str, bytes], item: Mapping[str, Any]) -> Array:
    return np.frombuffer(written[f"dump/{item['file']}"], np.int8).reshape(item["shape"])


def test_the_executed_xmodel_has_the_dumps(every: tuple[DpuNetwork, Any, dict[str, bytes]]) -> None:
    check_xmodel(every[2])


def test_the_executed_xmodel_of_a_real_network(lenet: tuple[Path, DpuNetwork, Any, dict[str, bytes]]) -> None:
    check_xmodel(lenet[3])


def check_xmodel(written: Mapping[str, bytes]) -> None:
    (path,) = (path for path in written if path.endswith(".xmodel"))
    name, ops = xmodel_reader.read(written[path])
    assert path == f"{name}.xmodel"
    index = json.loads(written["dump/index.json"])
    entry = index[0]
    made = xmodel_reader.execute(ops, {entry["name"]: dumped(written, entry) * 2.0 ** -entry["fix_point"]})
    for item in index:
        end = made.get(f"{item['name']}_fix", made[item["name"]])
        assert np.array_equal(end * 2.0 ** item["fix_point"], dumped(written, item)), item["name"]


def test_dumps_are_channels_last(every: tuple[DpuNetwork, dict[str, Array], dict[str, bytes]]) -> None:
    network, values, written = every
    index = json.loads(written["dump/index.json"])
    shapes = shapes_of(network)
    assert [item["fix_point"] for item in index] == [*network.positions.values()]
    for item, (value, shape) in zip(index, shapes.items(), strict=True):
        array = dumped(written, item)[0]
        if len(shape) == 3:
            assert np.array_equal(array, values[value][0].transpose(1, 2, 0))
    assert [item["name"] for item in index[:3]] == ["image", "stem", "depth_wise"]
    flat = next(item for item in index if item["name"] == "flat")
    assert np.array_equal(dumped(written, flat)[0], values["v_most"][0].transpose(1, 2, 0).ravel())


def test_a_flattened_map_is_in_its_own_order_where_others_read_it() -> None:
    network = every_layer()
    assert [*xmodel.flattened(network)] == ["v_flat"]
    seen = replace(network, outputs=(*network.outputs, "v_flat"))
    assert not xmodel.flattened(seen)
    check_xmodel(files(seen, B4096, run(seen)))


def test_the_executed_pyxir_model_has_the_dpus_numbers(every: tuple[DpuNetwork, dict[str, Array], Any]) -> None:
    network, values, written = every
    model, labels = onnx.load_from_string(written["pyxir.onnx"]), Labels(network)
    (entry,) = network.entries
    image = np.float32(values[entry.value][:1] * 2.0**-entry.position)
    made = executed(model, {model.graph.input[0].name: image})
    for layer in network.layers:
        activation = getattr(layer, "activation", Activation.NONE)
        fused = isinstance(layer, Weighted | Sum) and activation is not Activation.NONE
        name = labels.part(layer.output, activation.value.lower()) if fused else labels.of(layer.output)
        wanted, found = values[layer.output][:1], made[name] * 2.0**layer.position
        # ONNX's sixth is no 2731 / 2^14.
        tolerance = 1 if layer.name in ("gate", "swish", "both") else 0
        assert np.abs(found - wanted).max() <= tolerance, layer.name


def test_a_border_never_wins_a_max_pool() -> None:
    pool = MaxPool("most", "v_most", ("v_x",), (1, 3, 3), 2, Geometry((2, 2), pads=BORDER))
    network = network_of([Entry("q", "x", "v_x", (1, 2, 2), 2)], [pool], ["v_most"])
    values = network.run({"v_x": np.array([[[-9, -8], [-7, -128]]])})
    written = files(network, B4096, values)
    check_xmodel(written)
    model = onnx.load_from_string(written["pyxir.onnx"])
    made = executed(model, {"x": np.float32(values["v_x"] / 4)})["most"] * 4
    assert values["v_most"].ravel().tolist() == [-9, -8, -8, -7, -7, -8, -7, -7, -128]
    assert np.array_equal(made, values["v_most"])


def test_the_pyxir_model_is_well_formed(every: tuple[DpuNetwork, Any, dict[str, bytes]]) -> None:
    network, _, written = every
    model = onnx.load_from_string(written["pyxir.onnx"])
    onnx.checker.check_model(model, full_check=False)
    known = {item.name for item in (*model.graph.input, *model.graph.initializer)}
    assert len(known) == len(model.graph.input) + len(model.graph.initializer)
    for node in model.graph.node:
        assert {*node.input} <= known
        assert not {*node.output} & known
        known |= {*node.output}
        found = attributes(node)
        assert node.domain == ("pyxir.onnx" if "vai_quant" in found else "")
        order = [f"vai_quant_{role}" for role in ("in", "out", "weights", "biases")]
        assert [name.decode() for name in found.get("vai_quant", [])] == [name for name in order if name in found]
    assert {item.name for item in model.graph.output} <= known
    assert len(model.graph.output) == len(network.outputs)
    assert {node.op_type for node in model.graph.node} == {
        "Conv", "ConvTranspose", "Pad", "Gemm", "Relu", "MaxPool", "AveragePool", "GlobalAveragePool", "Add", "Flatten",
        "Reshape", "Concat", "Resize", "LeakyRelu", "HardSigmoid", "HardSwish", "Clip"}


@pytest.mark.parametrize("name", ["quant_info.txt", "quant_info.json", "shifts.json"])
def test_texts_of_every_layer(name: str, every: tuple[DpuNetwork, Any, dict[str, bytes]],
                              golden: Callable[[Path, str], None]) -> None:
    golden(GOLDEN / name, every[2][name].decode().replace(f"hwgen {__version__}", "hwgen VERSION"))


def test_quant_info_json_has_nndcts_keys(every: tuple[DpuNetwork, Any, dict[str, bytes]]) -> None:
    info = json.loads(every[2]["quant_info.json"])
    assert {*info} == {"note", "param", "output", "input", "fast_finetuned", "bias_corrected", "version", "graph_md5"}
    assert (info["fast_finetuned"], info["bias_corrected"], info["input"], info["graph_md5"]) == (False, False, {}, "")
    assert info["param"]["stem.weight"] == [[8, 6]]


def test_a_network_without_weights_has_parsable_texts() -> None:
    relu = Rectified("relu", "v_relu", ("v_x",), (2,), 3, Activation.RELU)
    network = network_of([Entry("q", "x", "v_x", (2,), 3)], [relu], ["v_relu"])
    assert json.loads(files(network, B4096, run(network))["quant_info.json"])["param"] == {}


def test_the_bytes_of_a_tiny_xmodel() -> None:
    """Written down by hand: tag (number << 3 | wire type), length, contents."""
    written = files(tiny(), B4096, run(tiny()))["tiny.xmodel"]
    assert written.startswith(b"\x0a\x04tiny\x2a")
    tensor = b"\x12\x04\x01\x01\x01\x01\x28\x04\x30\x20"
    fixed = (b"\x0a\x05x_fix" b"\x12\x03fix"
             b"\x1a\x0f" b"\x0a\x09bit_width" b"\x12\x02\x28\x08"
             b"\x1a\x0f" b"\x0a\x09fix_point" b"\x12\x02\x28\x05"
             b"\x1a\x0f" b"\x0a\x09if_signed" b"\x12\x02\x20\x01"
             b"\x1a\x19" b"\x0a\x0around_mode" b"\x12\x0b\x5a\x09DPU_ROUND"
             b"\x22\x0a" b"\x0a\x05input" b"\x12\x01x"
             b"\x2a\x11" b"\x0a\x05x_fix" + tensor)
    assert b"\x2a" + bytes([len(fixed)]) + fixed in written
    # -3 * 2^-1 as float32 is bf c0 00 00, little endian.
    assert b"\x1a\x10\x0a\x04data\x12\x08\x62\x06\x0a\x04\x00\x00\xc0\xbf" in written
    assert b"\x1a\x10\x0a\x06kernel\x12\x06\x72\x04\x0a\x02\x01\x01" in written
    assert written.endswith(b"\x1a\x08relu_fix")
    name, ops = xmodel_reader.read(written)
    assert (name, [(op.name, op.type) for op in ops]) == ("tiny", [
        ("x", "data"), ("x_fix", "fix"), ("conv_weights", "const"), ("conv_weights_fix", "fix"), ("conv", "conv2d"),
        ("conv_fix", "fix"), ("relu", "relu"), ("relu_fix", "fix")])
    assert ops[4].inputs == {"input": ["x_fix"], "weights": ["conv_weights_fix"]}
    assert ops[4].attributes == {"kernel": [1, 1], "stride": [1, 1], "dilation": [1, 1], "pad": [0, 0, 0, 0],
                                 "pad_mode": "FLOOR"}


def test_negative_positions_are_signed_on_the_wire(every: tuple[DpuNetwork, Any, dict[str, bytes]]) -> None:
    _, ops = xmodel_reader.read(every[2]["every.xmodel"])
    assert next(op for op in ops if op.name == "scores_fix").attributes["fix_point"] == -2


HOSTILE = ["../../x", "a b", 'quote" \' {{ 7 * 7 }}', "line\nbreak\r\u2028", "x" * 300, "x" * 299 + "y", "Same", "same",
           "same", "same fix", "same_fix", "SAME_relu", "\0", "", "/etc/passwd", "…", "\ud800", "C:\\nul"]


def hostile() -> DpuNetwork:
    layers: list[Layer] = []
    source = "v_x"
    for number, name in enumerate(HOSTILE):
        layer = Convolution(name, f"{name}:{number}", (source,), (1, 1, 1), 4, Tensor(np.array([[[[3]]]])), 1, None,
                            None, Activation.RELU, Geometry((1, 1)), 1)
        layers.append(layer)
        source = layer.output
    return network_of([Entry("../q", "../image\n", "v_x", (1, 1, 1), 5)], layers, [source], "../../etc\n")


def test_hostile_names_stay_harmless() -> None:
    network = hostile()
    written = files(network, B4096, run(network))
    for path in written:
        parts = PurePosixPath(path).parts
        assert len(parts) <= 2 and parts[0] in ("dump", path)
        assert all(part.replace("_", "").replace(".", "").isalnum() and part.isascii() for part in parts), path
    assert len({path.lower() for path in written}) == len(written) == 7 + 1 + len(HOSTILE)
    lines = written["quant_info.txt"].decode().splitlines()
    assert len(lines) == 1 + 2 * len(HOSTILE)
    assert len({line.split()[1] for line in lines}) == len(lines)
    for path in ("shifts.json", "quant_info.json", "dump/index.json", "arch.json"):
        json.loads(written[path])
    assert len(json.loads(written["shifts.json"])) == len(HOSTILE)
    onnx.checker.check_model(onnx.load_from_string(written["pyxir.onnx"]))
    check_xmodel(written)



def test_files_are_deterministic() -> None:
    network = every_layer()
    assert files(network, B4096, run(network)) == files(every_layer(), B4096, run(every_layer()))


def test_two_quantizers_of_one_port_have_their_own_names() -> None:
    entries = [Entry("fine", "x", "v_fine", (2,), 6), Entry("coarse", "x", "v_coarse", (2,), 2)]
    network = network_of(entries, [Sum("sum", "v_sum", ("v_fine", "v_coarse"), (2,), 2, Activation.NONE)], ["v_sum"])
    lines = files(network, B4096, run(network))["quant_info.txt"].decode().splitlines()
    assert lines == ["1 fine 8 6 8 6", "2 coarse 8 2 8 2", "3 sum 8 6 8 2 8 2"]
    assert [line.name for line in pyxir.quant_info(network, Labels(network))] == ["fine", "coarse", "sum"]
