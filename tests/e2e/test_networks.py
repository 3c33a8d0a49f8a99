"""The real networks build for pynq through the whole path: RTL, integer model and both references agree everywhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwgen.cli import run
from hwgen.report import schema
from tests.e2e.networks import NETWORKS, Network


def build(model: Path, out: Path, *flags: str) -> dict[str, Any]:
    """hwgen build for pynq; the report, checked against its schema."""
    assert run(["build", str(model), "--board", "pynq", "--out", str(out), *flags]) == 0
    report: dict[str, Any] = json.loads((out / "report.json").read_text())
    schema.check(report)
    return report


def assert_verified(report: dict[str, Any], frames: int) -> None:
    """Every figure that says that something was compared, and that nothing differed."""
    verification = report["verification"]
    assert verification["frames"] >= frames
    assert verification["real_frames"] > 0
    assert [one["mismatches"] for one in verification["runs"]] == [0, 0]
    assert [one["stalls"] is None for one in verification["runs"]] == [True, False]
    assert verification["boundaries"] >= len(report["layers"])
    for name in ("rtl_vs_integer_mismatches", "rtl_problems", "integer_vs_exact_mismatches"):
        assert verification[name] == 0, name
    assert verification["compared_activations"] > 0
    certificate = verification["threshold_certificate"]
    assert certificate["mismatches"] == 0 < certificate["probes"] <= certificate["covered"]
    assert all(0 < share <= 1 for share in verification["output_levels_hit"].values())


def assert_at_speed(report: dict[str, Any]) -> None:
    """Measured cycles a frame are the ideal ones within 1 % and 4 cycles."""
    cycles = report["cycles_per_frame"]
    assert cycles["ideal"] <= cycles["measured"] <= cycles["ideal"] * 1.01 + 4
    assert cycles["model"] == cycles["measured"]
    assert report["fps"] == report["clock_mhz"] * 1e6 / cycles["measured"]


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.id)
def test_build(network: Network, models: Path, verilator: None, tmp_path: Path) -> None:
    inputs, _ = network.vectors(models)
    np.save(tmp_path / "x.npy", inputs)
    report = build(models / network.path, tmp_path / "build", "--input", str(tmp_path / "x.npy"), "--fps",
                   str(network.fps), "--frames", str(network.frames), *network.flags)
    assert_verified(report, network.frames)
    assert_at_speed(report)
    assert report["cycles_per_frame"]["measured"] <= 100e6 / network.fps


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.id)
def test_the_integer_model_gives_the_golden_outputs(network: Network, models: Path, tmp_path: Path) -> None:
    inputs, expected = network.vectors(models)
    np.save(tmp_path / "x.npy", inputs)
    assert run(["run", str(models / network.path), "--input", str(tmp_path / "x.npy"), "--output",
                str(tmp_path / "y.npy"), *network.flags]) == 0
    found = np.load(tmp_path / "y.npy")
    close = np.isclose(found, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())
    assert close.all(axis=tuple(range(1, close.ndim))).mean() == 1.0


def test_tfc_with_finns_folding_runs_at_64_cycles(models: Path, verilator: None, tmp_path: Path) -> None:
    given = json.loads((models / "finn-folding" / "tfc-w1a1_folding_config.json").read_text())
    model = models / "qonnx-zoo" / "TFC_1W1A.onnx"
    unfolded = build(model, tmp_path / "unfolded", "--until", "fold")
    units = [layer["name"] for layer in unfolded["layers"] if layer["kernel"].startswith("mvau")]
    folds = [given[f"MVAU_hls_{i}"] for i in range(len(units))]
    text = "".join(f"[{name}]\npe = {fold['PE']}\nsimd = {fold['SIMD']}\n"
                   for name, fold in zip(units, folds, strict=True))
    (tmp_path / "folding.toml").write_text(text)
    report = build(model, tmp_path / "build", "--folding", str(tmp_path / "folding.toml"))
    assert report["cycles_per_frame"] == {"model": 64, "measured": 64, "ideal": 64}
    assert report["verification"]["rtl_vs_integer_mismatches"] == 0
