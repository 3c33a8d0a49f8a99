"""Fork: RTL against the op at every stall of every reader, storage, cost, mutants."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hwgen.ir.graph import Value
from hwgen.ir.types import full_range, parse_type
from hwgen.kernels.base import Fold
from hwgen.kernels.fork import ForkUnit
from hwgen.synth.yosys import synthesise_files
from sim.bench_fork import check_independence, random_kernel
from sim.kernel_bench import RTL, check_kernel
from tests.kernels.area import close

MUTANTS = {
    "waits for all": ("assign gone          = &(taken_q | m_axis_tready);", "assign gone          = &m_axis_tready;"),
    "gives twice": ("& ~taken_q;", ";"),
    "goes with the first": ("&(taken_q | m_axis_tready)", "|(taken_q | m_axis_tready)"),
    "marks while empty": ("else if (head_valid) taken_q", "else taken_q"),
    "keeps marks": ("gone ? '0 : taken_q", "taken_q"),
}


def fork(width: int, copies: int) -> ForkUnit:
    return ForkUnit.of(Value("x", (2, 3, 4), full_range(width, signed=False)), copies)


@pytest.mark.parametrize("index", range(2))
def test_every_reader_gets_all(index: int, verilator: None, tmp_path: Path, seed: int) -> None:
    check_kernel(random_kernel(np.random.default_rng(seed)), seed=seed, work=tmp_path)


def test_in_icarus(icarus: str, tmp_path: Path, seed: int) -> None:
    kernel = ForkUnit.of(Value("x", (3, 2, 6), parse_type("bipolar")), 3).folded(Fold(2))
    timing = check_kernel(kernel, seed=seed, work=tmp_path, simulator="icarus")
    assert timing.cycles == kernel.cycles == kernel.ideal == 18


def test_readers_take_turns(icarus: str, tmp_path: Path, seed: int) -> None:
    check_independence(seed=seed, work=tmp_path, simulator="icarus")


@pytest.mark.parametrize("mutant", MUTANTS)
def test_mutants_fail(mutant: str, icarus: str, tmp_path: Path, seed: int) -> None:
    text = (RTL / "hwgen_fork.sv").read_text()
    assert text.count(MUTANTS[mutant][0]) == 1
    (tmp_path / "hwgen_fork.sv").write_text(text.replace(*MUTANTS[mutant]))
    with pytest.raises(AssertionError):
        check_independence(seed=seed, work=tmp_path / "turns", simulator="icarus", folder=tmp_path)
        check_kernel(fork(5, 2), seed=seed, work=tmp_path / "run", simulator="icarus", library=(tmp_path, RTL))


@pytest.mark.parametrize(("width", "copies"), [(7, 2), (24, 3), (4, 4)])
def test_cost_is_what_yosys_says(width: int, copies: int, yosys: None, tmp_path: Path) -> None:
    kernel = fork(width, copies)
    files = [RTL / "hwgen_fork.sv", RTL / "hwgen_skid.sv"]
    close(kernel.resources(), synthesise_files(files, "hwgen_fork", kernel.parameters(), tmp_path))


def test_lanes_never_straddle_a_pixel() -> None:
    kernel = fork(8, 2)
    assert [fold.pe for fold in kernel.foldings()] == [1, 2, 4]
    assert [stream.beats for stream in (kernel.folded(Fold(4)).input_stream(), *kernel.output_streams())] == [6, 24, 24]


def test_the_op_gives_every_copy() -> None:
    x = np.arange(24).reshape(1, 2, 3, 4)
    assert all(np.array_equal(y, x) for y in fork(8, 3).run(x))
    assert len(fork(8, 3).run(x)) == len(fork(8, 3).infer([Value("x", (2, 3, 4), full_range(8, signed=False))])) == 3
