"""Every form that an op has had between opset 9 and 21 has a tiny model: a walk over the registry and ONNX's schemas.

The rows are those of test_standard and test_maps, run at all these opsets against onnx.reference, and the rows here:
forms that only some opsets have. QLinear ops and QONNX's own have rows of their own kind, counted by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import NodeProto, TensorProto, helper

from hwgen.errors import HwgenError
from hwgen.frontend import importer
from hwgen.frontend.registry import _handlers
from hwgen.reference import exact, float32
from tests.frontend import test_finn, test_maps, test_qonnx, test_qop, test_standard, test_trunc
from tests.frontend.test_standard import OPSETS, Case, check
from tests.frontend.tiny import INT8, imported, model, node

MAP = ("N", 3, 4, 5)
FORMS: dict[str, Case] = {
    "squeeze_negative": Case(lambda opset: axes("Squeeze", [-1, -3], opset), ("N", 1, 4, 1), 11),
    "unsqueeze_negative": Case(lambda opset: axes("Unsqueeze", [-1, 1], opset), ("N", 4), 11),
    "reshape_allowzero_off": Case(lambda opset: ([node("Reshape", ["x", "s"], allowzero=0)], {"s": [0, -1, 2]}),
                                  ("N", 2, 3), 14),
    "flatten_last": Case(lambda opset: ([node("Reshape", ["x", "s"], "r"), node("Flatten", ["r"], axis=1)],
                                        {"s": [0, 1, 3, 2]}), ("N", 2, 3)),
    "concat_negative": Case(lambda opset: ([node("Relu", ["x"], "r"), node("Concat", ["x", "r"], axis=-3)], {}), MAP,
                            11),
    "mean_all_after_channels": Case(lambda opset: ([node("ReduceMean", ["x"], axes=[-2, -1], keepdims=0)], {}), MAP,
                                    11),
    "mean_of_an_attribute_row": Case(lambda opset: ([node("ReduceMean", ["x"], axes=[3])], {}), MAP),
    "max_pool_storage_order": Case(lambda opset: ([node("MaxPool", ["x"], kernel_shape=[2, 2], storage_order=1)], {}),
                                   MAP),
    "average_pool_counted": Case(lambda opset: ([node("AveragePool", ["x"], kernel_shape=[2, 2], pads=[1, 1, 0, 0],
                                                      count_include_pad=1)], {}), MAP),
    "gemm_unbiased": Case(lambda opset: ([node("Gemm", ["x", "w", ""])], {"w": test_standard.WEIGHT}), since=11),
    "argmax_first": Case(lambda opset: ([node("ArgMax", ["x"], axis=-1, select_last_index=0)], {}), since=12),
    "clip_open_below": Case(lambda opset: ([node("Clip", ["x", "", "high"])], {"high": np.float32(2.5)}), since=11),
    "leaky_relu_default": Case(lambda opset: ([node("LeakyRelu", ["x"])], {}), MAP),
    "prelu_map": Case(lambda opset: ([node("PRelu", ["x", "s"])], {"s": np.full((3, 1, 1), 0.25, np.float32)}), MAP),
    "pow_one": Case(lambda opset: ([node("Pow", ["x", "one"], "p"), node("Add", ["p", "one"])], {"one": 1.0})),
    "gather_one": Case(lambda opset: ([node("Gather", ["x", "i"], axis=2)], {"i": 0}), ("N", 3, 1)),
    "log_softmax": Case(lambda opset: ([node("LogSoftmax", ["x"], axis=1)], {})),
}
CURVES = {"Exp": 9, "Sigmoid": 9, "Tanh": 9, "Erf": 9, "Softplus": 9, "Gelu": 20, "Mish": 18, "HardSwish": 14, "Elu": 9,
          "Celu": 12, "Selu": 9, "Abs": 9}


def scaled(op: str, *inputs: str, since: int = 9, **attributes: Any) -> Case:
    """The op on numbers s that are no integers, and a constant c."""
    made = node(op, inputs or ["s"], **attributes)
    return Case(lambda opset: ([node("Mul", ["x", "k"], "s"), made], {"k": np.float32(0.3), "c": np.float32(0.7)}),
                since=since)


FORMS |= {op.lower(): scaled(op, since=since) for op, since in CURVES.items()}
FORMS |= {f"{op.lower()}_{a}{b}": scaled(op, a, b) for op in ("Max", "Min") for a, b in ("sc", "cs")}
FORMS |= {"gelu_tanh": scaled("Gelu", since=20, approximate="tanh"), "elu_alpha": scaled("Elu", alpha=0.5),
          "celu_alpha": scaled("Celu", since=12, alpha=0.5), "selu_both": scaled("Selu", alpha=1.5, gamma=1.25)}


def moved(op: str, attributes: dict[str, Any], inputs: dict[str, list[int]], change: int, x: Any = MAP,
          since: int = 9, **rest: Any) -> Case:
    """An op whose parameters were attributes before the opset `change`, and are inputs since; an empty list is none."""

    def build(opset: int) -> tuple[list[NodeProto], dict[str, Any]]:
        if opset < change:
            return [node(op, ["x"], **attributes, **rest)], {}
        given = {name: np.array(value, np.float32 if name in ("value", "scales") else np.int64)
                 for name, value in inputs.items() if value != []}
        return [node(op, ["x", *(name if name in given else "" for name in inputs)], **rest)], given

    return Case(build, x, since)


def split(opset: int) -> tuple[list[NodeProto], dict[str, Any]]:
    """Sizes as an attribute up to opset 12; both parts are used, in the other order."""
    inputs, attributes = (["x"], {"split": [1, 2]}) if opset < 13 else (["x", "sizes"], {})
    return [helper.make_node("Split", inputs, ["a", "b"], "split", axis=1, **attributes),
            node("Concat", ["b", "a"], axis=1)], {} if opset < 13 else {"sizes": [1, 2]}


def resize(scales: list[float], sizes: list[int], since: int, x: Any = MAP, **attributes: Any) -> Case:
    """Resize in its form from opset 11 on; the region, which mode nearest ignores, may be left out from 13 on."""

    def build(opset: int) -> tuple[list[NodeProto], dict[str, Any]]:
        floats = {"roi": [0.0] * 8 if opset < 13 else [], "scales": scales}
        given: dict[str, Any] = {name: np.array(value, np.float32) for name, value in floats.items() if value}
        given |= {"sizes": np.array(sizes)} if sizes else {}
        inputs = ["x", *(name if name in given else "" for name in ("roi", "scales", "sizes"))]
        return [node("Resize", inputs if sizes else inputs[:3], mode="nearest", **attributes)], given

    return Case(build, x, since, frames=1)


UP = [1.0, 1.0, 2.0, 3.0]
TRANSPOSED = {"w": np.arange(-9, 9).reshape(3, 2, 1, 3).astype(np.float32), "b": np.array([3.0, -2.0], np.float32)}
FORMS |= {
    "pad": moved("Pad", {"pads": [0, 0, 1, 2, 0, 0, 0, 1], "value": 2.0},
                 {"pads": [0, 0, 1, 2, 0, 0, 0, 1], "value": 2.0}, 11),
    "pad_axes": moved("Pad", {}, {"pads": [1, 2], "value": [], "axes": [-1]}, 11, since=18),
    "slice": moved("Slice", {"starts": [1, -3], "ends": [3, 9], "axes": [2, 3]},
                   {"starts": [1, -3], "ends": [3, 9], "axes": [2, 3]}, 10),
    "slice_steps": moved("Slice", {}, {"starts": [0, 1], "ends": [9, 9], "axes": [-2, -1], "steps": [2, 3]}, 10,
                         since=11),
    "slice_channels": moved("Slice", {"starts": [1], "ends": [3], "axes": [1]},
                            {"starts": [1], "ends": [3], "axes": [1]}, 10),
    "split": Case(split, MAP),
    "split_equal": Case(lambda opset: ([helper.make_node("Split", ["x"], ["a", "b"], "split", axis=2,
                                                         **({} if opset < 18 else {"num_outputs": 2})),
                                        node("Add", ["a", "b"])], {}), MAP),
    "upsample": moved("Upsample", {}, {"scales": UP}, 9),
    "resize": resize(UP, [], 11), "resize_sizes": resize([], [1, 3, 8, 5], 13, (1, 3, 4, 5)),
    "resize_floor": resize(UP, [], 11, nearest_mode="floor", coordinate_transformation_mode="asymmetric"),
    "resize_half": resize([1.0, 1.0, 0.5, 1.0], [], 11, nearest_mode="floor",
                          coordinate_transformation_mode="asymmetric"),
    "resize_pixels": resize([1.0, 1.0, 0.25, 2.0], [], 11),
    "resize_axes": resize([2.0, 3.0], [], 18, axes=[2, 3]),
    "depth_to_space": Case(lambda opset: ([node("DepthToSpace", ["x"], blocksize=2)], {}), ("N", 8, 3, 2)),
    "depth_to_space_crd": Case(lambda opset: ([node("DepthToSpace", ["x"], blocksize=2, mode="CRD")], {}),
                               ("N", 8, 3, 2), 11),
    "space_to_depth": Case(lambda opset: ([node("SpaceToDepth", ["x"], blocksize=2)], {}), ("N", 2, 4, 6)),
    "conv_transpose": Case(lambda opset: ([node("ConvTranspose", ["x", "w", "b"], strides=[2, 2], pads=[0, 1, 0, 0],
                                                output_padding=[1, 0])], TRANSPOSED), MAP),
}
LAST_FORM = {"upsample": 9, "mean_all_after_channels": 17, "mean_of_an_attribute_row": 17}
"""The last opset of a form that was taken away."""


def axes(op: str, places: list[int], opset: int) -> tuple[list[NodeProto], dict[str, Any]]:
    """Axes as an attribute up to opset 12, as an input from 13 on."""
    return ([node(op, ["x"], axes=places)], {}) if opset < 13 else ([node(op, ["x", "axes"])], {"axes": places})


ROWS = [(name, opset) for name, case in FORMS.items() for opset in OPSETS
        if case.since <= opset <= LAST_FORM.get(name, 21)]


@pytest.mark.parametrize(("name", "opset"), ROWS)
def test_forms(name: str, opset: int, tmp_path: Path, seed: int) -> None:
    check(FORMS[name], opset, tmp_path, seed)


INTEGERS = {10: ["int8", "uint8"], 13: ["int8"], 19: ["uint8"], 21: ["int4", "uint4", "int8", "int16", "uint16"]}


def bounds(kind: str) -> tuple[int, int]:
    """The ends of an integer type by its ONNX name."""
    bits = int(kind.lstrip("uint"))
    return (0, (1 << bits) - 1) if kind[0] == "u" else (-(1 << (bits - 1)), (1 << (bits - 1)) - 1)


def stored(name: str, kind: str, values: list[int]) -> Any:
    """A constant of any integer type."""
    shape = [len(values)] if len(values) > 1 else []
    return helper.make_tensor(name, getattr(TensorProto, kind.upper()), shape, values)


@pytest.mark.parametrize(("opset", "kind"), [(opset, kind) for opset, kinds in INTEGERS.items() for kind in kinds])
def test_integer_types_of_quantizers(opset: int, kind: str, tmp_path: Path) -> None:
    """QuantizeLinear and DequantizeLinear of every integer type, per channel from opset 13 on; weights too."""
    low, high = bounds(kind)
    zeros = [0, 2, 1] if opset > 10 else [1]
    scales = np.array([0.5, 0.25, 2.0] if opset > 10 else 0.5, np.float32)
    nodes = [node("QuantizeLinear", ["x", "s", "z"], "q"), node("DequantizeLinear", ["q", "s", "z"], "d"),
             node("DequantizeLinear", ["c", "s", "z"], "w"), node("Add", ["d", "w"])]
    made = model(nodes, {"s": scales}, x=("N", 3), opset=opset)
    made.graph.initializer.extend([stored("z", kind, zeros), stored("c", kind, [low, high, 1])])
    made.graph.initializer[-1].dims[:] = [1, 3]
    x = np.linspace(low * 0.6, high * 0.6, 48).reshape(-1, 3).astype(np.float32)
    expected = np.clip(np.round(x / scales) + zeros, low, high)
    values = (expected - zeros) * scales + (np.array([low, high, 1]) - zeros) * scales
    graph = imported(made, tmp_path).graph
    for run in (exact.run, float32.run):
        result = run(graph, {"x": x})
        np.testing.assert_array_equal(next(iter(result.integers.values())), expected)
        np.testing.assert_array_equal(result.outputs["y"], values)


def test_the_pair_of_onnxruntime(tmp_path: Path) -> None:
    """com.microsoft has 16 bits at any opset."""
    names = ["s", "z"]
    made = model([node("QuantizeLinear", ["x", *names], "q", domain="com.microsoft"),
                  node("DequantizeLinear", ["q", *names], domain="com.microsoft")],
                 {"s": np.float32(0.5), "z": np.array(300, np.uint16)}, opset=11)
    x = np.arange(-400, 60000, 151).reshape(-1, 4)
    expected = np.clip(np.round(x / 0.5) + 300, 0, 65535)
    result = exact.run(imported(made, tmp_path).graph, {"x": x})
    np.testing.assert_array_equal(next(iter(result.integers.values())), expected)
    np.testing.assert_array_equal(result.outputs["y"], (expected - 300) * 0.5)


@pytest.mark.parametrize(("declared", "kind"), [(0, "uint8"), (TensorProto.INT8, "int8"), (TensorProto.UINT4, "uint4"),
                                                (TensorProto.INT16, "int16")])
def test_declared_result_of_opset_21(declared: int, kind: str, tmp_path: Path) -> None:
    """output_dtype says the type where there is no zero point; uint8 where neither does."""
    attributes = {"output_dtype": declared} if declared else {}
    made = model([node("QuantizeLinear", ["x", "s"], "q", **attributes), node("DequantizeLinear", ["q", "s"])],
                 {"s": np.float32(0.5)}, opset=21)
    x = np.linspace(-40000, 40000, 40).reshape(-1, 4)
    (found,) = exact.run(imported(made, tmp_path).graph, {"x": x}).integers.values()
    assert (found.min(), found.max()) == bounds(kind)


@pytest.mark.parametrize(("kind", "attributes", "words"), [
    ("INT8", {"block_size": 2, "axis": 1}, "bad: it has a scale for each block of an axis"),
    ("FLOAT8E4M3FN", {}, "bad: it quantizes to float8"),
])
def test_forms_that_are_refused(kind: str, attributes: dict[str, int], words: str, tmp_path: Path) -> None:
    made = model([node("QuantizeLinear", ["x", "s", "z"], "q", name="bad", **attributes),
                  node("DequantizeLinear", ["q", "s", "z"])], {"s": np.float32(0.5)}, opset=21)
    made.graph.initializer.append(helper.make_tensor("z", getattr(TensorProto, kind), [], [0]))
    with pytest.raises(HwgenError, match=words):
        imported(made, tmp_path)


@pytest.mark.parametrize(("mode", "scale", "width"), [("half_pixel", 0.5, 5), ("half_pixel", 0.25, 7)])
def test_resize_to_a_part_of_a_pixel_is_refused(mode: str, scale: float, width: int, tmp_path: Path) -> None:
    """The standard takes the scale, not the ratio of the sizes: other pixels than those of a whole ratio."""
    made = model([node("Resize", ["x", "", "s"], mode="nearest", coordinate_transformation_mode=mode, name="bad")],
                 {"s": [1.0, 1.0, 1.0, scale]}, x=("N", 1, 2, width))
    with pytest.raises(HwgenError, match=f"unsupported-form: bad: {width} pixels are not divisible by"):
        imported(made, tmp_path, INT8)


def test_resize_of_opset_10(tmp_path: Path) -> None:
    """Its own form, which onnx.reference does not run: scales as the second input, asymmetric, floor."""
    graph = imported(model([node("Resize", ["x", "s"])], {"s": UP}, x=MAP, opset=10), tmp_path, INT8).graph
    x = np.arange(60).reshape(1, 3, 4, 5)
    np.testing.assert_array_equal(exact.run(graph, {"x": x}).outputs["y"], x.repeat(2, 2).repeat(3, 3))


QUANTIZERS = {op: [*INTEGERS] for op in ("QuantizeLinear", "DequantizeLinear")}
ELSEWHERE: dict[tuple[str, str], Callable[..., None]] = {
    ("onnx", "ConvInteger"): test_qop.test_integer_products,
    ("onnx", "MatMulInteger"): test_qop.test_integer_products,
    ("com.microsoft", "QuantizeLinear"): test_the_pair_of_onnxruntime,
    ("com.microsoft", "DequantizeLinear"): test_the_pair_of_onnxruntime,
    ("com.microsoft", "QLinearConv"): test_qop.test_channels_last_is_a_transpose,
    ("com.microsoft", "NhwcMaxPool"): test_qop.test_channels_last_is_a_transpose,
    ("com.microsoft", "MatMulIntegerToFloat"): test_qop.test_float_results,
    ("qonnx", "Quant"): test_qonnx.test_ranges_and_zero_points,
    ("qonnx", "IntQuant"): test_qonnx.test_rounding_modes_on_ties,
    ("qonnx", "BipolarQuant"): test_qonnx.test_bipolar_quant_elsewhere_needs_no_dialect,
    ("qonnx", "Trunc"): test_trunc.test_version_2,
    ("qonnx", "MultiThreshold"): test_finn.test_counts_thresholds,
}
"""Ops of one version whose tiny models are no rows of a table: the test that has them."""


def rows() -> Iterator[tuple[str, str, int]]:
    """Family, op and opset of each node of each row of each table."""
    for case in (*test_standard.CASES.values(), *test_maps.CASES.values()):
        for opset in OPSETS:
            if opset >= case.since:
                yield from (("onnx", made.op_type, opset) for made in case.build(opset)[0])
    for name, opset in ROWS:
        yield from (("onnx", made.op_type, opset) for made in FORMS[name].build(opset)[0])
    for one in test_qop.CASES.values():
        yield (one.made.domain or "onnx", one.made.op_type, one.opset)
    for op, opsets in ({"Resize": [10]} | QUANTIZERS).items():
        yield from (("onnx", op, opset) for opset in opsets)


def version(family: str, op: str, opset: int) -> int:
    """The opset that changed the op last; 0 for ops that ONNX does not have."""
    return int(onnx.defs.get_schema(op, opset).since_version) if family == "onnx" else 0


def deprecated(op: str, opset: int) -> bool:
    """Whether the op was taken away: Upsample, in opset 10."""
    return bool(onnx.defs.get_schema(op, opset).deprecated)


def test_every_handler_has_a_tiny_model_at_each_of_its_versions() -> None:
    """ONNX's schemas say when an op changed; a handler without a model at one of these opsets is named here."""
    covered = {(family, op, version(family, op, opset)) for family, op, opset in rows()}
    wanted = {(family, op, version(family, op, opset)) for (family, op), since in _handlers.items()
              for opset in OPSETS if opset >= min(since) and not (family == "onnx" and deprecated(op, opset))}
    missing = {one for one in wanted - covered if one[:2] not in ELSEWHERE}
    assert not missing, sorted(missing)
    assert len(importer.READERS) > 10 and len(wanted) > 130 and set(ELSEWHERE) <= set(_handlers)


def test_a_forgotten_version_is_seen() -> None:
    """The walk looks at versions, not at names: without its newest row Clip would be missing."""
    clips = {version("onnx", op, opset) for _, op, opset in rows() if op == "Clip"}
    assert clips == {6, 11, 12, 13}
