"""Sliding window: a line buffer that gives the pixels under the kernel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from hwgen.ir.graph import Op, Value
from hwgen.kernels.base import Fold, Kernel, Resources, every_step
from hwgen.kernels.buffered import BufferedSchedule
from hwgen.kernels.lanes import divisors
from hwgen.kernels.ram import Ram
from hwgen.kernels.sliding import Sliding
from hwgen.ops.window import Window
from hwgen.stream import Stream


@dataclass(frozen=True)
class WindowUnit(Kernel):
    """A ring of beats, fold.pe channels each, of which one is given every cycle (rtl/hwgen_window.sv)."""

    stem: ClassVar[str] = "window"
    title: ClassVar[str] = "sliding window"

    op: Window

    @classmethod
    def accepts(cls, op: Op, inputs: Sequence[Value]) -> str | None:
        return None if isinstance(op, Window) else "it slides a window over a map only"

    @property
    def channels(self) -> int:
        """C: the innermost axis of the map."""
        return self.inputs[0].shape[2]

    @property
    def sliding(self) -> Sliding:
        """The windows in beats."""
        height, width, channels = self.inputs[0].shape
        return Sliding((height, width), channels // self.fold.pe, self.op.kernel, self.op.stride, self.op.dilation)

    @property
    def ram(self) -> Ram:
        """The ring: deeper than needed where that costs nothing and saves the comparators of a wrap."""
        return Ram.ring(self.sliding.depth, self.input_stream().width)

    def foldings(self) -> Iterator[Fold]:
        return (Fold(lanes) for lanes in divisors(self.channels))

    @property
    def cycles(self) -> int:
        return self.ideal

    @property
    def ideal(self) -> int:
        """The larger of beats in and beats out: one beat a cycle on the busier side."""
        return max(self.sliding.beats_in, self.sliding.beats_out)

    @property
    def bursts(self) -> int:
        """None: reads and writes go on by themselves, but where there is hardly a store."""
        return int(self.sliding.streams)

    @property
    def latency(self) -> int:
        """Cycles from the decision to give a beat to its presentation: the RAM's latch, in block RAM a register too."""
        return 2 if self.ram.block else 1

    def schedule(self) -> BufferedSchedule:
        sliding = self.sliding
        return BufferedSchedule(every_step(sliding.beats_in), every_step(sliding.beats_out), self.latency,
                                sliding.needs, sliding.frees(self.ram.depth))

    def parameters(self) -> dict[str, int]:
        height, width, _ = self.inputs[0].shape
        pairs = {"KERNEL": self.op.kernel, "STRIDE": self.op.stride, "DILATION": self.op.dilation}
        return {"WIDTH": self.input_stream().width, "ROWS": height, "COLUMNS": width, "GROUPS": self.sliding.groups,
                **{f"{name}_{axis}": n for name, pair in pairs.items() for axis, n in zip("HW", pair, strict=True)},
                "DEPTH": self.ram.depth, "BLOCK": int(self.ram.block)}

    def resources(self) -> Resources:
        """The ring; two distances, two addresses and the loops' counters. LUTs: fitted to Yosys."""
        sliding, depth = self.sliding, self.ram.depth
        address = (depth - 1).bit_length()
        distance = (depth + max(sliding.moves)).bit_length() + 1
        turns = [sliding.groups, *self.op.kernel, *sliding.positions]
        counters = sum((n - 1).bit_length() for n in turns)
        wrap = 3 * address if depth != 1 << address else 0
        freeing = 5 if sliding.streams else 0
        control = Resources(lut=(112 + 12 * distance + 40 * address - 3 * counters) // 8 + wrap + freeing,
                            ff=2 * (address + distance) + counters + self.latency)
        return self.ram.resources() + control

    def input_stream(self) -> Stream:
        return Stream(self.input_type, self.inputs[0].elements, self.fold.pe)

    def output_stream(self) -> Stream:
        return Stream(self.output_type, self.output_elements, self.fold.pe)
