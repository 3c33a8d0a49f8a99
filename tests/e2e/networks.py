"""The real networks of issue 2, how each is built, and its golden inputs and outputs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.generic]


@dataclass(frozen=True)
class Network:
    """A model of ../shared/models. golden: an .npz with its inputs and outputs, or the stem of <stem>_{x,ref}.npy."""

    path: str
    golden: str
    keys: tuple[str, str] = ("x", "y")
    flags: tuple[str, ...] = ()
    frames: int = 100
    fps: int = 100_000

    @property
    def id(self) -> str:
        path = Path(self.path)
        return path.parent.name if path.stem == "model_qonnx" else path.stem

    def vectors(self, models: Path) -> tuple[Array, Array]:
        """Golden inputs and outputs."""
        if self.golden.endswith(".npz"):
            with np.load(models / self.golden) as stored:
                return stored[self.keys[0]], stored[self.keys[1]]
        return np.load(models / f"{self.golden}_x.npy"), np.load(models / f"{self.golden}_ref.npy")


def workload(name: str) -> tuple[Network, Network]:
    """Cleaned and raw form of one workload: the same golden."""
    return (Network(f"workloads/{name}.onnx", f"workloads/{name}"),
            Network(f"workloads/{name}_raw.onnx", f"workloads/{name}"))


def brevitas(name: str) -> Network:
    return Network(f"brevitas/{name}/model_qonnx.onnx", f"brevitas/{name}/golden.npz", ("input", "output"), fps=20_000)


NETWORKS = (
    Network("qonnx-zoo/TFC_1W1A.onnx", "qonnx-zoo/TFC_1W1A_golden.npz"),
    Network("qonnx-zoo/TFC_2W2A.onnx", "qonnx-zoo/TFC_2W2A_golden.npz"),
    Network("qonnx-zoo/unsw_nb15-mlp-w2a2.onnx", "qonnx-zoo/unsw_golden.npz",
            flags=("--input-type", "bipolar", "--input-scale", "1")),
    Network("qonnx-zoo/qkeras_jettagging.onnx", "qonnx-zoo/qkeras_jettagging_golden.npz",
            flags=("--input-type", "int16", "--input-scale", "1/1024")),
    *workload("w1_po2"), *workload("w1_pt"), *workload("w1_bn"), *workload("w3_po2"),
    Network("workloads/w1_bn_external.onnx", "workloads/w1_bn"),
    Network("bnn-pynq/lfcW1A1_mnist_int.onnx", "bnn-pynq/lfcW1A1_mnist_golden20.npz", frames=20, fps=20_000),
    brevitas("mlp_bn_w4a4"),
    brevitas("mlp_bipolar_w1a1_const"),
)
