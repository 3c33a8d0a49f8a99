"""Networks with residual sums and concatenations build for pynq: verified with and without stalls, at full rate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.e2e.networks import Network
from tests.e2e.test_networks import assert_at_speed, assert_verified, build

FRAMES = 4
"""The fewest of which a rate can be told (docs/contract.md, section 9)."""


@pytest.mark.parametrize("name", ["resblock_w4a4", "resblock_unequal", "concat_w4a4", "concat_unequal"])
def test_build_of_branches(name: str, models: Path, verilator: None, tmp_path: Path) -> None:
    network = Network(f"brevitas/{name}/model_qonnx_ts.onnx", f"brevitas/{name}/golden.npz", ("input", "output"))
    inputs, _ = network.vectors(models)
    np.save(tmp_path / "x.npy", inputs[:FRAMES])
    report = build(models / network.path, tmp_path / "build", "--input", str(tmp_path / "x.npy"), "--fps", "4000",
                   "--frames", str(FRAMES))
    assert_verified(report, FRAMES)
    assert_at_speed(report)
    kernels = [layer["kernel"] for layer in report["layers"]]
    assert "fork" in kernels and ("add" in kernels or "concat" in kernels)
