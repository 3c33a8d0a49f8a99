"""QOperator networks built for pynq: every op of the format that makes hardware, in two simulations with stalls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto

from tests.e2e.test_networks import assert_verified, build
from tests.frontend.tiny import model, node, save

MS = "com.microsoft"
FRAMES = 4


class Network:
    """Nodes and constants; every tensor t of integers has the parameters t_s and t_z."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, Any] = {}

    def scaled(self, name: str, scale: float, zero: int, dtype: Any = np.uint8) -> list[str]:
        """The parameters of a tensor; its name is the first of the three."""
        self.constants |= {f"{name}_s": np.float32(scale), f"{name}_z": np.array(zero, dtype)}
        return [name, f"{name}_s", f"{name}_z"]

    def weights(self, name: str, *shape: int, per_channel: bool = True) -> list[str]:
        """Random int8 weights."""
        rows = shape[0] if per_channel else ()
        self.constants |= {name: self.rng.integers(-9, 10, shape).astype(np.int8),
                           f"{name}_s": self.rng.uniform(0.02, 0.05, rows).astype(np.float32),
                           f"{name}_z": np.zeros(rows, np.int8)}
        return [name, f"{name}_s", f"{name}_z"]

    def bias(self, name: str, size: int) -> str:
        """Random int32."""
        self.constants[name] = self.rng.integers(-90, 90, size).astype(np.int32)
        return name

    def add(self, op: str, inputs: list[str], output: str, domain: str = "", **attributes: Any) -> None:
        """A node, named after its output."""
        self.nodes.append(node(op, inputs, output, name=output, domain=domain, **attributes))

    def model(self, shape: tuple[int, ...]) -> ModelProto:
        return model(self.nodes, self.constants, x=shape)


def chain() -> ModelProto:
    """Maps channels first and, as onnxruntime optimises them, channels last; pools, LeakyRelu, QGemm."""
    made = Network(7)
    x, a, b, c, d = (made.scaled(*one) for one in (("xq", 0.05, 120), ("a", 0.11, 9), ("b", 0.09, 128),
                                                   ("c", 0.07, 100), ("d", 0.06, 90)))
    y = made.scaled("yq", 0.2, 128)
    made.add("QuantizeLinear", ["x", *x[1:]], "xq")
    made.add("QLinearConv", [*x, *made.weights("w1", 4, 3, 3, 3), *a[1:], made.bias("b1", 4)], "a", pads=[1, 1, 1, 1])
    made.add("Transpose", ["a"], "at", perm=[0, 2, 3, 1])
    made.add("NhwcMaxPool", ["at"], "ap", MS, kernel_shape=[2, 2], strides=[2, 2])
    made.add("QLinearConv", ["ap", *a[1:], *made.weights("w2", 4, 1, 3, 3), *b[1:], made.bias("b2", 4)], "bt", MS,
             group=4, pads=[1, 1, 1, 1], channels_last=1)
    made.add("Transpose", ["bt"], "b", perm=[0, 3, 1, 2])
    made.add("QLinearLeakyRelu", [*b, *c[1:]], "c", MS, alpha=0.25)
    made.add("QLinearAveragePool", [*c, *d[1:]], "d", MS, kernel_shape=[2, 2], strides=[2, 2])
    made.add("Flatten", ["d"], "df")
    made.add("QGemm", ["df", *d[1:], *made.weights("w3", 5, 16), made.bias("b3", 5), *y[1:]], "yq", MS, transB=1)
    made.add("DequantizeLinear", y, "y")
    return made.model((1, 3, 8, 8))


def branches() -> ModelProto:
    """Joins of different scales; integer products with their own Cast and Mul; means; a matrix at the end."""
    made = Network(8)
    x, a, b, c, d, e, f = (made.scaled(*one) for one in (("xq", 0.05, 120), ("a", 0.125, 9), ("b", 0.25, 128),
                                                         ("c", 0.375, 100), ("d", 0.25, 90), ("e", 0.125, 80),
                                                         ("f", 0.0625, 128)))
    k = made.scaled("k", 0.02, 100)
    made.constants |= {"k": made.rng.integers(0, 256, (1, 3, 1, 1)).astype(np.uint8), "step": np.float32(0.0013)}
    made.add("QuantizeLinear", ["x", *x[1:]], "xq")
    made.add("ConvInteger", ["xq", made.weights("w1", 3, 2, 3, 3)[0], x[2]], "acc", pads=[1, 1, 1, 1])
    made.add("Cast", ["acc"], "acc_real", to=TensorProto.FLOAT)
    made.add("Mul", ["acc_real", "step"], "a_real")
    made.add("QuantizeLinear", ["a_real", *a[1:]], "a")
    made.add("QLinearMul", [*a, *k, *b[1:]], "b", MS)
    made.add("QLinearConv", [*b, *made.weights("w2", 3, 3, 1, 1, per_channel=False), *c[1:]], "c")
    made.add("QLinearAdd", [*a, *c, *d[1:]], "d", MS)
    made.add("QLinearConcat", [*e[1:], *d, *c], "e", MS, axis=1)
    made.add("QLinearGlobalAveragePool", [*e, *f[1:]], "f", MS)
    made.add("Flatten", ["f"], "ff")
    y, w = made.scaled("yq", 0.125, 100), made.weights("w3", 6, 5, per_channel=False)
    made.add("QLinearMatMul", ["ff", *f[1:], *w, *y[1:]], "yq")
    made.add("MatMulInteger", ["yq", made.weights("w4", 5, 4)[0], y[2]], "y_acc")
    made.add("Cast", ["y_acc"], "y", to=TensorProto.FLOAT)
    return made.model((1, 2, 6, 5))


def test_chain(verilator: None, tmp_path: Path) -> None:
    run(chain(), (FRAMES, 3, 8, 8), tmp_path)


def test_branches(verilator: None, tmp_path: Path) -> None:
    run(branches(), (FRAMES, 2, 6, 5), tmp_path)


def run(made: ModelProto, shape: tuple[int, ...], folder: Path) -> None:
    """Build, simulate, compare: the integer model with the exact reference, the RTL with the integer model."""
    np.save(folder / "x.npy", np.random.default_rng(3).normal(0, 3, shape).astype(np.float32))
    path = save(made, folder)
    report = build(path, folder / "build", "--input", str(folder / "x.npy"), "--fps", "100000", "--frames", str(FRAMES))
    assert_verified(report, FRAMES)
