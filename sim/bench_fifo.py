"""FIFO: any depth; it takes exactly DEPTH beats while its output is blocked."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge

from hwgen.ir.graph import Value
from hwgen.kernels.fifo import Fifo
from sim.bench_threshold import random_type
from sim.drivers import Sink, Source, number
from sim.kernel_bench import RTL
from sim.runner import BenchResult, run_bench


def random_kernel(rng: np.random.Generator) -> Fifo:
    """LUT RAM and block RAM, depths that are and are not powers of two."""
    lanes, beats = int(rng.integers(1, 9)), int(rng.integers(1, 30))
    value = Value("x", (lanes * beats,), random_type(rng, int(rng.integers(1, 10))))
    block = bool(rng.random() < 0.4)
    depth = int(rng.choice([4, 5, 6, 33, 70] if block else [2, 3, 4, 5, 9, 33, 40]))
    return Fifo.storing(value, lanes, depth, block=block)


def check_depth(depth: int, block: bool, *, seed: int, work: Path, simulator: str = "verilator") -> BenchResult:
    """Run this module's bench."""
    return run_bench("bench_fifo", "hwgen_fifo", [RTL / "hwgen_fifo.sv", RTL / "hwgen_skid.sv"],
                     {"WIDTH": 9, "DEPTH": depth, "BLOCK": int(block)}, simulator=simulator, seed=seed,
                     config={"depth": depth}, work=work)


@cocotb.test()
async def holds_depth_beats(dut: Any) -> None:
    """Blocked, it takes DEPTH beats and not one more; then it gives them all, in order."""
    from sim.bench import config

    depth, rng = config()["depth"], random.Random(cocotb.RANDOM_SEED)
    Clock(dut.clk, 10, unit="ns").start()
    source, sink = Source(dut, dut.clk, "s_axis", rng), Sink(dut, dut.clk, "m_axis", rng)
    dut.rst.value = 1
    for _ in range(3):
        await RisingEdge(dut.clk)
    dut.rst.value = 0
    beats = [rng.getrandbits(9) for _ in range(3 * depth)]
    sending = cocotb.start_soon(source.send(beats))
    for _ in range(3 * depth + 10):
        await RisingEdge(dut.clk)
    assert len(source.cycles) == depth, f"it took {len(source.cycles)} beats"
    assert number(dut.s_axis_tready, "s_axis_tready") == 0
    taking = cocotb.start_soon(sink.run())
    for _ in range(3 * depth + 20):
        await RisingEdge(dut.clk)
    taking.cancel()
    assert sending.done()
    assert sink.beats == beats
