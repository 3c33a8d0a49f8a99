"""The sliding window: RTL against the op, cycles against the bound, and depths that cannot be less."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hwgen.kernels.base import Fold, every_step
from hwgen.kernels.buffered import BufferedSchedule
from hwgen.kernels.sliding import Sliding
from hwgen.ops.identity import Identity
from hwgen.synth.cells import usage_of
from hwgen.synth.yosys import run_yosys, unit_of
from sim.bench_window import check, pair, random_kernel, tight, window
from sim.kernel_bench import RTL

SHAPES = {
    "3x3": window((5, 5, 4), (3, 3), lanes=2),
    "pointwise with stride": window((5, 4, 3), (1, 1), (2, 3), lanes=1),
    "pool": window((6, 4, 5), (2, 2), (2, 2), lanes=5),
    "gaps between windows": window((7, 7, 2), (2, 2), (3, 3), lanes=1),
    "row": window((1, 13, 3), (1, 5), (1, 2), (1, 2), lanes=3),
    "whole map": window((3, 4, 3), (3, 4), lanes=1),
    "whole map, rest unused": window((6, 7, 1), (2, 3), (5, 5), (4, 2), lanes=1),
    "dilated": window((7, 5, 2), (3, 2), (1, 1), (3, 4), lanes=2),
}


@pytest.mark.parametrize(("name", "memory"), [
    ("3x3", "natural"), ("3x3", "lut"), ("3x3", "block"), ("pointwise with stride", "block"), ("pool", "natural"),
    ("gaps between windows", "lut"), ("row", "block"), ("whole map", "lut"), ("whole map, rest unused", "lut"),
    ("dilated", "block")])
def test_windows(name: str, memory: str, icarus: str, tmp_path: Path, seed: int) -> None:
    kernel = SHAPES[name] if memory == "natural" else tight(SHAPES[name], memory == "block")
    height, width, channels = kernel.inputs[0].shape
    (rows, columns, taps), _ = kernel.op.infer(kernel.inputs)[0]
    beats = max(height * width * channels, rows * columns * taps) // kernel.fold.pe
    assert check(kernel, seed=seed, work=tmp_path, simulator="icarus").cycles == beats


@pytest.mark.parametrize("simulator", ["verilator", "icarus"])
def test_random_kernels(simulator: str, request: pytest.FixtureRequest, tmp_path: Path, seed: int) -> None:
    request.getfixturevalue(simulator)
    rng = np.random.default_rng(seed)
    for i in range(1 if simulator == "verilator" else 6):
        check(random_kernel(rng), seed=seed + i, work=tmp_path / str(i), simulator=simulator)


MUTANTS = {
    "room": ("room_q <= LW'(DEPTH - 1);", "room_q <= LW'(DEPTH);"),
    "lead": ("lead_q <= '1;", "lead_q <= '0;"),
    "next row of windows": ("3'd4: read_step = TURN_OH;", "3'd4: read_step = TURN_OW;"),
    "next frame": ("3'd5: room_step = LW'(MOVE_F);", "3'd5: room_step = LW'(MOVE_H);"),
    "wrap": ("(write_q == AW'(DEPTH - 1)) ? '0", "(write_q == AW'(DEPTH - 2)) ? '0"),
}
"""The last one is in the ring that this line buffer and others share (rtl/hwgen_ring.sv)."""


@pytest.mark.parametrize("mutant", MUTANTS)
def test_mutants_fail(mutant: str, icarus: str, tmp_path: Path, seed: int) -> None:
    name = "hwgen_ring.sv" if mutant == "wrap" else "hwgen_window.sv"
    text = (RTL / name).read_text()
    assert text.count(MUTANTS[mutant][0]) == 1
    (tmp_path / name).write_text(text.replace(*MUTANTS[mutant]))
    kernel = tight(window((5, 5, 2), (3, 3), (1, 2), lanes=1), block=False)
    assert kernel.ram.depth & (kernel.ram.depth - 1)
    with pytest.raises(AssertionError):
        check(kernel, seed=seed, work=tmp_path / "run", simulator="icarus", library=(tmp_path, RTL))


def random_sliding(rng: np.random.Generator) -> Sliding:
    while True:
        size, kernel, stride, dilation = (pair(rng.integers(1, n, 2)) for n in (8, 5, 5, 4))
        if all(d * (k - 1) < n for n, k, d in zip(size, kernel, dilation, strict=True)):
            return Sliding(size, int(rng.integers(1, 4)), kernel, stride, dilation)


def interval(sliding: Sliding, depth: int) -> float:
    """Cycles between late frames at full rate; infinite where the ring is too small for a window."""
    schedule = BufferedSchedule(every_step(sliding.beats_in), every_step(sliding.beats_out), 1, sliding.needs,
                                sliding.frees(depth))
    try:
        _, writes = schedule.at_full_rate(6)
    except RuntimeError:
        return float("inf")
    return writes[-1] - writes[-1 - sliding.beats_out]


def test_depths_keep_the_rate_and_could_not_be_less(seed: int) -> None:
    rng = np.random.default_rng(seed)
    least = 0
    for _ in range(150):
        sliding = random_sliding(rng)
        period = max(sliding.beats_in, sliding.beats_out)
        assert interval(sliding, sliding.depth) == period, f"{sliding}, seed {seed}"
        if sliding.depth > 2:
            least += 1
            assert interval(sliding, sliding.depth - 1) > period, f"{sliding}, seed {seed}"
    assert least > 50


def test_a_ring_holds_few_rows() -> None:
    sliding = Sliding((34, 34), 1, (3, 3), (1, 1), (1, 1))
    assert sliding.span == 2 * 34 + 3
    assert sliding.span <= sliding.depth <= 4 * 34


def test_other_ops_are_refused() -> None:
    kernel = SHAPES["3x3"]
    assert kernel.accepts(kernel.op, kernel.inputs) is None
    assert kernel.accepts(Identity(), kernel.inputs) == "it slides a window over a map only"
    assert [fold.pe for fold in kernel.foldings()] == [1, 2, 4]
    assert kernel.folded(Fold(4)).ideal * 4 == kernel.folded(Fold(1)).ideal


AREAS = {
    "block": window((26, 26, 64), (3, 3), lanes=16),
    "deep block": window((60, 60, 8), (5, 5), lanes=2),
    "lut": window((9, 9, 8), (3, 3), (2, 2), lanes=4),
    "pool": window((24, 24, 12), (2, 2), (2, 2), lanes=12),
    "wrap": window((1, 170, 2), (1, 7), (1, 1), (1, 12), lanes=1),
    "streams": window((15, 15, 12), (1, 1), (2, 2), lanes=6),
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
