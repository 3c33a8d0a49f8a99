"""Nearest-neighbour upsampling: a line buffer of one row that is given again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from hwgen.ir.graph import Op, Value
from hwgen.kernels.base import Fold, Kernel, Resources, every_step
from hwgen.kernels.buffered import BufferedSchedule
from hwgen.kernels.lanes import divisors
from hwgen.kernels.ram import Ram
from hwgen.kernels.replay import Replay
from hwgen.ops.upsample import Upsample
from hwgen.stream import Stream


@dataclass(frozen=True)
class UpsampleUnit(Kernel):
    """fold.pe channels of the larger map a cycle (rtl/hwgen_upsample.sv)."""

    stem: ClassVar[str] = "upsample"
    title: ClassVar[str] = "upsampling"

    op: Upsample

    @classmethod
    def accepts(cls, op: Op, inputs: Sequence[Value]) -> str | None:
        return None if isinstance(op, Upsample) else "it repeats the pixels of a map only"

    @property
    def replay(self) -> Replay:
        """The order of the beats."""
        height, width, channels = self.inputs[0].shape
        return Replay((height, width), channels // self.fold.pe, self.op.factors, spread=False)

    @property
    def ram(self) -> Ram:
        """The ring: deeper than needed where that costs nothing and saves the comparators of a wrap."""
        return Ram.ring(self.replay.depth, self.input_stream().width)

    def foldings(self) -> Iterator[Fold]:
        return (Fold(lanes) for lanes in divisors(self.inputs[0].shape[2]))

    @property
    def cycles(self) -> int:
        return self.ideal

    @property
    def ideal(self) -> int:
        """Beats out."""
        return self.output_elements // self.fold.pe

    @property
    def bursts(self) -> int:
        """None where a row is kept: reads and writes go on by themselves."""
        return int(self.op.factors[0] == 1)

    def schedule(self) -> BufferedSchedule:
        replay = self.replay
        return BufferedSchedule(every_step(replay.beats_in), every_step(replay.beats_out), 2 if self.ram.block else 1,
                                replay.needs, replay.frees(self.ram.depth))

    def parameters(self) -> dict[str, int]:
        down, right = self.op.factors
        return {"WIDTH": self.input_stream().width, "COLUMNS": self.inputs[0].shape[1], "GROUPS": self.replay.groups,
                "FACTOR_H": down, "FACTOR_W": right, "DEPTH": self.ram.depth, "BLOCK": int(self.ram.block)}

    def resources(self) -> Resources:
        """The ring and what moves it."""
        return self.ram.resources() + self.replay.control(self.ram)

    def input_stream(self) -> Stream:
        return Stream(self.input_type, self.inputs[0].elements, self.fold.pe)

    def output_stream(self) -> Stream:
        return Stream(self.output_type, self.output_elements, self.fold.pe)
