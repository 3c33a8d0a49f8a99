"""Convolutions, pools and joins through the passes, against onnx.reference on the real values."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper
from onnx.reference import ReferenceEvaluator

from hwgen.errors import HwgenError
from hwgen.exact.convolution import Geometry
from hwgen.ir.graph import Graph, GraphBuilder, Level, Value
from hwgen.ir.tensor import Array, Tensor
from hwgen.ir.types import BIPOLAR, REAL, IntType, full_range
from hwgen.model import IntegerModel
from hwgen.ops.quantized import LeakyRelu, QuantizedOp, Reshape, Transpose
from hwgen.ops.quantized_maps import AveragePool, Concat, Conv, Join, MaxPool
from hwgen.passes.canonicalise import canonicalise
from hwgen.passes.fold_scales import fold_scales
from hwgen.passes.narrow_types import narrow_types
from hwgen.passes.thresholds import thresholds
from hwgen.reference import exact
from tests.networks import quant, random_weights


def lowered(graph: Graph) -> IntegerModel:
    return IntegerModel(narrow_types(thresholds(fold_scales(canonicalise(graph)))))


def chain(shape: tuple[int, ...], *ops: QuantizedOp) -> Graph:
    builder = GraphBuilder("chain", Level.QUANTIZED)
    value = builder.add_input(Value("x", shape, REAL)).name
    for i, op in enumerate(ops):
        value = builder.add(f"n{i}", op, [value], [f"v{i}"])[0].name
    return builder.build([value])


def onnx_run(op: str, inputs: dict[str, Array], **attributes: object) -> Array:
    """One standard ONNX op in float64."""
    names = list(inputs)
    node = helper.make_node(op, names, ["y"], **attributes)
    infos = [helper.make_tensor_value_info(n, onnx.TensorProto.DOUBLE, a.shape) for n, a in inputs.items()]
    out = helper.make_tensor_value_info("y", onnx.TensorProto.DOUBLE, None)
    model = helper.make_model(helper.make_graph([node], "g", infos, [out]), opset_imports=[helper.make_opsetid("", 17)])
    (y,) = ReferenceEvaluator(model).run(None, {n: a.astype(np.float64) for n, a in inputs.items()})
    return np.asarray(y)


def random_geometry(rng: np.random.Generator, padded: bool) -> Geometry:
    def pair(high: int) -> tuple[int, int]:
        return int(rng.integers(1, high)), int(rng.integers(1, high))
    pads = tuple(int(p) for p in rng.integers(0, 3, 4)) if padded else (0, 0, 0, 0)
    return Geometry(pair(4), pair(3), pads, pair(3))  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["dense", "groups", "depthwise"])
@pytest.mark.parametrize("padded", [False, True])
def test_convolution(seed: int, kind: str, padded: bool) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(10):
        channels = int(rng.choice([2, 4, 6]))
        groups = {"dense": 1, "groups": 2, "depthwise": channels}[kind]
        rows = channels if kind == "depthwise" else 2 * int(rng.integers(1, 4))
        geometry = random_geometry(rng, padded)
        height, width = (int(n) for n in rng.integers(6, 9, 2))
        kinds = [BIPOLAR, full_range(3, True), full_range(4, False)]
        weights = random_weights(rng, rows, channels // groups * int(np.prod(geometry.kernel)), kinds[rng.integers(2)])
        weights = weights.reshape(rows, channels // groups, *geometry.kernel)
        zero = float(rng.integers(0, 3))
        source = kinds[rng.integers(3)]
        bias = rng.integers(-4, 5, rows) / 8
        conv = Conv(geometry, Tensor(weights), Tensor(0.5), Tensor(0.0), Tensor(bias), groups)
        graph = chain((channels, height, width), quant(0.25, source, zero=zero), conv, quant(0.5, full_range(5, True)))
        x = rng.normal(size=(4, channels, height, width)).astype(np.float32)
        model = lowered(graph)
        values = model.activations(model.encode({"x": x}))
        real = np.moveaxis(values["v0"], -1, 1) * 0.25 - (0 if source == BIPOLAR else zero * 0.25)
        expected = onnx_run("Conv", {"x": real, "w": weights * 0.5, "b": bias}, kernel_shape=geometry.kernel,
                            strides=geometry.stride, pads=geometry.pads, dilations=geometry.dilation, group=groups)
        rounded = np.clip(np.round(expected / 0.5), -16, 15)
        np.testing.assert_array_equal(np.moveaxis(values["v2"], -1, 1), rounded)


@pytest.mark.parametrize("op", ["MaxPool", "AveragePool"])
@pytest.mark.parametrize("slope", [0.25, -0.25])
def test_pools(seed: int, op: str, slope: float) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(10):
        kernel = (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
        pads = tuple(int(rng.integers(0, k)) for k in (*kernel, *kernel))
        geometry = Geometry(kernel, (int(rng.integers(1, 3)), 2), pads)  # type: ignore[arg-type]
        pool = MaxPool(geometry) if op == "MaxPool" else AveragePool(geometry)
        weights = Tensor(np.eye(3, dtype=np.int64).reshape(3, 3, 1, 1))
        conv = Conv(Geometry((1, 1)), weights, Tensor(slope), Tensor(0.0))
        graph = chain((3, 7, 6), quant(1.0, full_range(4, True)), conv, pool, quant(0.25, IntType(-64, 63)))
        x = (4 * rng.normal(size=(3, 3, 7, 6))).astype(np.float32)
        model = lowered(graph)
        values = model.activations(model.encode({"x": x}))
        real = np.moveaxis(values["v0"], -1, 1) * slope
        extra = {"count_include_pad": 1} if op == "AveragePool" else {}
        expected = onnx_run(op, {"x": real}, kernel_shape=kernel, strides=geometry.stride, pads=pads, **extra)
        np.testing.assert_array_equal(np.moveaxis(values["v3"], -1, 1), np.round(expected / 0.25))


@pytest.mark.parametrize("subtract", [False, True])
def test_residual_join_with_unequal_scales(seed: int, subtract: bool) -> None:
    rng = np.random.default_rng(seed)
    builder = GraphBuilder("residual", Level.QUANTIZED)
    builder.add_input(Value("x", (2, 4, 3), REAL))
    weights = rng.integers(-3, 4, (2, 2, 1, 1))
    builder.add("q0", quant(0.375, full_range(4, True)), ["x"], ["a"])
    builder.add("conv", Conv(Geometry((1, 1)), Tensor(weights), Tensor(0.7), Tensor(0.0)), ["a"], ["acc"])
    builder.add("q1", quant(0.5625, full_range(4, True)), ["acc"], ["b"])
    builder.add("add", Join(subtract), ["a", "b"], ["sum"])
    builder.add("q2", quant(0.25, full_range(5, True)), ["sum"], ["y"])
    x = rng.normal(size=(20, 2, 4, 3)).astype(np.float32)
    model = lowered(builder.build(["y"]))
    values = model.activations(model.encode({"x": x}))
    total = values["a"] * 0.375 + (-1 if subtract else 1) * values["b"] * 0.5625
    np.testing.assert_array_equal(values["y"], np.clip(np.round(total / 0.25), -16, 15))


def test_concat_keeps_each_sides_scale(seed: int) -> None:
    rng = np.random.default_rng(seed)
    builder = GraphBuilder("concat", Level.QUANTIZED)
    builder.add_input(Value("x", (2, 4, 3), REAL))
    builder.add("q0", quant(0.5, full_range(4, True)), ["x"], ["a"])
    builder.add("conv", Conv(Geometry((1, 1)), Tensor(rng.integers(-3, 4, (3, 2, 1, 1))), Tensor(0.25), Tensor(0.0)),
                ["a"], ["acc"])
    builder.add("q1", quant(0.75, full_range(4, True)), ["acc"], ["b"])
    builder.add("concat", Concat(), ["a", "b"], ["both"])
    weights = rng.integers(-3, 4, (4, 5, 1, 1))
    builder.add("conv2", Conv(Geometry((1, 1)), Tensor(weights), Tensor(0.25), Tensor(0.0)), ["both"], ["acc2"])
    builder.add("q2", quant(0.5, full_range(6, True)), ["acc2"], ["y"])
    x = rng.normal(size=(20, 2, 4, 3)).astype(np.float32)
    model = lowered(builder.build(["y"]))
    values = model.activations(model.encode({"x": x}))
    both = np.concatenate([values["a"] * 0.5, values["b"] * 0.75], axis=-1)
    acc = both @ (weights[:, :, 0, 0].T * 0.25)
    np.testing.assert_array_equal(values["y"], np.clip(np.round(acc / 0.5), -32, 31))


@pytest.mark.parametrize("move", [Transpose((1, 2, 0)), Reshape((24,))])
def test_concat_of_other_axes_than_the_channels_is_refused(move: QuantizedOp) -> None:
    """Integers of maps lie channels last, so that only the channels of two maps can lie side by side."""
    builder = GraphBuilder("concat", Level.QUANTIZED)
    builder.add_input(Value("x", (2, 4, 3), REAL))
    builder.add("q0", quant(0.5, full_range(4, True)), ["x"], ["a"])
    builder.add("move", move, ["a"], ["moved"])
    builder.add("join", Concat(), ["moved", "moved"], ["y"])
    with pytest.raises(HwgenError, match="layout: join: it joins along another axis than the channels of a map"):
        fold_scales(builder.build(["y"]))


def test_a_border_that_is_no_integer_is_refused() -> None:
    geometry = Geometry((3, 3), pads=(1, 1, 1, 1))
    conv = Conv(geometry, Tensor(np.ones((1, 1, 3, 3), dtype=np.int64)), Tensor(1.0), Tensor(0.0))
    graph = chain((1, 4, 4), quant(1.0, full_range(4, False), zero=0.5), conv)
    with pytest.raises(HwgenError, match="padding: n1: it pads with zero, which is no integer"):
        fold_scales(graph)


@pytest.mark.parametrize("slopes", [[-1.0, -0.5, 0.25], [-1.0]])
def test_max_pool_of_a_function_that_falls_and_rises(slopes: list[float], seed: int) -> None:
    """It becomes integers before the pool; the largest input does not have the largest value."""
    slope = Tensor(np.reshape(slopes, (-1, 1, 1)))
    graph = chain((3, 7, 6), quant(0.11, full_range(5, True)), LeakyRelu(slope), MaxPool(Geometry((2, 2), (2, 2))),
                  quant(0.07, full_range(5, False)))
    x = np.random.default_rng(seed).normal(size=(5, 3, 7, 6)).astype(np.float32)
    model = lowered(graph)
    (found,) = model.run(model.encode({"x": x})).values()
    *_, expected = exact.run(graph, {"x": x}).integers.values()
    np.testing.assert_array_equal(np.moveaxis(found, -1, 1), expected)
