"""`hwgen export --to dpu`: the folder, what it reports, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwgen.cli import run
from hwgen.dpu import arithmetic
from hwgen.dpu.arch import ARCHITECTURES
from hwgen.errors import Exit, HwgenError
from hwgen.exact.convolution import Geometry
from hwgen.export import dpu
from hwgen.export.written import ExportOptions
from hwgen.ir.tensor import Tensor
from hwgen.ops import quantized as q
from hwgen.ops import quantized_maps as maps
from tests.dpu.networks import Net, conv, dense, int8, random_net

RNG = np.random.default_rng(0)


@pytest.fixture
def lenet(models: Path) -> Path:
    return models / "brevitas" / "lenet_dpu_fixed8"


def images(lenet: Path, folder: Path) -> tuple[Any, Path]:
    """The golden integers and the file of the images that they belong to."""
    np.save(folder / "x.npy", np.load(lenet / "golden.npz")["input"])
    return np.load(lenet / "dpu" / "golden_int.npz"), folder / "x.npy"


def test_a_trained_lenet(lenet: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    golden, file = images(lenet, tmp_path)
    out = tmp_path / "deep" / "out"
    words = ["export", str(lenet / "model_qonnx.onnx"), "--to", "dpu", "--arch", "DPUCZDX8G_ISA1_B4096", "--out",
             str(out), "--input", str(file), "--run"]
    assert run(words) == 0
    text = capsys.readouterr().out
    assert "221 of 104,288 activations in 16 given frames differ from training's rounding; 91 where each layer" in text
    assert "argmax equal in 16, 5 of 160 values differ, by 0.125 at most" in text
    report = json.loads((out / "report.json").read_text())
    assert report["fingerprint"] == "0x101000056010407" and report["adjustments"] == []
    assert [item["alone"] for item in report["flips"].values()] == [71, 18, 1, 1, 0]
    assert report["versions"]["hwgen"]
    index = json.loads((out / "dump" / "index.json").read_text())
    first = next(np.fromfile(path, np.int8) for path in (out / "dump").glob("*conv2d_fix.bin"))
    assert np.array_equal(first.reshape(28, 28, 6), golden["half_up/conv1.int8"][0].transpose(1, 2, 0))
    assert len(index) == len(list((out / "dump").glob("*.bin"))) == 13


def test_the_same_bytes_twice(lenet: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert run(["export", str(lenet / "model_qonnx.onnx"), "--to", "dpu", "--out", str(tmp_path / name)]) == 0
    files = [{path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*")
              if path.is_file()} for name in ("a", "b")]
    assert files[0] == files[1] and len(files[0]) > 15


def failing(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert run(words) == Exit.USER_INPUT
    return capsys.readouterr().err


def test_an_unknown_architecture(lenet: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = failing(["export", str(lenet / "model_qonnx.onnx"), "--to", "dpu", "--arch", "B4096", "--out",
                    str(tmp_path / "o")], capsys)
    assert "error[unknown-arch]: B4096: there is no DPU of this name\n" in text
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(("name", "code"), [
    ("mlp_bn_w4a4", "dpu-scale"), ("lenet_lowprec_w3a4b8", "dpu-bits"), ("lenet_mixed_pt", "dpu-bits"),
    ("cnn_fixed8_pot", "dpu-layer"), ("cnn_perch_w4a4", "dpu-scale"), ("act_sigmoid", "dpu-scale")])
def test_networks_that_are_none_for_a_dpu(name: str, code: str, models: Path, tmp_path: Path,
                                          capsys: pytest.CaptureFixture[str]) -> None:
    text = failing(["export", str(models / "brevitas" / name / "model_qonnx.onnx"), "--to", "dpu", "--out",
                    str(tmp_path / "o")], capsys)
    assert f"error[{code}]: " in text and not (tmp_path / "o").exists()


def test_what_is_moved_and_what_documents_differ_on_is_said() -> None:
    net = Net((2,))
    source = net.last
    net.chain([q.Dense(Tensor(np.array([[3, 4], [1, 1]])), Tensor(0.5), Tensor(0), Tensor(np.array([2.0**-12, 0.0]))),
               int8(9)])
    first = net.last
    net.last = source
    net.chain([dense(RNG, 2, 2, bias=None), int8(1)])
    net.add(maps.Join(), first)
    net.add(int8(2))
    written = dpu.write(net.build(), ExportOptions())
    assert [str(line) for line in written.warnings] == [
        "dense1: fix position of its output moved from 9 to 6 (shift_cut 0 to 16)",
        "dense1: shift_bias -6 drops bits of the bias; the runner of Vitis AI 3.5 keeps one more",
        "join5: shift_read 5: the runner of Vitis AI 3.5 cuts what lies 2 bits below the coarser input, here the sum "
        "is exact"]
    assert "in 16 random frames" in written.notes[0]
    assert written.facts["adjustments"] == [{"layer": "dense1", "what": "output", "before": 9, "after": 6,
                                             "rule": "shift_cut 0 to 16"}]


def test_what_the_fingerprint_does_not_fuse_is_said() -> None:
    """Bit 28 is LeakyRelu in convolutions, bit 29 in depthwise ones, which no named architecture has."""
    net = Net((2, 3, 3))
    net.chain([conv(RNG, 2, 2, Geometry((1, 1))), q.LeakyRelu(Tensor(0.1)), int8(3)])
    net.chain([conv(RNG, 2, 2, Geometry((1, 1)), groups=2), q.LeakyRelu(Tensor(0.1)), int8(3)])
    assert dpu.write(net.build(), ExportOptions()).warnings == [
        "conv4: the fingerprint of DPUCZDX8G_ISA1_B4096 has no LeakyRelu in depthwise convolutions: the compiler may "
        "leave it to the processor"]
    assert not any(arch.depthwise_leaky for arch in ARCHITECTURES.values())
    assert all(arch.fingerprint >> 28 & 1 for arch in ARCHITECTURES.values())


def test_what_is_left_to_the_host_is_said() -> None:
    net = Net((2,), None)
    net.chain([q.Elementwise("mul", Tensor(2.0)), int8(5), dense(RNG, 2, 2), int8(3), q.Softmax()])
    written = dpu.write(net.build(), ExportOptions())
    assert written.notes[1] == "left to the host: mul0, softmax4"
    assert written.facts["host"] == ["mul0", "softmax4"]


def test_a_second_name_of_an_output_is_no_work_of_the_host() -> None:
    """A DequantizeLinear at the end of a QCDQ file is one."""
    net = Net((2,))
    net.chain([dense(RNG, 2, 2), int8(3), int8(3)])
    written = dpu.write(net.build(), ExportOptions())
    assert written.facts["host"] == [] and len(written.notes) == 1


def test_doubles_are_read_as_float32(tmp_path: Path) -> None:
    """As every runtime reads them: these lie below decisions, and on them in float32."""
    net = Net((50,))
    net.chain([dense(RNG, 50, 3), int8(3)])
    x = np.nextafter((np.arange(100).reshape(2, 50) - 40.5) / 32, -9)
    files = {}
    for kind in (np.float32, np.float64):
        np.save(tmp_path / "x.npy", x.astype(kind))
        files[kind] = dpu.write(net.build(), ExportOptions(inputs={None: tmp_path / "x.npy"})).files
    assert files[np.float32] == files[np.float64]


def test_layers_are_checked_against_the_integer_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong constant in the layers alone is found before anything is written."""
    net = Net((2,))
    net.chain([q.LeakyRelu(Tensor(0.1)), int8(7)])
    graph = net.build()
    assert dpu.write(graph, ExportOptions()).files
    monkeypatch.setattr(arithmetic, "activated", lambda x, *rest: np.maximum(x, 0))
    with pytest.raises(HwgenError) as caught:
        dpu.write(graph, ExportOptions())
    assert caught.value.code == "internal" and caught.value.where == "leakyrelu1"


def test_random_networks_are_written(seed: int) -> None:
    for number in range(6):
        written = dpu.write(random_net(np.random.default_rng(seed + number)), ExportOptions(seed=seed))
        assert {"pyxir.onnx", "quant_info.txt", "quant_info.json", "arch.json", "shifts.json"} <= set(written.files)
        assert any(name.endswith(".xmodel") for name in written.files)
