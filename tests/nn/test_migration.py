"""Checkpoints of Brevitas, loaded into the same networks of hwgen.nn: the same integers, also in the traced graph."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hwgen.nn.layers import WeightLayer  # noqa: E402
from hwgen.nn.tensor import unpacked  # noqa: E402
from tests.nn.migration import BUILDERS, WITHOUT, loaded  # noqa: E402
from tests.nn.running import compared, integers_of  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("seeds")]
ACTIVATIONS, BIASES, WEIGHTS = 117, 16, 114
"""Quantizers that the models below have, of activations and biases, and quantized weights."""
FLOAT32_NOISE = 1e-5


def golden(data: Any, layer: str) -> Any:
    """The integers that Brevitas had; a layer that is called twice a frame has both calls under one key."""
    name, call = (layer[:-2], 1) if layer.endswith("_2") else (layer, 0)
    found = next(data[key] for key in (f"inter/{name}.act_quant.int", f"inter/{name}.int") if key in data)
    frames = len(data["input"])
    return found[call::2] if len(found) == 2 * frames and not name.endswith("bias_quant") else found


def assert_integers(model: Any, data: Any) -> tuple[int, int]:
    """Of every activation (16 frames) and bias (noted once a frame) quantizer. Returns how many."""
    found = integers_of(model, torch.from_numpy(data["input"]))
    biases = [layer for layer in found if layer.endswith("bias_quant")]
    for layer, ours in found.items():
        theirs = golden(data, layer)
        theirs = theirs[: ours.size] if layer in biases else theirs
        np.testing.assert_array_equal(ours, theirs, layer)
    return len(found) - len(biases), len(biases)


def assert_weights(model: Any, data: Any) -> int:
    """Returns how many weights are quantized."""
    layers = {name: module for name, module in model.named_modules()
              if isinstance(module, WeightLayer) and module.weight_quant.is_quant_enabled}
    for name, module in layers.items():
        np.testing.assert_array_equal(module.quant_weight().int().numpy(), data[f"param/{name}.weight.int"], name)
    return len(layers)


def test_every_model_is_migrated_or_named(models: Path) -> None:
    assert {path.parent.name for path in (models / "brevitas").glob("*/meta.json")} == {*BUILDERS, *WITHOUT}
    assert len(BUILDERS) == 34


def test_integers_are_those_of_brevitas(models: Path) -> None:
    """No difference at all: the near-tie rule is not needed."""
    counts = np.zeros(3, dtype=int)
    for name in BUILDERS:
        data, model = np.load(models / "brevitas" / name / "golden.npz"), loaded(name, models / "brevitas")
        counts += (*assert_integers(model, data), assert_weights(model, data))
        with torch.no_grad():
            y = unpacked(model(torch.from_numpy(data["input"]))).numpy()
        np.testing.assert_allclose(y, data["output"], rtol=0, atol=FLOAT32_NOISE, err_msg=name)
    assert tuple(counts) == (ACTIVATIONS, BIASES, WEIGHTS)


@pytest.mark.parametrize("name", [name for name in BUILDERS if name != "lenet_weightonly_w3"])
def test_the_graph_keeps_them(name: str, models: Path) -> None:
    data, model = np.load(models / "brevitas" / name / "golden.npz"), loaded(name, models / "brevitas")
    found = compared(model, torch.from_numpy(data["input"][:8]))
    assert (found.mismatches, found.near_ties) == (0, 0)
    assert found.quantizers == sum(not layer.endswith("bias_quant") for layer in
                                   integers_of(model, torch.from_numpy(data["input"][:1])))
    assert found.difference <= FLOAT32_NOISE
