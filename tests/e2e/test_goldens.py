"""Figures of issue 2 that do not need the RTL: Brevitas' own integers, MNIST accuracy, 1000 random inputs of qkeras."""

from __future__ import annotations

import gzip
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from hwgen.cli import run
from hwgen.frontend import ImportOptions, load
from hwgen.ir.types import full_range
from hwgen.model import IntegerModel
from hwgen.passes.pipeline import lower
from hwgen.reference import exact
from hwgen.vectors import random_inputs

MODULE = re.compile(r"inter/(.+)\.(?:act_quant|output_quant)\.int")


@pytest.mark.parametrize("name", ["mlp_bn_w4a4", "mlp_bipolar_w1a1_const"])
def test_activations_and_accumulators_are_brevitas_own(name: str, models: Path, tmp_path: Path) -> None:
    """hwgen run --activations against golden.npz: every activation quantizer, and every recorded accumulator."""
    with np.load(models / "brevitas" / name / "golden.npz") as golden:
        np.save(tmp_path / "x.npy", golden["input"])
        expected = [golden[key] for key in golden.files if MODULE.fullmatch(key)]
    assert run(["run", str(models / "brevitas" / name / "model_qonnx.onnx"), "--input", str(tmp_path / "x.npy"),
                "--output", str(tmp_path / "y.npy"), "--activations", str(tmp_path / "acts")]) == 0
    found = [np.load(path).reshape(16, -1) for path in (tmp_path / "acts").glob("*.npy")]
    for integers in expected:
        wanted = integers.reshape(16, -1)
        assert any(array.shape == wanted.shape and (array == wanted).all() for array in found)
    assert len(expected) >= 5


def mnist(models: Path) -> tuple[np.ndarray, np.ndarray]:
    """The 10,000 test images as bytes (10000, 784), and their labels."""
    images, labels = (gzip.decompress((models / "data" / f"t10k-{name}-ubyte.gz").read_bytes())
                      for name in ("images-idx3", "labels-idx1"))
    return np.frombuffer(images[16:], np.uint8).reshape(-1, 784), np.frombuffer(labels[8:], np.uint8)


def test_lfc_classifies_mnist_as_published(models: Path, tmp_path: Path) -> None:
    images, labels = mnist(models)
    np.save(tmp_path / "x.npy", np.where(images >= 128, 1, -1).astype(np.int8))
    assert run(["run", str(models / "bnn-pynq" / "lfcW1A1_mnist_int.onnx"), "--input", str(tmp_path / "x.npy"),
                "--output", str(tmp_path / "y.npy")]) == 0
    hits = int((np.load(tmp_path / "y.npy").argmax(axis=1) == labels).sum())
    assert (hits, len(labels)) == (9834, 10_000)


def test_qkeras_is_exact_on_a_thousand_inputs_full_of_ties(models: Path, seed: int) -> None:
    typed = ImportOptions(input_types={None: (full_range(16, True), Fraction(1, 1024))})
    imported = load(models / "qonnx-zoo" / "qkeras_jettagging.onnx", typed)
    *_, (_, graph) = lower(imported.graph)
    model = IntegerModel(graph)
    inputs = random_inputs({port.name: port for port in model.input_ports}, 500, seed)
    small = np.random.default_rng(seed).integers(-4096, 4097, (500, 16)) / 1024
    both = {name: np.concatenate([array, small.astype(np.float32)]) for name, array in inputs.items()}
    expected = exact.run(imported.graph, both).integers
    found = model.activations(model.encode(both))
    assert len(expected) >= 4
    for name, integers in expected.items():
        np.testing.assert_array_equal(found[name].reshape(integers.shape), integers, err_msg=name)
