"""Ops that change the size of a map, at every opset that changes one, against onnx.reference on the same file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import NodeProto, helper
from onnx.reference import ReferenceEvaluator

from hwgen.errors import HwgenError
from hwgen.frontend.resize import NEAREST, PLACES, line
from hwgen.reference import exact, float32
from tests.frontend.test_standard import Case, check
from tests.frontend.tiny import INT8, imported, model, node

MAP = ("N", 4, 5, 6)
ROW = ("N", 4, 7)
OLD_RESIZE = ("resize", "resize_row")
"""What onnx.reference cannot run as Resize at opset 10 and 11; see test_resize_of_old_opsets."""
CHANGES = (9, 10, 11, 13, 18, 19, 21)
RNG = np.random.default_rng(31)


def transposed(shape: tuple[int, ...], x: Any = MAP, bias: bool = True, **attributes: Any) -> Case:
    """A transposed convolution by small integers."""
    made: dict[str, Any] = {"w": RNG.integers(-3, 4, shape).astype(np.float32)}
    if bias:
        made["b"] = RNG.integers(-9, 9, shape[1]).astype(np.float32)
    return Case(lambda opset: ([node("ConvTranspose", ["x", *made], **attributes)], made), x)


def pad(sides: list[int], x: Any = MAP, value: float | None = None, axes: list[int] | None = None) -> Case:
    """Pads and value as attributes up to opset 10, as inputs from 11 on; axes from 18 on."""

    def build(opset: int) -> tuple[list[NodeProto], dict[str, Any]]:
        if opset < 11:
            extra = {} if value is None else {"value": value}
            return [node("Pad", ["x"], pads=sides, **extra)], {}
        made: dict[str, Any] = {"pads": sides} | ({} if value is None else {"value": np.array(value, np.float32)})
        names = ["x", "pads", "value" if value is not None else ""]
        return [node("Pad", [*names, "axes"] if axes else names)], made | ({"axes": axes} if axes else {})

    return Case(build, x, 18 if axes else 9)


def cut(starts: list[int], ends: list[int], axes: list[int] | None = None, steps: list[int] | None = None,
        x: Any = MAP) -> Case:
    """Starts, ends and axes as attributes in opset 9, as inputs later; steps from 10 on."""

    def build(opset: int) -> tuple[list[NodeProto], dict[str, Any]]:
        given = {"starts": starts, "ends": ends} | ({"axes": axes} if axes else {})
        if opset < 10:
            return [node("Slice", ["x"], **given)], {}
        names = ["x", "starts", "ends", "axes" if axes else "", "steps" if steps else ""]
        return [node("Slice", names)], given | ({"steps": steps} if steps else {})

    return Case(build, x, 10 if steps else 9)


def split(sizes: list[int] | None, count: int, axis: int, chosen: int, x: Any = MAP) -> Case:
    """One of the outputs. Sizes as an attribute up to opset 12, as an input from 13 on; num_outputs from 18 on."""

    def build(opset: int) -> tuple[list[NodeProto], dict[str, Any]]:
        outputs = ["y" if i == chosen else f"other{i}" for i in range(count)]
        extra: dict[str, Any] = {"split": sizes} if sizes and opset < 13 else {}
        extra |= {"num_outputs": count} if opset >= 18 and not sizes else {}
        made = {"sizes": sizes} if sizes and opset >= 13 else {}
        return [helper.make_node("Split", ["x", *made], outputs, name="split", axis=axis, **extra)], made

    return Case(build, x)


def upsample(scales: list[float], x: Any = MAP) -> Case:
    """Upsample in opset 9, Resize later, in the form that means the same."""

    def build(opset: int) -> tuple[list[NodeProto], dict[str, Any]]:
        if opset < 10:
            return [node("Upsample", ["x", "s"])], {"s": scales}
        if opset < 11:
            return [node("Resize", ["x", "s"])], {"s": scales}
        mode = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        roi = {"roi": np.zeros(0, np.float32)} if opset < 13 else {}
        return [node("Resize", ["x", "roi" if roi else "", "s"], **mode)], {"s": scales} | roi

    return Case(build, x)


def resize(sizes: list[int] | None = None, scales: list[float] | None = None, since: int = 13, x: Any = MAP,
           **attributes: Any) -> Case:
    """Resize by sizes (of a batch of 1) or scales."""
    made: dict[str, Any] = {"scales": scales} if scales else {"sizes": sizes}
    names = ["x", "", "scales"] if scales else ["x", "", "", "sizes"]
    frames = 1 if sizes and "axes" not in attributes else 3
    return Case(lambda opset: ([node("Resize", names, **attributes)], made), x, since, frames=frames)


CASES = {
    "transposed": transposed((4, 3, 3, 2)),
    "transposed_stride": transposed((4, 2, 3, 3), strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1]),
    "transposed_even": transposed((4, 2, 4, 4), strides=[2, 2], pads=[1, 1, 1, 1]),
    "transposed_plain": transposed((4, 3, 2, 2), bias=False, strides=[2, 2], kernel_shape=[2, 2]),
    "transposed_uneven": transposed((4, 2, 5, 2), strides=[3, 2], pads=[2, 0, 1, 1]),
    "transposed_sparse": transposed((4, 2, 1, 2), strides=[2, 3]),
    "transposed_dilated": transposed((4, 2, 2, 3), strides=[2, 1], dilations=[2, 3], pads=[0, 1, 1, 2]),
    "transposed_row": transposed((4, 3, 4), ROW, strides=[2], pads=[1, 1]),
    "transposed_pads_of_a_kernel": transposed((4, 2, 2, 2), pads=[2, 1, 1, 2]),
    "resize": upsample([1.0, 1.0, 2.0, 3.0]),
    "resize_row": upsample([1.0, 1.0, 3.0], ROW),
    "resize_sizes": resize([1, 4, 10, 18]),
    "resize_half_pixel": resize(scales=[1.0, 1.0, 3.0, 2.0], coordinate_transformation_mode="half_pixel"),
    "resize_half_pixel_ceil": resize(scales=[1.0, 1.0, 3.0, 2.0], nearest_mode="round_prefer_ceil"),
    "resize_symmetric": resize([1, 4, 5, 12], since=19, coordinate_transformation_mode="half_pixel_symmetric"),
    "resize_axes": resize([12, 10], since=18, axes=[3, 2]),
    "resize_smaller": resize(scales=[1, 1, 1, 0.5], coordinate_transformation_mode="asymmetric", nearest_mode="floor"),
    "resize_both": resize([1, 4, 10, 2], coordinate_transformation_mode="asymmetric", nearest_mode="floor"),
    "depth_to_space": Case(lambda opset: ([node("DepthToSpace", ["x"], blocksize=2)], {}), MAP),
    "depth_to_space_dcr": Case(lambda opset: ([node("DepthToSpace", ["x"], blocksize=2, mode="DCR")], {}),
                               ("N", 8, 2, 3), 11),
    "depth_to_space_crd": Case(lambda opset: ([node("DepthToSpace", ["x"], blocksize=2, mode="CRD")], {}),
                               ("N", 8, 2, 3), 11),
    "space_to_depth": Case(lambda opset: ([node("SpaceToDepth", ["x"], blocksize=2)], {}), ("N", 3, 4, 6)),
    "pad": pad([0, 0, 1, 2, 0, 0, 0, 3]),
    "pad_value": pad([0, 0, 1, 0, 0, 0, 2, 1], value=-2.5),
    "pad_row": pad([0, 0, 2, 0, 0, 1], ROW),
    "pad_axes": pad([1, 0, 2, 3], axes=[-1, 2]),
    "slice": cut([1, 0], [4, -2], [2, 3]),
    "slice_all_axes": cut([0, 1, 1, -3], [2**31 - 1, 3, 2**31 - 1, 100]),
    "slice_steps": cut([1, 1, 0], [3, 5, 6], [1, -2, 3], [1, 3, 2]),
    "slice_row": cut([1], [-1], [2], x=ROW),
    "split": split([1, 3], 2, 1, 1),
    "split_equal": split(None, 2, 1, 0),
    "split_columns": split([4, 2], 2, -1, 0),
    "split_row": split([3, 2, 2], 3, 2, 2, ROW),
}


@pytest.mark.parametrize(("name", "opset"), [(n, o) for n, c in CASES.items() for o in CHANGES
                                              if o >= c.since and not (n in OLD_RESIZE and o in (10, 11))])
def test_equals_onnx_reference(name: str, opset: int, tmp_path: Path, seed: int) -> None:
    check(CASES[name], opset, tmp_path, seed)


@pytest.mark.parametrize("opset", [18, 21])
def test_the_last_part_of_a_split_may_be_smaller(opset: int, tmp_path: Path, seed: int) -> None:
    check(split(None, 3, 2, 2), opset, tmp_path, seed)


@pytest.mark.parametrize("place", sorted(PLACES.keys() - {"tf_half_pixel_for_nn"}))
@pytest.mark.parametrize("nearest", NEAREST)
def test_chosen_pixels_are_those_of_onnx_reference(place: str, nearest: str) -> None:
    """Each axis that is read chooses the reference's elements; what is refused does not repeat them equally often.

    onnx.reference has no tf_half_pixel_for_nn.
    """
    read = 0
    for old, new in ((4, 8), (3, 9), (5, 5), (5, 10), (8, 4), (9, 3), (4, 6), (1, 4), (6, 1)):
        one = node("Resize", ["x", "", "", "sizes"], mode="nearest", coordinate_transformation_mode=place,
                   nearest_mode=nearest)
        made = model([one], {"sizes": [1, 1, new]}, x=(1, 1, old), opset=19)
        (reference,) = ReferenceEvaluator(made).run(None, {"x": np.arange(old, dtype=np.float32).reshape(1, 1, old)})
        chosen = np.asarray(reference).reshape(-1).astype(int).tolist()
        try:
            repeats, first, step = line(one, old, new, place, nearest)
        except HwgenError:
            assert new % old or chosen != [i * old // new for i in range(new)]
            continue
        read += 1
        assert chosen == np.repeat(np.arange(first, old, step), repeats).tolist(), (old, new)
    assert read >= 1


@pytest.mark.parametrize(("channels", "rows", "x"), [(2, 3, MAP), (1, 1, MAP), (2, 2, ROW)])
def test_groups_of_a_transposed_convolution(channels: int, rows: int, x: tuple[Any, ...], tmp_path: Path,
                                            seed: int) -> None:
    """One after another: onnx.reference computes groups wrongly or fails."""
    rng, groups, axes = np.random.default_rng(seed), 4 // channels, len(x) - 2
    weight, bias = rng.integers(-3, 4, (4, rows, *[3] * axes)), rng.integers(-9, 9, groups * rows)
    data = rng.integers(-9, 9, (2, *x[1:]))
    geometry: dict[str, Any] = {"strides": [2] * axes, "pads": [1] * 2 * axes}

    def made(weight: Any, bias: Any, shape: tuple[Any, ...], group: int) -> Any:
        constants = {"w": weight.astype(np.float32), "b": bias.astype(np.float32)}
        return model([node("ConvTranspose", ["x", "w", "b"], group=group, **geometry)], constants, x=shape)

    parts = [slice(g * channels, (g + 1) * channels) for g in range(groups)]
    expected = [ReferenceEvaluator(made(weight[p], bias[g * rows:(g + 1) * rows], ("N", channels, *x[2:]), 1)).run(
        None, {"x": data[:, p].astype(np.float32)})[0] for g, p in enumerate(parts)]
    graph = imported(made(weight, bias, x, groups), tmp_path, INT8).graph
    for run in (exact.run, float32.run):
        np.testing.assert_array_equal(run(graph, {"x": data}).outputs["y"], np.concatenate(expected, axis=1))


@pytest.mark.parametrize("opset", [10, 11, 12])
def test_resize_of_old_opsets(opset: int, tmp_path: Path, seed: int) -> None:
    """Scales only, or beside an empty roi."""
    nodes, constants = CASES["resize"].build(opset)
    data = np.random.default_rng(seed).integers(-9, 9, (2, *MAP[1:]))
    graph = imported(model(nodes, constants, x=MAP, opset=opset), tmp_path, INT8).graph
    expected = np.repeat(np.repeat(data, 2, axis=2), 3, axis=3)
    np.testing.assert_array_equal(exact.run(graph, {"x": data}).outputs["y"], expected)


def test_negative_pads_cut_off(tmp_path: Path, seed: int) -> None:
    """onnx.reference fails on them."""
    data = np.random.default_rng(seed).integers(-9, 9, (2, *MAP[1:]))
    for sides, expected in (([0, -1, -1, 0, 0, -1, 0, -2], data[:, 1:3, 1:, :-2]),
                            ([0, 0, -1, 2, 0, 0, 0, -2], np.pad(data[:, :, 1:, :-2], ((0, 0),) * 3 + ((2, 0),)))):
        graph = imported(model([node("Pad", ["x", "p"])], {"p": sides}, x=MAP), tmp_path, INT8).graph
        np.testing.assert_array_equal(exact.run(graph, {"x": data}).outputs["y"], expected)


REFUSED: dict[str, tuple[list[NodeProto], dict[str, Any], str]] = {
    "reflect": ([node("Pad", ["x", "p"], mode="reflect", name="n")], {"p": [0, 0, 1, 1, 0, 0, 1, 1]},
                "unsupported-form: n: Pad with mode 'reflect'. Only mode 'constant' is supported."),
    "pad_channels": ([node("Pad", ["x", "p"], name="n")], {"p": [0, 2, 0, 0, 0, 0, 0, 0]},
                     "unsupported-form: n: it pads the axes of shape [1, 4, 5, 6] by [0, 2, 0, 0, 0, 0, 0, 0]. Only "
                     "the axes after the channels can be padded."),
    "linear": ([node("Resize", ["x", "", "s"], mode="linear", name="n")], {"s": [1.0, 1.0, 2.0, 2.0]},
               "unsupported-form: n: Resize with mode 'linear', 'half_pixel', 'round_prefer_floor'. Only mode "
               "'nearest' is supported, with any coordinates but 'tf_crop_and_resize'."),
    "factor": ([node("Resize", ["x", "", "s"], name="n")], {"s": [1.0, 1.0, 1.5, 2.0]},
               "unsupported-form: n: it resizes by 1.5. Only whole factors are supported, and powers of two below 1."),
    "uneven": ([node("Resize", ["x", "", "", "s"], name="n")], {"s": [1, 4, 7, 6]},
               "unsupported-form: n: Resize of 5 to 7 pixels with 'half_pixel' and 'round_prefer_floor' does not "
               "repeat each pixel equally often. Resize by a whole factor with 'asymmetric' and 'floor', or with "
               "'half_pixel' "
               "and a round mode."),
    "resized_channels": ([node("Resize", ["x", "", "", "s"], name="n")], {"s": [1, 8, 5, 6]},
                         "unsupported-form: n: it makes shape [1, 8, 5, 6] of [1, 4, 5, 6]. Only the axes after the "
                         "channels can be resized."),
    "aspect": ([node("Resize", ["x", "", "", "s"], keep_aspect_ratio_policy="not_larger", name="n")],
               {"s": [1, 4, 10, 12]}, "unsupported-form: n: Resize with keep_aspect_ratio_policy 'not_larger'. Only "
               "'stretch' is supported."),
    "backwards": ([node("Slice", ["x", "a", "b", "c", "d"], name="n")], {"a": [-1], "b": [-9], "c": [3], "d": [-1]},
                  "unsupported-form: n: it takes axis 3 in steps of -1. Only positive steps over the axes after "
                  "the channels are supported."),
    "batch": ([node("Slice", ["x", "a", "b"], name="n")], {"a": [0], "b": [1]},
              "batch-axis: n: it takes a part of the batch dimension. Keep dimension 0 as the batch."),
    "empty": ([node("Slice", ["x", "a", "b", "c"], name="n")], {"a": [4], "b": [4], "c": [2]},
              "zero-size: n: nothing is left of a value of shape [1, 4, 5, 6] between [0, 4, 0] and [4, 4, 6]. Export "
              "the model again."),
    "split_batch": ([node("Split", ["x"], axis=0, name="n")], {},
                    "batch-axis: n: it splits the batch dimension. Keep dimension 0 as the batch."),
    "split_sizes": ([node("Split", ["x", "s"], axis=1, name="n")], {"s": [3]},
                    "bad-attribute: n: it splits 4 into [3] for 1 outputs. Export the model again."),
    "block": ([node("DepthToSpace", ["x"], blocksize=3, name="n")], {},
              "shape-mismatch: n: 4 channels are no blocks of 3x3. Export the model again."),
    "reach": ([node("ConvTranspose", ["x", "w"], auto_pad="SAME_UPPER", strides=[3, 3], name="n")],
              {"w": np.ones((4, 1, 2, 2), np.float32)},
              "unsupported-form: n: its output is larger than what its kernel reaches. Use pads that are not "
              "negative."),
    "groups": ([node("ConvTranspose", ["x", "w"], group=3, name="n")], {"w": np.ones((4, 1, 2, 2), np.float32)},
               "shape-mismatch: n: a value of shape [1, 4, 5, 6] does not fit weights of shape [4, 1, 2, 2] in 3 "
               "groups. Export the model again."),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name: str, tmp_path: Path) -> None:
    nodes, constants, text = REFUSED[name]
    with pytest.raises(HwgenError) as caught:
        imported(model(nodes, constants, x=MAP, opset=18), tmp_path, INT8)
    assert str(caught.value) == text


def test_auto_pad_of_a_transposed_convolution(tmp_path: Path) -> None:
    """By the standard's formula (onnx.reference has another one): inputs times stride, an odd pixel where it says."""
    for mode, before in (("SAME_UPPER", 0), ("SAME_LOWER", 1)):
        one = node("ConvTranspose", ["x", "w"], auto_pad=mode, strides=[2], name="n")
        graph = imported(model([one], {"w": np.ones((4, 1, 3), np.float32)}, x=ROW), tmp_path, INT8).graph
        op: Any = graph.nodes[-1].op
        assert graph.values["y"].shape == (1, 14) and op.before == (0, before)


def test_output_shape_of_a_transposed_convolution(tmp_path: Path) -> None:
    one = node("ConvTranspose", ["x", "w"], output_shape=[12], strides=[2], name="n")
    graph = imported(model([one], {"w": np.ones((4, 1, 3), np.float32)}, x=ROW), tmp_path, INT8).graph
    op: Any = graph.nodes[-1].op
    assert graph.values["y"].shape == (1, 12) and op.before == (0, 2)
