"""Drives a top of several inputs with whole and broken frames; reports what comes out. The test judges."""

from __future__ import annotations

import random
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge

from sim.bench import config, report
from sim.drivers import Sink, number, signal

PATIENCE = 400


async def send(dut: Any, name: str, beats: list[list[int]], rng: random.Random) -> None:
    """beats: (data, last, keep), each offered in half of the cycles."""
    data, last, keep, valid, ready = (signal(dut, f"{name}_{part}")
                                      for part in ("tdata", "tlast", "tkeep", "tvalid", "tready"))
    for beat in beats:
        data.value, last.value, keep.value = beat
        while rng.random() < 0.5:
            valid.value = 0
            await RisingEdge(dut.aclk)
        valid.value = 1
        await RisingEdge(dut.aclk)
        while not number(ready, "tready"):
            await RisingEdge(dut.aclk)
    valid.value = 0


@cocotb.test()
async def pairs(dut: Any) -> None:
    rng = random.Random(cocotb.RANDOM_SEED)
    for name in config()["inputs"]:
        signal(dut, f"{name}_tvalid").value = 0
    Clock(dut.aclk, 10, unit="ns").start()
    dut.aresetn.value = 0
    sinks = {name: Sink(dut, dut.aclk, name, rng, 0.5) for name in config()["outputs"]}
    for _ in range(6):
        await RisingEdge(dut.aclk)
    dut.aresetn.value = 1
    taking = [cocotb.start_soon(sink.run()) for sink in sinks.values()]
    for name, beats in config()["inputs"].items():
        cocotb.start_soon(send(dut, name, beats, rng))
    quiet, seen = 0, 0
    while quiet < PATIENCE:
        await RisingEdge(dut.aclk)
        count = sum(len(sink.beats) for sink in sinks.values())
        quiet, seen = (quiet + 1, seen) if count == seen else (0, count)
    for task in taking:
        task.cancel()
    report(**{name: sink.beats for name, sink in sinks.items()})
