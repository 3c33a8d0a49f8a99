"""Ops that move, repeat, drop or add pixels through the passes, against the exact reference of the quantized graph."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hwgen.errors import HwgenError
from hwgen.exact.convolution import Geometry
from hwgen.exact.layout import Phases
from hwgen.ir.graph import Graph, GraphBuilder, Level, Value
from hwgen.ir.tensor import Tensor
from hwgen.ir.types import BIPOLAR, REAL, full_range
from hwgen.model import IntegerModel
from hwgen.ops.depth_to_space import DepthToSpace
from hwgen.ops.quantized import Dense, Elementwise, QuantizedOp, Relu, Reshape
from hwgen.ops.quantized_layout import ConstantPad, ConvTranspose, Crop, PixelShuffle, Resize, SpaceToDepth
from hwgen.ops.quantized_maps import Concat, Conv, Join
from hwgen.ops.slice import Slice
from hwgen.ops.step import Step
from hwgen.passes.canonicalise import canonicalise
from hwgen.passes.fold_scales import fold_scales
from hwgen.passes.narrow_types import narrow_types
from hwgen.passes.thresholds import thresholds
from hwgen.reference import exact
from tests.networks import quant
from tests.passes.test_maps import chain

KINDS = [BIPOLAR, full_range(3, True), full_range(4, False)]
UNIT = Tensor(np.eye(4, dtype=np.int64).reshape(4, 4, 1, 1) * np.array([1, -2, 3, 1]).reshape(4, 1, 1, 1))
CHANNELS = Tensor(np.array([1.0, 0.5, -0.25, 0.75]).reshape(4, 1, 1))


def compared(graph: Graph, seed: int, frames: int = 3) -> Graph:
    """The integer graph, after its integers and outputs were found equal to the exact reference's."""
    x = np.random.default_rng(seed).normal(size=(frames, *graph.values["x"].shape)).astype(np.float32)
    expected = exact.run(graph, {"x": x})
    made = narrow_types(thresholds(fold_scales(canonicalise(graph))))
    model = IntegerModel(made)
    values = model.activations(model.encode({"x": x}))
    shared = [name for name in expected.integers if name in values]
    assert len(shared) == len(expected.integers)
    for name in shared:
        integers = expected.integers[name]
        np.testing.assert_array_equal(made.in_imported_order(name, values[name]), integers.reshape(frames, -1))
    outputs = model.predict({"x": x})
    for name in graph.outputs:
        np.testing.assert_allclose(outputs[name], expected.outputs[name], rtol=1e-6)
    return made


def random_transposed(rng: np.random.Generator, channels: int, size: tuple[int, int]) -> ConvTranspose:
    """Any kernel, stride, cut and groups; a zero point of the weights now and then."""
    groups = int(rng.choice([1, 2, channels]))
    rows = groups * int(rng.integers(1, 3))
    kernel, stride = rng.integers(1, 5, 2), rng.integers(1, 4, 2)
    full = [(n - 1) * s + k for n, s, k in zip(size, stride, kernel, strict=True)]
    before = [int(rng.integers(0, min(int(k) + 1, f))) for k, f in zip(kernel, full, strict=True)]
    outputs = [int(rng.integers(max((f - b) // 2, 1), f - b + 2)) for f, b in zip(full, before, strict=True)]
    weight = rng.integers(-2, 3, (rows, channels // groups, *kernel))
    scale = rng.integers(1, 5, (rows, 1, 1, 1)) / 8
    return ConvTranspose(Tensor(weight), Tensor(scale), Tensor(float(rng.integers(0, 2))),
                         Tensor(rng.integers(-4, 5, rows) / 8), (int(stride[0]), int(stride[1])),
                         (before[0], before[1]), (outputs[0], outputs[1]), groups)


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("zero", [0.0, 2.0])
def test_transposed_convolutions(kind: Any, zero: float, seed: int) -> None:
    """Zero points give each phase its own offset; the quantizer comes before the pixels move."""
    rng = np.random.default_rng(seed)
    for _ in range(12):
        size = (int(rng.integers(1, 5)), int(rng.integers(1, 5)))
        op = random_transposed(rng, 4, size)
        last = Elementwise("mul", Tensor(rng.integers(1, 4, (op.weight.shape[0], 1, 1)) / 4))
        ops = [quant(0.25, kind, zero=zero), op, last, Relu(), quant(0.5, full_range(5, True))]
        compared(chain((4, *size), *ops), seed)


def test_phases_count_no_more_than_the_definition(seed: int) -> None:
    """ceil(K / stride) taps for each phase, and a lead only where it saves work."""
    rng = np.random.default_rng(seed)
    for _ in range(200):
        kernel, stride, before, outputs = (int(n) for n in rng.integers(1, 7, 4))
        phases = Phases.of(kernel, stride, before, outputs)
        assert phases.taps >= -(-kernel // stride) and 0 <= phases.lead < stride
        taps = phases.taps_of(kernel, before)
        assert sorted(taps[taps >= 0].tolist()) == list(range(kernel))


MOVES: dict[str, QuantizedOp] = {
    "resize": Resize((2, 3)), "shuffle": PixelShuffle((2, 2), False), "shuffle_crd": PixelShuffle((2, 2), True),
    "space_to_depth": SpaceToDepth((2, 2)), "crop": Crop((0, 1, 0), (4, 4, 3)),
    "crop_channels": Crop((1, 0, 0), (3, 4, 4)), "steps": Crop((0, 1, 0), (4, 4, 4), (2, 3)),
}


@pytest.mark.parametrize("name", MOVES)
def test_a_function_of_each_element_comes_before_the_move(name: str, seed: int) -> None:
    """So one Step of all channels, and the narrow type moves; dropped channels are never computed."""
    functions = [Elementwise("mul", CHANNELS), Relu()]
    ends = [quant(0.5, full_range(4, True)), Elementwise("add", Tensor(0.25))]
    made = compared(chain((4, 4, 4), quant(0.25, full_range(5, True)), *functions, MOVES[name], *ends), seed)
    kinds = [type(n.op).__name__ for n in made.nodes]
    assert kinds[0] == ("Slice" if name == "crop_channels" else "Threshold") and len(kinds) > 1


@pytest.mark.parametrize("name", MOVES)
def test_moves_between_layers(name: str, seed: int) -> None:
    start = [quant(0.25, full_range(4, True)), Conv(Geometry((1, 1)), UNIT, Tensor(0.5), Tensor(0.0))]
    value = MOVES[name].infer([Value("", (4, 4, 4), REAL)])[0][0]
    weight = Tensor(np.random.default_rng(seed).integers(-2, 3, (2, value[0], 2, 1)))
    conv = Conv(Geometry((2, 1)), weight, Tensor(0.5), Tensor(0.0))
    compared(chain((4, 4, 4), *start, MOVES[name], conv, quant(0.5, full_range(5, True))), seed)


def test_moves_before_a_dense_layer_and_at_the_end(seed: int) -> None:
    dense = Dense(Tensor(np.random.default_rng(seed).integers(-2, 3, (3, 64))), Tensor(0.5), Tensor(0.0))
    first = quant(0.25, full_range(4, True))
    compared(chain((4, 4, 4), first, PixelShuffle((2, 2), True), Reshape((64,)), dense), seed)
    compared(chain((4, 4, 4), first, Elementwise("mul", CHANNELS), Resize((2, 1))), seed)


def test_branches_share_a_move_and_join(seed: int) -> None:
    """Split, work on one half, join with the other; a residual sum of two resized maps."""
    builder = GraphBuilder("branches", Level.QUANTIZED)
    builder.add_input(Value("x", (4, 3, 3), REAL))
    half = Tensor(np.arange(4).reshape(2, 2, 1, 1) - 1)
    builder.add("q", quant(0.25, full_range(4, True)), ["x"], ["a"])
    builder.add("up", Resize((2, 2)), ["a"], ["u"])
    builder.add("first", Crop((0, 0, 0), (2, 6, 6)), ["u"], ["f"])
    builder.add("second", Crop((2, 0, 0), (4, 6, 6)), ["u"], ["s"])
    builder.add("conv", Conv(Geometry((1, 1)), half, Tensor(0.5), Tensor(0.0)), ["f"], ["c"])
    builder.add("q1", quant(0.25, full_range(4, True)), ["c"], ["d"])
    builder.add("cat", Concat(), ["d", "s"], ["j"])
    builder.add("add", Join(), ["j", "u"], ["t"])
    builder.add("q2", quant(0.5, full_range(4, True)), ["t"], ["y"])
    made = compared(builder.build(["y"]), seed)
    assert sum(n.name.startswith("up") for n in made.nodes) == 1, "the resized map is made once"


@pytest.mark.parametrize(("value", "zero"), [(0.0, 3.0), (-0.5, 0.0), (0.75, 1.0)])
def test_borders(value: float, zero: float, seed: int) -> None:
    """Any constant on the quantizer's grid, beyond its range too."""
    ops = [quant(0.25, full_range(3, False), zero=zero), ConstantPad((1, 0, 2, 1), Tensor(value))]
    compared(chain((3, 2, 3), *ops, quant(0.5, full_range(4, True))), seed)


def lowered(*ops: QuantizedOp) -> Graph:
    return fold_scales(chain((4, 4, 4), *ops))


def test_refusals() -> None:
    with pytest.raises(HwgenError) as caught:
        lowered(quant(0.25, full_range(4, True)), ConstantPad((1, 0, 0, 0), Tensor(0.1)))
    assert str(caught.value) == ("padding: n1: it pads with 0.1, which is no integer of its input's quantizer. Pad "
                                 "with a value that the quantizer gives, or pad before the quantizer.")
    with pytest.raises(HwgenError) as caught:
        lowered(Resize((2, 2)), quant(0.25, full_range(4, True)))
    assert str(caught.value).startswith("float-input: n0: it repeats or drops elements of the input 'x' before the "
                                        "first quantizer.")


def test_the_host_shuffles_its_own_input(seed: int) -> None:
    """Blocks to channels before the first quantizer are the host's order of the stream."""
    graph = chain((4, 4, 4), SpaceToDepth((2, 2)), quant(0.25, full_range(4, True)), Relu(),
                  quant(0.5, full_range(4, False)))
    assert not any(isinstance(n.op, Slice | DepthToSpace) for n in compared(graph, seed).nodes)


def test_a_step_of_a_moved_map_is_one_of_the_source() -> None:
    made = lowered(quant(0.25, full_range(4, True)), Resize((2, 2)), quant(0.5, full_range(3, True)))
    first = made.nodes[0]
    assert isinstance(first.op, Step) and made.values[first.outputs[0]].shape == (4, 4, 4)
