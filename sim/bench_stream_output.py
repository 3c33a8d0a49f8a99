"""Output adapter: tlast, full tkeep, and frames that a flag says to swallow."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge

from hwgen import stream
from hwgen.ir.graph import Value
from hwgen.kernels.stream_output import StreamOutput
from sim.bench import config, report
from sim.bench_threshold import random_type
from sim.drivers import Sink, Source, number
from sim.kernel_bench import RTL, random_frames
from sim.runner import BenchResult, run_bench

MODULES = ("stream_output", "width_converter", "width_up", "width_down", "width_gearbox", "skid")


def random_kernel(rng: np.random.Generator) -> StreamOutput:
    """Frames of up to 60 elements of up to 12 bits on any bus up to 128 bits."""
    value = Value("x", (int(rng.integers(1, 60)),), random_type(rng, int(rng.integers(1, 13))))
    first = StreamOutput.of(value)
    chosen = first.folded(rng.choice([fold for fold in first.foldings() if first.folded(fold).bus <= 128]))
    return replace(chosen, flags=int(rng.integers(1, 4)))


def check(kernel: StreamOutput, frames: int = 20, *, seed: int, work: Path,
          simulator: str = "verilator", library: Path = RTL) -> BenchResult:
    """About a third of the frames is flagged bad and must not come out; the others must, with zeros in the padding."""
    rng = np.random.default_rng(seed)
    values = random_frames(kernel.input_type, kernel.inputs[0].shape, frames, rng)
    flags = [int(flag) * int(rng.integers(1, 1 << kernel.flags)) for flag in rng.random(frames) < 0.3]
    good = values[[i for i, flag in enumerate(flags) if not flag]]
    words = {name: [f"{int.from_bytes(beat.tobytes(), 'little'):x}" for beat in stream.pack(part, layout)]
             for name, part, layout in (("sent", values, kernel.input_stream()),
                                        ("wanted", good, kernel.output_stream()))}
    return run_bench("bench_stream_output", "hwgen_stream_output", _sources(library),
                     kernel.parameters(), simulator=simulator, seed=seed, work=work,
                     config={**words, "flags": flags, "cycles": kernel.cycles,
                             "out_beats": kernel.output_stream().beats})


def _sources(library: Path) -> list[Path]:
    """The adapter from `library`, the modules inside it from rtl/."""
    return [(library if name == MODULES[0] else RTL) / f"hwgen_{name}.sv" for name in MODULES]


@cocotb.test()
@cocotb.parametrize(stalls=[(1.0, 1.0, 1.0), (0.5, 0.5, 0.5), (0.9, 0.2, 0.9), (0.9, 0.9, 0.1)])
async def swallows_bad_frames(dut: Any, stalls: tuple[float, float, float]) -> None:
    """Stalls of data, output and each flag; tlast on the last beat of each good frame only."""
    rng, vectors = random.Random(f"{cocotb.RANDOM_SEED} {stalls}"), config()
    Clock(dut.clk, 10, unit="ns").start()
    source, sink = Source(dut, dut.clk, "s_axis", rng, stalls[0]), Sink(dut, dut.clk, "m_axis", rng, stalls[1])
    dut.rst.value = 1
    for _ in range(3):
        await RisingEdge(dut.clk)
    dut.rst.value = 0
    taking = cocotb.start_soon(sink.run())
    sending = [cocotb.start_soon(source.send([int(word, 16) for word in vectors["sent"]])),
               cocotb.start_soon(give_flags(dut, vectors["flags"], rng, stalls[2]))]
    for _ in range(round(len(vectors["flags"]) * (3 * vectors["cycles"] + 10) / min(stalls)) + 100):
        await RisingEdge(dut.clk)
    taking.cancel()
    assert all(task.done() for task in sending)
    assert sink.beats == [int(word, 16) for word in vectors["wanted"]]
    assert sink.lasts == [(i + 1) % vectors["out_beats"] == 0 for i in range(len(sink.beats))]
    assert number(dut.m_axis_tkeep, "m_axis_tkeep") == (1 << len(dut.m_axis_tkeep)) - 1
    report(frames=len(vectors["flags"]), bad=sum(map(bool, vectors["flags"])))


async def give_flags(dut: Any, flags: list[int], rng: random.Random, probability: float) -> None:
    """A bit of each number per input, each offered when it likes; the whole number is taken at once."""
    every = (1 << len(dut.s_flag_tvalid)) - 1
    for flag in flags:
        offered = 0
        while True:
            for bit in range(len(dut.s_flag_tvalid)):
                offered |= int(rng.random() < probability) << bit
            dut.s_flag_tvalid.value, dut.s_flag_tdata.value = offered, flag & offered
            await RisingEdge(dut.clk)
            taken = number(dut.s_flag_tready, "s_flag_tready")
            assert taken in (0, every) and (offered == every or not taken), "flags are taken together"
            if taken:
                break
    dut.s_flag_tvalid.value = 0
