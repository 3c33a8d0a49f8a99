"""Upsampling: RTL against the op, cycles against beats out, a ring of one row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hwgen.ir.graph import Value
from hwgen.ir.types import IntType
from hwgen.kernels.base import Fold, every_step
from hwgen.kernels.buffered import BufferedSchedule
from hwgen.kernels.replay import Replay
from hwgen.kernels.upsample import UpsampleUnit
from hwgen.ops.identity import Identity
from hwgen.ops.upsample import Upsample
from sim.bench_upsample import random_kernel, tight
from sim.kernel_bench import RTL, check_kernel
from tests.kernels.area import near, synthesised


def upsample(shape: tuple[int, int, int], factors: tuple[int, int], bits: int = 4, lanes: int = 1) -> UpsampleUnit:
    """A kernel on a map of unsigned integers."""
    value = Value("x", shape, IntType(0, (1 << bits) - 1))
    return UpsampleUnit.lower(Upsample(factors), (value,)).folded(Fold(lanes))


@pytest.mark.parametrize(("kernel", "cycles"), [
    (upsample((4, 3, 4), (2, 2), lanes=2), 96), (tight(upsample((3, 5, 1), (3, 1)), block=True), 45),
    (tight(upsample((1, 7, 3), (1, 3)), block=False), 63)], ids=["2x2", "rows", "columns"])
def test_factors(kernel: UpsampleUnit, cycles: int, icarus: str, tmp_path: Path, seed: int) -> None:
    assert check_kernel(kernel, 6, seed=seed, work=tmp_path, simulator="icarus").cycles == cycles


@pytest.mark.parametrize("simulator", ["verilator", "icarus"])
def test_random_kernels(simulator: str, request: pytest.FixtureRequest, tmp_path: Path, seed: int) -> None:
    request.getfixturevalue(simulator)
    rng = np.random.default_rng(seed)
    for i in range(1 if simulator == "verilator" else 4):
        check_kernel(random_kernel(rng), 6, seed=seed + i, work=tmp_path / str(i), simulator=simulator)


MUTANTS = {
    "frees too early": ("hwgen_replay.sv", "give && last_h && last_w", "give && last_w"),
    "starts too early": ("hwgen_replay.sv", "lead_q <= '1;", "lead_q <= '0;"),
    "room": ("hwgen_replay.sv", "room_q <= LW'(DEPTH - 1);", "room_q <= LW'(DEPTH);"),
    "the row again": ("hwgen_replay.sv", "lead_step = LW'(-STEP_H);", "lead_step = LW'(-STEP_I);"),
    "wrap": ("hwgen_ring.sv", "(write_q == AW'(DEPTH - 1)) ? '0", "(write_q == AW'(DEPTH - 2)) ? '0"),
    "loses a beat": ("hwgen_ring.sv", "give = available && advance", "give = available"),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_mutants_fail(mutant: str, icarus: str, tmp_path: Path, seed: int) -> None:
    file, right, wrong = MUTANTS[mutant]
    text = (RTL / file).read_text()
    assert text.count(right) == 1
    (tmp_path / file).write_text(text.replace(right, wrong))
    kernel = tight(upsample((3, 3, 2), (2, 2)), block=False)
    assert kernel.ram.depth == 6
    with pytest.raises(AssertionError):
        check_kernel(kernel, 6, seed=seed, work=tmp_path / "run", simulator="icarus", library=(tmp_path, RTL))


def interval(replay: Replay, depth: int) -> float:
    """Cycles between late frames at full rate; infinite where it gets stuck."""
    schedule = BufferedSchedule(every_step(replay.beats_in), every_step(replay.beats_out), 1, replay.needs,
                                replay.frees(depth))
    try:
        _, writes = schedule.at_full_rate(6)
    except RuntimeError:
        return float("inf")
    return writes[-1] - writes[-1 - replay.beats_out]


def test_depths_keep_the_rate_and_could_not_be_less(seed: int) -> None:
    rng = np.random.default_rng(seed)
    least = 0
    for _ in range(100):
        rows, columns, groups, down, right = (int(n) for n in rng.integers(1, 5, 5))
        replay = Replay((rows, columns), groups, (down, right), spread=bool(rng.integers(2)))
        period = max(replay.beats_in, replay.beats_out)
        assert interval(replay, replay.depth) == period, f"{replay}, seed {seed}"
        if replay.depth > 2:
            least += 1
            assert interval(replay, replay.depth - 1) > period, f"{replay}, seed {seed}"
    assert least > 50


@pytest.mark.parametrize(("factors", "spread", "rows"), [((2, 2), False, 1), ((2, 2), True, 1), ((3, 3), False, 1),
                                                         ((3, 3), True, 4 / 3), ((4, 4), True, 3 / 2)])
def test_a_ring_holds_about_a_row(factors: tuple[int, int], spread: bool, rows: float) -> None:
    """One row of the given map; blocks of more than two rows need up to two."""
    replay = Replay((9, 30), 2, factors, spread)
    assert rows * 30 * replay.pixel == pytest.approx(replay.depth, abs=2 * replay.pixel)


def test_other_ops_are_refused() -> None:
    kernel = upsample((4, 3, 4), (2, 2))
    assert kernel.accepts(kernel.op, kernel.inputs) is None
    assert kernel.accepts(Identity(), kernel.inputs) == "it repeats the pixels of a map only"
    assert [fold.pe for fold in kernel.foldings()] == [1, 2, 4]


AREAS = {
    "block": upsample((32, 32, 32), (2, 2), 8, 4),
    "lut": upsample((9, 9, 8), (2, 2), 4, 2),
    "columns": upsample((1, 100, 12), (1, 3), 8, 4),
    "rows": upsample((12, 20, 64), (2, 1), 8, 4),
    "image": upsample((16, 16, 3), (4, 4), 8, 3),
}


@pytest.mark.parametrize("name", AREAS)
def test_area_estimates(name: str, yosys: None, tmp_path: Path) -> None:
    near(AREAS[name].resources(), synthesised(AREAS[name], tmp_path))
