"""Whole small networks, lowered, folded and emitted, for simulations in tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from hwgen import boards
from hwgen.emit.whole import emit_build
from hwgen.exact.convolution import Geometry
from hwgen.ir.graph import Graph, GraphBuilder, Level, Value
from hwgen.ir.tensor import Tensor
from hwgen.ir.types import BIPOLAR, REAL, IntType, full_range
from hwgen.kernels.base import Fold
from hwgen.ops.quantized import Dense
from hwgen.ops.quantized_maps import Conv, Join
from hwgen.passes.fold import fold
from hwgen.passes.pipeline import lower
from hwgen.passes.size_fifos import size_fifos
from hwgen.simulate import Design, SimResult, simulate
from hwgen.verification import Vectors, make_vectors
from tests.networks import quant, random_weights

FOLDING = {"dense0": Fold(4, 6), "dense1": Fold(2, 4), "dense2": Fold(4, 2)}
"""Legal for both networks below; no kernel of a dense layer is square or trivial."""


@dataclass(frozen=True)
class Built:
    """A build directory's content and the vectors that judge it."""

    folder: Path
    graph: Graph
    design: Design
    vectors: Vectors

    def simulate(self, seed: int = 0, stalls: tuple[float, float] | None = None) -> SimResult:
        return simulate(self.folder, self.design, self.vectors.integers, self.vectors.values, seed=seed, stalls=stalls)


def network(kinds: tuple[IntType, ...], weights: IntType, sizes: tuple[int, ...], seed: int) -> Graph:
    """Dense layers of random weights; kinds: type of the input and of each activation, the last layer has none."""
    rng = np.random.default_rng(seed)
    builder = GraphBuilder("small", Level.QUANTIZED)
    name = builder.add_input(Value("x", (sizes[0],), REAL)).name
    builder.add("quant_in", quant(0.25, kinds[0]), [name], ["x_q"])
    name = "x_q"
    for i, (columns, rows) in enumerate(pairwise(sizes)):
        matrix = Tensor(random_weights(rng, rows, columns, weights))
        bias = Tensor(rng.normal(size=rows).astype(np.float32)) if i + 1 < len(kinds) else None
        builder.add(f"dense{i}", Dense(matrix, Tensor(np.array([[0.5]])), Tensor(0.0), bias), [name], [f"sum{i}"])
        name = f"sum{i}"
        if i + 1 < len(kinds):
            spread = columns**0.5 * 0.125 * max(abs(kinds[i].lo), kinds[i].hi) * max(1, weights.hi) / 2
            scale = spread / max(1, kinds[i + 1].hi)
            builder.add(f"quant{i}", quant(float(np.float32(scale)), kinds[i + 1]), [name], [f"act{i}"])
            name = f"act{i}"
    return builder.build([name])


def built(folder: Path, graph: Graph, folding: Mapping[str, Fold], frames: int = 64, cycles: int = 0) -> Built:
    """Folded as given, or to so many cycles a frame, with FIFOs, emitted, with random vectors."""
    *_, (_, hardware) = lower(graph)
    folded = fold(hardware, board=boards.load("pynq"), clock_mhz=100.0,
                  fps=1e8 / cycles if cycles else None, folding=folding or None)
    sized = size_fifos(folded)
    design = emit_build(sized, folder)
    return Built(folder, sized, design, make_vectors(sized, {}, frames, seed=1))


def integer_network() -> Graph:
    """4-bit activations, 3-bit weights, 24 to 12 to 16 to 8."""
    kinds = (full_range(4, True), full_range(4, False), full_range(6, True))
    return network(kinds, full_range(3, True), (24, 12, 16, 8), seed=5)


def bipolar_network() -> Graph:
    """Bipolar throughout, 36 to 16 to 16 to 8."""
    return network((BIPOLAR,) * 3, BIPOLAR, (36, 16, 16, 8), seed=6)


def two_chains() -> Graph:
    """Two inputs and two outputs that have nothing to do with each other; frames of 6 and of 20 elements."""
    rng = np.random.default_rng(7)
    builder = GraphBuilder("two_chains", Level.QUANTIZED)
    outputs = []
    for name, columns, rows in (("left", 6, 5), ("right", 20, 3)):
        builder.add_input(Value(name, (columns,), REAL))
        matrix = Tensor(random_weights(rng, rows, columns, full_range(3, True)))
        builder.add(f"{name}_quant", quant(0.25, full_range(4, True)), [name], [f"{name}_q"])
        builder.add(f"{name}_dense", Dense(matrix, Tensor(np.array([[0.5]])), Tensor(0.0), None), [f"{name}_q"],
                    [f"{name}_sum"])
        outputs.append(f"{name}_sum")
    return builder.build(outputs)


def residual_network() -> Graph:
    """A dense layer of 16 to 16 with a shortcut around it, then one of 16 to 4."""
    builder = GraphBuilder("residual", Level.QUANTIZED)
    builder.add_input(Value("x", (16,), REAL))
    builder.add("quant_in", quant(0.25, full_range(4, True)), ["x"], ["x_q"])
    _add_dense(builder, "long", "x_q", 16, 16, seed=8)
    builder.add("quant_long", quant(2.0, full_range(5, True)), ["long_sum"], ["long_q"])
    builder.add("join", Join(), ["long_q", "x_q"], ["sum"])
    builder.add("quant_sum", quant(3.0, full_range(4, True)), ["sum"], ["sum_q"])
    _add_dense(builder, "last", "sum_q", 16, 4, seed=9)
    return builder.build(["last_sum"])


def braid_network() -> Graph:
    """Two inputs; one output is computed from both, the other one from the second alone."""
    builder = GraphBuilder("braid", Level.QUANTIZED)
    for name, columns, seed in (("first", 6, 10), ("second", 12, 11)):
        builder.add_input(Value(name, (columns,), REAL))
        builder.add(f"{name}_quant", quant(0.25, full_range(4, True)), [name], [f"{name}_q"])
        _add_dense(builder, f"{name}_dense", f"{name}_q", columns, 8, seed)
        builder.add(f"{name}_step", quant(1.5, full_range(5, True)), [f"{name}_dense_sum"], [f"{name}_act"])
    builder.add("join", Join(), ["first_act", "second_act"], ["sum"])
    builder.add("sum_quant", quant(2.0, full_range(4, True)), ["sum"], ["sum_q"])
    _add_dense(builder, "both", "sum_q", 8, 5, seed=12)
    _add_dense(builder, "alone", "second_act", 8, 3, seed=13)
    return builder.build(["both_sum", "alone_sum"])


def residual_maps(size: int = 5) -> Graph:
    """A 3x3 convolution with border on (4, size, size) and a shortcut around it; the output is a map too."""
    rng = np.random.default_rng(14)
    builder = GraphBuilder("residual_maps", Level.QUANTIZED)
    builder.add_input(Value("x", (4, size, size), REAL))
    builder.add("quant_in", quant(0.25, full_range(4, True)), ["x"], ["x_q"])
    weights = Tensor(rng.integers(-4, 4, (4, 4, 3, 3)))
    builder.add("conv", Conv(Geometry((3, 3), pads=(1, 1, 1, 1)), weights, Tensor(0.5), Tensor(0.0)), ["x_q"], ["map"])
    builder.add("quant_map", quant(2.0, full_range(5, True)), ["map"], ["map_q"])
    builder.add("join", Join(), ["map_q", "x_q"], ["sum"])
    builder.add("quant_sum", quant(3.0, full_range(4, True)), ["sum"], ["sum_q"])
    _add_pointwise(builder, "last", "sum_q", 2, seed=15)
    return builder.build(["last_sum"])


def widening_map() -> Graph:
    """One input channel, twelve output channels, pixel by pixel: most of the output is made before the input ends."""
    builder = GraphBuilder("widening_map", Level.QUANTIZED)
    builder.add_input(Value("x", (1, 6, 6), REAL))
    builder.add("quant_in", quant(0.25, full_range(8, True)), ["x"], ["x_q"])
    _add_pointwise(builder, "wide", "x_q", 12, seed=16)
    return builder.build(["wide_sum"])


def _add_pointwise(builder: GraphBuilder, name: str, value: str, rows: int, seed: int) -> None:
    weights = Tensor(np.random.default_rng(seed).integers(-4, 4, (rows, builder.values[value].shape[0], 1, 1)))
    builder.add(name, Conv(Geometry((1, 1)), weights, Tensor(0.5), Tensor(0.0)), [value], [f"{name}_sum"])


def _add_dense(builder: GraphBuilder, name: str, value: str, columns: int, rows: int, seed: int) -> None:
    matrix = Tensor(random_weights(np.random.default_rng(seed), rows, columns, full_range(3, True)))
    builder.add(name, Dense(matrix, Tensor(np.array([[0.5]])), Tensor(0.0), None), [value], [f"{name}_sum"])
