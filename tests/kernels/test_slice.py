"""Slices: RTL against the op, cycles against beats in, which foldings a box allows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hwgen.ir.graph import Value
from hwgen.ir.types import IntType
from hwgen.kernels.base import Fold
from hwgen.kernels.slice import SliceUnit
from hwgen.ops.identity import Identity
from hwgen.ops.slice import Place, Slice
from sim.bench_slice import random_kernel
from sim.kernel_bench import RTL, check_kernel
from tests.kernels.area import near, synthesised


def box(shape: Place, start: Place, stop: Place, bits: int = 4, lanes: int = 1) -> SliceUnit:
    """A kernel on a map of unsigned integers."""
    return SliceUnit.lower(Slice(start, stop), (Value("x", shape, IntType(0, (1 << bits) - 1)),)).folded(Fold(lanes))


SHAPES = {
    "inside": box((4, 5, 4), (1, 2, 2), (3, 4, 4), lanes=2),
    "last pixel": box((3, 3, 1), (2, 2, 0), (3, 3, 1)),
    "channels": box((2, 3, 6), (0, 0, 2), (2, 3, 4), lanes=2),
    "everything": box((2, 2, 2), (0, 0, 0), (2, 2, 2)),
}


@pytest.mark.parametrize("name", SHAPES)
def test_boxes(name: str, icarus: str, tmp_path: Path, seed: int) -> None:
    kernel = SHAPES[name]
    beats = int(np.prod(kernel.inputs[0].shape)) // kernel.fold.pe
    assert check_kernel(kernel, 6, seed=seed, work=tmp_path, simulator="icarus").cycles == beats


@pytest.mark.parametrize("simulator", ["verilator", "icarus"])
def test_random_boxes(simulator: str, request: pytest.FixtureRequest, tmp_path: Path, seed: int) -> None:
    request.getfixturevalue(simulator)
    rng = np.random.default_rng(seed)
    for i in range(1 if simulator == "verilator" else 4):
        check_kernel(random_kernel(rng), 6, seed=seed + i, work=tmp_path / str(i), simulator=simulator)


MUTANTS = {
    "waits for nothing": ("hwgen_slice.sv", "ready || !kept", "1'b1"),
    "gives what lies outside": ("hwgen_slice.sv", "s_axis_tvalid && kept", "s_axis_tvalid"),
    "one turn late": ("hwgen_span_counter.sv", ": FIRST - 1;", ": FIRST;"),
    "span too long": ("hwgen_span_counter.sv", "FIRST + LENGTH - 1)", "FIRST + LENGTH)"),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_mutants_fail(mutant: str, icarus: str, tmp_path: Path, seed: int) -> None:
    file, right, wrong = MUTANTS[mutant]
    text = (RTL / file).read_text()
    assert text.count(right) == 1
    (tmp_path / file).write_text(text.replace(right, wrong))
    with pytest.raises(AssertionError):
        check_kernel(SHAPES["inside"], 6, seed=seed, work=tmp_path / "run", simulator="icarus",
                     library=(tmp_path, RTL))


def test_other_ops_are_refused() -> None:
    kernel = SHAPES["inside"]
    assert kernel.accepts(kernel.op, kernel.inputs) is None
    assert kernel.accepts(Identity(), kernel.inputs) == "it cuts a box out of a map only"


def test_beats_lie_inside_or_outside() -> None:
    """Lanes divide the channels, the first one of the box and the number of those in it."""
    assert [fold.pe for fold in box((2, 2, 12), (0, 0, 4), (2, 2, 12)).foldings()] == [1, 2, 4]
    assert [fold.pe for fold in box((2, 2, 12), (0, 0, 0), (2, 2, 12)).foldings()] == [1, 2, 3, 4, 6, 12]
    assert [fold.pe for fold in box((2, 2, 12), (0, 0, 1), (2, 2, 7)).foldings()] == [1]


AREAS = {
    "border": box((28, 28, 16), (1, 1, 0), (27, 27, 16), 4, 4),
    "channels": box((14, 14, 64), (0, 0, 16), (14, 14, 32), 8, 8),
    "row": box((1, 310, 6), (0, 3, 0), (1, 300, 6), 2, 6),
}


@pytest.mark.parametrize("name", AREAS)
def test_area_estimates(name: str, yosys: None, tmp_path: Path) -> None:
    near(AREAS[name].resources(), synthesised(AREAS[name], tmp_path))
