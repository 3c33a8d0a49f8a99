"""First in, first out: beats that wait."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from hwgen.ir.graph import Op, Value
from hwgen.kernels.base import Fold, Kernel, Resources, Schedule
from hwgen.kernels.lanes import divisors
from hwgen.ops.identity import Identity
from hwgen.stream import Stream


@dataclass(frozen=True)
class Fifo(Kernel):
    """Holds up to `depth` beats of fold.pe = fold.simd elements (rtl/hwgen_fifo.sv).

    depth: at least 2, in block RAM at least 4; block: block RAM instead of LUT RAM.
    """

    stem: ClassVar[str] = "fifo"
    title: ClassVar[str] = "stream FIFO"

    depth: int = 2
    block: bool = False

    @classmethod
    def accepts(cls, op: Op, inputs: Sequence[Value]) -> str | None:
        return "it joins two kernels, passes insert it"

    @classmethod
    def storing(cls, value: Value, lanes: int, depth: int, *, block: bool = False) -> Self:
        """For `depth` beats of `lanes` elements of `value`. ValueError for a depth that the RTL does not have."""
        if depth < (4 if block else 2):
            raise ValueError(f"a FIFO of {depth} beats{' in block RAM' if block else ''}")
        return cls(Identity(), (value,), Fold(lanes, lanes), depth, block)

    def foldings(self) -> Iterator[Fold]:
        return (Fold(lanes, lanes) for lanes in divisors(self.output_elements))

    @property
    def latency(self) -> int:
        """Cycles from a beat's acceptance to its presentation by an empty FIFO."""
        if self.block:
            return 3
        return 1 if self.depth == 2 else 2

    @property
    def cycles(self) -> int:
        return self.input_stream().beats

    @property
    def ideal(self) -> int:
        """Beats in, which are beats out."""
        return self.input_stream().beats

    def resources(self) -> Resources:
        return Resources()

    def schedule(self) -> Schedule:
        every = (True,) * self.cycles
        return Schedule(every, every, self.latency)

    def parameters(self) -> dict[str, int]:
        return {"WIDTH": self.input_stream().width, "DEPTH": self.depth, "BLOCK": int(self.block)}

    def input_stream(self) -> Stream:
        return Stream(self.input_type, self.output_elements, self.fold.simd)

    def output_stream(self) -> Stream:
        return Stream(self.output_type, self.output_elements, self.fold.pe)
