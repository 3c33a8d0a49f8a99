"""Width converter: the same elements in the same order, other lanes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from hwgen.ir.graph import Op, Value
from hwgen.kernels.base import Fold, Kernel, Resources, Schedule
from hwgen.kernels.conversion import Conversion
from hwgen.kernels.lanes import divisors
from hwgen.ops.identity import Identity
from hwgen.stream import Stream


@dataclass(frozen=True)
class WidthConverter(Kernel):
    """From fold.simd to fold.pe elements per beat, any ratio (rtl/hwgen_width_converter.sv)."""

    stem: ClassVar[str] = "width_converter"
    title: ClassVar[str] = "width converter"

    @classmethod
    def accepts(cls, op: Op, inputs: Sequence[Value]) -> str | None:
        return "it joins two kernels, passes insert it"

    @classmethod
    def between(cls, value: Value, source: int, sink: int) -> Self:
        """For a stream of `value` that comes with `source` and is needed with `sink` elements per beat."""
        return cls(Identity(), (value,), Fold(pe=sink, simd=source))

    def foldings(self) -> Iterator[Fold]:
        lanes = divisors(self.output_elements)
        yield from sorted((Fold(pe, simd) for pe in lanes for simd in lanes), key=lambda f: (f.pe * f.simd, f.pe))

    @property
    def conversion(self) -> Conversion:
        """The lanes of both sides."""
        return Conversion(self.output_elements, self.output_type.bits, self.fold.simd, self.fold.pe)

    @property
    def cycles(self) -> int:
        return self.conversion.cycles

    @property
    def ideal(self) -> int:
        """The larger of beats in and beats out."""
        return max(self.input_stream().beats, self.output_stream().beats)

    def resources(self) -> Resources:
        return self.conversion.resources()

    def schedule(self) -> Schedule:
        return self.conversion.schedule()

    def parameters(self) -> dict[str, int]:
        return self.conversion.parameters()

    def input_stream(self) -> Stream:
        return Stream(self.input_type, self.output_elements, self.fold.simd)

    def output_stream(self) -> Stream:
        return Stream(self.output_type, self.output_elements, self.fold.pe)
