"""Ops that change the size of a map, from a file to the RTL; the judge is onnx.reference on the same file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import NodeProto
from onnx.reference import ReferenceEvaluator

from hwgen.frontend import load
from hwgen.model import IntegerModel
from hwgen.passes.pipeline import lower
from tests.e2e.networks import Network
from tests.e2e.test_networks import assert_at_speed, assert_verified, build
from tests.frontend.tiny import model, node, save

FRAMES = 4


class Chain:
    """Nodes between quantizers with scales that are powers of two, so that float32 is exact."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, Any] = {}

    def constant(self, value: Any) -> str:
        """A constant's name."""
        name = f"c{len(self.constants)}"
        self.constants[name] = value
        return name

    def add(self, op: str, x: str, *constants: Any, **attributes: Any) -> str:
        """A node; None leaves an input out."""
        y = f"v{len(self.nodes)}"
        names = ["" if value is None else self.constant(value) for value in constants]
        self.nodes.append(node(op, [x, *names], y, name=y, **attributes))
        return y

    def quantized(self, x: str, scale: float, zero: int = 0) -> str:
        """QuantizeLinear to uint8, DequantizeLinear."""
        pair = (np.float32(scale), np.array(zero, np.uint8))
        return self.add("DequantizeLinear", self.add("QuantizeLinear", x, *pair), *pair)

    def weights(self, *shape: int) -> Any:
        """Integers from -2 to 2 as floats."""
        return self.rng.integers(-2, 3, shape).astype(np.float32)


def enlarging(chain: Chain) -> str:
    """Every op once: border, transposed convolution of a value with a zero point, blocks, box, factors, halves."""
    x = chain.quantized("x", 0.25, 7)
    x = chain.add("Pad", x, [0, 0, 1, 0, 0, 0, 0, 1], np.float32(-0.5))
    x = chain.add("ConvTranspose", x, chain.weights(2, 8, 3, 3), chain.weights(8), strides=[2, 2], pads=[1, 1, 1, 1],
                  output_padding=[1, 0])
    x = chain.quantized(chain.add("Relu", x), 0.5)
    x = chain.add("DepthToSpace", x, blocksize=2, mode="CRD")
    x = chain.add("Slice", x, [3, 2], [2**31 - 1, -1], [2, 3])
    x = chain.add("Resize", x, None, [1.0, 1.0, 1.0, 2.0], mode="nearest")
    x = chain.add("Conv", x, chain.weights(4, 2, 3, 3))
    x = chain.quantized(chain.add("Relu", x), 0.5)
    chain.nodes.append(node("Split", [x, chain.constant([1, 3])], "one", name="split", axis=1))
    chain.nodes[-1].output.append("three")
    chain.nodes.append(node("Concat", ["three", "one"], "swapped", name="swapped", axis=1))
    return chain.add("SpaceToDepth", chain.add("Slice", "swapped", [0, 0], [4, 8], [2, 3]), blocksize=2)


def row(chain: Chain) -> str:
    """One row: groups, a stride larger than the kernel, every second pixel."""
    x = chain.quantized("x", 0.25)
    x = chain.add("ConvTranspose", x, chain.weights(4, 1, 2), strides=[3], group=4)
    x = chain.quantized(chain.add("Relu", x), 0.25)
    x = chain.add("Slice", x, [1], [100], [2], [2])
    return chain.add("Resize", x, None, None, [1, 4, 24], mode="nearest")


@pytest.mark.parametrize(("network", "shape"), [(enlarging, (2, 3, 4)), (row, (4, 6))])
def test_from_import_to_rtl(network: Any, shape: tuple[int, ...], verilator: None, tmp_path: Path, seed: int) -> None:
    chain = Chain(seed)
    last = network(chain)
    made = model(chain.nodes, chain.constants, x=("N", *shape), opset=19, outputs=(last,))
    data = (chain.rng.integers(-20, 200, (FRAMES, *shape)) / 8).astype(np.float32)
    expected = [ReferenceEvaluator(made).run(None, {"x": frame[None]})[0] for frame in data]
    path = save(made, tmp_path)
    graphs = dict(lower(load(path).graph))
    found = IntegerModel(graphs["narrow-types"]).predict({"x": data})[last]
    np.testing.assert_array_equal(found, np.concatenate(expected))
    assert len(np.unique(found)) > 5
    np.save(tmp_path / "x.npy", data)
    report = build(path, tmp_path / "build", "--input", str(tmp_path / "x.npy"), "--frames", str(FRAMES))
    assert_verified(report, FRAMES)
    assert_at_speed(report)


def test_transposed_autoencoder(models: Path, verilator: None, tmp_path: Path) -> None:
    network = Network("brevitas/tconv_autoenc_w4a4/model_qonnx.onnx", "brevitas/tconv_autoenc_w4a4/golden.npz",
                      ("input", "output"))
    inputs, _ = network.vectors(models)
    np.save(tmp_path / "x.npy", inputs[:FRAMES])
    report = build(models / network.path, tmp_path / "build", "--input", str(tmp_path / "x.npy"), "--fps", "2000",
                   "--frames", str(FRAMES))
    assert_verified(report, FRAMES)
    assert_at_speed(report)


def test_super_resolution(models: Path, verilator: None, tmp_path: Path) -> None:
    """Its output frame begins before its input frame ends; on a part of its image."""
    np.save(tmp_path / "x.npy", np.random.default_rng(1).random((2, 3, 5, 5)).astype(np.float32))
    report = build(models / "superres" / "espcn_nn_resize_quant.onnx", tmp_path / "build", "--input-shape", "1x3x5x5",
                   "--input", str(tmp_path / "x.npy"), "--frames", "2", "--fps", "1500", "--allow-oversize")
    assert_verified(report, 2)
