"""Sum of two streams, each times a constant: one beat of both a cycle."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from hwgen.ir.graph import Op, Value
from hwgen.ir.types import BipolarType, IntType
from hwgen.kernels.base import Fold, Kernel, Resources, Schedule, every_step
from hwgen.kernels.lanes import divisors
from hwgen.kernels.vector import Vector
from hwgen.ops.add import Add
from hwgen.ops.integer import int_type
from hwgen.stream import Stream

MAX_BITS = 64
"""Width of the constants of rtl/hwgen_scale.sv, and of the sums."""
MOST_TABLE = 6
"""Bits of an input whose products are a table, as rtl/hwgen_scale.sv has it."""


@dataclass(frozen=True)
class AddUnit(Kernel):
    """fold.pe elements of both streams a cycle (rtl/hwgen_add.sv)."""

    stem: ClassVar[str] = "add"
    title: ClassVar[str] = "sum of two streams"

    op: Add

    @classmethod
    def accepts(cls, op: Op, inputs: Sequence[Value]) -> str | None:
        if not isinstance(op, Add):
            return "it adds two streams only"
        ((_, kind),) = op.infer(inputs)
        bits = max(int_type(x).bits for x in (*inputs, Value("", (), kind)))
        return None if bits <= MAX_BITS else f"its sums have {bits} bits, at most {MAX_BITS} are possible"

    @property
    def factors(self) -> tuple[int, int]:
        """The multipliers of the two streams."""
        return self.op.first, self.op.second

    @property
    def kinds(self) -> tuple[IntType, IntType]:
        """The types of the two streams."""
        first, second = self.inputs
        return int_type(first), int_type(second)

    @property
    def register(self) -> bool:
        """Whether a product takes adders, so that a register parts it from the sum."""
        return any(adders(factor, kind) for factor, kind in zip(self.factors, self.kinds, strict=True))

    def foldings(self) -> Iterator[Fold]:
        return (Fold(pe) for pe in divisors(self.inputs[0].shape[-1]))

    @property
    def cycles(self) -> int:
        return self.output_stream().beats

    @property
    def ideal(self) -> int:
        """Beats in."""
        return self.inputs[0].elements // self.fold.pe

    def schedule(self) -> Schedule:
        return Schedule(every_step(self.cycles, 2), every_step(self.cycles), 1 + self.register)

    def parameters(self) -> dict[str, int]:
        made = {"PE": self.fold.pe}
        for name, factor, kind in zip("AB", self.factors, self.kinds, strict=True):
            bipolar = isinstance(kind, BipolarType)
            made |= {f"{name}_BITS": kind.bits, f"{name}_SIGNED": int(kind.signed and not bipolar),
                     f"{name}_BIPOLAR": int(bipolar), f"{name}_FACTOR": Vector(factor, MAX_BITS)}
        return made | {"OUT_BITS": self.output_type.bits, "REGISTER": int(self.register)}

    def input_stream(self) -> Stream:
        return self.input_streams()[0]

    def input_streams(self) -> tuple[Stream, ...]:
        return tuple(Stream(kind, value.elements, self.fold.pe)
                     for kind, value in zip(self.kinds, self.inputs, strict=True))

    def output_stream(self) -> Stream:
        return Stream(self.output_type, self.output_elements, self.fold.pe)

    def resources(self) -> Resources:
        """Fitted to Yosys 0.70, xc7: products, sums, and two registers a sum, the spare one with a multiplexer."""
        bits = self.output_type.bits
        products = sum(product_luts(factor, kind) for factor, kind in zip(self.factors, self.kinds, strict=True))
        sums = bits if all(kind.bits == 1 for kind in self.kinds) else 2 * bits - 1
        return Resources(lut=round(self.fold.pe * (products + sums)) + 5,
                         ff=self.fold.pe * bits * (4 if self.register else 2) + 2)


def adders(factor: int, kind: IntType) -> int:
    """Adders of the product of a stream and a constant: none where it is a table, or wires."""
    if kind.bits <= MOST_TABLE:
        return 0
    return digits(factor) - 1


def digits(factor: int) -> int:
    """Digits other than zero in the non-adjacent form of a number."""
    size = abs(factor)
    return ((3 * size) ^ size).bit_count()


def product_luts(factor: int, kind: IntType) -> float:
    """LUTs of the product of an element and a constant, beyond those of the sum behind it."""
    negated = kind.bits if factor < 0 and kind.bits > 1 else 0
    if kind.bits > MOST_TABLE:
        return negated + 1.2 * adders(factor, kind) * (kind.bits + 2)
    if digits(factor) == 1 or kind.bits == 1:
        return negated
    return (0.36 if kind.bits < 5 else 0.67) * (kind.bits + factor.bit_length())
