"""Unequal joins of every kind in QONNX networks built for pynq: two simulations with stalls, and onnx's own numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, NodeProto

from hwgen.errors import HwgenError
from tests.e2e.test_networks import assert_verified, build
from tests.frontend.tiny import imported, model, node, quant, save

FRAMES = 4


class Network:
    """Nodes and constants of a network of maps; every quantizer has its own scale and bits."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, Any] = {"zero": np.float32(0)}

    def add(self, op: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """A node, named after its output."""
        self.nodes.append(node(op, inputs, output, name=output, **attributes))
        return output

    def quantized(self, x: str, y: str, scale: float, bits: int, **attributes: Any) -> str:
        """y: x quantized with one scale."""
        self.constants |= {f"{y}_s": np.float32(scale), f"{y}_b": np.float32(bits)}
        self.nodes.append(quant(x, y, f"{y}_s", "zero", f"{y}_b", **attributes))
        return y

    def conv(self, x: str, y: str, channels: int, rows: int, kernel: int = 1, scale: Any = 0.25) -> str:
        """A convolution by 4-bit weights with one scale, or one per row."""
        raw = self.rng.integers(-7, 8, (rows, channels, kernel, kernel))
        step = np.asarray(scale, np.float32).reshape(-1, 1, 1, 1)
        self.constants |= {f"{y}_w": (raw * step).astype(np.float32), f"{y}_ws": step, "four": np.float32(4)}
        self.nodes.append(quant(f"{y}_w", f"{y}_wq", f"{y}_ws", "zero", "four"))
        return self.add("Conv", [x, f"{y}_wq"], y, pads=[kernel // 2] * 4)

    def constant(self, name: str, value: Any) -> str:
        self.constants[name] = np.asarray(value, np.float32)
        return name

    def model(self, shape: tuple[int, ...]) -> ModelProto:
        return model(self.nodes, self.constants, x=shape)


def sums() -> ModelProto:
    """Unequal scales and widths, slopes per channel, a raw accumulator, x + x, a constant, two readers of one sum."""
    made = Network(5)
    a = made.quantized("x", "a", 0.31, 5)
    b = made.quantized(made.conv(a, "conv1", 2, 2), "b", 0.47, 3)
    c = made.quantized(made.add("Add", [a, b], "sum1"), "c", 0.63, 4)
    d = made.quantized(made.add("Sub", ["sum1", made.constant("bias", [[[0.3]], [[-1.1]]])], "sum2"), "d", 0.29, 4,
                       rounding_mode="FLOOR")
    slopes = made.constant("slopes", [[[0.7]], [[-1.3]]])
    e = made.quantized(made.add("Sub", [made.add("Mul", [c, slopes], "slope"), d], "difference"), "e", 0.41, 4)
    raw = made.conv(e, "conv2", 2, 2, 3, scale=[0.11, 0.23])
    f = made.quantized(made.add("Relu", [made.add("Add", [raw, c], "sum3")], "relu"), "f", 0.53, 4, signed=0)
    twice = made.quantized(made.add("Add", [f, f], "sum4"), "g", 0.9, 4)
    made.add("Add", [made.conv(twice, "conv3", 2, 3), made.conv(d, "conv4", 2, 3)], "sum5")
    made.quantized("sum5", "y", 0.77, 6)
    return made.model((1, 2, 5, 4))


def concats() -> ModelProto:
    """Three inputs of several widths and scales into a convolution, and two into a quantizer."""
    made = Network(6)
    a = made.quantized("x", "a", 0.31, 5)
    b = made.quantized(made.conv(a, "conv1", 2, 4), "b", 0.47, 3)
    c = made.quantized(made.conv(a, "conv2", 2, 2), "c", 0.63, 4, narrow=1)
    d = made.quantized(made.conv(made.add("Concat", [a, b, c], "cat1", axis=1), "conv3", 8, 3, 3), "d", 1.9, 4)
    made.quantized(made.add("Concat", [d, b], "cat2", axis=1), "e", 0.59, 4)
    made.quantized(made.conv("e", "conv4", 7, 2), "y", 0.7, 6)
    return made.model((1, 2, 5, 4))


@pytest.mark.slow
@pytest.mark.parametrize("network", [sums, concats], ids=lambda network: str(network.__name__))
def test_joins_reach_the_rtl(network: Any, verilator: None, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.random.default_rng(3).normal(0, 3, (FRAMES, 2, 5, 4)).astype(np.float32))
    path = save(network(), tmp_path)
    report = build(path, tmp_path / "build", "--input", str(tmp_path / "x.npy"), "--frames", str(FRAMES))
    assert_verified(report, FRAMES)
    stems = [layer["kernel"] for layer in report["layers"]]
    assert stems.count("add") >= (4 if network is sums else 2), "x + x is a table's business"
    assert stems.count("concat") == (0 if network is sums else 2)


def test_the_product_of_two_activations_is_refused(tmp_path: Path) -> None:
    made = Network(7)
    a = made.quantized("x", "a", 0.31, 5)
    b = made.quantized(made.conv(a, "conv1", 2, 2), "b", 0.47, 3)
    made.quantized(made.add("Mul", [a, b], "product"), "y", 0.5, 4)
    with pytest.raises(HwgenError) as caught:
        imported(made.model((1, 2, 5, 4)), tmp_path)
    assert str(caught.value) == (
        "unsupported-form: product: Mul joins two computed values. Sums and differences are supported, and products of "
        "functions of one value; make one operand a constant.")
