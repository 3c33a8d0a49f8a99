"""QONNX Trunc, versions 1 and 2, against their definition (number-semantics.md C.1), written out in numpy here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwgen.errors import HwgenError
from hwgen.exact.truncation import TruncQuantizer
from hwgen.frontend import load
from hwgen.ir.graph import Graph
from hwgen.ir.tensor import Tensor
from hwgen.ir.types import IntType
from hwgen.model import IntegerModel
from hwgen.ops.quantized_maps import Trunc
from hwgen.passes.fold_scales import fold_scales
from hwgen.passes.narrow_types import narrow_types
from hwgen.passes.thresholds import thresholds
from hwgen.reference import exact, float32
from hwgen.rounding import Rounding
from tests.frontend.test_qonnx import FORMULAS
from tests.frontend.tiny import INT8, QONNX, imported, model, node, save

MODES = ["FLOOR", "ROUND", "CEIL", "UP", "DOWN", "half_up", "HALF_DOWN"]
POOL = {"kernel_shape": [1, 4], "strides": [1, 4]}


def pooled_trunc(scale: float, zero: float, rest: dict[str, float], mode: str, **attributes: Any) -> Any:
    """A mean of four int8 pixels, truncated."""
    constants = {"scale": scale, "zero": zero, **rest}
    nodes = [node("AveragePool", ["x"], "mean", **POOL),
             node("Trunc", ["mean", *constants], name="trunc", domain=QONNX, rounding_mode=mode, **attributes)]
    return model(nodes, constants, x=("N", 1, 1, 8))


def frames(seed: int) -> Any:
    """int8 pixels, their means on every quarter."""
    return np.random.default_rng(seed).integers(-128, 128, (200, 1, 1, 8))


def model_integers(graph: Graph, x: Any) -> Any:
    """The integers at y by the integer model."""
    lowered = IntegerModel(narrow_types(thresholds(fold_scales(graph))))
    values = lowered.activations(lowered.encode({"x": x}))["y"]
    return np.moveaxis(values, -1, 1)


def assert_all(graph: Graph, x: Any, integers: Any, outputs: Any) -> None:
    """Both references and the integer model give these integers; the references give these outputs."""
    for run in (exact.run, float32.run):
        result = run(graph, {"x": x})
        np.testing.assert_array_equal(result.integers["y"], integers)
        np.testing.assert_array_equal(result.outputs["y"], outputs)
    np.testing.assert_array_equal(model_integers(graph, x), integers)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("signed", "narrow", "bits"), [(1, 0, 8), (1, 1, 4), (0, 0, 6)])
@pytest.mark.parametrize("zero", [0.0, 4.0])
def test_version_2(mode: str, signed: int, narrow: int, bits: int, zero: float, tmp_path: Path, seed: int) -> None:
    """c = RNE(x / s + z); t = 2^round(log2(out_scale / s)); clip(c / t), rounded; minus z / t; times out_scale."""
    scale, out_scale = 0.5, 2.0
    made = pooled_trunc(scale, zero, {"in": 10.0, "out_scale": out_scale, "out": float(bits)}, mode, signed=signed,
                        narrow=narrow)
    x = frames(seed)
    c = np.round(x.reshape(200, 1, 1, 2, 4).mean(-1) / scale + zero)
    low = -(2 ** (bits - 1)) + narrow if signed else 0
    high = 2 ** (bits - 1) - 1 if signed else 2**bits - 1
    integers = FORMULAS[mode.upper()](np.clip(c / 4, low, high))
    graph = imported(made, tmp_path, INT8).graph
    assert_all(graph, x, integers, (integers - zero / 4) * out_scale)


@pytest.mark.parametrize("mode", MODES)
def test_version_1(mode: str, tmp_path: Path, seed: int) -> None:
    """y = round(RNE(x / s + z) / 2^(in - out)), no clip; minus z, times the input scale."""
    scale, zero = 0.25, 2.0
    graph = imported(pooled_trunc(scale, zero, {"in": 10.0, "out": 7.0}, mode), tmp_path, INT8).graph
    x = frames(seed)
    integers = FORMULAS[mode.upper()](np.round(x.reshape(200, 1, 1, 2, 4).mean(-1) / scale + zero) / 8)
    assert_all(graph, x, integers, (integers - zero) * scale)


def test_version_1_beyond_its_declared_width_is_refused(tmp_path: Path) -> None:
    """It has no clip, so an input wider than in_bits would need values that no type was declared for."""
    graph = imported(pooled_trunc(0.25, 0.0, {"in": 6.0, "out": 4.0}, "FLOOR"), tmp_path, INT8).graph
    with pytest.raises(HwgenError, match="trunc-range: trunc: its input can exceed its declared bit width"):
        fold_scales(graph)


def test_default_mode_is_floor(tmp_path: Path) -> None:
    made = pooled_trunc(0.5, 0.0, {"in": 10.0, "out_scale": 2.0, "out": 8.0}, "FLOOR")
    made.graph.node[1].attribute.pop()
    op = load(save(made, tmp_path), INT8).graph.nodes[-1].op
    assert isinstance(op, Trunc) and (op.rounding, op.divisor) == (Rounding.FLOOR, 4)


@pytest.mark.parametrize("rounding", list(Rounding))
@pytest.mark.parametrize("divisor", ["1/2", "1", "2", "8"])
def test_cuts_certify_quantize(rounding: Rounding, divisor: str) -> None:
    """The number of cuts that hold is the level, at and between all ties."""
    parameters = [Tensor(Tensor(np.float64(v)).fractions().reshape(1)) for v in (0.375, 0.5)]
    one = Tensor(1.0).fractions().ravel()[0]
    quantizer = TruncQuantizer(IntType(-5, 6), *parameters, type(one)(divisor), rounding)
    cuts = quantizer.cuts(0)
    for n in range(-500, 501):
        x = one * n * 3 / 64
        assert quantizer.quantize(x, 0) == -5 + sum(cut.holds(x) for cut in cuts)
