"""Fork: one stream to several readers, each of which takes a beat when it can."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from hwgen.ir.graph import Op, Value
from hwgen.kernels.base import Fold, Kernel, Resources, Schedule, every_step
from hwgen.kernels.lanes import divisors
from hwgen.ops.fork import Fork
from hwgen.stream import Stream


@dataclass(frozen=True)
class ForkUnit(Kernel):
    """fold.pe elements a beat to every output (rtl/hwgen_fork.sv)."""

    stem: ClassVar[str] = "fork"
    title: ClassVar[str] = "stream fork"

    op: Fork

    @classmethod
    def accepts(cls, op: Op, inputs: Sequence[Value]) -> str | None:
        return "it serves several readers of a value, passes insert it"

    @classmethod
    def of(cls, value: Value, copies: int) -> Self:
        """For `copies` readers of `value`."""
        return cls.lower(Fork(copies), (value,))

    def foldings(self) -> Iterator[Fold]:
        """Lanes divide the innermost axis, as those of every kernel around do: groups never straddle a pixel."""
        return (Fold(lanes) for lanes in divisors(self.inputs[0].shape[-1] if self.inputs[0].shape else 1))

    @property
    def cycles(self) -> int:
        return self.input_stream().beats

    @property
    def ideal(self) -> int:
        """Beats in, which are the beats out at every output."""
        return self.inputs[0].elements // self.fold.pe

    def schedule(self) -> Schedule:
        return Schedule(every_step(self.cycles), every_step(self.cycles, self.op.copies), 1)

    def parameters(self) -> dict[str, int]:
        return {"WIDTH": self.input_stream().width, "OUTPUTS": self.op.copies}

    def resources(self) -> Resources:
        """A skid buffer, and a mark and a little logic an output. Fitted to Yosys."""
        width = self.input_stream().width
        return Resources(lut=width + 2 + 3 * self.op.copies, ff=2 * width + 2 + self.op.copies)

    def input_stream(self) -> Stream:
        return Stream(self.input_type, self.inputs[0].elements, self.fold.pe)

    def output_stream(self) -> Stream:
        return self.input_stream()

    def output_streams(self) -> tuple[Stream, ...]:
        return (self.input_stream(),) * self.op.copies
