"""How a frame changes its lanes: the one model of rtl/hwgen_width_converter.sv, which three kernels contain."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from math import gcd

import numpy as np

from hwgen.kernels.base import Resources, Schedule, every_step, one_port


class Form(Enum):
    """The generate branches of hwgen_width_converter."""

    PASS = "pass"
    UP = "up"
    DOWN = "down"
    GEARBOX = "gearbox"


@dataclass(frozen=True)
class Conversion:
    """A frame of `elements` of `bits` each, from `source` to `sink` lanes; the last beats may be partly filled."""

    elements: int
    bits: int
    source: int
    sink: int

    @property
    def in_beats(self) -> int:
        return -(-self.elements // self.source)

    @property
    def out_beats(self) -> int:
        return -(-self.elements // self.sink)

    @property
    def cycles(self) -> int:
        """Between frames: one beat a cycle on the busier side."""
        return max(self.in_beats, self.out_beats)

    @property
    def form(self) -> Form:
        if self.source == self.sink or self.in_beats == self.out_beats == 1:
            return Form.PASS
        if self.whole and self.sink % self.source == 0:
            return Form.UP
        return Form.DOWN if self.source % self.sink == 0 else Form.GEARBOX

    @property
    def whole(self) -> bool:
        """Both sides have room for equally many elements."""
        return self.in_beats * self.source == self.out_beats * self.sink

    @property
    def widens(self) -> bool:
        return self.source < self.sink

    @property
    def flushes(self) -> bool:
        """The gearbox's FLUSH: the last output beat overlaps the first input beat of the next frame."""
        given = self.in_beats * self.source
        fills = self.out_beats * self.sink > given
        return self.widens and fills and given // self.sink * self.sink > given - self.source

    @property
    def masks_input(self) -> bool:
        """No register takes s_axis_tdata as it comes, so that zeroing it cannot be that register's reset."""
        return self.form is Form.GEARBOX and not self.widens

    def parameters(self) -> dict[str, int]:
        """IN_WIDTH, OUT_WIDTH, UNIT, IN_BEATS, OUT_BEATS."""
        return {"IN_WIDTH": self.source * self.bits, "OUT_WIDTH": self.sink * self.bits,
                "UNIT": gcd(self.source, self.sink) * self.bits,
                "IN_BEATS": self.in_beats, "OUT_BEATS": self.out_beats}

    def schedule(self) -> Schedule:
        """Steps at s_axis. Delays: skid buffer 1; DOWN its register and a skid buffer; GEARBOX as its header says."""
        if self.form is not Form.GEARBOX:
            return self._integer_schedule()
        takes, gives = zip(*self._gearbox_steps(), strict=True)
        if self.flushes:
            return Schedule(one_port(takes), one_port((*gives[1:], True)), 3)
        return Schedule(one_port(takes), one_port(gives), 2 if self.widens else 1)

    def _integer_schedule(self) -> Schedule:
        steps, every = np.arange(self.cycles), every_step(self.cycles)
        if self.form is Form.PASS:
            return Schedule(every, every, 1)
        if self.form is Form.UP:
            ratio = self.sink // self.source
            return Schedule(every, one_port((steps + 1) % ratio == 0), 1)
        ratio = self.source // self.sink
        return Schedule(one_port(steps % ratio == 0), every, 2)

    def _gearbox_steps(self) -> Iterator[tuple[bool, bool]]:
        """(takes an input beat, gives an output beat) of each step, from the lanes that wait in the history."""
        waiting, taken, given = 0, 0, 0
        for _ in range(self.cycles):
            take = self.widens or (waiting < self.sink and taken < self.in_beats)
            waiting, taken = waiting + take * self.source, taken + take
            give = waiting >= self.sink or (taken == self.in_beats and not self.flushes)
            waiting, given = waiting - give * self.sink, given + give
            yield take, give

    def resources(self) -> Resources:
        """Fitted to Yosys 0.70 on 60 shapes: flip-flops exact, LUTs within 15 %; within 25 % for gearboxes."""
        wide, narrow = self.bits * max(self.source, self.sink), self.bits * min(self.source, self.sink)
        if self.form is Form.PASS:
            return Resources(lut=narrow + 4, ff=2 * narrow + 2)
        if self.form is Form.UP:
            counter = (self.sink // self.source - 1).bit_length()
            return Resources(lut=narrow + 6 + counter // 2, ff=wide + narrow + 2 + counter)
        if self.form is Form.DOWN:
            return self._down_resources(self.source // self.sink, self.sink * self.bits)
        return self._gearbox_resources()

    def _down_resources(self, ratio: int, width: int) -> Resources:
        """Register, multiplexer and skid buffer; the counter of the frame where its last beat is partly filled."""
        frame = 0 if self.whole else (self.out_beats - 1).bit_length()
        mux = {2: 1.0, 3: 3.0, 4: 2.0}.get(ratio, 0.5 * ratio + 0.5)  # skid buffer included
        return Resources(lut=round(mux * width) + 6 + 2 * frame,
                         ff=(ratio + 2) * width + 3 + (ratio - 1).bit_length() + frame)

    def _gearbox_resources(self) -> Resources:
        """History, window, skid buffer, output register; a counter where frames do not end by themselves."""
        unit, source, sink = self._lanes
        frame = 0 if self.whole else (self.cycles - 1).bit_length()
        phase = (max(source, sink) - 1).bit_length()
        control = 8 + phase // 2 + frame + 2 * self.flushes
        window = unit * _shifter_luts(sink, self._select_bits)
        border = unit * min(source, sink)
        if self.widens:
            return Resources(lut=round(window) + border + control,
                             ff=unit * (2 * sink - 1 + 2 * source) + 3 + phase + frame + self.flushes)
        return Resources(lut=round(window) + border + control,
                         ff=unit * (source - 1 + 2 * sink) + 2 + phase + frame)

    @property
    def _lanes(self) -> tuple[int, int, int]:
        """Bits of a gearbox lane, its lanes in and out."""
        common = gcd(self.source, self.sink)
        return common * self.bits, self.source // common, self.sink // common

    @property
    def _select_bits(self) -> int:
        """The gearbox's SW: bits of the phase of a window."""
        _, source, sink = self._lanes
        full = self.out_beats * self.sink <= self.in_beats * self.source
        return ((source if full or not self.widens else sink) - 1).bit_length()


def _shifter_luts(lanes: int, select: int) -> float:
    """LUTs per bit of a lane of a shifter to `lanes` lanes: two stages in a LUT6, the largest shifts first.

    The share of LUTs that Yosys takes beyond that was measured: 10 to 45 %, more for more stages.
    """
    stages = list(range(select - 1, -1, -1))
    pairs = [stages[i : i + 2] for i in range(0, len(stages), 2)]
    exact = sum(lanes + (1 << pair[-1]) - 1 for pair in pairs)
    return exact * (1.0, 1.0, 1.2, 1.12, 1.15, 1.25, 1.4)[min(select, 6)]
