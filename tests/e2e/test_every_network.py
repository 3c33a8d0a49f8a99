"""All networks of issue 3 that the suite does not build elsewhere: `make networks` (--every-network) builds them.

RTL equals the integer model at every boundary with and without stalls, at the ideal rate.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.e2e.networks import Network
from tests.e2e.test_networks import assert_at_speed, assert_verified, build

FRAMES = 4
BREVITAS = ("act_gelu", "act_gelu_const", "act_hardtanh", "act_leaky", "act_relu6", "act_sigmoid",
            "cnn_truncavgpool_floor", "cnn_truncavgpool_round", "concat_unequal", "concat_w4a4", "dwsep_k5s2",
            "lenet_dpu_fixed8", "lenet_mixed_onnx", "lenet_mixed_pt", "mobblock_w4a4", "resblock_unequal",
            "resblock_w4a4", "tconv_autoenc_w4a4")
NETWORKS = (
    *(Network(f"brevitas/{name}/model_qonnx_ts.onnx", f"brevitas/{name}/golden.npz", ("input", "output"), fps=2000)
      for name in BREVITAS),
    Network("workloads/w2_po2.onnx", "workloads/w2_po2", fps=2000),
    Network("bnn-pynq/cnvW2A2_cifar10_int.onnx", "bnn-pynq/cnvW2A2_cifar10_golden20.npz", fps=500),
    Network("metafi/metafi_signed.onnx", "metafi/metafi_signed_golden.npz", fps=2000,
            flags=("--input-shape", "1,6,22,18", "--board", "zcu104")),
    Network("superres/espcn_nn_resize_quant.onnx", "superres/espcn_golden.npz", fps=1000,
            flags=("--input-shape", "1,3,8,8")),
)


def cropped(inputs: np.ndarray, flags: tuple[str, ...]) -> np.ndarray:  # type: ignore[type-arg]
    """The upper left corner of the golden inputs, where --input-shape asks for less."""
    if "--input-shape" not in flags:
        return inputs[:FRAMES]
    height, width = (int(n) for n in flags[flags.index("--input-shape") + 1].split(",")[2:])
    corner = inputs[:, :, :height, :width]
    return np.concatenate([corner] * FRAMES)[:FRAMES]


@pytest.mark.every_network
@pytest.mark.parametrize("network", NETWORKS, ids=lambda n: n.path.removesuffix(".onnx").replace("/", "-"))
def test_build(network: Network, models: Path, verilator: None, tmp_path: Path) -> None:
    inputs, _ = network.vectors(models)
    np.save(tmp_path / "x.npy", cropped(inputs, network.flags))
    report = build(models / network.path, tmp_path / "build", "--input", str(tmp_path / "x.npy"), "--fps",
                   str(network.fps), "--frames", str(FRAMES), *network.flags)
    assert_verified(report, FRAMES)
    assert_at_speed(report)
