"""Activation functions between quantizers, alone and as torch decomposes them, from import to integers and to RTL.

Judged by onnx.reference on the same graph: integers equal, but where a value lies within 1e-3 of a step of a decision.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, NodeProto
from onnx.reference import ReferenceEvaluator

from hwgen.errors import HwgenError
from hwgen.frontend import load
from hwgen.ir.graph import Graph
from hwgen.model import IntegerModel
from hwgen.ops.table import Table
from hwgen.passes.pipeline import TO_INTEGERS, lower
from hwgen.reference import exact, float32
from tests.e2e.test_networks import build
from tests.frontend.tiny import imported, model, node, save

STEP, OUT = float(np.float32(0.043)), float(np.float32(0.011))
CHANNELS = 4
SQRT2 = float(np.float32(np.sqrt(2)))


def one(op: str, *constants: str, **attributes: Any) -> list[NodeProto]:
    return [node(op, ["d", *constants], "f", **attributes)]


def gelu_of_erf() -> list[NodeProto]:
    """What torch.onnx writes for F.gelu below opset 20."""
    return [node("Div", ["d", "root"], "u"), node("Erf", ["u"], "e"), node("Add", ["e", "one"], "p"),
            node("Mul", ["d", "p"], "m"), node("Mul", ["m", "half"], "f")]


def gelu_of_tanh() -> list[NodeProto]:
    return [node("Pow", ["d", "three"], "c"), node("Mul", ["c", "cubic"], "k"), node("Add", ["d", "k"], "s"),
            node("Mul", ["s", "rate"], "t"), node("Tanh", ["t"], "h"), node("Add", ["h", "one"], "p"),
            node("Mul", ["d", "p"], "m"), node("Mul", ["m", "half"], "f")]


def again(x: str, y: str, scale: str = "inner", point: str = "third") -> list[NodeProto]:
    """Quantized on the way, as onnxruntime's and Vitis AI's quantizers do it."""
    return [node("QuantizeLinear", [x, scale, point], f"{y}_q"),
            node("DequantizeLinear", [f"{y}_q", scale, point], y)]


CONSTANTS: dict[str, Any] = {
    "inner": np.float32(1 / 113), "third": np.array(3, np.uint8), "coarse": np.float32(0.07),
    "root": [SQRT2], "one": [1.0], "half": [0.5], "three": [3.0], "six": [6.0], "two": [2.0], "zero": [0.0],
    "cubic": [0.044715], "rate": [float(np.float32(np.sqrt(2 / np.pi)))],
    "slopes": [0.25, -0.5, 1.5, -1.0], "factors": [0.5, -1.25, 2.0, 0.75]}
CASES: dict[str, tuple[list[NodeProto], int]] = {
    "sigmoid": (one("Sigmoid"), 13), "tanh": (one("Tanh"), 13), "exp": (one("Exp"), 13), "erf": (one("Erf"), 13),
    "softplus": (one("Softplus"), 13), "gelu": (one("Gelu"), 20), "gelu_tanh": (one("Gelu", approximate="tanh"), 20),
    "gelu_of_erf": (gelu_of_erf(), 17), "gelu_of_tanh": (gelu_of_tanh(), 17),
    "silu": ([node("Sigmoid", ["d"], "s"), node("Mul", ["d", "s"], "f")], 13),
    "silu_turned": ([node("Sigmoid", ["d"], "s"), node("Mul", ["s", "d"], "f")], 13),
    "hard_swish": (one("HardSwish"), 14),
    "hard_swish_of_clip": ([node("Add", ["d", "three"], "a"), node("Clip", ["a", "nought", "top"], "c"),
                            node("Mul", ["d", "c"], "m"), node("Div", ["m", "six"], "f")], 13),
    "hard_sigmoid": (one("HardSigmoid"), 13), "mish": (one("Mish"), 18),
    "mish_of_softplus": ([node("Softplus", ["d"], "s"), node("Tanh", ["s"], "t"), node("Mul", ["d", "t"], "f")], 13),
    "elu": (one("Elu", alpha=0.75), 13), "celu": (one("Celu", alpha=0.5), 13), "selu": (one("Selu"), 13),
    "prelu": (one("PRelu", "slopes"), 13), "leaky": (one("LeakyRelu", alpha=-0.25), 13), "abs": (one("Abs"), 13),
    "square": (one("Pow", "two"), 13), "square_of_mul": ([node("Mul", ["d", "d"], "f")], 13),
    "max": (one("Max", "half"), 13), "min": (one("Min", "factors"), 13), "clip": (one("Clip", "nought", "top"), 13),
    "mul": (one("Mul", "factors"), 13), "twice": ([node("Add", ["d", "d"], "f")], 13),
    "silu_quantized": ([node("Sigmoid", ["d"], "s"), *again("s", "i"), node("Mul", ["d", "i"], "f")], 13),
    "gelu_quantized": ([node("Div", ["d", "root"], "u"), *again("u", "v", "coarse", "point"), node("Erf", ["v"], "e"),
                        *again("e", "g", "inner", "point"), node("Add", ["g", "one"], "p"), *again("p", "o"),
                        node("Mul", ["d", "o"], "m"), *again("m", "k", "coarse", "point"),
                        node("Mul", ["k", "half"], "f")], 17),
    "two_rounded_factors": ([node("Tanh", ["d"], "t"), *again("t", "a", "inner", "point"), node("Abs", ["d"], "s"),
                             *again("s", "b", "coarse"), node("Mul", ["a", "b"], "f")], 13),
    "residual": ([node("Tanh", ["d"], "t"), node("Sub", ["d", "t"], "f")], 13),
}


def quantized(nodes: list[NodeProto], opset: int, out: float = OUT) -> ModelProto:
    """x, quantized to 8 bits, the nodes from d to f, quantized to 8 bits."""
    before = [node("QuantizeLinear", ["x", "step", "point"], "q"),
              node("DequantizeLinear", ["q", "step", "point"], "d")]
    after = [node("QuantizeLinear", ["f", "out", "point"], "r"),
             node("DequantizeLinear", ["r", "out", "point"], "y")]
    constants = {**CONSTANTS, "step": np.float32(STEP), "out": np.float32(out), "point": np.array(0, np.int8),
                 "nought": np.float32(0), "top": np.float32(6)}
    used = {name for n in [*before, *nodes, *after] for name in n.input}
    return model([*before, *nodes, *after], {name: c for name, c in constants.items() if name in used}, opset=opset)


def every_input() -> np.ndarray[Any, Any]:
    """All 256 integers on every channel."""
    return np.tile(np.arange(-128, 128)[:, None] * np.float32(STEP), (1, CHANNELS)).astype(np.float32)


def integers(graph: Graph, x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The integers behind the output by the integer model."""
    *_, (_, lowered) = lower(graph, TO_INTEGERS)
    found = IntegerModel(lowered)
    (values,) = found.run(found.encode({"x": x})).values()
    return np.asarray(values)


JUDGED = 20
"""onnx.reference has DequantizeLinear from opset 19 on only; none of the other ops changes in between."""


def judged(nodes: list[NodeProto], x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The real output of onnx.reference."""
    return np.asarray(ReferenceEvaluator(quantized(nodes, JUDGED)).run(None, {"x": x})[0])


@pytest.mark.parametrize("name", CASES)
def test_every_integer_is_that_of_onnx_reference(name: str, tmp_path: Path) -> None:
    made = quantized(*CASES[name])
    x, graph = every_input(), imported(made, tmp_path).graph
    found = integers(graph, x)
    *_, quantizer = exact.run(graph, {"x": x[:1]}).integers
    np.testing.assert_array_equal(found, exact.run(graph, {"x": x}).integers[quantizer])
    replayed = float32.run(graph, {"x": x})
    reference = np.round(judged(CASES[name][0], x) / OUT).astype(np.int64)
    for expected in (reference, replayed.integers[quantizer]):
        differs = found != expected
        assert differs.mean() <= 1e-2 and np.abs(found - expected).max() <= 1
        assert (replayed.distances[quantizer][differs] <= 1e-3).all()
    assert len(np.unique(found)) > 4


def test_the_output_without_a_quantizer_is_the_hosts(tmp_path: Path) -> None:
    """A function used twice ends the network: float64 on the host."""
    made = quantized([*gelu_of_erf()], 17)
    del made.graph.node[-2:]
    made.graph.node[-1].output[0] = "y"
    path, x = save(made, tmp_path), every_input()
    *_, (_, lowered) = lower(load(path).graph, TO_INTEGERS)
    judge = quantized([*gelu_of_erf()], JUDGED)
    del judge.graph.node[-2:]
    judge.graph.node[-1].output[0] = "y"
    reference = ReferenceEvaluator(judge).run(None, {"x": x})[0]
    found = IntegerModel(lowered)
    (decoded,) = found.decode(found.run(found.encode({"x": x}))).values()
    np.testing.assert_allclose(decoded, reference, atol=1e-5)


@pytest.mark.parametrize(("nodes", "code", "why"), [
    (one("Pow", "half"), "unsupported-form", "Pow of a value with the exponent 0.5"),
    (one("Gelu", approximate="other"), "bad-attribute", "its approximate is 'other'"),
    (one("Celu", alpha=0.0), "bad-attribute", "its alpha is 0"),
    (one("Elu", alpha=float("inf")), "bad-attribute", "its alpha is inf"),
    ([node("Tanh", ["d"], "t"), node("Max", ["d", "t"], "f")], "unsupported-form", "Max joins computed values"),
    ([node("Div", ["d", "d"], "f")], "unsupported-form", "Div joins two computed values"),
])
def test_refusals_say_why(nodes: list[NodeProto], code: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(HwgenError) as raised:
        imported(quantized(nodes, 20), tmp_path)
    assert (raised.value.code, raised.value.why) == (code, why)


def chained() -> ModelProto:
    """Functions and quantizers in turn, wide accumulators before some: tables, ladders and thresholds."""
    weights = np.random.default_rng(4).integers(-7, 8, (2, CHANNELS, CHANNELS)).astype(np.int8)
    nodes: list[NodeProto] = []

    def add(op: str, *inputs: str, **attributes: Any) -> None:
        nodes.append(node(op, [nodes[-1].output[0] if nodes else "x", *inputs], f"v{len(nodes)}",
                          name=f"{op.lower()}_{len(nodes)}", **attributes))

    def quantize(scale: str) -> None:
        add("QuantizeLinear", scale, "point")
        add("DequantizeLinear", scale, "point")

    def dense(index: int) -> None:
        nodes.insert(0, node("DequantizeLinear", [f"w{index}", "step"], f"m{index}", name=f"weights_{index}"))
        add("MatMul", f"m{index}")

    quantize("step")
    add("Gelu")
    quantize("step")
    dense(0)
    add("Gelu", approximate="tanh")
    quantize("out")
    add("PRelu", "slopes")
    quantize("step")
    dense(1)
    add("HardSwish")
    quantize("out")
    add("Tanh")
    quantize("out")
    nodes[-1].output[0] = "y"
    constants = {"step": np.float32(STEP), "out": np.float32(OUT), "point": np.array(0, np.int8),
                 "slopes": CONSTANTS["slopes"], "w0": weights[0], "w1": weights[1]}
    return model(nodes, constants, opset=20, x=("N", CHANNELS))


def test_a_chain_of_functions_to_rtl(verilator: None, tmp_path: Path) -> None:
    """Two runs, one with random stalls, equal to the integer model, which is equal to the exact reference."""
    path = save(chained(), tmp_path)
    *_, (_, lowered) = lower(load(path).graph, TO_INTEGERS)
    assert sum(isinstance(n.op, Table) for n in lowered.nodes) >= 2
    np.save(tmp_path / "x.npy", every_input()[::32])
    report = build(path, tmp_path / "build", "--input", str(tmp_path / "x.npy"), "--frames", "8")
    verification = report["verification"]
    for name in ("rtl_vs_integer_mismatches", "rtl_problems", "integer_vs_exact_mismatches"):
        assert verification[name] == 0, name
    assert verification["threshold_certificate"]["mismatches"] == 0 < verification["threshold_certificate"]["probes"]
    assert [run["stalls"] is None for run in verification["runs"]] == [True, False]
