"""First in, first out: beats that wait."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from hwgen.ir.graph import Op, Value
from hwgen.kernels.base import Fold, Kernel, Resources, Schedule, every_step
from hwgen.kernels.lanes import divisors
from hwgen.kernels.rom import block_rams
from hwgen.ops.identity import Identity
from hwgen.stream import Stream


@dataclass(frozen=True)
class Fifo(Kernel):
    """Holds up to `depth` beats of fold.pe = fold.simd elements (rtl/hwgen_fifo.sv).

    depth: at least 2, in block RAM at least 4; block: block RAM instead of LUT RAM.
    """

    stem: ClassVar[str] = "fifo"
    title: ClassVar[str] = "stream FIFO"
    hls_function: ClassVar[bool] = False

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
        """Fitted to Yosys 0.70: LUTs within 15 %, flip-flops and block RAM exact."""
        width = self.input_stream().width
        if self.depth == 2:
            return Resources(lut=width + 4, ff=2 * width + 2)
        slots = self.depth - (2 if self.block else 1)
        address = max((slots - 1).bit_length(), 1)
        if self.block:
            return Resources(lut=round(13 + 1.25 * address), ff=width + 3 * address + 3,
                             bram18=block_rams(1 << address, width))
        control = 8 if address == 1 else round(8.5 + 1.7 * address)
        return Resources(lut=control + lut_ram(1 << address, width), ff=width + 3 * address + 2)

    def schedule(self) -> Schedule:
        every = every_step(self.cycles)
        return Schedule(every, every, self.latency)

    def parameters(self) -> dict[str, int]:
        return {"WIDTH": self.input_stream().width, "DEPTH": self.depth, "BLOCK": int(self.block)}

    def input_stream(self) -> Stream:
        return Stream(self.input_type, self.output_elements, self.fold.simd)

    def output_stream(self) -> Stream:
        return Stream(self.output_type, self.output_elements, self.fold.pe)


def lut_ram(depth: int, width: int) -> int:
    """LUTs of a dual-port RAM: 6 bits of 32 words or 3 bits of 64 in four, banks of 64 and a multiplexer beyond."""
    if depth <= 32:
        return 4 * -(-width // 6)
    if depth <= 64:
        return 4 * -(-width // 3)
    banks = -(-depth // 64)
    return banks * 4 * -(-width // 3) + width * -(-(banks - 1) // 3) + (banks if banks > 2 else 0)
