"""uint8 beside int8 weights in onnxruntime's integer operators, in turns on one core: what hwgen.export.qop takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

from hwgen.ir.tensor import Array

ROUNDS, RUNS = 5, 20
RNG = np.random.default_rng(0)
QLINEAR = ["x", "one", "zero", "w", "multipliers", "w_zero", "one", "zero"]
OPERATORS: dict[str, tuple[str, list[str], tuple[int, ...], tuple[int, ...], dict[str, Any]]] = {
    "QLinearConv 3x3": ("QLinearConv", [*QLINEAR, "bias"], (1, 64, 56, 56), (64, 64, 3, 3), {"pads": [1, 1, 1, 1]}),
    "QLinearConv depthwise": ("QLinearConv", [*QLINEAR, "bias"], (1, 64, 56, 56), (64, 1, 3, 3), {"group": 64}),
    "QLinearMatMul": ("QLinearMatMul", QLINEAR, (16, 512), (512, 64), {}),
    "ConvInteger 3x3": ("ConvInteger", ["x", "w", "zero", "w_zero"], (1, 64, 56, 56), (64, 64, 3, 3), {}),
    "MatMulInteger": ("MatMulInteger", ["x", "w", "zero", "w_zero"], (16, 512), (512, 64), {})}
"""Operator, inputs, shape of x, shape of the weights, attributes: 64 outputs each."""


def session(name: str, kind: type[np.integer]) -> Callable[[], object]:
    """A run of one operator whose weights have a type."""
    operator, inputs, shape, weights, attributes = OPERATORS[name]
    zero = kind(0 if kind is np.int8 else 128)
    constants: dict[str, Array] = {
        "one": np.array(1, np.float32), "zero": np.array(0, np.uint8), "bias": np.zeros(64, np.int32),
        "w": (RNG.integers(-100, 100, weights) + int(zero)).astype(kind), "multipliers": np.full(64, 1e-3, np.float32),
        "w_zero": np.full(64, zero) if operator == "QLinearMatMul" else np.array(zero)}
    result = TensorProto.INT32 if "Integer" in operator else TensorProto.UINT8
    graph = helper.make_graph(
        [helper.make_node(operator, inputs, ["y"], **attributes)], name,
        [helper.make_tensor_value_info("x", TensorProto.UINT8, shape)],
        [helper.make_tensor_value_info("y", result, None)],
        [numpy_helper.from_array(constants[role], role) for role in dict.fromkeys(inputs[1:])])
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    made = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    x = RNG.integers(0, 255, shape).astype(np.uint8)
    return lambda: made.run(None, {"x": x})


def seconds(run: Callable[[], object]) -> float:
    """Of one run, the mean of several."""
    started = time.perf_counter()
    for _ in range(RUNS):
        run()
    return (time.perf_counter() - started) / RUNS


def main() -> None:
    """A line an operator: the best of some rounds, in turns."""
    print(f"onnxruntime {ort.__version__}: time with uint8 weights over that with int8")
    for name in OPERATORS:
        runs = [session(name, kind) for kind in (np.uint8, np.int8)]
        rounds = [[seconds(run) for run in runs] for _ in range(ROUNDS)]
        unsigned, signed = (min(times) for times in zip(*rounds, strict=True))
        print(f"{name:22} {unsigned / signed:6.2f}")


if __name__ == "__main__":
    main()
