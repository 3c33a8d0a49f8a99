"""A DPU's layers against vectors that a program of its own makes in rational arithmetic, three ways."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwgen.dpu import arithmetic
from hwgen.dpu.arithmetic import Activation
from hwgen.dpu.layers import AveragePool, Curve, Layer, Sum
from hwgen.dpu.network import DpuNetwork, Entry
from hwgen.dpu.weighted import FullyConnected, Transposed
from hwgen.exact.convolution import Geometry
from hwgen.ir.graph import GraphBuilder, Level, Value
from hwgen.ir.tensor import Array, Tensor
from hwgen.ir.types import REAL
from hwgen.model import IntegerModel
from hwgen.passes.pipeline import TO_INTEGERS, lower
from hwgen.reference import exact
from hwgen.rounding import Rounding
from tests.dpu.networks import int8

Case = Mapping[str, Any]


@pytest.fixture
def vectors(seed: int) -> Mapping[str, list[Case]]:
    """Made by a process that cannot import hwgen."""
    done = subprocess.run([sys.executable, "-I", str(Path(__file__).with_name("exact_vectors.py")), str(seed)],
                          capture_output=True, text=True, check=True)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def network(layer: Layer, shapes: list[tuple[int, ...]], positions: list[int]) -> DpuNetwork:
    """One layer on quantized inputs."""
    builder = GraphBuilder("one", Level.QUANTIZED)
    entries = []
    for number, (shape, position) in enumerate(zip(shapes, positions, strict=True)):
        builder.add_input(Value(f"x{number}", shape, REAL))
        builder.add(f"q{number}", int8(position), [f"x{number}"], [f"v{number}"])
        entries.append(Entry(f"q{number}", f"x{number}", f"v{number}", shape, position))
    builder.values["y"] = Value("y", layer.shape, REAL)
    return DpuNetwork("one", tuple(entries), (layer,), ("y",), (), (), builder.build(["y"]))


def every_way(layer: Layer, inputs: list[Array], positions: list[int]) -> list[Array]:
    """By the layer's shifts, by exact arithmetic on its real form, and by the integer model of that."""
    made = network(layer, [x.shape[1:] for x in inputs], positions)
    reals = {f"x{n}": x * 2.0**-p for n, (x, p) in enumerate(zip(inputs, positions, strict=True))}
    graph = made.as_graph()
    *_, (_, lowered) = lower(graph, TO_INTEGERS)
    model = IntegerModel(lowered)
    found = model.activations(model.encode(reals))["y"]
    return [made.run({f"v{n}": x for n, x in enumerate(inputs)})["y"], exact.run(graph, reals).integers["y"],
            lowered.in_imported_order("y", found)]


def check(layer: Layer, inputs: list[Array], positions: list[int], wanted: Array) -> None:
    for made in every_way(layer, inputs, positions):
        assert np.array_equal(made.reshape(len(made), -1), wanted.reshape(len(wanted), -1))


def test_add(vectors: Mapping[str, list[Case]]) -> None:
    for case in vectors["add"]:
        activation = Activation.RELU if case["relu"] else Activation.NONE
        layer = Sum("add", "y", ("v0", "v1"), (1,), case["out"], activation)
        check(layer, [np.array(x)[:, None] for x in case["inputs"]], case["positions"], np.array(case["outputs"]))


@pytest.mark.parametrize(("name", "activation"), [
    ("leaky_relu", Activation.LEAKY_RELU), ("hard_sigmoid", Activation.HARD_SIGMOID),
    ("hard_swish", Activation.HARD_SWISH)])
def test_functions(name: str, activation: Activation, vectors: Mapping[str, list[Case]]) -> None:
    """On all 256 inputs."""
    for case in vectors[name]:
        layer = Curve(name, "y", ("v0",), (1,), case["out"], activation)
        check(layer, [np.array(case["inputs"][0])[:, None]], case["positions"], np.array(case["outputs"]))


def test_average_pool(vectors: Mapping[str, list[Case]]) -> None:
    for case in vectors["average_pool"]:
        kernel = tuple(case["kernel"])
        layer = AveragePool("pool", "y", ("v0",), (1, 1, 1), case["out"], Geometry(kernel))
        x = np.array(case["inputs"]).reshape(-1, 1, *kernel)
        check(layer, [x], case["positions"], np.array(case["outputs"]))


def test_products_with_bias_and_activation(vectors: Mapping[str, list[Case]]) -> None:
    """Biases finer than the accumulator's grid, which lose their last bits, too."""
    finer = 0
    for case in vectors["product"]:
        weights = Tensor(np.array(case["weights"])[:, None])
        layer = FullyConnected("fc", "y", ("v0",), (8,), case["out"], weights, case["weight_position"],
                               Tensor(np.array(case["biases"])), case["bias_position"], Activation(case["activation"]))
        check(layer, [np.array(case["inputs"][0])[:, None]], case["positions"], np.array(case["outputs"]).T)
        finer += layer.shifts(case["positions"])["shift_bias"] < 0
    assert finer


def test_transposed_convolutions(vectors: Mapping[str, list[Case]]) -> None:
    """Of one group and depthwise, strides larger and smaller than the kernel, cuts of unequal sides."""
    kinds: set[str] = set()
    for case in vectors["transposed"]:
        weights, x, y = (np.array(case[name]) for name in ("weights", "inputs", "outputs"))
        geometry = Geometry(weights.shape[2:], tuple(case["stride"]), tuple(case["pads"]))
        layer = Transposed("up", "y", ("v0",), y.shape, case["out"], Tensor(weights), case["weight_position"],
                           Tensor(np.array(case["biases"])), case["bias_position"], Activation(case["activation"]),
                           geometry, case["groups"])
        check(layer, [x], case["positions"], y[None])
        kinds.add(layer.kind)
    assert kinds == {"transposed", "transposed_depthwise"}


def test_the_vectors_catch_a_wrong_constant(vectors: Mapping[str, list[Case]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arithmetic, "LEAKY_SLOPE", (25, 8))
    monkeypatch.setattr(arithmetic, "SIXTH", (2730, 14))
    monkeypatch.setattr(arithmetic, "_POOL_FACTORS", {})
    for test in (lambda: test_functions("leaky_relu", Activation.LEAKY_RELU, vectors),
                 lambda: test_functions("hard_swish", Activation.HARD_SWISH, vectors),
                 lambda: test_average_pool(vectors)):
        with pytest.raises(AssertionError):
            test()


@pytest.mark.parametrize("places", [-100, -40, -31, -8, 0, 30, 61, 62, 100])
def test_shifts_of_any_size(places: int) -> None:
    """As Python's integers have them, after the clip to int8: positions may be anything."""
    x = [-(1 << 30), -77, -1, 0, 1, 5, (1 << 30) - 1]
    scaled = [Fraction(v) / Fraction(2) ** places for v in x]
    up = [max(-128, min(127, floor(v + Fraction(1, 2)))) for v in scaled]
    away = [max(-128, min(127, floor(abs(v) + Fraction(1, 2)) * (1 if v > 0 else -1))) for v in scaled]
    even = [max(-128, min(127, round(v))) for v in scaled]
    assert arithmetic.clipped(arithmetic.shifted(np.array(x), places)).tolist() == up
    assert arithmetic.clipped(arithmetic.shifted(np.array(x), places, Rounding.HALF_EVEN)).tolist() == even
    assert arithmetic.clipped(arithmetic.half_away(np.array(x), places)).tolist() == away


def test_rounding_of_every_tie() -> None:
    x = np.arange(-40, 41)
    half_up = [int(np.floor(v / 8 + 0.5)) for v in x]
    assert arithmetic.shifted(x, 3).tolist() == half_up
    assert arithmetic.shifted(x, 3, Rounding.HALF_EVEN).tolist() == np.rint(x / 8).tolist()
    away = [int(np.sign(v) * np.floor(abs(v) / 8 + 0.5)) for v in x]
    assert arithmetic.half_away(x, 3).tolist() == away
    assert arithmetic.shifted(x, -2).tolist() == (x * 4).tolist() == arithmetic.half_away(x, -2).tolist()
