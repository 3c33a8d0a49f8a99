"""Convolutional networks of issue 3 without branches build for pynq: verified with and without stalls, at full rate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.e2e.networks import Network
from tests.e2e.test_networks import assert_at_speed, assert_verified, build
from tests.passes.test_size_fifos_maps import CNV

FRAMES = 4
"""The fewest of which a rate can be told (docs/contract.md, section 9)."""


def chain(name: str, file: str) -> Network:
    return Network(f"brevitas/{name}/{file}.onnx", f"brevitas/{name}/golden.npz", ("input", "output"), fps=2000)


CHAINS = (
    chain("conv1d_w4a4", "model_qonnx_ts"),
    chain("cnn_w1a1_tud", "model_qonnx_fixed"),
    chain("lenet_lowprec_w3a4b8", "model_qonnx_ts"),
    chain("cnn_w8a8_tud", "model_qonnx_ts"),
)


@pytest.mark.parametrize("network", CHAINS, ids=lambda network: Path(network.path).parent.name)
def test_build_of_maps(network: Network, models: Path, verilator: None, tmp_path: Path) -> None:
    inputs, _ = network.vectors(models)
    np.save(tmp_path / "x.npy", inputs[:FRAMES])
    report = build(models / network.path, tmp_path / "build", "--input", str(tmp_path / "x.npy"), "--fps",
                   str(network.fps), "--frames", str(FRAMES))
    assert_verified(report, FRAMES)
    assert_at_speed(report)
    assert report["latency_cycles"]["model"] == report["latency_cycles"]["measured"]


def test_cnv_at_the_folding_of_finn(models: Path, verilator: None, tmp_path: Path) -> None:
    """cnvW1A1 at full size: at most 32,768 cycles a frame and 1 %."""
    with np.load(models / "bnn-pynq" / "cnvW1A1_cifar10_golden20.npz") as golden:
        np.save(tmp_path / "x.npy", golden["x"][:FRAMES])
    folding = tmp_path / "folding.toml"
    folding.write_text("\n".join(f"[{name}]\npe = {pe}\nsimd = {simd}" for name, (pe, simd) in CNV.items()))
    report = build(models / "bnn-pynq" / "cnvW1A1_cifar10_int.onnx", tmp_path / "build", "--folding", str(folding),
                   "--input", str(tmp_path / "x.npy"), "--frames", str(FRAMES))
    assert_verified(report, FRAMES)
    assert_at_speed(report)
    assert report["cycles_per_frame"]["measured"] <= 32768 * 1.01
    assert report["latency_cycles"]["model"] == report["latency_cycles"]["measured"]
    assert {layer["name"]: (layer["pe"], layer["simd"]) for layer in report["layers"]}.items() >= CNV.items()
