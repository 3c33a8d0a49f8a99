"""A box of a map: the other beats are dropped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import gcd
from typing import ClassVar

import numpy as np

from hwgen.ir.graph import Op, Value
from hwgen.kernels.base import Fold, Kernel, Resources, Schedule, every_step, one_port
from hwgen.kernels.lanes import divisors
from hwgen.ops.slice import Slice
from hwgen.stream import Stream


@dataclass(frozen=True)
class SliceUnit(Kernel):
    """fold.pe channels of the given map a cycle (rtl/hwgen_slice.sv); a beat lies inside of the box or outside."""

    stem: ClassVar[str] = "slice"
    title: ClassVar[str] = "slice"

    op: Slice

    @classmethod
    def accepts(cls, op: Op, inputs: Sequence[Value]) -> str | None:
        return None if isinstance(op, Slice) else "it cuts a box out of a map only"

    @property
    def groups(self) -> int:
        """Beats of a pixel."""
        return self.inputs[0].shape[2] // self.fold.pe

    def foldings(self) -> Iterator[Fold]:
        return (Fold(lanes) for lanes in divisors(gcd(self.inputs[0].shape[2], self.op.start[2], self.op.stop[2])))

    @property
    def cycles(self) -> int:
        return self.ideal

    @property
    def ideal(self) -> int:
        """Beats in."""
        return self.inputs[0].elements // self.fold.pe

    def schedule(self) -> Schedule:
        """A read in every step; a write where the beat lies in the box."""
        height, width, _ = self.inputs[0].shape
        inside = np.zeros((height, width, self.groups), bool)
        (top, left, first), (bottom, right, last) = self.op.start, self.op.stop
        inside[top:bottom, left:right, first // self.fold.pe : last // self.fold.pe] = True
        return Schedule(every_step(self.cycles), one_port(inside.ravel()), 1)

    def parameters(self) -> dict[str, int]:
        height, width, _ = self.inputs[0].shape
        (top, left, first), (bottom, right, last) = self.op.start, self.op.stop
        return {"WIDTH": self.input_stream().width, "ROWS": height, "COLUMNS": width, "GROUPS": self.groups,
                "TOP": top, "LEFT": left, "FIRST": first // self.fold.pe, "OUT_ROWS": bottom - top,
                "OUT_COLUMNS": right - left, "OUT_GROUPS": (last - first) // self.fold.pe}

    def resources(self) -> Resources:
        """The skid buffer; counters up to the outermost side that is cut, a flag for each. LUTs: fitted to Yosys."""
        width = self.input_stream().width
        height, columns, _ = self.inputs[0].shape
        (rows, kept, channels), _ = self.op.infer(self.inputs)[0]
        loops = ((height, rows), (columns, kept), (self.groups, channels // self.fold.pe))
        cuts = [n != m for n, m in loops]
        counters = sum((n - 1).bit_length() for n, _ in loops[cuts.index(True) :]) if any(cuts) else 0
        return Resources(lut=width + 4 + 3 * counters // 2 + 2 * sum(cuts), ff=2 * width + counters + sum(cuts) + 2)

    def input_stream(self) -> Stream:
        return Stream(self.input_type, self.inputs[0].elements, self.fold.pe)

    def output_stream(self) -> Stream:
        return Stream(self.output_type, self.output_elements, self.fold.pe)
