"""AXI4-Stream source and sink for cocotb benches. Uses cocotb and the standard library only.

A beat is an unsigned int. Both sides draw from a seeded generator; `probability` is the chance that the side is willing
in a cycle, `freeze` = (beat index, cycles) stops it once before that beat.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from cocotb.triggers import RisingEdge


def signal(dut: Any, name: str) -> Any:
    """The handle of a port; a clear error where it does not exist."""
    handle = getattr(dut, name, None)
    assert handle is not None, f"{dut._name} has no port {name}"
    return handle


def number(handle: Any, what: str) -> int:
    """The value of a signal as an unsigned int; unknown (X) bits are a failure."""
    value = handle.value
    assert value.is_resolvable, f"{what} is {value}: unknown bits"
    return int(value)


class Source:
    """Drives beats into `<prefix>_tdata/tvalid/tready`, and tlast and tkeep where the port has them."""

    def __init__(self, dut: Any, clock: Any, prefix: str, rng: random.Random, probability: float = 1.0,
                 freeze: tuple[int, int] = (-1, 0)) -> None:
        self.clock, self.rng, self.probability, self.freeze = clock, rng, probability, freeze
        self.data, self.valid, self.ready = (signal(dut, f"{prefix}_{n}") for n in ("tdata", "tvalid", "tready"))
        self.last, self.keep = (getattr(dut, f"{prefix}_{n}", None) for n in ("tlast", "tkeep"))
        self.width = len(self.data)
        self.cycles: list[int] = []
        self.idle()

    def idle(self) -> None:
        """Not valid, with a payload that must not matter."""
        self.valid.value = 0
        self.data.value = self.rng.getrandbits(self.width)

    async def send(self, beats: Sequence[int], last: Sequence[bool] = (), count: int = 0) -> None:
        """Send the beats in order; `count` is the cycle number of the next rising edge, for `cycles`."""
        for index, beat in enumerate(beats):
            wait = self.freeze[1] if index == self.freeze[0] else 0
            while wait > 0 or self.rng.random() >= self.probability:
                self.idle()
                await RisingEdge(self.clock)
                wait, count = wait - 1, count + 1
            self.valid.value, self.data.value = 1, beat
            if self.last is not None:
                self.last.value = int(bool(last) and last[index])
            if self.keep is not None:
                self.keep.value = (1 << len(self.keep)) - 1
            await RisingEdge(self.clock)
            count += 1
            while number(self.ready, "tready") == 0:
                await RisingEdge(self.clock)
                count += 1
            self.cycles.append(count - 1)
        self.idle()


class Monitor:
    """Collects the beats of `<prefix>_tdata/tvalid/tready`, a wire inside the design, without driving anything."""

    def __init__(self, dut: Any, clock: Any, prefix: str) -> None:
        self.clock = clock
        self.data, self.valid, self.ready = (signal(dut, f"{prefix}_{n}") for n in ("tdata", "tvalid", "tready"))
        self.beats: list[int] = []

    async def run(self) -> None:
        """Never returns: start it as a task and cancel it."""
        while True:
            await RisingEdge(self.clock)
            if number(self.valid, "tvalid") and number(self.ready, "tready"):
                self.beats.append(number(self.data, f"tdata of beat {len(self.beats)}"))


class Sink:
    """Takes beats from `<prefix>_tdata/tvalid/tready`; valid may not drop nor the payload change while stalled."""

    def __init__(self, dut: Any, clock: Any, prefix: str, rng: random.Random, probability: float = 1.0,
                 freeze: tuple[int, int] = (-1, 0)) -> None:
        self.clock, self.rng, self.probability, self.freeze = clock, rng, probability, freeze
        self.data, self.valid, self.ready = (signal(dut, f"{prefix}_{n}") for n in ("tdata", "tvalid", "tready"))
        self.last = getattr(dut, f"{prefix}_tlast", None)
        self.beats: list[int] = []
        self.lasts: list[bool] = []
        self.cycles: list[int] = []
        self.ready.value = 0

    async def run(self) -> None:
        """Never returns: start it as a task and cancel it."""
        count, frozen, held = 0, self.freeze[1], None
        while True:
            willing = self.rng.random() < self.probability
            if len(self.beats) == self.freeze[0] and frozen > 0:
                willing, frozen = False, frozen - 1
            self.ready.value = int(willing)
            await RisingEdge(self.clock)
            held = self._edge(willing, held, count)
            count += 1

    def _edge(self, willing: bool, held: tuple[int, int] | None, count: int) -> tuple[int, int] | None:
        """One rising edge; returns the payload that must be held."""
        if number(self.valid, "tvalid") == 0:
            assert held is None, f"tvalid fell before tready, at output beat {len(self.beats)}"
            return None
        beat = number(self.data, f"tdata of output beat {len(self.beats)}")
        payload = beat, number(self.last, "tlast") if self.last is not None else 0
        assert held in (None, payload), f"output beat {len(self.beats)} changed while stalled: {held} to {payload}"
        if not willing:
            return payload
        self.beats.append(beat)
        self.lasts.append(bool(payload[1]))
        self.cycles.append(count)
        return None
