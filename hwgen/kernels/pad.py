"""Border of constants around a map."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hwgen.ir.graph import Op, Value
from hwgen.ir.tensor import Array
from hwgen.ir.types import BIPOLAR
from hwgen.kernels.base import Fold, Kernel, Memory, Resources, Schedule, every_step, one_port
from hwgen.kernels.lanes import divisors
from hwgen.kernels.rom import resources
from hwgen.kernels.step import value_parameters
from hwgen.ops.pad import Pad
from hwgen.stream import Stream


@dataclass(frozen=True)
class PadUnit(Kernel):
    """fold.pe channels of the padded map a cycle (rtl/hwgen_pad.sv); the input is recoded to the output's type.

    The ROM "border" has one word for each beat of a pixel, or a single one where they are equal.
    """

    stem: ClassVar[str] = "pad"
    title: ClassVar[str] = "padding"

    op: Pad

    @classmethod
    def accepts(cls, op: Op, inputs: Sequence[Value]) -> str | None:
        return None if isinstance(op, Pad) else "it puts a border around a map only"

    @property
    def channels(self) -> int:
        """C: the innermost axis of the map."""
        return self.inputs[0].shape[2]

    @property
    def groups(self) -> int:
        """Beats of a pixel."""
        return self.channels // self.fold.pe

    @property
    def keeps(self) -> bool:
        """Whether a frame begins with border, so that its first input beat is kept meanwhile."""
        return self.op.top > 0 or self.op.left > 0

    def foldings(self) -> Iterator[Fold]:
        return (Fold(lanes) for lanes in divisors(self.channels))

    @property
    def cycles(self) -> int:
        return self.output_stream().beats

    @property
    def ideal(self) -> int:
        """Beats out."""
        return self.output_stream().beats

    def schedule(self) -> Schedule:
        """A write in every step; reads where the map lies; the first one at once, where it keeps."""
        reads = self._interior()
        if self.keeps:
            last = np.flatnonzero(reads)[-1]
            reads[[0, last]] = True, False
        return Schedule(one_port(reads), every_step(self.cycles), 1)

    def _interior(self) -> Array:
        """(cycles,) whether a beat of the output is of the input."""
        (rows, columns, _), *_ = (shape for shape, _ in self.op.infer(self.inputs))
        inside = np.zeros((rows, columns, self.groups), bool)
        height, width, _ = self.inputs[0].shape
        inside[self.op.top : self.op.top + height, self.op.left : self.op.left + width] = True
        return inside.ravel()

    def border(self) -> Array:
        """(folds, lanes) border values by ROM word."""
        values = np.broadcast_to(self.op.value.array, (self.channels,)).reshape(self.groups, self.fold.pe)
        return values[:1] if (values == values[:1]).all() else values

    def parameters(self) -> dict[str, int]:
        height, width, _ = self.inputs[0].shape
        op, out = self.op, self.output_type
        return {"PE": self.fold.pe, "ROWS": height, "COLUMNS": width, "GROUPS": self.groups, "TOP": op.top,
                "LEFT": op.left, "BOTTOM": op.bottom, "RIGHT": op.right, "FOLDS": len(self.border()),
                **value_parameters(self.input_type), "OUT_BITS": out.bits, "OUT_BIPOLAR": int(out == BIPOLAR)}

    def memories(self) -> tuple[Memory, ...]:
        return (Memory("border", self.border(), self.output_type),)

    def resources(self) -> Resources:
        """Two registers and a LUT a bit for the output, the kept beat, counters, the ROM. Fitted to Yosys."""
        (height, width, _), *_ = (shape for shape, _ in self.op.infer(self.inputs))
        counters = sum((n - 1).bit_length() for n in (self.groups, height, width))
        out = self.output_stream().width
        kept = self.input_stream().width if self.keeps else 0
        address = (len(self.border()) - 1).bit_length()
        return Resources(lut=10 + out + 3 * counters // 2, ff=2 * out + kept + counters + address + 7) + resources(
            self.memories()[0])

    def input_stream(self) -> Stream:
        return Stream(self.input_type, self.inputs[0].elements, self.fold.pe)

    def output_stream(self) -> Stream:
        return Stream(self.output_type, self.output_elements, self.fold.pe)
