"""FIFO against its model, its depth, and its cost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hwgen.ir.graph import Value
from hwgen.ir.types import IntType, full_range
from hwgen.kernels.fifo import Fifo
from hwgen.synth.yosys import synthesise_files
from sim.bench_fifo import check_depth, random_kernel
from sim.kernel_bench import RTL, check_kernel
from tests.kernels.area import close

BYTES = Value("x", (64,), full_range(8, signed=False))


@pytest.mark.parametrize("index", range(4))
def test_gives_what_it_took_at_every_rate(index: int, verilator: None, tmp_path: Path, seed: int) -> None:
    check_kernel(random_kernel(np.random.default_rng(seed)), seed=seed, work=tmp_path)


@pytest.mark.parametrize(("depth", "block"), [(2, False), (3, False), (6, False), (33, False), (4, True), (11, True)])
def test_holds_exactly_its_depth(depth: int, block: bool, icarus: str, tmp_path: Path, seed: int) -> None:
    check_depth(depth, block, seed=seed, work=tmp_path, simulator="icarus")


@pytest.mark.parametrize(("width", "depth", "block"), [
    (13, 2, False), (7, 12, False), (24, 33, False), (11, 60, False), (20, 100, False), (33, 300, True),
    (8, 2000, True),
])
def test_cost_is_what_yosys_says(width: int, depth: int, block: bool, yosys: None, tmp_path: Path) -> None:
    kernel = Fifo.storing(Value("x", (64,), full_range(width, signed=False)), 1, depth, block=block)
    files = [RTL / "hwgen_fifo.sv", RTL / "hwgen_skid.sv"]
    close(kernel.resources(), synthesise_files(files, "hwgen_fifo", kernel.parameters(), tmp_path))


def test_a_frame_passes_in_as_many_cycles_as_it_has_beats() -> None:
    kernel = Fifo.storing(BYTES, 4, 10)
    assert (kernel.cycles, kernel.ideal, kernel.schedule().steps) == (16, 16, 16)
    assert kernel.parameters() == {"WIDTH": 32, "DEPTH": 10, "BLOCK": 0}
    assert kernel.input_stream() == kernel.output_stream()


@pytest.mark.parametrize(("depth", "block"), [(1, False), (3, True)])
def test_depths_that_the_rtl_does_not_have(depth: int, block: bool) -> None:
    with pytest.raises(ValueError, match=f"a FIFO of {depth} beats"):
        Fifo.storing(Value("x", (4,), IntType(0, 1)), 1, depth, block=block)
