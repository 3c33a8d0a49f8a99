"""Quant, IntQuant and BipolarQuant against their definition (number-semantics.md C.1), written out in numpy here."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwgen.errors import HwgenError
from hwgen.frontend import ImportOptions
from hwgen.frontend.rounding import quantize, round_exact
from hwgen.ir.types import BIPOLAR, BipolarType, IntType, full_range
from hwgen.ops.quantized import Dense, Quant
from hwgen.reference import exact, float32
from hwgen.rounding import Rounding
from tests.frontend.tiny import QONNX, imported, model, node, quant

FORMULAS = {
    "ROUND": np.round,
    "HALF_EVEN": np.round,
    "CEIL": np.ceil,
    "FLOOR": np.floor,
    "UP": lambda x: np.sign(x) * np.ceil(np.abs(x)),
    "DOWN": np.fix,
    "HALF_UP": lambda x: np.sign(x) * np.floor(np.abs(x) + 0.5),
    "HALF_DOWN": lambda x: np.sign(x) * np.ceil(np.abs(x) - 0.5),
    "DPU": lambda x: np.where((x < 0) & (x - np.floor(x) == 0.5), np.ceil(x), np.round(x)),
    "ROUND_TO_ZERO": np.trunc,
}


def by_definition(x: Any, scale: Any, zero: float, bits: int, signed: int, narrow: int, mode: str) -> Any:
    """QONNX's Quant in float64, exact for the dyadic numbers used here: the integers before dequantization."""
    low = (-(2 ** (bits - 1)) + narrow) if signed else 0
    high = (2 ** (bits - 1) - 1) if signed else 2**bits - 1 - narrow
    y = np.asarray(x, dtype=np.float64) / scale + zero
    if bits == 1 and signed:
        return np.where(y >= 0, 1.0, -1.0)
    return FORMULAS[mode.upper()](np.clip(y, low, high))


@pytest.mark.parametrize("op", ["Quant", "IntQuant"])
@pytest.mark.parametrize("domain", [QONNX, "onnx.brevitas", "finn.custom_op.general"])
@pytest.mark.parametrize("mode", [*FORMULAS, "round", "Half_Up"])
def test_rounding_modes_on_ties(mode: str, domain: str, op: str, tmp_path: Path) -> None:
    """Every quarter step from -5 to 5, ties included, inside and outside the range; case is ignored."""
    x = np.arange(-40, 41).reshape(1, -1) / 8
    made = model([node(op, ["x", "scale", "zero", "bits"], domain=domain, rounding_mode=mode)],
                 {"scale": 0.5, "zero": 0.0, "bits": 4.0}, x=("N", 81))
    graph = imported(made, tmp_path).graph
    expected = by_definition(x, 0.5, 0, 4, 1, 0, mode)
    for run in (exact.run, float32.run):
        result = run(graph, {"x": x})
        np.testing.assert_array_equal(result.integers["y"], expected)
        np.testing.assert_array_equal(result.outputs["y"], expected * 0.5)


@pytest.mark.parametrize(("bits", "signed", "narrow"),
                         [(1, 0, 0), (2, 1, 0), (2, 1, 1), (3, 0, 0), (3, 0, 1), (8, 1, 1)])
@pytest.mark.parametrize("zero", [0.0, 3.0, -1.0])
def test_ranges_and_zero_points(bits: int, signed: int, narrow: int, zero: float, tmp_path: Path) -> None:
    x = np.arange(-300, 301).reshape(1, -1) / 4
    made = model([quant("x", "y", signed=signed, narrow=narrow)], {"scale": 0.25, "zero": zero, "bits": float(bits)},
                 x=("N", 601))
    graph = imported(made, tmp_path).graph
    expected = by_definition(x, 0.25, zero, bits, signed, narrow, "ROUND")
    result = exact.run(graph, {"x": x})
    np.testing.assert_array_equal(result.integers["y"], expected)
    np.testing.assert_array_equal(result.outputs["y"], (expected - zero) * 0.25)
    op = graph.nodes[0].op
    assert isinstance(op, Quant) and op.type == full_range(bits, bool(signed), bool(narrow))


def test_attribute_defaults(tmp_path: Path) -> None:
    """signed=1, narrow=0, rounding_mode=ROUND where the file says nothing."""
    made = model([quant("x", "y")], {"scale": 1.0, "zero": 0.0, "bits": 3.0})
    op = imported(made, tmp_path).graph.nodes[0].op
    assert isinstance(op, Quant) and (op.type, op.rounding) == (IntType(-4, 3), Rounding.HALF_EVEN)


@pytest.mark.parametrize("scale", [[0.5, 1.0, 2.0, 0.125], [[0.5, 1.0, 2.0, 0.125]]])
def test_scale_per_channel(scale: Any, tmp_path: Path) -> None:
    x = np.arange(-20, 20).reshape(10, 4) / 3
    made = model([quant("x", "y")], {"scale": scale, "zero": 0.0, "bits": 4.0})
    result = exact.run(imported(made, tmp_path).graph, {"x": x})
    np.testing.assert_array_equal(result.integers["y"], by_definition(x, np.ravel(scale), 0, 4, 1, 0, "ROUND"))


@pytest.mark.parametrize("op", ["BipolarQuant", "Quant"])
def test_one_signed_bit_is_bipolar(op: str, tmp_path: Path) -> None:
    """Zero is +1; Quant of one signed bit means the same as BipolarQuant."""
    inputs = ["x", "scale"] if op == "BipolarQuant" else ["x", "scale", "zero", "bits"]
    made = model([node(op, inputs, domain=QONNX)], {"scale": 0.75, "zero": 0.0, "bits": 1.0})
    graph = imported(made, tmp_path).graph
    assert isinstance(graph.nodes[0].op, Quant) and graph.nodes[0].op.type == BIPOLAR
    x = np.array([[-1.0, -0.0, 0.0, 1e-30]])
    for run in (exact.run, float32.run):
        result = run(graph, {"x": x})
        assert result.integers["y"].tolist() == [[-1, 1, 1, 1]]
        assert result.outputs["y"].tolist() == [[-0.75, 0.75, 0.75, 0.75]]


@pytest.mark.parametrize(("dialect", "values", "words"), [
    ("brevitas", [[0, 0, 0, 1]], "is read as an unsigned 1-bit quantizer {0, scale}"),
    ("spec", [[1, 1, 1, 1]], "is always +scale"),
])
def test_bipolar_quant_after_relu(dialect: str, values: list[list[int]], words: str, tmp_path: Path) -> None:
    """Doctrine item 7, through a reshape too."""
    nodes = [node("Relu", ["x"], "r"), node("Reshape", ["r", "shape"], "s"),
             node("BipolarQuant", ["s", "scale"], domain=QONNX, name="act")]
    made = model(nodes, {"scale": 2.0, "shape": [1, 4]}, x=(1, 4))
    result = imported(made, tmp_path, ImportOptions(dialect=dialect))
    assert len(result.warnings) == 1 and result.warnings[0].startswith("act: ") and words in result.warnings[0]
    found = exact.run(result.graph, {"x": np.array([[-1.0, 0.0, 1.0, 1.5]])}).integers["y"]
    assert found.tolist() == values


def test_bipolar_quant_elsewhere_needs_no_dialect(tmp_path: Path) -> None:
    made = model([node("BipolarQuant", ["x", "scale"], domain=QONNX)], {"scale": 2.0})
    assert imported(made, tmp_path).warnings == ()


def near_ties(seed: int) -> tuple[Any, Any]:
    """float32 constants on ties, near-ties and elsewhere, and their scales, as float64."""
    rng = np.random.default_rng(seed)
    scale = rng.integers(1, 2000, 400).astype(np.float32) * np.float32(2.0**-9) / np.float32(3)
    steps = rng.integers(-20, 20, 400) + rng.choice([0.0, 0.5, 0.25, 1 / 3], 400)
    return (steps * scale).astype(np.float32).astype(np.float64), scale.astype(np.float64)


@pytest.mark.parametrize("mode", list(Rounding))
@pytest.mark.parametrize("zero", [0.0, 124.0])
def test_float32_constants_are_quantized_in_float32(mode: Rounding, zero: float, seed: int) -> None:
    """As training and every runtime do: the float32 quotient plus the zero point, then an exact decision."""
    x, scale = near_ties(seed)
    kind = IntType(int(zero) - 8, int(zero) + 7)
    ratios = x.astype(np.float32) / scale.astype(np.float32) + np.float32(zero)
    expected = [min(max(round_exact(Fraction(float(r)), mode), kind.lo), kind.hi) for r in ratios]
    assert quantize(x, scale, np.full(400, zero), kind, mode).tolist() == expected


@pytest.mark.parametrize("mode", list(Rounding))
def test_float64_constants_are_quantized_exactly(mode: Rounding, seed: int) -> None:
    """Where a parameter is no float32 (here one scale): equal to rational arithmetic on every constant."""
    x, scale = near_ties(seed)
    scale[0] *= 1 + 2.0**-40
    found = quantize(x, scale, np.zeros(400), IntType(-8, 7), mode)
    slow = [min(max(round_exact(Fraction(a) / Fraction(b), mode), -8), 7) for a, b in zip(x, scale, strict=True)]
    assert found.tolist() == slow


@pytest.mark.parametrize("mode", [Rounding.FLOOR, Rounding.CEIL, Rounding.AWAY, Rounding.TOWARD_ZERO])
def test_stored_products_keep_their_integers(mode: Rounding) -> None:
    """fl(n * s) is a hair beside n * s: a directed mode must still give n where the whole tensor is such products."""
    scale = np.float32(0.1)
    n = np.arange(-128, 128)
    x = (n * scale).astype(np.float32).astype(np.float64)
    assert np.any(x != n * np.float64(scale))
    scales = np.full(256, np.float64(scale))
    assert quantize(x, scales, np.zeros(256), IntType(-128, 127), mode).tolist() == n.tolist()


def weights_of(made: Any, folder: Path) -> Dense:
    """The only dense layer of a model."""
    (op,) = [n.op for n in imported(made, folder).graph.nodes if isinstance(n.op, Dense)]
    return op


def dense_model(
    weight: Any, *between: Any, scale: Any = 0.5, bits: float = 4.0, gemm: dict[str, Any] | None = None
) -> Any:
    """x -> Quant -> Gemm by a quantized weight, with nodes between the weight's quantizer and the product."""
    nodes = [quant("x", "a", "one", "zero", "four"), quant("w", "wq0", "scale"), *between,
             node("Gemm", ["a", f"wq{len(between)}"], **(gemm or {}))]
    return model(nodes, {"w": weight, "scale": scale, "zero": 0.0, "bits": bits, "one": 1.0, "four": 4.0})


def test_weights_through_transpose_and_reshape(tmp_path: Path) -> None:
    w = np.arange(-6, 6).reshape(3, 4).astype(np.float32) / 2
    moved = [node("Transpose", ["wq0"], "wq1"), node("Reshape", ["wq1", "shape"], "wq2"),
             node("Cast", ["wq2"], "wq3", to=1), node("Identity", ["wq3"], "wq4")]
    made = dense_model(w, *moved)
    made.graph.initializer.append(model([], {"shape": [4, 3]}).graph.initializer[0])
    op = weights_of(made, tmp_path)
    assert op.weight.array.tolist() == np.arange(-6, 6).reshape(3, 4).tolist()
    assert op.scale.array.tolist() == 0.5


@pytest.mark.parametrize(("scale", "shape"), [(0.5, ()), (np.full((3, 1), 0.5, np.float32), ()),
                                              (np.array([[0.5], [1.0], [2.0]], np.float32), (3, 1)),
                                              (np.array([[0.5, 1.0, 2.0, 4.0]], np.float32), (1, 4))])
def test_weight_scales_in_their_smallest_shape(scale: Any, shape: tuple[int, ...], tmp_path: Path) -> None:
    w = np.ones((3, 4), np.float32)
    op = weights_of(dense_model(w, scale=scale, gemm={"transB": 1}), tmp_path)
    assert op.scale.shape == shape
    found = (op.weight.array * op.scale.array).tolist()
    assert found == (np.round(w / scale) * scale).tolist()


def test_weight_zero_point(tmp_path: Path) -> None:
    made = dense_model(np.array([[0.0, 0.5, 1.0, 7.0]], np.float32), gemm={"transB": 1})
    for node_ in made.graph.node:
        if node_.output[0] == "wq0":
            node_.input[2] = "one"
    op = weights_of(made, tmp_path)
    assert (op.weight.array.tolist(), op.zero_point.array.tolist()) == ([[1, 2, 3, 7]], 1.0)


def test_alpha_is_part_of_the_scale_exactly(tmp_path: Path) -> None:
    op = weights_of(dense_model(np.ones((3, 4), np.float32), gemm={"transB": 1, "alpha": 0.1}), tmp_path)
    assert op.scale.fractions().tolist() == Fraction(float(np.float32(0.1))) / 2


def test_quantized_bias_is_exact(tmp_path: Path) -> None:
    """A bias quantizer's integers times its scale, not the float32 product."""
    nodes = [quant("x", "a", "one", "zero", "bits"), quant("c", "cq", "tiny", "zero", "many"),
             node("Gemm", ["a", "w", "cq"])]
    tiny = np.float32(0.1)
    bias = np.array([1e5, -3.3], np.float32)
    made = model(nodes, {"w": np.ones((4, 2), np.float32), "c": bias, "tiny": tiny.reshape(()), "one": 1.0, "zero": 0.0,
                         "bits": 4.0, "many": 32.0})
    op = weights_of(made, tmp_path)
    assert op.bias is not None
    step = Fraction(float(tiny))
    expected = [round(Fraction(float(v)) / step) * step for v in bias]
    assert op.bias.fractions().tolist() == expected


def test_bipolar_weights_keep_their_sign(tmp_path: Path) -> None:
    w = np.array([[0.3, -0.2, 0.0, -5.0]], np.float32)
    nodes = [quant("x", "a", "scale", "zero", "bits"), node("BipolarQuant", ["w", "scale"], "wq", domain=QONNX),
             node("Gemm", ["a", "wq"], transB=1)]
    op = weights_of(model(nodes, {"w": w, "scale": 0.5, "zero": 0.0, "bits": 2.0}), tmp_path)
    assert op.weight.array.tolist() == [[1, -1, 1, -1]]


def test_warns_of_floats_before_their_quantizer(tmp_path: Path) -> None:
    """Only for files of Brevitas, whose export may have lost the training's rounding."""
    made = dense_model(np.full((3, 4), 0.6, np.float32), gemm={"transB": 1})
    assert imported(made, tmp_path).warnings == ()
    made.producer_name = "pytorch"
    (warning,) = imported(made, tmp_path).warnings
    assert warning.startswith("quant_wq0: float weights are rounded to nearest; if they were trained with FLOOR or A2Q")
    made.graph.node[1].attribute.add(name="rounding_mode", type=3, s=b"FLOOR")
    assert imported(made, tmp_path).warnings == ()


def test_warns_of_unsigned_weights(tmp_path: Path) -> None:
    made = dense_model(np.array([[-1.0, -0.5, 0.5, 1.0]], np.float32), gemm={"transB": 1})
    made.graph.node[1].attribute.add(name="signed", type=2, i=0)
    (warning,) = imported(made, tmp_path).warnings
    assert warning == ("50% of the weights are clipped to 0: they are negative, and their quantizers are declared "
                       "unsigned (quant_wq0 50%); export them signed")


@pytest.mark.parametrize(("large", "bits", "warned"), [(2, 4.0, True), (1, 4.0, False), (16, 2.0, False)])
def test_warns_of_weights_that_are_clipped(large: int, bits: float, warned: bool, tmp_path: Path) -> None:
    """More than a tenth of the weights beyond the quantizer's range; ternary ones are meant to be."""
    weights = np.ones((4, 4), np.float32)
    weights.ravel()[:large] = -100
    made = dense_model(weights, gemm={"transB": 1}, bits=bits)
    found = imported(made, tmp_path).warnings
    assert found == (("weight quantizers clip a large share of their weights (quant_wq0 12%); check their scales",)
                     if warned else ())


def test_constant_outputs_are_left_out(tmp_path: Path) -> None:
    """Brevitas exports a QuantTensor as its value, scale, zero point and bit width."""
    made = model([quant("x", "y")], {"scale": 0.5, "zero": 0.0, "bits": 4.0}, outputs=("y", "scale", "bits"))
    result = imported(made, tmp_path)
    assert result.graph.outputs == ("y",)
    assert result.warnings == ("scale, bits: constant graph outputs, left out",)


def test_an_unknown_dialect_is_refused() -> None:
    with pytest.raises(HwgenError, match=r"dialect: finn: this is no dialect of QONNX. Use brevitas or spec."):
        ImportOptions(dialect="finn")


def test_bipolar_type_is_not_an_interval_with_zero() -> None:
    assert isinstance(BIPOLAR, BipolarType) and quantize(np.zeros(1), np.ones(1), np.zeros(1), BIPOLAR,
                                                         Rounding.FLOOR).tolist() == [1]
