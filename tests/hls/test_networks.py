"""Whole networks as HLS C++: every layer boundary equals the integer model, and what is wrong is found and named."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hwgen.simulate.csim
from hwgen.boards import load
from hwgen.cli import run
from hwgen.emit.manifest import manifest
from hwgen.emit.whole import emit_hls_build
from hwgen.errors import Exit, HwgenError
from hwgen.report import schema
from hwgen.simulate import write
from hwgen.toolchain.cxx import compile_cxx
from hwgen.verification import CSIM_SCOPE, make_vectors
from tests.conftest import ROOT
from tests.e2e.networks import Network, brevitas
from tests.emit.networks import two_chains
from tests.hls.test_builds import clang, xilinx_headers

DIGITS = ROOT / "examples" / "digits_mlp.onnx"
IMAGES = ROOT / "examples" / "digits_mlp_inputs.npy"

NETWORKS = (
    Network("qonnx-zoo/TFC_1W1A.onnx", "qonnx-zoo/TFC_1W1A_golden.npz"),
    Network("qonnx-zoo/qkeras_jettagging.onnx", "qonnx-zoo/qkeras_jettagging_golden.npz",
            flags=("--input-type", "int16", "--input-scale", "1/1024")),
    brevitas("lenet_lowprec_w3a4b8"), brevitas("cnn_w1a1_tud"), brevitas("resblock_w4a4"), brevitas("concat_unequal"),
    brevitas("mobblock_w4a4"), brevitas("act_gelu"), brevitas("conv1d_w4a4"),
)


def build(model: Path, out: Path, *flags: str) -> dict[str, Any]:
    """hwgen build --backend hls for pynq; the report, checked against its schema."""
    assert run(["build", str(model), "--board", "pynq", "--backend", "hls", "--out", str(out), *flags]) == 0
    report: dict[str, Any] = json.loads((out / "report.json").read_text())
    schema.check(report)
    return report


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.id)
def test_build(network: Network, models: Path, gxx: str, tmp_path: Path) -> None:
    inputs, _ = network.vectors(models)
    np.save(tmp_path / "x.npy", inputs[:4])
    report = build(models / network.path, tmp_path / "build", "--input", str(tmp_path / "x.npy"), "--frames", "6",
                   *network.flags)
    verification = report["verification"]
    assert verification["csim"] == {"mismatches": 0, "problems": 0, "scope": CSIM_SCOPE}
    assert (verification["frames"], verification["real_frames"]) == (6, 4)
    assert verification["boundaries"] >= len(report["layers"]) - 1
    assert verification["integer_vs_exact_mismatches"] == 0 < verification["compared_activations"]
    assert verification["rtl_vs_integer_mismatches"] is verification["rtl_problems"] is report["fps"] is None
    assert verification["runs"] == [] and report["backend"] == "hls"
    assert report["cycles_per_frame"]["measured"] is report["latency_cycles"]["measured"] is None
    assert not (tmp_path / "build" / "rtl").exists()


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory, gxx: str) -> Path:
    """A build of the shipped example; tests that change files take a copy."""
    out = tmp_path_factory.mktemp("digits") / "build"
    build(DIGITS, out, "--input", str(IMAGES), "--frames", "8")
    return out


def copy_of(build_dir: Path, tmp_path: Path) -> Path:
    made = tmp_path / "copy"
    subprocess.run(["cp", "-r", str(build_dir), str(made)], check=True)
    return made


def edited(build_dir: Path, name: str, change: Callable[[str], str]) -> None:
    path = build_dir / "hls" / name
    text = path.read_text()
    assert change(text) != text
    path.write_text(change(text))


def test_a_build_is_simulated_again(digits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["simulate", str(digits)]) == 0
    assert "Simulated 8 frames: 0 mismatches at 8 boundaries" in capsys.readouterr().out
    assert run(["simulate", str(digits), "--frames", "3"]) == 0
    assert "Simulated 3 frames: 0 mismatches" in capsys.readouterr().out
    assert run(["simulate", str(digits), "--stalls", "0.5,0.5"]) == 2
    assert capsys.readouterr().err == ("error[csim-cycles]: --stalls and --waves: C simulation of an HLS build has no "
                                       "clock\nhelp: Leave them out, or build with --backend rtl.\n")


def test_a_wrong_weight_is_found_in_its_layer(digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = copy_of(digits, tmp_path)
    edited(broken, "digits_mlp_weights.hpp", lambda text: re.sub(
        r"(dense2_weights\[4\] = \{\s+\{\"0x)(.)", lambda m: f"{m[1]}{(int(m[2], 16) + 8) % 16:x}", text))
    assert run(["simulate", str(broken)]) == 1
    text = capsys.readouterr().out
    assert "layer dense2, channel 7" in text
    assert "layer dense1," not in text


def test_a_layer_that_reads_too_much_is_a_deadlock(digits: Path, tmp_path: Path,
                                                   capsys: pytest.CaptureFixture[str]) -> None:
    broken = copy_of(digits, tmp_path)
    edited(broken, "digits_mlp_layers.hpp", lambda text: re.sub(
        r"(struct relu1_config \{.*?FRAME_BEATS_IN = )4", r"\g<1>5", text, count=1, flags=re.DOTALL))
    assert run(["simulate", str(broken)]) == 1
    assert "frame 0: deadlock: stream digits_mlp_top.dense1_2 is read while empty" in capsys.readouterr().out


def test_a_layer_that_reads_too_little_leaves_beats(digits: Path, tmp_path: Path,
                                                    capsys: pytest.CaptureFixture[str]) -> None:
    broken = copy_of(digits, tmp_path)
    edited(broken, "digits_mlp_top.cpp", lambda text: text.replace(
        "_net::dense1(pixels_stream, dense1_2);",
        "_net::dense1(pixels_stream, dense1_2);\n  dense1_2.write(0);"))
    assert run(["simulate", str(broken)]) == 1
    assert "digits_mlp_top.dense1_2 is left with 1 beats" in capsys.readouterr().out


@pytest.mark.parametrize(("vectors", "code"), [(False, 0), (True, 1)])
def test_the_test_bench(vectors: bool, code: int, digits: Path, tmp_path: Path) -> None:
    """As csim_design runs it: PASS, and FAIL where a vector is wrong."""
    hls = copy_of(digits, tmp_path) / "hls"
    if vectors:
        edited(hls.parent, "vectors/m_axis_dense3.txt", lambda text: f"0x{int(text[2], 16) ^ 1:x}{text[3:]}")
    program = compile_cxx([hls / "digits_mlp_top.cpp", hls / "digits_mlp_tb.cpp"], tmp_path / "bench", shared=False,
                          includes=[hls, hls / "library", hls / "shim"])
    done = subprocess.run([str(program)], cwd=hls, capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert done.stdout.splitlines()[-1] == ("FAIL: 8 frames, 1 wrong beats" if code else "PASS: 8 frames")


BAD_FRAMES = """
#include <cstdio>
#include "digits_mlp_top.hpp"

// Frames of one beat each: without tlast (and a beat more), with a low byte of tkeep, and right ones around them.
int main() {
  hls::stream<ap_axiu<512, 0, 0, 0>> in("in");
  hls::stream<ap_axiu<64, 0, 0, 0>> out("out");
  const int last[] = {1, 0, 1, 1, 1};
  const int keep[] = {-1, -1, -1, -2, -1};
  for (int i = 0; i < 5; i++) {
    ap_axiu<512, 0, 0, 0> beat;
    beat.data = 0;
    beat.keep = keep[i];
    beat.strb = -1;
    beat.last = last[i];
    in.write(beat);
  }
  for (int frame = 0; frame < 4; frame++) {
    digits_mlp_top(in, out);
    std::printf("%d ", static_cast<int>(out.size()));
  }
}
"""


def test_bad_frames_are_dropped(digits: Path, tmp_path: Path) -> None:
    """A late tlast takes a beat more, the frame is swallowed, and the next ones are right."""
    hls = digits / "hls"
    (tmp_path / "bad.cpp").write_text(BAD_FRAMES)
    program = compile_cxx([hls / "digits_mlp_top.cpp", tmp_path / "bad.cpp"], tmp_path / "bad", shared=False,
                          includes=[hls, hls / "library", hls / "shim"])
    done = subprocess.run([str(program)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2", "2", "2", "4"]


def test_the_test_bench_with_xilinx_ap_int(digits: Path, tmp_path: Path) -> None:
    """Words of any beginning: to ap_int a text that begins with 0b is binary, even where radix 16 is asked for."""
    types, hls, own = xilinx_headers(), copy_of(digits, tmp_path) / "hls", tmp_path / "own"
    own.mkdir()
    for path in types.iterdir():
        if path.name != "hls_stream.h":
            (own / path.name).symlink_to(path)
    (hls / "shim" / "ap_int.h").unlink()
    program = compile_cxx([hls / "digits_mlp_top.cpp", hls / "digits_mlp_tb.cpp"], tmp_path / "bench", shared=False,
                          includes=[hls, hls / "library", hls / "shim"], options=(
                              "-DAP_INT_MAX_W=4096", "-Wno-uninitialized", "-Wno-maybe-uninitialized", "-isystem",
                              str(own)))
    done = subprocess.run([str(program)], cwd=hls, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "PASS: 8 frames\n", "")


def test_checked_by_clang(digits: Path) -> None:
    hls = digits / "hls"
    done = clang("clang-tidy", f"--config-file={ROOT / '.clang-tidy'}", "--quiet",
                 *(str(hls / name) for name in ("digits_mlp_top.cpp", "digits_mlp_tb.cpp", "csim.cpp")), "--",
                 "-std=c++17", *(f"-I{path}" for path in (hls, hls / "library", hls / "shim")))
    assert done.returncode == 0, done.stdout[:3000] + done.stderr[:1000]


def test_several_inputs_and_outputs(gxx: str, tmp_path: Path) -> None:
    graph = two_chains()
    vectors = make_vectors(graph, {}, 20, 1)
    write(tmp_path, emit_hls_build(graph, load("pynq"), vectors.integers, vectors.values, tmp_path), vectors.integers,
          vectors.values)
    assert run(["simulate", str(tmp_path)]) == 0


def test_two_builds_are_equal_but_for_their_times(digits: Path, tmp_path: Path) -> None:
    build(DIGITS, tmp_path / "again", "--input", str(IMAGES), "--frames", "8")
    assert manifest(digits) == manifest(tmp_path / "again")
    assert not [path for path in digits.rglob("*") if path.is_file() and str(ROOT).encode() in path.read_bytes()]


def test_without_a_compiler_there_is_a_project_but_no_verification(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def absent(*_: str) -> dict[str, str]:
        raise HwgenError("tool-missing", "g++", "it is not installed", "Install it.", exit_code=Exit.STAGE_UNAVAILABLE)

    monkeypatch.setattr(hwgen.simulate.csim, "versions", absent)
    assert run(["build", str(DIGITS), "--board", "pynq", "--backend", "hls", "--out", str(tmp_path / "b")]) == 3
    assert "simulate could not run: g++: it is not installed. Install it." in capsys.readouterr().err
    report = json.loads((tmp_path / "b" / "report.json").read_text())
    assert report["verification"] is None and report["stages"]["emit"] == "done"
    assert (tmp_path / "b" / "hls" / "digits_mlp_top.cpp").is_file()
