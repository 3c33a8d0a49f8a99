"""The examples run from training to integers with a few steps; the digits ones to RTL, with their own accuracy."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import ROOT, need_package

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.slow
ROW = re.compile(r"^  (.+?) +([\d.]+)% of +(\d+) images", re.M)


def run_example(name: str, words: list[str], monkeypatch: pytest.MonkeyPatch,
                capsys: pytest.CaptureFixture[str]) -> dict[str, float]:
    """The accuracies that it prints, by form."""
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    monkeypatch.setattr(sys, "argv", [name, *words])
    importlib.import_module(name).main()
    text = capsys.readouterr().out
    return {form: float(share) for form, share, _ in ROW.findall(text)}


@pytest.mark.parametrize("name", ["lenet", "tud_cnn", "dpu_lenet"])
def test_mnist(name: str, models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The script ends with an error where the integer model classifies otherwise than torch."""
    found = run_example(name, ["--data", str(models / "data"), "--images", "250", "--epochs", "2", "--steps", "3",
                               "--rtl-frames", "0"], monkeypatch, capsys)
    assert list(found) == ["float", "quantized, in torch", "integer model", "calibrated, 8 bits"]
    assert found["integer model"] == found["quantized, in torch"]


def test_digits_cnn_to_rtl(verilator: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
                           capsys: pytest.CaptureFixture[str]) -> None:
    need_package("sklearn")
    found = run_example("digits_cnn", ["--epochs", "3", "--rtl-frames", "4", "--weights", str(tmp_path / "w.pt")],
                        monkeypatch, capsys)
    assert found["float"] > 90 and found["calibrated, 8 bits"] > found["float"] - 2
    assert found["integer model"] == found["quantized, in torch"] > 80
    assert "RTL, simulated" in found
    assert torch.load(tmp_path / "w.pt", weights_only=True)["conv1.weight"].shape == (12, 1, 3, 3)


def test_digits_mlp_leaves_what_the_demo_takes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
                                               capsys: pytest.CaptureFixture[str]) -> None:
    """The same images and classes as the shipped ones; the written network classifies as the trained one does."""
    from hwgen.frontend import load
    from hwgen.model import IntegerModel
    from hwgen.passes.pipeline import TO_INTEGERS, lower

    need_package("sklearn")
    found = run_example("digits_mlp", ["--epochs", "8", "--rtl-frames", "0", "--write", str(tmp_path)], monkeypatch,
                        capsys)
    images, labels = (np.load(tmp_path / f"digits_mlp_{part}.npy") for part in ("inputs", "labels"))
    np.testing.assert_array_equal(images, np.load(ROOT / "examples" / "digits_mlp_inputs.npy"))
    np.testing.assert_array_equal(labels, np.load(ROOT / "examples" / "digits_mlp_labels.npy"))
    *_, (_, graph) = lower(load(tmp_path / "digits_mlp.onnx").graph, TO_INTEGERS)
    model = IntegerModel(graph)
    (scores,) = model.predict({model.input_ports[0].name: images}).values()
    share = float((scores.argmax(1) == labels).mean()) * 100
    assert round(share, 2) == found["integer model"] == found["quantized, in torch"] > 85
