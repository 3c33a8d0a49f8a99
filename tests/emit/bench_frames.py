"""Drives a top with whole and with broken frames; reports what comes out. The test judges."""

from __future__ import annotations

import random
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge

from sim.bench import config, report
from sim.drivers import Sink, number, signal

PATIENCE = 400


async def send(dut: Any, beats: list[list[int]], rng: random.Random, probability: float) -> None:
    """beats: (data, last, keep). The first is offered in this cycle."""
    data, last, keep, valid, ready = (signal(dut, f"{config()['input']}_{name}")
                                      for name in ("tdata", "tlast", "tkeep", "tvalid", "tready"))
    for beat in beats:
        data.value, last.value, keep.value = beat
        while rng.random() >= probability:
            valid.value = 0
            await RisingEdge(dut.aclk)
        valid.value = 1
        await RisingEdge(dut.aclk)
        while not number(ready, "tready"):
            await RisingEdge(dut.aclk)
    valid.value = 0


async def exchange(dut: Any, beats: list[list[int]], name: str, probability: float) -> None:
    """Reset for four cycles, offer the first beat in the cycle in which the reset ends, wait until nothing comes."""
    rng = random.Random(f"{config()['seed']} {name}")
    sink = Sink(dut, dut.aclk, config()["output"], rng, probability)
    dut.aresetn.value = 0
    for _ in range(4):
        await RisingEdge(dut.aclk)
    dut.aresetn.value = 1
    task = cocotb.start_soon(sink.run())
    await send(dut, beats, rng, probability)
    quiet, seen = 0, 0
    while quiet < PATIENCE:
        await RisingEdge(dut.aclk)
        quiet, seen = (quiet + 1, seen) if len(sink.beats) == seen else (0, len(sink.beats))
    task.cancel()
    report(**{name: {"beats": sink.beats, "lasts": sink.lasts}})


@cocotb.test()
async def frames(dut: Any) -> None:
    getattr(dut, f"{config()['input']}_tvalid").value = 0
    Clock(dut.aclk, 10, unit="ns").start()
    await exchange(dut, config()["broken"], "broken", 1.0)
    await exchange(dut, config()["broken"], "broken_stalled", 0.5)
    await exchange(dut, config()["cut"], "cut", 1.0)
    await exchange(dut, config()["good"], "good", 1.0)
