"""Padding: RTL against the op, cycles against beats out, types that change."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hwgen.ir.graph import Value
from hwgen.ir.tensor import Array, Tensor
from hwgen.ir.types import BIPOLAR, IntType
from hwgen.kernels.base import Fold
from hwgen.kernels.pad import PadUnit
from hwgen.ops.identity import Identity
from hwgen.ops.pad import Pad
from hwgen.synth.cells import usage_of
from hwgen.synth.yosys import run_yosys, unit_of
from sim.bench_pad import random_kernel
from sim.kernel_bench import RTL, check_kernel


def pad(shape: tuple[int, int, int], sides: tuple[int, int, int, int], value: Array | list[int], kind: IntType,
        lanes: int = 1) -> PadUnit:
    """A kernel with borders (top, left, bottom, right)."""
    return PadUnit.lower(Pad(*sides, Tensor(np.array(value))), (Value("x", shape, kind),)).folded(Fold(lanes))


SHAPES = {
    "same": pad((3, 4, 4), (1, 1, 1, 1), [0], IntType(-8, 7), 2),
    "one side": pad((3, 4, 2), (0, 0, 0, 2), [3], IntType(0, 7), 1),
    "top": pad((2, 2, 1), (3, 0, 0, 0), [3], IntType(0, 7), 1),
    "value a channel": pad((2, 3, 4), (1, 0, 2, 1), [5, -4, 3, 2], IntType(-8, 7), 2),
    "bipolar stays": pad((2, 3, 2), (1, 1, 0, 0), [-1, 1], BIPOLAR, 1),
    "bipolar becomes ternary": pad((2, 3, 2), (1, 1, 1, 1), [0], BIPOLAR, 2),
    "bipolar becomes wide": pad((2, 3, 2), (1, 1, 1, 1), [0, -9], BIPOLAR, 2),
    "unsigned becomes signed": pad((2, 2, 3), (1, 1, 1, 1), [-1], IntType(0, 255), 3),
    "a pixel": pad((1, 1, 5), (1, 2, 0, 1), [100], IntType(-2, 1), 1),
    "no border": pad((2, 3, 2), (0, 0, 0, 0), [0], IntType(0, 3), 1),
}


@pytest.mark.parametrize("name", SHAPES)
def test_borders(name: str, icarus: str, tmp_path: Path, seed: int) -> None:
    kernel = SHAPES[name]
    shape, _ = kernel.op.infer(kernel.inputs)[0]
    timing = check_kernel(kernel, 6, seed=seed, work=tmp_path, simulator="icarus")
    assert timing.cycles == np.prod(shape) // kernel.fold.pe


@pytest.mark.parametrize("simulator", ["verilator", "icarus"])
def test_random_borders(simulator: str, request: pytest.FixtureRequest, tmp_path: Path, seed: int) -> None:
    request.getfixturevalue(simulator)
    rng = np.random.default_rng(seed)
    for i in range(1 if simulator == "verilator" else 6):
        kernel = random_kernel(rng, BIPOLAR if i % 4 == 1 else None)
        check_kernel(kernel, 6, seed=seed + i, work=tmp_path / str(i), simulator=simulator)


MUTANTS = {
    "keeps the wrong beat": ("if (step && take) kept_q", "if (step) kept_q"),
    "starts without input": ("loaded_q && (s_axis_tvalid || !take)", "loaded_q && (s_axis_tvalid || !take || first_q)"),
    "takes one too many": ("interior_q && !last_interior", "interior_q"),
    "side border missing": ("(within_column_q && !end_column)", "within_column_q"),
    "border of the wrong group": ("next_q == ADDRESS_BITS'(FOLDS - 1)", "next_q == '0"),
    "code bit taken for a number": ("IN_BIPOLAR != 0 && OUT_BIPOLAR == 0) begin", "IN_BIPOLAR > 1) begin"),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_mutants_fail(mutant: str, icarus: str, tmp_path: Path, seed: int) -> None:
    text = (RTL / "hwgen_pad.sv").read_text()
    assert text.count(MUTANTS[mutant][0]) == 1
    (tmp_path / "hwgen_pad.sv").write_text(text.replace(*MUTANTS[mutant]))
    kernel = pad((2, 3, 4), (1, 1, 1, 1), [0, 0, 1, -1], BIPOLAR, 2)
    with pytest.raises(AssertionError):
        check_kernel(kernel, 6, seed=seed, work=tmp_path / "run", simulator="icarus", library=(tmp_path, RTL))


def test_other_ops_are_refused() -> None:
    kernel = SHAPES["same"]
    assert kernel.accepts(kernel.op, kernel.inputs) is None
    assert kernel.accepts(Identity(), kernel.inputs) == "it puts a border around a map only"
    assert [fold.pe for fold in kernel.foldings()] == [1, 2, 4]


def test_equal_words_are_one() -> None:
    assert SHAPES["same"].border().shape == (1, 2)
    assert SHAPES["value a channel"].border().shape == (2, 2)
    assert pad((2, 2, 4), (1, 1, 1, 1), [3, 4, 3, 4], IntType(0, 7), 2).border().tolist() == [[3, 4]]


AREAS = {
    "4 bits": pad((24, 24, 48), (1, 1, 1, 1), [0], IntType(0, 15), 12),
    "ternary": pad((11, 11, 96), (2, 2, 2, 2), [0], BIPOLAR, 32),
    "values": pad((9, 9, 20), (1, 1, 1, 1), np.random.default_rng(3).integers(-128, 127, 20), IntType(-128, 127), 4),
    "right": pad((1, 300, 6), (0, 0, 0, 3), [1], IntType(0, 3), 6),
}


@pytest.mark.parametrize("name", AREAS)
def test_area_estimates(name: str, yosys: None, tmp_path: Path) -> None:
    kernel = AREAS[name]
    unit = unit_of(kernel)
    found = usage_of(run_yosys(unit.write(tmp_path), unit.top, unit.parameters, tmp_path)).resources
    estimate = kernel.resources()
    assert estimate.bram18 == found.bram18
    assert estimate.lut == pytest.approx(found.lut, rel=0.2)
    assert estimate.ff == pytest.approx(found.ff, rel=0.2)
