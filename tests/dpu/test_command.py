"""--rounding in the commands."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from hwgen.cli import run
from hwgen.errors import Exit


@pytest.fixture
def lenet(models: Path) -> Path:
    return models / "brevitas" / "lenet_dpu_fixed8"


@pytest.mark.parametrize("rounding", ["half_up", "dpu"])
def test_run_gives_the_dpus_scores(rounding: str, lenet: Path, tmp_path: Path) -> None:
    """Those of the golden integers; trained roundings give five others."""
    np.save(tmp_path / "x.npy", np.load(lenet / "golden.npz")["input"])
    words = ["run", str(lenet / "model_qonnx.onnx"), "--input", str(tmp_path / "x.npy"), "--output"]
    assert run([*words, str(tmp_path / "y.npy"), "--rounding", rounding]) == 0
    assert run([*words, str(tmp_path / "trained.npy")]) == 0
    golden = np.load(lenet / "dpu" / "golden_int.npz")["half_up/fc3.int8"]
    found, trained = np.load(tmp_path / "y.npy"), np.load(tmp_path / "trained.npy")
    assert np.array_equal(found * 8, golden)
    assert int((found != trained).sum()) == 5


def test_both_ways_to_a_dpu_are_one(lenet: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The integer model with --rounding dpu, and what is exported."""
    np.save(tmp_path / "x.npy", np.load(lenet / "golden.npz")["input"])
    words = ["compare", str(lenet / "model_qonnx.onnx"), "--targets", "integer,dpu", "--input", str(tmp_path / "x.npy")]
    assert run([*words, "--rounding", "dpu"]) == 0
    assert run(words) == Exit.VERIFICATION_FAILED
    out = capsys.readouterr().out
    assert "0 of 160" in out and "5 of 160" in out


def test_a_build_says_which_rounding_it_has(lenet: Path, tmp_path: Path) -> None:
    out = tmp_path / "build"
    assert run(["build", str(lenet / "model_qonnx.onnx"), "--board", "zcu104", "--rounding", "dpu", "--until", "fold",
                "--out", str(out)]) == 0
    assert json.loads((out / "report.json").read_text())["options"]["rounding"] == "dpu"


def test_a_network_that_is_none_for_a_dpu_is_not_built(models: Path, tmp_path: Path,
                                                       capsys: pytest.CaptureFixture[str]) -> None:
    model = models / "brevitas" / "mlp_bn_w4a4" / "model_qonnx.onnx"
    out = tmp_path / "build"
    assert run(["build", str(model), "--board", "pynq", "--rounding", "dpu", "--out", str(out)]) == Exit.USER_INPUT
    assert "error[dpu-scale]" in capsys.readouterr().err and not out.exists()
