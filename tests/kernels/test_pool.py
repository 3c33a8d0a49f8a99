"""Pooling: RTL against the op at every stall, schedule, refusals, cost model, mutants."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from hwgen.ir.graph import Value
from hwgen.ir.tensor import Tensor
from hwgen.ir.types import IntType, parse_type
from hwgen.kernels import candidates, refusals
from hwgen.kernels.base import Fold
from hwgen.kernels.pool import PoolUnit
from hwgen.ops.identity import Identity
from hwgen.ops.pool import Pool
from sim.bench_pool import random_kernel
from sim.kernel_bench import RTL, check_kernel
from tests.kernels.area import close, synthesised


def pool(kind: Literal["max", "sum"], channels: int, taps: int, pe: int, a: str, *, falling: bool = False,
         positions: tuple[int, ...] = (2, 1)) -> PoolUnit:
    """A kernel on windows of `taps` elements."""
    op = Pool(kind, channels, Tensor(np.array([falling])))
    return PoolUnit(op, (Value("x", (*positions, taps * channels), parse_type(a)),), Fold(pe))


def whole(kind: Literal["max", "sum"], shape: tuple[int, int, int], pe: int, a: str) -> PoolUnit:
    """A kernel on a whole map."""
    op = Pool(kind, shape[-1], Tensor(np.array([False])))
    return PoolUnit(op, (Value("x", shape, parse_type(a)),), Fold(pe))


SHAPES = {
    "largest": pool("max", 6, 4, 2, "int4"),
    "largest of unsigned": pool("max", 4, 9, 4, "uint4"),
    "largest of bipolar": pool("max", 3, 4, 1, "bipolar"),
    "smallest": pool("max", 6, 4, 3, "int5", falling=True),
    "smallest of unsigned": pool("max", 2, 3, 2, "uint3", falling=True),
    "sum": pool("sum", 6, 4, 2, "int4"),
    "sum of unsigned": pool("sum", 4, 9, 4, "uint4"),
    "sum of bipolar": pool("sum", 4, 5, 1, "bipolar"),
    "sum of an interval": pool("sum", 3, 2, 1, "int5{2..9}"),
    "many groups": pool("sum", 40, 2, 1, "uint2"),
    "largest of a map": whole("max", (3, 5, 2), 1, "int3"),
    "sum of a map": whole("sum", (4, 4, 3), 3, "uint8"),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_equals_the_op(shape: str, icarus: str, seed: int, tmp_path: Path) -> None:
    kernel = SHAPES[shape]
    timing = check_kernel(kernel, 6, seed=seed, work=tmp_path, simulator="icarus")
    assert timing.cycles == kernel.cycles == kernel.ideal == np.prod(kernel.inputs[0].shape) // kernel.fold.pe


@pytest.mark.parametrize("simulator", ["verilator", "icarus"])
def test_random_pools(simulator: str, request: pytest.FixtureRequest, tmp_path: Path, seed: int) -> None:
    request.getfixturevalue(simulator)
    rng = np.random.default_rng(seed)
    for i in range(2 if simulator == "verilator" else 6):
        check_kernel(random_kernel(rng), 6, seed=seed + i, work=tmp_path / str(i), simulator=simulator)


MUTANTS = {
    "windows never begin": ("largest", "(tap_q == '0 || above", "(above"),
    "sums never begin": ("sum", "value + ((tap_q == '0) ? '0 : old)", "value + old"),
    "signs compared as unsigned": ("largest", "$signed(value) > $signed(old)", "value > old"),
    "smallest for largest": ("largest", "above != (LEAST != 0)", "above != (LEAST == 0)"),
    "signs not extended": ("sum", "assign value = OUT_BITS'($signed(code));", "assign value = OUT_BITS'(code);"),
    "code bit taken for a number": ("sum of bipolar", "SUM != 0 && IN_BIPOLAR != 0", "SUM != 0 && IN_BIPOLAR > 1"),
    "windows end early": ("sum", "s_axis_tvalid && tap_q == LAST_TAP", "s_axis_tvalid && tap_q == LAST_TAP - 1'b1"),
    "one place for all groups": ("sum", "partial_mem[fold_q] <= result", "partial_mem[0] <= result"),
    "beats without valid": ("sum", "assign take = s_axis_tvalid && s_axis_tready", "assign take = s_axis_tready"),
    "goes on in a stall": ("sum", "assign take = s_axis_tvalid && s_axis_tready", "assign take = s_axis_tvalid"),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_mutants_fail(mutant: str, icarus: str, tmp_path: Path, seed: int) -> None:
    shape, old, new = MUTANTS[mutant]
    text = (RTL / "hwgen_pool.sv").read_text()
    assert text.count(old) == 1
    (tmp_path / "hwgen_pool.sv").write_text(text.replace(old, new))
    with pytest.raises(AssertionError):
        check_kernel(SHAPES[shape], 6, seed=seed, work=tmp_path / "run", simulator="icarus", library=(tmp_path, RTL))


@pytest.mark.parametrize("kernel", [
    pool("max", 8, 4, 8, "uint4"), pool("max", 12, 4, 2, "int4"), pool("sum", 10, 9, 5, "uint6"),
    whole("sum", (7, 7, 8), 8, "uint4"),
], ids=["largest at once", "largest in groups", "sum in groups", "sum of a map"])
def test_cost_is_what_yosys_says(kernel: PoolUnit, yosys: None, tmp_path: Path) -> None:
    close(kernel.resources(), synthesised(kernel, tmp_path), luts=0.25, ffs=2)


def test_schedule_writes_with_the_last_element() -> None:
    schedule = SHAPES["largest"].schedule()
    assert schedule.reads.tolist() == [[True] * 24]
    assert schedule.writes.tolist() == [([False] * 9 + [True] * 3) * 2]
    assert whole("sum", (4, 4, 3), 3, "uint8").schedule().writes.tolist() == [[False] * 15 + [True]]


def test_mixed_directions_are_refused() -> None:
    """A pool takes the largest of all channels or the smallest of all."""
    mixed = Pool("max", 2, Tensor(np.array([True, False])))
    value = Value("x", (3, 4), IntType(0, 3))
    assert candidates(mixed, (value,)) == ()
    assert refusals(mixed, (value,))["pool"] == (
        "a scale between the layer and its pool is negative for some channels and positive for others")
    same = Pool("max", 2, Tensor(np.array([True, True])))
    assert candidates(same, (value,)) == (PoolUnit,)
    assert PoolUnit.lower(same, (value,)).parameters()["LEAST"] == 1


def test_other_ops_are_refused() -> None:
    kernel = SHAPES["largest"]
    assert kernel.accepts(kernel.op, kernel.inputs) is None
    assert kernel.accepts(Identity(), kernel.inputs) == "it pools windows only"
    assert list(kernel.foldings()) == [Fold(1), Fold(2), Fold(3), Fold(6)]
