"""Channels to pixels: a line buffer of about one row, read in the order of the larger map."""

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
from hwgen.ops.depth_to_space import DepthToSpace
from hwgen.stream import Stream


@dataclass(frozen=True)
class DepthToSpaceUnit(Kernel):
    """fold.pe channels of the larger map a cycle (rtl/hwgen_depth_to_space.sv).

    Interleaved blocks come whole: a beat in holds the block's pixels for fold.pe channels.
    """

    stem: ClassVar[str] = "depth_to_space"
    title: ClassVar[str] = "depth to space"

    op: DepthToSpace

    @classmethod
    def accepts(cls, op: Op, inputs: Sequence[Value]) -> str | None:
        return None if isinstance(op, DepthToSpace) else "it makes pixels of the channels of a map only"

    @property
    def pixels(self) -> int:
        """Pixels of a block."""
        return self.op.block[0] * self.op.block[1]

    @property
    def channels(self) -> int:
        """C: channels of the larger map."""
        return self.inputs[0].shape[2] // self.pixels

    @property
    def replay(self) -> Replay:
        """The order of the beats."""
        height, width, _ = self.inputs[0].shape
        return Replay((height, width), self.channels // self.fold.pe, self.op.block, spread=not self.op.interleaved)

    @property
    def ram(self) -> Ram:
        """The ring: deeper than needed where that costs nothing and saves the comparators of a wrap."""
        return Ram.ring(self.replay.depth, self.input_stream().width)

    def foldings(self) -> Iterator[Fold]:
        return (Fold(lanes) for lanes in divisors(self.channels))

    @property
    def cycles(self) -> int:
        return self.ideal

    @property
    def ideal(self) -> int:
        """Beats out."""
        return self.inputs[0].elements // self.fold.pe

    @property
    def bursts(self) -> int:
        """None where rows are kept: reads and writes go on by themselves."""
        return int(self.op.block[0] == 1)

    def schedule(self) -> BufferedSchedule:
        replay = self.replay
        return BufferedSchedule(every_step(replay.beats_in), every_step(replay.beats_out), 2 if self.ram.block else 1,
                                replay.needs, replay.frees(self.ram.depth))

    def parameters(self) -> dict[str, int]:
        down, right = self.op.block
        return {"LANES": self.fold.pe, "BITS": self.input_type.bits, "COLUMNS": self.inputs[0].shape[1],
                "GROUPS": self.replay.groups, "BLOCK_H": down, "BLOCK_W": right,
                "INTERLEAVED": int(self.op.interleaved), "DEPTH": self.ram.depth, "BLOCK": int(self.ram.block)}

    def resources(self) -> Resources:
        """The ring and what moves it; interleaved: the choice of a part and its counters too. LUTs: fitted to Yosys."""
        shared = self.ram.resources() + self.replay.control(self.ram)
        if not self.op.interleaved:
            return shared
        turns = (self.replay.groups, self.op.block[1], self.inputs[0].shape[1])
        counters = sum((n - 1).bit_length() for n in turns)
        part = (self.pixels - 1).bit_length()
        return shared + Resources(lut=self.output_stream().width * -(-(self.pixels - 1) // 3) + counters + 3 * part + 4,
                                  ff=counters + 2 * part)

    def input_stream(self) -> Stream:
        lanes = self.fold.pe * (self.pixels if self.op.interleaved else 1)
        return Stream(self.input_type, self.inputs[0].elements, lanes)

    def output_stream(self) -> Stream:
        return Stream(self.output_type, self.output_elements, self.fold.pe)
