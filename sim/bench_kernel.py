"""The generic bench of a kernel with any number of input and output streams; run through sim.kernel_bench.check_kernel.

Every port draws its own stalls. A port's configuration: its name, the beats of all frames, and their layout.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge

from sim.bench import config, report
from sim.drivers import Sink, Source, number
from sim.scoreboard import compare

STALLS = [(0.5, 0.5), (0.9, 0.9), (0.1, 0.1)]
SLOW, FAST = 0.1, 0.9
FREEZE_CYCLES = 1000
QUIET = 500
"""Cycles without a beat on any port, beyond two frames' time, after which a kernel is stuck: random stalls of 10 %
are never that long."""


class Bench:
    """One kernel with its clock running, the vectors of the configuration and a generator for each port."""

    def __init__(self, dut: Any, name: str) -> None:
        self.dut, self.name, self.vectors = dut, name, config()
        self.rng = random.Random(f"{cocotb.RANDOM_SEED} {name}")
        self.inputs, self.outputs = ([{**port, "beats": [int(word, 16) for word in port["beats"]]} for port in side]
                                     for side in (self.vectors["inputs"], self.vectors["outputs"]))
        Clock(dut.clk, 10, unit="ns").start()

    def source(self, port: int, probability: float = 1.0, freeze: tuple[int, int] = (-1, 0)) -> Source:
        """A new driver of an input, with its own random numbers."""
        return Source(self.dut, self.dut.clk, self.inputs[port]["name"], self._generator(), probability, freeze)

    def sink(self, port: int, probability: float = 1.0, freeze: tuple[int, int] = (-1, 0)) -> Sink:
        """A new driver of an output, with its own random numbers."""
        return Sink(self.dut, self.dut.clk, self.outputs[port]["name"], self._generator(), probability, freeze)

    def _generator(self) -> random.Random:
        return random.Random(self.rng.random())

    def set_ready(self, ready: bool) -> None:
        """Every output is taken from now on, or none."""
        for port in self.outputs:
            getattr(self.dut, f"{port['name']}_tready").value = int(ready)

    async def reset(self) -> None:
        """Reset, then 40 cycles in which nothing may come out, with the sinks willing."""
        self.dut.rst.value = 1
        for port in range(len(self.inputs)):
            self.source(port)
        for _ in range(3):
            await RisingEdge(self.dut.clk)
        self.dut.rst.value = 0
        self.set_ready(True)
        for cycle in range(40):
            await RisingEdge(self.dut.clk)
            for port in self.outputs:
                signal = f"{port['name']}_tvalid"
                valid = number(getattr(self.dut, signal), signal)
                assert valid == 0, f"output before input, {cycle} cycles after reset"

    async def stream(self, frames: int, stalls: tuple[Sequence[float], Sequence[float]] | None = None, *,
                     freezes: dict[tuple[str, int], int] | None = None) -> tuple[list[Source], list[Sink]]:
        """Send the first `frames` frames, compare all that comes out, then see that nothing more comes.

        stalls: how likely each input and each output is willing in a cycle; freezes: the beat before which a port
        (its side and number) stops once for FREEZE_CYCLES.
        """
        given, taken = stalls or ([1.0] * len(self.inputs), [1.0] * len(self.outputs))
        still = {port: (beat, FREEZE_CYCLES) for port, beat in (freezes or {}).items()}
        beats = [port["beats"][: frames * port["frame_beats"]] for port in self.inputs]
        expected = [port["beats"][: frames * port["frame_beats"]] for port in self.outputs]
        sources = [self.source(i, p, still.get(("inputs", i), (-1, 0))) for i, p in enumerate(given)]
        sinks = [self.sink(i, p, still.get(("outputs", i), (-1, 0))) for i, p in enumerate(taken)]
        sending = [cocotb.start_soon(source.send(b)) for source, b in zip(sources, beats, strict=True)]
        taking = [cocotb.start_soon(sink.run()) for sink in sinks]
        await self._until_done(sending, sources, sinks, expected, QUIET + bool(still) * FREEZE_CYCLES)
        for _ in range(30 + round(10 / min(taken))):
            await RisingEdge(self.dut.clk)
        for task in taking:
            task.cancel()
        self._compare(sources, beats, sinks, expected)
        return sources, sinks

    async def _until_done(self, sending: Sequence[Any], sources: Sequence[Source], sinks: Sequence[Sink],
                          expected: Sequence[Sequence[int]], patience: int) -> None:
        """All frames are through, or something is wrong: a wrong beat, or no beat on any port for too long."""
        before, quiet = -1, 0
        while not all(task.done() for task in sending) or any(  # a frame's end may be unused
                len(sink.beats) < len(wanted) for sink, wanted in zip(sinks, expected, strict=True)):
            await RisingEdge(self.dut.clk)
            moved = sum(len(side.cycles) for side in (*sources, *sinks))
            quiet = 0 if moved != before else quiet + 1
            if quiet > 2 * self.vectors["cycles"] + patience or (moved != before and _last_is_wrong(sinks, expected)):
                return
            before = moved

    def _compare(self, sources: Sequence[Source], beats: Sequence[Sequence[int]], sinks: Sequence[Sink],
                 expected: Sequence[Sequence[int]]) -> None:
        counts = ", ".join(f"{len(source.cycles)} of {len(b)}" for source, b in zip(sources, beats, strict=True))
        for sink, wanted, port in zip(sinks, expected, self.outputs, strict=True):
            where = "" if len(sinks) == 1 else f"{port['name']}, "
            compare(sink.beats, wanted, {**port, "beats": port["frame_beats"]}, port["channels"],
                    f"{self.name}, {where}after {counts} input beats")
        done = all(len(source.cycles) == len(b) for source, b in zip(sources, beats, strict=True))
        assert done, f"{self.name}: only {counts} input beats were taken"

    def middle(self, side: str, port: int) -> int:
        """A random beat that is neither the first nor in the last frame."""
        beats = self.vectors[side][port]["frame_beats"]
        return self.rng.randrange(1, max(2, 2 * beats))


def _last_is_wrong(sinks: Sequence[Sink], expected: Sequence[Sequence[int]]) -> bool:
    """Whether the last beat of any output is not the one that was due."""
    return any(sink.beats[-1:] != wanted[len(sink.beats) - 1 : len(sink.beats)]
               for sink, wanted in zip(sinks, expected, strict=True) if sink.beats)


@cocotb.test()
async def full_rate(dut: Any) -> None:
    """Back-to-back frames with no stalls: values and the cycle of every beat."""
    bench = Bench(dut, "full rate")
    await bench.reset()
    sources, sinks = await bench.stream(bench.vectors["frames"])
    report(input_cycles=[source.cycles for source in sources], output_cycles=[sink.cycles for sink in sinks])


@cocotb.test()
@cocotb.parametrize(stalls=STALLS)
async def stalled(dut: Any, stalls: tuple[float, float]) -> None:
    """Random stalls on all ports, each its own, change nothing."""
    bench = Bench(dut, f"valid {stalls[0]:.0%}, ready {stalls[1]:.0%}")
    await bench.reset()
    await bench.stream(bench.vectors["frames"] if min(stalls) > 0.2 else bench.vectors["slow_frames"],
                       ([stalls[0]] * len(bench.inputs), [stalls[1]] * len(bench.outputs)))


@cocotb.test()
@cocotb.parametrize(side=["inputs", "outputs"])
async def one_is_slow(dut: Any, side: str) -> None:
    """One port after the other is slow while the others are willing."""
    bench = Bench(dut, f"one of the {side} slow")
    await bench.reset()
    for slow in range(len(bench.vectors[side])):
        given, taken = [FAST] * len(bench.inputs), [FAST] * len(bench.outputs)
        (given if side == "inputs" else taken)[slow] = SLOW
        await bench.stream(bench.vectors["slow_frames"], (given, taken))


@cocotb.test()
async def source_frozen(dut: Any) -> None:
    """One source after the other stops for 1000 cycles in mid-frame while the others are offered."""
    await frozen(Bench(dut, "source frozen"), "inputs")


@cocotb.test()
async def sink_frozen(dut: Any) -> None:
    """One sink after the other stops for 1000 cycles in mid-frame while the sources keep pushing."""
    await frozen(Bench(dut, "sink frozen"), "outputs")


async def frozen(bench: Bench, side: str) -> None:
    """One port of a side after the other."""
    await bench.reset()
    for port in range(len(bench.vectors[side])):
        await bench.stream(bench.vectors["slow_frames"], freezes={(side, port): bench.middle(side, port)})


@cocotb.test()
@cocotb.parametrize(ready=[0.0, 1.0])
async def reset_in_frame(dut: Any, ready: float) -> None:
    """A reset in mid-frame, with the outputs blocked or free, leaves nothing behind."""
    bench = Bench(dut, f"reset in mid-frame, ready {ready:.0%}")
    await bench.reset()
    for _ in range(3):
        counts = [bench.rng.randrange(1, port["frame_beats"] + 1) for port in bench.inputs]
        bench.set_ready(bool(ready))
        sending = [cocotb.start_soon(bench.source(i).send(bench.inputs[i]["beats"][:n])) for i, n in enumerate(counts)]
        for _ in range(bench.rng.randrange(1, 2 * max(counts) + bench.vectors["cycles"] + 4)):
            await RisingEdge(dut.clk)
        for task in sending:
            task.cancel()
        await bench.reset()
        await bench.stream(2)
