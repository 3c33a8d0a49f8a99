"""The generic bench of a kernel with one input and one output stream; run through sim.kernel_bench.check_kernel."""

from __future__ import annotations

import random
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge

from sim.bench import config, report
from sim.drivers import Sink, Source, number
from sim.scoreboard import compare

STALLS = [(0.1, 0.9), (0.9, 0.1), (0.5, 0.5), (0.9, 0.9), (0.1, 0.1)]
FREEZE_CYCLES = 1000


class Bench:
    """One kernel with its clock running, the vectors of the configuration and a generator for each test."""

    def __init__(self, dut: Any, name: str) -> None:
        self.dut, self.name, self.vectors = dut, name, config()
        self.rng = random.Random(f"{cocotb.RANDOM_SEED} {name}")
        self.inputs = [int(word, 16) for word in self.vectors["inputs"]]
        self.outputs = [int(word, 16) for word in self.vectors["outputs"]]
        Clock(dut.clk, 10, unit="ns").start()

    async def reset(self) -> None:
        """Reset, then 40 cycles in which nothing may come out, with the sink willing."""
        self.dut.rst.value = 1
        Source(self.dut, self.dut.clk, "s_axis", self.rng)
        for _ in range(3):
            await RisingEdge(self.dut.clk)
        self.dut.rst.value = 0
        self.dut.m_axis_tready.value = 1
        for cycle in range(40):
            await RisingEdge(self.dut.clk)
            valid = number(self.dut.m_axis_tvalid, "m_axis_tvalid")
            assert valid == 0, f"output before input, {cycle} cycles after reset"

    async def stream(self, frames: int, stalls: tuple[float, float] = (1.0, 1.0), *,
                     source_freeze: tuple[int, int] = (-1, 0), sink_freeze: tuple[int, int] = (-1, 0),
                     ) -> tuple[Source, Sink]:
        """Send the first `frames` frames, compare all that comes out, then see that nothing more comes."""
        beats = self.inputs[: frames * self.vectors["input"]["beats"]]
        expected = self.outputs[: frames * self.vectors["output"]["beats"]]
        source = Source(self.dut, self.dut.clk, "s_axis", self.rng, stalls[0], source_freeze)
        sink = Sink(self.dut, self.dut.clk, "m_axis", self.rng, stalls[1], sink_freeze)
        sending, taking = cocotb.start_soon(source.send(beats)), cocotb.start_soon(sink.run())
        limit = self._limit(frames, stalls)
        while limit and (len(sink.beats) < len(expected) or not sending.done()):  # a frame's end may be unused
            await RisingEdge(self.dut.clk)
            limit -= 1
        for _ in range(30 + round(10 / stalls[1])):
            await RisingEdge(self.dut.clk)
        taking.cancel()
        compare(sink.beats, expected, self.vectors["output"], self.vectors["channels"],
                f"{self.name}, after {len(source.cycles)} of {len(beats)} input beats")
        assert sending.done(), f"{self.name}: only {len(source.cycles)} of {len(beats)} input beats were taken"
        return source, sink

    def _limit(self, frames: int, stalls: tuple[float, float]) -> int:
        sizes = self.vectors["input"]["beats"] / stalls[0], self.vectors["output"]["beats"] / stalls[1]
        return int(4 * frames * (sum(sizes) + self.vectors["cycles"] / min(stalls))) + 2 * FREEZE_CYCLES + 5000

    def middle(self, side: str) -> int:
        """A random beat that is neither the first nor in the last frame."""
        beats = self.vectors[side]["beats"]
        return self.rng.randrange(1, max(2, 2 * beats))


@cocotb.test()
async def full_rate(dut: Any) -> None:
    """Back-to-back frames with no stalls: values and the cycle of every beat."""
    bench = Bench(dut, "full rate")
    await bench.reset()
    source, sink = await bench.stream(bench.vectors["frames"])
    report(input_cycles=source.cycles, output_cycles=sink.cycles)


@cocotb.test()
@cocotb.parametrize(stalls=STALLS)
async def stalled(dut: Any, stalls: tuple[float, float]) -> None:
    """Random stalls on both sides change nothing."""
    bench = Bench(dut, f"valid {stalls[0]:.0%}, ready {stalls[1]:.0%}")
    await bench.reset()
    await bench.stream(bench.vectors["frames"] if min(stalls) > 0.2 else bench.vectors["slow_frames"], stalls)


@cocotb.test()
async def source_frozen(dut: Any) -> None:
    """The source stops for 1000 cycles in mid-frame."""
    bench = Bench(dut, "source frozen")
    await bench.reset()
    await bench.stream(bench.vectors["slow_frames"], source_freeze=(bench.middle("input"), FREEZE_CYCLES))


@cocotb.test()
async def sink_frozen(dut: Any) -> None:
    """The sink stops for 1000 cycles in mid-frame while the source keeps pushing."""
    bench = Bench(dut, "sink frozen")
    await bench.reset()
    await bench.stream(bench.vectors["slow_frames"], sink_freeze=(bench.middle("output"), FREEZE_CYCLES))


@cocotb.test()
@cocotb.parametrize(ready=[0.0, 1.0])
async def reset_in_frame(dut: Any, ready: float) -> None:
    """A reset in mid-frame, with the output blocked or free, leaves nothing behind."""
    bench = Bench(dut, f"reset in mid-frame, ready {ready:.0%}")
    await bench.reset()
    for _ in range(3):
        count = bench.rng.randrange(1, bench.vectors["input"]["beats"] + 1)
        source = Source(dut, dut.clk, "s_axis", bench.rng)
        dut.m_axis_tready.value = int(ready)
        sending = cocotb.start_soon(source.send(bench.inputs[:count]))
        for _ in range(bench.rng.randrange(1, 2 * count + bench.vectors["cycles"] + 4)):
            await RisingEdge(dut.clk)
        sending.cancel()
        await bench.reset()
        await bench.stream(2)
