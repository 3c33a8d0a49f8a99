"""Ops on maps, joins and activations, at every opset from 9 to 21, against onnx.reference on the same file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import NodeProto

from hwgen.errors import HwgenError
from hwgen.exact.convolution import Geometry
from hwgen.frontend.geometry import sees_map
from hwgen.ops.quantized import MultiThreshold, Transpose
from hwgen.ops.quantized_maps import Conv, MaxPool
from hwgen.reference import exact
from tests.frontend.test_golden_maps import model_integers
from tests.frontend.test_standard import OPSETS, Case, check, simple
from tests.frontend.tiny import INT8, QONNX, imported, model, node

MAP = ("N", 4, 7, 6)
ROW = ("N", 4, 9)
RNG = np.random.default_rng(20)


def weights(*shape: int) -> dict[str, Any]:
    """Small integers as floats, and a bias for each row."""
    return {"w": RNG.integers(-3, 4, shape).astype(np.float32), "b": RNG.integers(-9, 9, shape[0]).astype(np.float32)}


def conv(shape: tuple[int, ...], x: Any = MAP, **attributes: Any) -> Case:
    """A convolution with bias."""
    made = weights(*shape)
    return Case(lambda opset: ([node("Conv", ["x", *made], **attributes)], made), x)


def on_map(op: str, x: Any = MAP, since: int = 9, constants: dict[str, Any] | None = None, **attributes: Any) -> Case:
    """One node on a map."""
    return Case(lambda opset: ([node(op, ["x", *(constants or {})], **attributes)], constants or {}), x, since)


def mean(axes: list[int], x: Any = MAP, **attributes: Any) -> Case:
    """ReduceMean: axes as an attribute up to opset 17."""

    def build(opset: int) -> tuple[list[NodeProto], dict[str, Any]]:
        if opset < 18:
            return [node("ReduceMean", ["x"], axes=axes, **attributes)], {}
        return [node("ReduceMean", ["x", "axes"], **attributes)], {"axes": axes}

    return Case(build, x)


def clip(low: float | None, high: float | None) -> Case:
    """Limits as attributes up to opset 10, as inputs from 11 on."""

    def build(opset: int) -> tuple[list[NodeProto], dict[str, Any]]:
        given = {name: limit for name, limit in (("min", low), ("max", high)) if limit is not None}
        if opset < 11:
            return [node("Clip", ["x"], **given)], {}
        names = ["x", *(name if name in given else "" for name in ("min", "max"))]
        return [node("Clip", names)], {name: np.array(limit, np.float32) for name, limit in given.items()}

    return Case(build)


def join(op: str) -> Case:
    """Two computed values of one input."""
    return Case(lambda opset: ([node("Relu", ["x"], "r"), node("Mul", ["x", "c"], "m"), node(op, ["m", "r"])],
                               {"c": np.float32(0.75)}), MAP)


CASES = {
    "conv": conv((5, 4, 3, 2)),
    "conv_no_bias": on_map("Conv", constants={"w": weights(2, 4, 3, 3)["w"]}),
    "conv_geometry": conv((3, 4, 3, 2), strides=[2, 1], dilations=[2, 3], pads=[1, 0, 2, 3], kernel_shape=[3, 2]),
    "conv_groups": conv((6, 2, 3, 3), group=2, pads=[1, 1, 1, 1]),
    "conv_depthwise": conv((4, 1, 3, 3), group=4, strides=[2, 2]),
    "conv_multiplier": conv((8, 1, 2, 2), group=4),
    "conv_pointwise": conv((3, 4, 1, 1), strides=[2, 2]),
    "conv_same_upper": conv((2, 4, 4, 2), auto_pad="SAME_UPPER", strides=[2, 2]),
    "conv_same_lower": conv((2, 4, 4, 2), auto_pad="SAME_LOWER"),
    "conv_row": conv((3, 4, 3), ROW, strides=[2], pads=[2, 1], dilations=[2]),
    "conv_row_groups": conv((4, 1, 3), ROW, group=4, pads=[1, 1]),
    "conv_row_same": conv((3, 4, 4), ROW, auto_pad="SAME_LOWER"),
    "max_pool": on_map("MaxPool", kernel_shape=[2, 2], strides=[2, 2]),
    "max_pool_pads": on_map("MaxPool", kernel_shape=[3, 2], strides=[1, 2], pads=[1, 1, 2, 0]),
    "max_pool_same": on_map("MaxPool", kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER"),
    "max_pool_ceil": on_map("MaxPool", since=10, kernel_shape=[3, 2], strides=[3, 4], ceil_mode=1),
    "max_pool_ceil_none": on_map("MaxPool", since=10, kernel_shape=[1, 2], strides=[2, 2], ceil_mode=1),
    "max_pool_dilated": on_map("MaxPool", since=10, kernel_shape=[2, 2], dilations=[3, 2]),
    "max_pool_row": on_map("MaxPool", ROW, kernel_shape=[3], strides=[2], pads=[1, 1]),
    "average_pool": on_map("AveragePool", kernel_shape=[3, 2], strides=[2, 1]),
    "average_pool_counted": on_map("AveragePool", kernel_shape=[3, 2], pads=[1, 1, 2, 0], count_include_pad=1),
    "average_pool_row": on_map("AveragePool", ROW, kernel_shape=[3], strides=[3]),
    "average_pool_dilated": on_map("AveragePool", since=19, kernel_shape=[2, 2], dilations=[3, 2]),
    "average_pool_ceil": on_map("AveragePool", since=10, kernel_shape=[1, 2], strides=[2, 2], ceil_mode=1),
    "global_average_pool": on_map("GlobalAveragePool"),
    "global_average_pool_row": on_map("GlobalAveragePool", ROW),
    "global_max_pool": on_map("GlobalMaxPool"),
    "mean": mean([2, 3]),
    "mean_negative": mean([-1, -2], keepdims=1),
    "mean_dropped": mean([3, 2], keepdims=0),
    "mean_columns": mean([-2], keepdims=0),
    "mean_rows": mean([3]),
    "mean_of_row": mean([2], ROW, keepdims=0),
    "mean_noop": Case(lambda opset: ([node("ReduceMean", ["x"], noop_with_empty_axes=1)], {}), MAP, 18),
    "clip": clip(-2.5, 3.0),
    "clip_low": clip(0.0, None),
    "clip_high": clip(None, 1.5),
    "clip_nothing": clip(None, None),
    "leaky_relu": simple("LeakyRelu"),
    "leaky_relu_slope": simple("LeakyRelu", alpha=0.3),
    "prelu": on_map("PRelu", constants={"s": np.array([0.5, 0.0, 0.1, 2.0], np.float32).reshape(4, 1, 1)}),
    "prelu_scalar": on_map("PRelu", constants={"s": np.array([0.25], np.float32)}),
    "hard_sigmoid": simple("HardSigmoid", alpha=0.125, beta=0.25),
    "neg": simple("Neg"),
    "add_values": join("Add"),
    "sub_values": join("Sub"),
    "add_twice": Case(lambda opset: ([node("Add", ["x", "x"])], {}), MAP),
    "concat": Case(lambda opset: ([node("Relu", ["x"], "r"), node("Concat", ["x", "r", "x"], axis=1)], {}), MAP),
    "concat_negative": Case(lambda opset: ([node("Relu", ["x"], "r"), node("Concat", ["r", "x"], axis=-1)], {}),
                            since=11),
    "concat_last": Case(lambda opset: ([node("Transpose", ["x"], "t", perm=[0, 2, 3, 1]), node("Relu", ["t"], "r"),
                                        node("Concat", ["t", "r"], axis=3)], {}), MAP),
    "flatten": on_map("Flatten"),
    "channel_scale": on_map("Mul", constants={"c": np.array([1, -2, 0.5, 3], np.float32).reshape(1, 4, 1, 1)}),
    "channel_bias": on_map("Add", constants={"c": np.array([1, -2, 0.5, 3], np.float32).reshape(4, 1, 1)}),
}


@pytest.mark.parametrize(("name", "opset"), [(n, o) for n, c in CASES.items() for o in OPSETS if o >= c.since])
def test_equals_onnx_reference(name: str, opset: int, tmp_path: Path, seed: int) -> None:
    check(CASES[name], opset, tmp_path, seed)




@pytest.mark.parametrize("layout", ["NCHW", "NHWC", ""])
def test_multi_threshold_layouts(layout: str, tmp_path: Path, seed: int) -> None:
    """A row of thresholds for each channel: of axis 1, or of the last where data_layout says so."""
    thresholds = np.array([[-4.0, 0.0, 3.0], [-1.0, 2.0, 2.0], [0.0, 5.0, 6.0]], np.float32)
    shape = (2, 4, 3) if layout == "NHWC" else (3, 2, 4)
    attributes = {"data_layout": layout} if layout else {}
    made = model([node("MultiThreshold", ["x", "t"], domain=QONNX, **attributes)], {"t": thresholds}, x=("N", *shape))
    graph = imported(made, tmp_path, INT8).graph
    x = np.random.default_rng(seed).integers(-9, 9, (5, *shape))
    channels = x if layout == "NHWC" else np.moveaxis(x, 1, -1)
    counted = (channels[..., None] >= thresholds).sum(-1)
    expected = counted if layout == "NHWC" else np.moveaxis(counted, -1, 1)
    np.testing.assert_array_equal(exact.run(graph, {"x": x}).outputs["y"], expected)
    kinds = [type(n.op) for n in graph.nodes if isinstance(n.op, MultiThreshold | Transpose)]
    assert kinds == ([Transpose, MultiThreshold, Transpose] if layout == "NHWC" else [MultiThreshold])


@pytest.mark.parametrize(("quantized", "x", "kernel"), [
    (False, (6, 5, 4), (3, 4, 2, 2)), (True, (6, 5, 4), (3, 4, 2, 2)), (False, (9, 4), (3, 4, 2))])
def test_channels_last_input(quantized: bool, x: tuple[int, ...], kernel: tuple[int, ...], tmp_path: Path,
                             seed: int) -> None:
    """An input of channels last is quantized in the order of its transpose: the integer model computes its own."""
    pair = [node("QuantizeLinear", ["x", "s", "z"], "i"), node("DequantizeLinear", ["i", "s", "z"], "d")]
    move = node("Transpose", ["d" if quantized else "x"], "t", perm=[0, len(x), *range(1, len(x))])
    constants = weights(*kernel) | {"s": np.float32(1), "z": np.array(3, np.int8)}
    made = model([*(pair if quantized else []), move, node("Conv", ["t", "w", "b"], "c"),
                  node("QuantizeLinear", ["c", "s", "z"], "q"), node("DequantizeLinear", ["q", "s", "z"])], constants,
                 x=("N", *x))
    graph = imported(made, tmp_path, None if quantized else INT8).graph
    data = np.random.default_rng(seed).integers(-9, 9, (3, *x)).astype(np.float32)
    result = exact.run(graph, {"x": data})
    assert result.integers["q"].shape == (3, 3, *(size - 1 for size in x[:-1]))
    np.testing.assert_array_equal(model_integers(graph, data)["q"].reshape(result.integers["q"].shape),
                                  result.integers["q"])


def test_valid_is_no_border(tmp_path: Path) -> None:
    """Not against onnx.reference, whose Conv pads for VALID as for SAME_LOWER."""
    case = conv((2, 4, 2, 2), auto_pad="VALID")
    (op,) = [n.op for n in imported(model(*case.build(17), x=case.x), tmp_path, INT8).graph.nodes
             if isinstance(n.op, Conv)]
    assert op.geometry == Geometry((2, 2))


def test_depthwise_weights_keep_their_shape(tmp_path: Path) -> None:
    case = CASES["conv_row_groups"]
    made = model(*case.build(17), x=case.x)
    (op,) = [n.op for n in imported(made, tmp_path, INT8).graph.nodes if isinstance(n.op, Conv)]
    assert op.weight.shape == (4, 1, 1, 3) and op.groups == 4 and op.geometry.pads == (0, 1, 0, 1)


@pytest.mark.parametrize(("size", "stride", "expected"), [(7, 3, 3), (6, 4, 2), (9, 4, 3), (5, 5, 1)])
def test_ceil_mode_rounds_up_but_starts_no_window_outside(size: int, stride: int, expected: int,
                                                          tmp_path: Path) -> None:
    """Kernel 2: ceil((size - 2) / stride) + 1 windows, less one where the last would hold no pixel."""
    made = model([node("MaxPool", ["x"], kernel_shape=[2], strides=[stride], ceil_mode=1)], x=("N", 1, size))
    assert imported(made, tmp_path, INT8).graph.values["y"].shape == (1, expected)


def test_sees_map_equals_a_search(seed: int) -> None:
    """The closed form against a look at every tap of every window."""
    rng = np.random.default_rng(seed)
    seen = 0
    for _ in range(500):
        kernel, stride, step, length = (int(n) for n in rng.integers(1, 5, 4))
        before, after = (int(n) for n in rng.integers(0, 7, 2))
        if before + length + after < (kernel - 1) * step + 1:
            continue
        plain = Geometry((1, kernel), (1, stride), (0, before, 0, after), (1, step))
        starts = np.arange(plain.output(1, length)[1]) * stride - before
        taps = starts[:, None] + np.arange(kernel) * step
        expected = bool(((taps >= 0) & (taps < length)).any(axis=1).all())
        assert sees_map(plain, (1, length)) == expected
        seen += expected
    assert 50 < seen < 450


def test_max_pool_of_negative_values_ignores_its_border(tmp_path: Path) -> None:
    made = model([node("MaxPool", ["x"], kernel_shape=[2], pads=[1, 1])], x=("N", 1, 2))
    graph = imported(made, tmp_path, INT8).graph
    assert isinstance(graph.nodes[-1].op, MaxPool)
    found = exact.run(graph, {"x": np.array([[[-5, -7]]])}).outputs["y"]
    np.testing.assert_array_equal(found, [[[-5, -5, -7]]])


def test_two_consumers_share_one_value(tmp_path: Path) -> None:
    """A fork is no node: both branches read the same value."""
    case = CASES["add_values"]
    graph = imported(model(*case.build(17), x=case.x), tmp_path, INT8).graph
    readers = [n.name for n in graph.nodes if "x_typed" in n.inputs]
    assert len(readers) == 2 and len(graph.nodes) == 4


def test_float_input_may_not_reach_a_pool(tmp_path: Path) -> None:
    made = model([node("MaxPool", ["x"], kernel_shape=[2, 2], name="pool")], x=MAP)
    with pytest.raises(HwgenError, match=r"unquantized-input: pool: graph input x reaches this MaxPool as a float"):
        imported(made, tmp_path)
