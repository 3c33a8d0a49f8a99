"""Output adapter: dense beats inside, AXI4-Stream at a graph output."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from hwgen.ir.graph import Op, Value
from hwgen.kernels.base import Fold, Kernel, Resources, Schedule
from hwgen.kernels.conversion import Conversion
from hwgen.kernels.lanes import bus_lanes, bus_width, divisors, narrowest_bus
from hwgen.ops.identity import Identity
from hwgen.stream import Stream


@dataclass(frozen=True)
class StreamOutput(Kernel):
    """fold.simd elements per dense beat to fold.pe per bus beat (rtl/hwgen_stream_output.sv).

    Besides its streams it has s_flag, one bit a frame from each of `flags` StreamInputs: a frame of which one is 1 is
    swallowed.
    """

    stem: ClassVar[str] = "stream_output"
    title: ClassVar[str] = "output adapter"

    flags: int = 1

    @classmethod
    def accepts(cls, op: Op, inputs: Sequence[Value]) -> str | None:
        return "it stands at the ports only, passes insert it"

    @classmethod
    def of(cls, value: Value) -> Self:
        """The adapter of a port that carries `value`, on the narrowest bus."""
        return cls.lower(Identity(), (value,))

    def paced(self, lanes: int, cycles: int) -> Self:
        """With `lanes` elements per dense beat, on the narrowest bus that takes a frame in at most `cycles` cycles."""
        bus = narrowest_bus(self.output_elements, self.output_type.bits, cycles)
        return self.folded(Fold(pe=bus, simd=lanes))

    def foldings(self) -> Iterator[Fold]:
        elements = self.output_elements
        for bus in bus_lanes(elements, self.output_type.bits):
            yield from (Fold(pe=bus, simd=lanes) for lanes in divisors(elements))

    @property
    def bus(self) -> int:
        """Bits of tdata: a power of two from 8 to 1024."""
        return bus_width(self.fold.pe, self.output_type.bits)

    @property
    def conversion(self) -> Conversion:
        """From dense beats to the bus."""
        return Conversion(self.output_elements, self.output_type.bits, self.fold.simd, self.fold.pe)

    @property
    def cycles(self) -> int:
        return self.conversion.cycles

    @property
    def ideal(self) -> int:
        """The larger of beats in and beats out."""
        return max(self.input_stream().beats, self.output_stream().beats)

    def resources(self) -> Resources:
        """The conversion, tlast and the flag."""
        counter = (self.conversion.out_beats - 1).bit_length()
        return self.conversion.resources() + Resources(lut=2 + self.flags + counter, ff=counter)

    def schedule(self) -> Schedule:
        return self.conversion.schedule()

    def parameters(self) -> dict[str, int]:
        return {"BUS_WIDTH": self.bus, **self.conversion.parameters(), "FLAGS": self.flags}

    def input_stream(self) -> Stream:
        """The dense frame."""
        return Stream(self.input_type, self.output_elements, self.fold.simd)

    def output_stream(self) -> Stream:
        """The frame on the bus: the last beat may be partly filled, a beat is zero-padded to `bus` bits."""
        return Stream(self.output_type, self.output_elements, self.fold.pe)
