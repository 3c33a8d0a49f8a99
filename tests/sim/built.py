"""Whole small networks, lowered, folded and emitted, for simulations in tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from hwgen import boards
from hwgen.emit.whole import emit_build
from hwgen.ir.graph import Graph, GraphBuilder, Level, Value
from hwgen.ir.tensor import Tensor
from hwgen.ir.types import BIPOLAR, REAL, IntType, full_range
from hwgen.kernels.base import Fold
from hwgen.ops.quantized import Dense
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
