"""How a frame changes its lanes: the one model of rtl/hwgen_width_converter.sv, which three kernels contain."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from math import gcd

from hwgen.kernels.base import Resources, Schedule


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

    def parameters(self) -> dict[str, int]:
        """IN_WIDTH, OUT_WIDTH, UNIT, IN_BEATS, OUT_BEATS."""
        return {"IN_WIDTH": self.source * self.bits, "OUT_WIDTH": self.sink * self.bits,
                "UNIT": gcd(self.source, self.sink) * self.bits,
                "IN_BEATS": self.in_beats, "OUT_BEATS": self.out_beats}

    def schedule(self) -> Schedule:
        """Steps at s_axis. Delays: skid buffer 1; DOWN its register and a skid buffer; GEARBOX as its header says."""
        if self.form is not Form.GEARBOX:
            return self._integer_schedule()
        takes, gives = (tuple(column) for column in zip(*self._gearbox_steps(), strict=True))
        if self.flushes:
            return Schedule(takes, (*gives[1:], True), 3)
        return Schedule(takes, gives, 2 if self.widens else 1)

    def _integer_schedule(self) -> Schedule:
        steps = range(self.cycles)
        every = tuple(True for _ in steps)
        if self.form is Form.PASS:
            return Schedule(every, every, 1)
        if self.form is Form.UP:
            ratio = self.sink // self.source
            return Schedule(every, tuple((step + 1) % ratio == 0 for step in steps), 1)
        ratio = self.source // self.sink
        return Schedule(tuple(step % ratio == 0 for step in steps), every, 2)

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
        return Resources()
