"""Input adapter: whole frames among frames whose tlast comes early or late or whose tkeep is not full."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge

from hwgen import stream
from hwgen.ir.graph import Value
from hwgen.kernels.stream_input import StreamInput
from sim.bench import config, report
from sim.bench_threshold import random_type
from sim.drivers import Sink, number
from sim.kernel_bench import RTL, random_frames
from sim.runner import BenchResult, run_bench

MODULES = ("stream_input", "width_converter", "width_up", "width_down", "width_gearbox", "skid")
FAULTS = ("none", "none", "early", "late", "keep")


def random_kernel(rng: np.random.Generator) -> StreamInput:
    """Frames of up to 60 elements of up to 12 bits on any bus up to 128 bits."""
    value = Value("x", (int(rng.integers(1, 60)),), random_type(rng, int(rng.integers(1, 13))))
    first = StreamInput.of(value)
    return first.folded(rng.choice([fold for fold in first.foldings() if first.folded(fold).bus <= 128]))


def check(kernel: StreamInput, frames: int = 20, *, seed: int, work: Path, simulator: str = "verilator",
          library: Path = RTL) -> BenchResult:
    """Random faults; every good frame must come out whole, with flag 0, every bad one with flag 1."""
    rng, draw = np.random.default_rng(seed), random.Random(seed)
    values = random_frames(kernel.input_type, kernel.inputs[0].shape, frames, rng)
    beats = list(_words(values, kernel.input_stream()))
    per_frame = kernel.input_stream().beats
    faults = [draw.choice(FAULTS if per_frame > 1 else ("none", "late", "keep")) for _ in range(frames)]
    sent = [beat for i, fault in enumerate(faults)
            for beat in faulty(beats[i * per_frame : (i + 1) * per_frame], fault, kernel.bus, draw)]
    wanted = list(_words(values, kernel.output_stream()))
    return run_bench("bench_stream_input", "hwgen_stream_input", _sources(library),
                     kernel.parameters(), simulator=simulator, seed=seed, work=work,
                     config={"sent": sent, "wanted": [f"{word:x}" for word in wanted], "cycles": kernel.cycles,
                             "flags": [int(fault != "none") for fault in faults],
                             "out_beats": kernel.output_stream().beats})


def _words(frames: np.ndarray[Any, Any], layout: stream.Stream) -> Iterator[int]:
    for beat in stream.pack(frames, layout):
        yield int.from_bytes(beat.tobytes(), "little")


def faulty(frame: list[int], fault: str, bus: int, draw: random.Random) -> list[tuple[str, int, int]]:
    """Beats of one frame as (data in hexadecimal, tkeep, tlast)."""
    full = (1 << bus // 8) - 1
    if fault == "early":
        frame = frame[: draw.randrange(1, len(frame))]
    if fault == "late":
        frame = frame + [draw.getrandbits(bus) for _ in range(draw.randrange(1, 2 * len(frame) + 2))]
    holed = draw.randrange(len(frame)) if fault == "keep" else -1
    return [(f"{word:x}", full & ~1 if i == holed else full, int(i == len(frame) - 1)) for i, word in enumerate(frame)]


def _sources(library: Path) -> list[Path]:
    """The adapter from `library`, the modules inside it from rtl/."""
    return [(library if name == MODULES[0] else RTL) / f"hwgen_{name}.sv" for name in MODULES]


class Bus:
    """Drives beats of (data, tkeep, tlast)."""

    def __init__(self, dut: Any, rng: random.Random, probability: float) -> None:
        self.dut, self.rng, self.probability = dut, rng, probability
        dut.s_axis_tvalid.value = 0

    async def send(self, beats: list[tuple[str, int, int]]) -> None:
        """All of them, in order."""
        dut = self.dut
        for data, keep, last in beats:
            while self.rng.random() >= self.probability:
                dut.s_axis_tvalid.value, dut.s_axis_tlast.value = 0, self.rng.getrandbits(1)
                await RisingEdge(dut.clk)
            dut.s_axis_tvalid.value, dut.s_axis_tdata.value = 1, int(data, 16)
            dut.s_axis_tkeep.value, dut.s_axis_tlast.value = keep, last
            await RisingEdge(dut.clk)
            while number(dut.s_axis_tready, "s_axis_tready") == 0:
                await RisingEdge(dut.clk)
        dut.s_axis_tvalid.value = 0


@cocotb.test()
@cocotb.parametrize(stalls=[(1.0, 1.0), (0.5, 0.5), (0.9, 0.2), (0.2, 0.9)])
async def drops_broken_frames(dut: Any, stalls: tuple[float, float]) -> None:
    """One output frame and one flag for every tlast, and the data of the good frames."""
    rng, vectors = random.Random(f"{cocotb.RANDOM_SEED} {stalls}"), config()
    Clock(dut.clk, 10, unit="ns").start()
    bus = Bus(dut, rng, stalls[0])
    data, flags = Sink(dut, dut.clk, "m_axis", rng, stalls[1]), Sink(dut, dut.clk, "m_flag", rng, stalls[1])
    dut.rst.value = 1
    for _ in range(3):
        await RisingEdge(dut.clk)
    dut.rst.value = 0
    tasks = [cocotb.start_soon(task) for task in (data.run(), flags.run())]
    await bus.send(vectors["sent"])
    for _ in range(40 + round(8 * vectors["cycles"] / stalls[1])):
        await RisingEdge(dut.clk)
    for task in tasks:
        task.cancel()
    assert flags.beats == vectors["flags"]
    assert len(data.beats) == len(vectors["wanted"])
    for beat, (got, wanted) in enumerate(zip(data.beats, vectors["wanted"], strict=True)):
        frame = beat // vectors["out_beats"]
        good = vectors["flags"][frame] == 0
        assert not good or got == int(wanted, 16), f"frame {frame}, beat {beat}: {got:x} instead of {wanted}"
    report(frames=len(vectors["flags"]), bad=sum(vectors["flags"]))
