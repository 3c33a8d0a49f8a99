"""QOperator models: each op against onnx.reference, or its published formula in big integers where ONNX has no such op.

Scales are chosen so that no sum lies within 1e-3 of a tie of float32 arithmetic, but for the tests of ties.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import NodeProto, TensorProto, helper
from onnx.reference import ReferenceEvaluator

from hwgen.errors import HwgenError
from hwgen.frontend import load
from hwgen.ir.tensor import Array
from hwgen.ops.quantized import Quant
from hwgen.reference import exact, float32
from tests.frontend.test_golden_maps import assert_lowering, model_integers
from tests.frontend.tiny import Shape, imported, model, node

MS = "com.microsoft"
MAP, VECTOR = ("N", 4, 6, 5), ("N", 7)
RNG = np.random.default_rng(31)
SCALES: dict[str, Any] = {"xs": np.float32(0.0371), "xz": np.array(119, np.uint8), "bs": np.float32(0.0519),
                          "bz": np.array(140, np.uint8), "ys": np.float32(0.0613), "yz": np.array(101, np.uint8)}
X, B, Y = ["xq", "xs", "xz"], ["bq", "bs", "bz"], ["ys", "yz"]
XT = ["xt", *X[1:]]


@dataclass(frozen=True)
class Case:
    """A node from the integers xq (and bq) to the integers q; constants beside those of the quantizers."""

    made: NodeProto
    constants: dict[str, Any]
    x: Shape = MAP
    opset: int = 17
    formula: Callable[[Array, Array], Array] | None = None

    def onnx(self, end: str = "y") -> Any:
        """Quantizers of x, the op, DequantizeLinear. The op reads xq, bq (a second quantizer), or xt: channels last."""
        nodes = [node("QuantizeLinear", ["x", *X[1:]], "xq"), self.made, node("DequantizeLinear", ["q", *Y])]
        if "bq" in self.made.input:
            nodes[1:1] = [node("DequantizeLinear", X, "xd"), node("QuantizeLinear", ["xd", *B[1:]], "bq")]
        if "xt" in self.made.input:
            nodes[1:1] = [node("Transpose", ["xq"], "xt", perm=[0, 2, 3, 1])]
        return model(nodes[:None if end == "y" else -1], SCALES | self.constants, x=self.x, outputs=(end,),
                     opset=self.opset)

    def data(self, frames: int, seed: int) -> Array:
        """Reals over and a little beyond the quantizer's range."""
        shape = (frames, *map(int, self.x[1:]))
        return np.random.default_rng(seed).uniform(-5, 5.5, shape).astype(np.float32)

    def expected(self, x: Array) -> Array:
        """By onnx.reference, or by the formula on rational numbers and Python's rounding, which is half to even."""
        if self.formula is None:
            return np.asarray(ReferenceEvaluator(self.onnx("q")).run(None, {"x": x})[0])
        a = real(x)
        b = (requantized(a, SCALES["bs"], SCALES["bz"]) - int(SCALES["bz"])) * Fraction(float(SCALES["bs"]))
        return requantized(self.formula(a, b), self.constants.get("ys", SCALES["ys"]), SCALES["yz"]).astype(int)


def real(x: Array) -> Array:
    """What the integers xq stand for, as Fractions; the input's quantizer divides in float32."""
    zero = int(SCALES["xz"])
    q = np.clip(np.round(x / SCALES["xs"]) + zero, 0, 255)
    return np.asarray((q - zero).astype(int).astype(object) * Fraction(float(SCALES["xs"])))


def requantized(values: Array, scale: Any, zero: Any) -> Array:
    """The integers of rational numbers."""
    s, z = Fraction(float(scale)), int(zero)
    return np.array([min(max(round(v / s) + z, 0), 255) for v in values.ravel()], dtype=object).reshape(values.shape)


def weights(*shape: int, dtype: Any = np.int8, channels: int = 0, bias: int = 0) -> dict[str, Any]:
    """Integers of the whole type, one scale and zero point or one for each channel, an int32 bias."""
    limits, size = np.iinfo(dtype), (channels,) if channels else ()
    made = {"w": RNG.integers(limits.min, limits.max + 1, shape).astype(dtype),
            "ws": RNG.uniform(0.01, 0.02, size).astype(np.float32),
            "wz": np.asarray(RNG.integers(limits.min + 100, limits.max - 90, size), dtype)}
    return made | ({"b": RNG.integers(-9000, 9000, bias).astype(np.int32)} if bias else {})


def conv(*shape: int, domain: str = "", x: Shape = MAP, dtype: Any = np.int8, per_channel: bool = True,
         **attributes: Any) -> Case:
    """A QLinearConv with bias."""
    made = weights(*shape, dtype=dtype, channels=shape[0] if per_channel else 0, bias=shape[0])
    return Case(node("QLinearConv", [*X, "w", "ws", "wz", *Y, "b"], "q", domain=domain, **attributes), made, x)


def matmul(dtype: Any, channels: int, opset: int = 17) -> Case:
    """A QLinearMatMul by a (7, 5) matrix; a scale that saturates nothing, which onnx.reference does not do."""
    made = weights(7, 5, dtype=dtype, channels=channels) | {"ys": np.float32(0.317)}
    return Case(node("QLinearMatMul", [*X, "w", "ws", "wz", *Y], "q"), made, VECTOR, opset)


def gemm(transposed: int, dtype: Any, channels: int, **attributes: Any) -> Case:
    """A QGemm with bias: alpha * scales * (integer products + bias)."""
    made = weights(*((5, 7) if transposed else (7, 5)), dtype=dtype, channels=channels, bias=5)
    w = (made["w"].astype(int) - made["wz"].reshape((-1, 1) if transposed and channels else (-1,))).astype(object)
    factors = np.array([Fraction(float(s)) for s in np.broadcast_to(made["ws"], 5)])
    factors = factors * Fraction(float(np.float32(attributes.get("alpha", 1.0))))

    def formula(a: Array, b: Array) -> Array:
        return np.asarray((a @ (w.T if transposed else w) + made["b"] * Fraction(float(SCALES["xs"]))) * factors)

    return Case(node("QGemm", [*X, "w", "ws", "wz", "b", *Y], "q", domain=MS, transB=transposed, **attributes), made,
                VECTOR, formula=formula)


def formula(op: str, inputs: list[str], rule: Callable[[Array, Array], Array], x: Shape = MAP,
            constants: dict[str, Any] | None = None, **attributes: Any) -> Case:
    """An op of onnxruntime's own domain."""
    return Case(node(op, inputs, "q", domain=MS, **attributes), constants or {}, x, formula=rule)


def windows(a: Array, size: int, stride: int) -> list[Array]:
    """The elements under a square kernel of (N, C, H, W), one array for each of them."""
    ends = [(length - size) // stride * stride + 1 for length in a.shape[2:]]
    return [a[:, :, i:i + ends[0]:stride, j:j + ends[1]:stride] for i in range(size) for j in range(size)]


def padded(a: Array) -> Array:
    """A border of one zero."""
    return np.pad(a, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=Fraction(0))


def last(a: Array) -> Array:
    """Channels last."""
    return np.moveaxis(a, 1, -1)


K = {"k": RNG.integers(0, 256, (1, 4, 1, 1)).astype(np.uint8), "ks": np.float32(0.0213), "kz": np.array(77, np.uint8)}
KR = (K["k"].astype(int) - 77).astype(object) * Fraction(float(K["ks"]))
SIGMOID = np.frompyfunc(lambda v: Fraction(1 / (1 + math.exp(-v))), 1, 1)
SLOPE = Fraction(float(np.float32(0.3)))
CASES = {
    "conv": conv(5, 4, 3, 3, per_channel=False),
    "conv_channels": conv(5, 4, 3, 2, strides=[2, 1], pads=[1, 0, 1, 2]),
    "conv_bytes": conv(3, 4, 2, 2, dtype=np.uint8, dilations=[2, 1]),
    "conv_depthwise": conv(4, 1, 3, 3, group=4, pads=[1, 1, 1, 1]),
    "conv_row": conv(3, 4, 3, x=("N", 4, 9), per_channel=False, pads=[1, 1]),
    "matmul": matmul(np.int8, 0), "matmul_opset_10": matmul(np.uint8, 0, 10), "matmul_opset_21": matmul(np.int8, 5, 21),
    "gemm": gemm(1, np.int8, 5), "gemm_bytes": gemm(0, np.uint8, 0), "gemm_alpha": gemm(0, np.int8, 5, alpha=0.3),
    "add": formula("QLinearAdd", [*X, *B, *Y], lambda a, b: a + b),
    "add_constant": formula("QLinearAdd", ["k", "ks", "kz", *X, *Y], lambda a, b: a + KR, constants=K),
    "mul_constant": formula("QLinearMul", [*X, "k", "ks", "kz", *Y], lambda a, b: a * KR, constants=K),
    "mul_of_one_value": formula("QLinearMul", [*X, *B, *Y], lambda a, b: a * b),
    "concat": formula("QLinearConcat", [*Y, *X, *B], lambda a, b: np.concatenate([a, b], 1), axis=1),
    "concat_last": formula("QLinearConcat", [*Y, *B, *X], lambda a, b: np.concatenate([b, a], -1), ("N", 4), axis=-1),
    "average_pool": formula("QLinearAveragePool", [*X, *Y], lambda a, b: sum(windows(a, 2, 1)) / Fraction(4),
                            kernel_shape=[2, 2]),
    "average_pool_counted": formula("QLinearAveragePool", [*X, *Y],
                                    lambda a, b: sum(windows(padded(a), 3, 2)) / Fraction(9), kernel_shape=[3, 3],
                                    strides=[2, 2], pads=[1, 1, 1, 1], count_include_pad=1),
    "average_pool_last": formula("QLinearAveragePool", [*XT, *Y],
                                 lambda a, b: last(sum(windows(a, 2, 2)) / Fraction(4)),
                                 kernel_shape=[2, 2], strides=[2, 2], channels_last=1),
    "global_average_pool": formula("QLinearGlobalAveragePool", [*X, *Y],
                                   lambda a, b: a.sum((2, 3), keepdims=True) / Fraction(30)),
    "global_average_pool_last": formula("QLinearGlobalAveragePool", [*XT, *Y],
                                        lambda a, b: last(a.sum((2, 3), keepdims=True) / Fraction(30)),
                                        channels_last=1),
    "reduce_mean": formula("QLinearReduceMean", [*X, *Y], lambda a, b: a.sum(3) / Fraction(5), axes=[3], keepdims=0),
    "leaky_relu": formula("QLinearLeakyRelu", [*X, *Y], lambda a, b: np.where(a < 0, a * SLOPE, a), alpha=0.3),
    "sigmoid": formula("QLinearSigmoid", [*X, *Y], lambda a, b: SIGMOID(a), constants={"ys": np.float32(0.0071)}),
}


@pytest.mark.parametrize("name", CASES)
def test_every_integer(name: str, tmp_path: Path, seed: int) -> None:
    """The exact reference, the float32 replay and the integer model give the integers that the op defines."""
    case = CASES[name]
    graph = imported(case.onnx(), tmp_path).graph
    x = case.data(20, seed)
    expected = case.expected(x)
    assert len(np.unique(expected)) > 20
    for run in (exact.run, float32.run):
        np.testing.assert_array_equal(run(graph, {"x": x}).integers["q"], expected)
    np.testing.assert_array_equal(model_integers(graph, x)["q"], expected)


@pytest.mark.parametrize("name", CASES)
def test_every_parameter_counts(name: str, tmp_path: Path, seed: int) -> None:
    """A mutant for each scale, zero point, weight tensor and bias of the op: other integers than the op defines."""
    case = CASES[name]
    x = case.data(12, seed)
    expected = case.expected(x)
    for parameter in {*case.made.input} & (SCALES | case.constants).keys():
        value = np.asarray((SCALES | case.constants)[parameter])
        other = value * np.float32(1.2) if value.dtype.kind == "f" else (value + np.array(9, value.dtype))
        made = NodeProto()
        made.CopyFrom(case.made)
        made.input[:] = ["mutant" if name == parameter else name for name in made.input]
        mutant = Case(made, case.constants | {"mutant": np.asarray(other, value.dtype)}, case.x, case.opset)
        found = exact.run(imported(mutant.onnx(), tmp_path).graph, {"x": x}).integers["q"]
        assert np.any(found != expected), parameter


def test_channels_last_is_a_transpose(tmp_path: Path, seed: int) -> None:
    """onnxruntime's own QLinearConv and NhwcMaxPool: ONNX's on the transposed map."""
    attributes: dict[str, Any] = {"strides": [1, 2], "pads": [1, 1, 1, 1]}
    plain = conv(5, 4, 3, 3, **attributes)
    other = node("QLinearConv", [*XT, *plain.made.input[3:]], "q", domain=MS, channels_last=1, **attributes)
    x = plain.data(3, seed)
    graph = imported(Case(other, plain.constants).onnx(), tmp_path).graph
    expected = exact.run(imported(plain.onnx(), tmp_path).graph, {"x": x}).integers["q"]
    np.testing.assert_array_equal(exact.run(graph, {"x": x}).integers["q"], last(expected))
    np.testing.assert_array_equal(model_integers(graph, x)["q"], last(expected))
    pool = Case(node("NhwcMaxPool", ["xt"], "q", domain=MS, kernel_shape=[2, 2], strides=[2, 2]),
                {"ys": SCALES["xs"], "yz": SCALES["xz"]})
    found = exact.run(imported(pool.onnx(), tmp_path).graph, {"x": x}).outputs["y"]
    np.testing.assert_array_equal(found, last(np.max(windows(real(x), 2, 2), axis=0)).astype(float))


def test_ties_go_to_even_before_the_zero_point(tmp_path: Path) -> None:
    """Powers of two: float32 is exact, every second sum is a tie."""
    constants = {"xs": np.float32(1), "xz": np.array(128, np.uint8), "w": np.array([[1]], np.int8),
                 "ws": np.float32(0.5), "wz": np.int8(0), "ys": np.float32(1), "yz": np.array(101, np.uint8)}
    case = Case(node("QLinearMatMul", [*X, "w", "ws", "wz", *Y], "q"), constants, ("N", 1))
    x = np.arange(-128, 128).reshape(-1, 1).astype(np.float32)
    graph = imported(case.onnx(), tmp_path).graph
    expected = np.round(x / 2) + 101
    for run in (exact.run, float32.run):
        np.testing.assert_array_equal(run(graph, {"x": x}).integers["q"], expected)
    np.testing.assert_array_equal(model_integers(graph, x)["q"], expected)


def integer_chain(op: str, w: dict[str, Any], x: Shape, **attributes: Any) -> Any:
    """An integer product, as it is used: Cast, Mul by the scales, Add of a bias, QuantizeLinear."""
    nodes = [node("QuantizeLinear", ["x", *X[1:]], "xq"), node(op, ["xq", "w", "xz", "wz"], "acc", **attributes),
             node("Cast", ["acc"], "real", to=TensorProto.FLOAT), node("Mul", ["xs", "ws"], "scale"),
             node("Mul", ["real", "scale"], "scaled"), node("Add", ["scaled", "bias"], "sum"),
             node("QuantizeLinear", ["sum", *Y], "q"), node("DequantizeLinear", ["q", *Y])]
    return model(nodes, SCALES | w, x=x, opset=19)


@pytest.mark.parametrize(("op", "shape", "x"), [("ConvInteger", (5, 4, 3, 3), MAP), ("MatMulInteger", (7, 5), VECTOR)])
def test_integer_products(op: str, shape: tuple[int, ...], x: Shape, tmp_path: Path, seed: int) -> None:
    """The accumulators of onnx.reference; a chain to the next quantizer; another zero point than the quantizer's."""
    w = weights(*shape, dtype=np.uint8) | {"other": np.array(90, np.uint8)}
    w["bias"] = RNG.normal(size=(5, 1, 1) if len(shape) == 4 else (5,)).astype(np.float32)
    border = {"pads": [1, 1, 1, 1]} if op == "ConvInteger" else {}
    data = Case(node(op, []), {}, x).data(3, seed)
    made = integer_chain(op, w, x, **border)
    graph = imported(made, tmp_path).graph
    (value,) = ReferenceEvaluator(made).run(None, {"x": data})
    result = exact.run(graph, {"x": data})
    np.testing.assert_allclose(result.outputs["y"], value, atol=1e-4)
    np.testing.assert_array_equal(float32.run(graph, {"x": data}).integers["q"], result.integers["q"])
    assert_lowering(graph, data, dict(result.integers))
    shifted = model([node("QuantizeLinear", ["x", *X[1:]], "xq"),
                     node(op, ["xq", "w", "other"], "acc"), node("Cast", ["acc"], "y", to=TensorProto.FLOAT)],
                    SCALES | w, x=x, opset=19)
    (expected,) = ReferenceEvaluator(shifted).run(None, {"x": data})
    np.testing.assert_array_equal(exact.run(imported(shifted, tmp_path).graph, {"x": data}).outputs["y"], expected)


def test_float_results(tmp_path: Path, seed: int) -> None:
    """QGemm without a result's scale, MatMulIntegerToFloat with a bias, and an accumulator's DequantizeLinear."""
    case = gemm(0, np.uint8, 5)
    x = case.data(3, seed)
    plain = imported(model([node("QuantizeLinear", ["x", *X[1:]], "xq"),
                            node("QGemm", [*X, "w", "ws", "wz", "b"], domain=MS)], SCALES | case.constants, x=VECTOR),
                     tmp_path).graph
    assert case.formula is not None
    expected = case.formula(real(x), x).astype(float)
    np.testing.assert_allclose(exact.run(plain, {"x": x}).outputs["y"], expected, rtol=1e-12)
    bias = {"c": RNG.normal(size=5).astype(np.float32), "one": np.float32(0.5)}
    nodes = [node("QuantizeLinear", ["x", *X[1:]], "xq"), node("MatMulIntegerToFloat", ["xq", "w", "xs", "ws", "xz",
             "wz", "c"], "left", domain=MS), node("MatMulInteger", ["xq", "w", "xz", "wz"], "acc"),
             node("DequantizeLinear", ["acc", "one"], "right"), node("Sub", ["left", "right"])]
    both = imported(model(nodes, SCALES | case.constants | bias, x=VECTOR), tmp_path).graph
    w = (case.constants["w"].astype(int) - case.constants["wz"].astype(int)).astype(object)
    products = real(x) @ w
    scaled = products * [Fraction(float(s)) for s in case.constants["ws"]] + [Fraction(float(c)) for c in bias["c"]]
    expected = (scaled - products / Fraction(float(SCALES["xs"])) / 2).astype(float)
    np.testing.assert_allclose(exact.run(both, {"x": x}).outputs["y"], expected, rtol=1e-9, atol=1e-9)


BAD = weights(7, 5, channels=5)
REFUSED: dict[str, tuple[NodeProto, dict[str, Any], str]] = {
    "scale_of_rows": (node("QLinearMatMul", ["xq", "rows", "xz", "w", "ws", "wz", *Y], "q", name="bad"),
                      BAD | {"rows": np.ones(3, np.float32)}, "bad: its scale has 3 elements"),
    "computed_weights": (node("QLinearMatMul", [*X, "xq", "xs", "xz", *Y], "q", name="bad"), {},
                         "bad: input 3 of QLinearMatMul, xq, is computed at run time"),
    "float_input": (node("QLinearMatMul", ["x", "xs", "xz", "w", "ws", "wz", *Y], "q", name="bad"), BAD,
                    "bad: its input x is no tensor of integers"),
    "float_weights": (node("QLinearMatMul", [*X, "ws", "ws", "wz", *Y], "q", name="bad"), BAD,
                      "bad: it dequantizes a constant of float32"),
    "scales_of_weights": (node("QLinearMatMul", [*X, "w", "rows", "wz", *Y], "q", name="bad"),
                          BAD | {"rows": np.ones(3, np.float32)}, "bad: 3 scales or zero points do not fit"),
    "bias": (node("QGemm", [*X, "w", "ws", "wz", "c", *Y], "q", name="bad", domain=MS),
             BAD | {"c": np.zeros(4, np.int32)}, r"bad: a bias of int32 and shape \[4\] does not fit 5 scales"),
    "float_result": (node("QLinearMatMul", [*X, "w", "ws", "wz", "ys", "ys"], "q", name="bad"), BAD,
                     "bad: it quantizes to float32"),
    "integers_read_as_reals": (node("MatMul", ["xq", "w"], "q", name="bad"), BAD,
                               "bad: MatMul computes on the integers of a quantizer"),
    "softmax": (node("QLinearSoftmax", [*X, *Y], "q", name="bad", domain=MS), {},
                r"no support for com.microsoft.QLinearSoftmax \(bad\). Leave Softmax out of the quantization"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name: str, tmp_path: Path) -> None:
    made, constants, words = REFUSED[name]
    with pytest.raises(HwgenError, match=words):
        imported(Case(made, constants, VECTOR).onnx(), tmp_path)


def test_dynamic_quantization_is_refused_with_every_node(tmp_path: Path) -> None:
    nodes = [helper.make_node("DynamicQuantizeLinear", [name], [f"{name}q", f"{name}s", f"{name}z"], f"dynamic_{name}")
             for name in ("x", "y1")]
    nodes.insert(1, node("MatMulInteger", ["xq", "w", "xz"], "y1"))
    with pytest.raises(HwgenError, match=r"DynamicQuantizeLinear \(dynamic_x, dynamic_y1\). Scales that are computed "
                       "at run time have no circuit: quantize statically"):
        imported(model(nodes, {"w": np.ones((7, 5), np.int8)}, x=VECTOR, outputs=("y1q",)), tmp_path)


FILES = [f"{kind}_{scales}{end}" for kind in ("QDQ", "QOperator") for scales in ("pc", "pt") for end in ("", "_ortopt")]


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_onnxruntime_lenet(name: str, models: Path) -> None:
    """Every file of the LeNet that onnxruntime quantized: its output to the bit, integers three times."""
    folder = models / "brevitas" / "ort_qop_lenet"
    data = np.load(folder / f"{name.removesuffix('_ortopt')}_golden.npz")
    graph = load(folder / f"{name}.onnx").graph
    replay = float32.run(graph, {graph.inputs[0]: data["input"]})
    np.testing.assert_array_equal(replay.outputs[graph.outputs[0]], data["output"])
    result = exact.run(graph, {graph.inputs[0]: data["input"][:4]})
    quantizers = [n for n in graph.nodes if isinstance(n.op, Quant)]
    assert len(result.integers) == len(quantizers) == (9 if name in ("QDQ_pc", "QDQ_pt") else 6)
    for value, integers in result.integers.items():
        np.testing.assert_array_equal(integers, replay.integers[value][:4], value)
    assert_lowering(graph, data["input"][:4], dict(result.integers))
