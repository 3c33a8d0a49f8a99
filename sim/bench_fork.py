"""Fork: random readers, and a reader that never waits for a slower one longer than a beat."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge

from hwgen.ir.graph import Value
from hwgen.kernels.base import Fold
from hwgen.kernels.fork import ForkUnit
from sim.bench_threshold import random_type
from sim.drivers import Source, number
from sim.kernel_bench import RTL
from sim.runner import BenchResult, run_bench

OUTPUTS = 3


def random_kernel(rng: np.random.Generator) -> ForkUnit:
    """A map of random type with two to four readers."""
    lanes, groups, pixels = (int(n) for n in rng.integers(1, 5, 3))
    value = Value("x", (pixels, 2, groups * lanes), random_type(rng, int(rng.integers(1, 10))))
    return ForkUnit.of(value, int(rng.integers(2, 5))).folded(Fold(lanes))


def check_independence(*, seed: int, work: Path, simulator: str = "verilator", folder: Path = RTL) -> BenchResult:
    """Run this module's bench. folder: of hwgen_fork.sv."""
    return run_bench("bench_fork", "hwgen_fork", [folder / "hwgen_fork.sv", RTL / "hwgen_skid.sv"],
                     {"WIDTH": 9, "OUTPUTS": OUTPUTS}, simulator=simulator, seed=seed, config={}, work=work)


@cocotb.test()
async def every_output_takes_its_beat_alone(dut: Any) -> None:
    """One beat is there: whichever outputs are ready, the others still get it, once each; two more wait meanwhile."""
    rng = random.Random(cocotb.RANDOM_SEED)
    Clock(dut.clk, 10, unit="ns").start()
    source = Source(dut, dut.clk, "s_axis", rng)
    dut.m_axis_tready.value = 0
    dut.rst.value = 1
    for _ in range(3):
        await RisingEdge(dut.clk)
    dut.rst.value = 0
    cocotb.start_soon(source.send([rng.getrandbits(9) for _ in range(40)]))
    for _ in range(4):
        await RisingEdge(dut.clk)
    assert len(source.cycles) == 2, "the skid buffer holds two beats"
    order = list(range(OUTPUTS))
    for _ in range(12):
        rng.shuffle(order)
        wanting = (1 << OUTPUTS) - 1
        for port in order:
            assert number(dut.m_axis_tvalid, "m_axis_tvalid") == wanting
            dut.m_axis_tready.value = 1 << port
            await RisingEdge(dut.clk)
            dut.m_axis_tready.value = 0
            await RisingEdge(dut.clk)
            wanting &= ~(1 << port)
    await RisingEdge(dut.clk)
    assert len(source.cycles) == 2 + 12
