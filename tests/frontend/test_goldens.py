"""Real networks: integer activations and outputs of other tools, through the frontend and the exact reference."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwgen.frontend import ImportOptions, load
from hwgen.ir.tensor import Tensor
from hwgen.ir.types import IntType
from hwgen.ops.quantized import Dense
from hwgen.reference import exact, float32

SIXTEEN_BITS = ImportOptions(input_types={None: (IntType(-32768, 32767), Fraction(1, 1024))})
ZOO = {"TFC_1W1A": ("TFC_1W1A.onnx", "TFC_1W1A_golden.npz", None),
       "TFC_2W2A": ("TFC_2W2A.onnx", "TFC_2W2A_golden.npz", None),
       "unsw": ("unsw_nb15-mlp-w2a2.onnx", "unsw_golden.npz", None),
       "jettagging": ("qkeras_jettagging.onnx", "qkeras_jettagging_golden.npz", SIXTEEN_BITS)}
WORKLOADS = ["w1_po2", "w1_po2_raw", "w1_pt", "w1_pt_raw", "w1_bn", "w1_bn_raw", "w1_bn_external", "w3_po2",
             "w3_po2_raw"]
FLOAT32_NOISE = 3e-6
"""The other tools' outputs carry float32 rounding of a few units in the last place; no activation hides in it."""


def outputs(path: Path, x: Any, options: ImportOptions | None = None) -> Any:
    """The exact outputs of a single-input, single-output network."""
    graph = load(path, options).graph
    (name,) = graph.inputs
    return exact.run(graph, {name: x}).outputs[graph.outputs[0]]


@pytest.mark.parametrize("name", ZOO)
def test_qonnx_zoo(name: str, models: Path) -> None:
    file, golden, options = ZOO[name]
    data = np.load(models / "qonnx-zoo" / golden)
    found = outputs(models / "qonnx-zoo" / file, data["x"], options)
    assert found.shape == data["y"].shape
    np.testing.assert_allclose(found, data["y"], rtol=0, atol=FLOAT32_NOISE)


@pytest.mark.parametrize("name", WORKLOADS)
def test_workloads(name: str, models: Path) -> None:
    folder, base = models / "workloads", "_".join(name.split("_")[:2])
    expected = np.load(folder / f"{base}_ref.npy")
    found = outputs(folder / f"{name}.onnx", np.load(folder / f"{base}_x.npy"))
    np.testing.assert_allclose(found, expected, rtol=0, atol=0 if "po2" in name else FLOAT32_NOISE)


def test_lfc_integers(models: Path) -> None:
    data = np.load(models / "bnn-pynq" / "lfcW1A1_mnist_golden20.npz")
    np.testing.assert_array_equal(outputs(models / "bnn-pynq" / "lfcW1A1_mnist_int.onnx", data["x"]), data["y"])


def test_ties_of_jettagging_are_exact(models: Path) -> None:
    """Its power-of-two scales make half-step ties; float32 arithmetic is exact there, so both references agree."""
    graph = load(models / "qonnx-zoo" / "qkeras_jettagging.onnx", SIXTEEN_BITS).graph
    x = np.load(models / "qonnx-zoo" / "qkeras_jettagging_golden.npz")["x"]
    one, other = exact.run(graph, {"global_in": x}), float32.run(graph, {"global_in": x})
    for name, integers in one.integers.items():
        np.testing.assert_array_equal(integers, other.integers[name])
    assert sum(int((d == 0).sum()) for d in other.distances.values()) > 100


@pytest.mark.parametrize("layer", range(4))
def test_one_wrong_weight_shows(layer: int, models: Path) -> None:
    """The comparison bites: one weight of any layer negated moves an output far beyond float32 noise."""
    data = np.load(models / "qonnx-zoo" / "TFC_1W1A_golden.npz")
    graph = load(models / "qonnx-zoo" / "TFC_1W1A.onnx").graph
    target = [n for n in graph.nodes if isinstance(n.op, Dense)][layer]
    assert isinstance(target.op, Dense)
    weight = target.op.weight.array.copy()
    weight[3, 7] *= -1
    wrong = replace(target, op=replace(target.op, weight=Tensor(weight)))
    broken = graph.replaced(nodes=tuple(wrong if n is target else n for n in graph.nodes))
    found = exact.run(broken, {graph.inputs[0]: data["x"]}).outputs[graph.outputs[0]]
    assert np.abs(found - data["y"]).max() > 1000 * FLOAT32_NOISE
