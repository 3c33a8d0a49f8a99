"""Value types: integer intervals, bipolar, and real (only before the scales are folded)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hwgen.errors import HwgenError


@dataclass(frozen=True)
class RealType:
    """A real-valued tensor: only in graphs of the quantized level."""

    def __str__(self) -> str:
        return "real"


@dataclass(frozen=True)
class IntType:
    """All integers from lo to hi. Two's complement on the wire when lo is negative, else unsigned."""

    lo: int
    hi: int

    def __post_init__(self) -> None:
        if self.lo > self.hi:
            raise ValueError(f"empty interval {self.lo}..{self.hi}")

    @property
    def signed(self) -> bool:
        return self.lo < 0

    @property
    def bits(self) -> int:
        """Bits on the wire, at least one."""
        if self.signed:
            return max((-self.lo - 1).bit_length(), self.hi.bit_length() if self.hi > 0 else 0) + 1
        return max(self.hi.bit_length(), 1)

    @property
    def levels(self) -> int:
        """How many values the type can take."""
        return self.hi - self.lo + 1

    def contains(self, other: IntType) -> bool:
        return self.lo <= other.lo and other.hi <= self.hi

    def hull(self, other: IntType) -> IntType:
        """The smallest interval that holds both."""
        return self if self == other else IntType(min(self.lo, other.lo), max(self.hi, other.hi))

    def __str__(self) -> str:
        name = f"{'int' if self.signed else 'uint'}{self.bits}"
        return name if self == full_range(self.bits, self.signed) else f"{name}{{{self.lo}..{self.hi}}}"


@dataclass(frozen=True)
class BipolarType(IntType):
    """{-1, +1} in one bit: code 0 is -1, code 1 is +1. Zero is not a value of this type."""

    lo: int = -1
    hi: int = 1

    @property
    def bits(self) -> int:
        return 1

    @property
    def levels(self) -> int:
        return 2

    def __str__(self) -> str:
        return "bipolar"


Type = RealType | IntType
REAL = RealType()
BIPOLAR = BipolarType()


def full_range(bits: int, signed: bool, narrow: bool = False) -> IntType:
    """The two's complement or unsigned interval of that many bits; narrow drops one end (QONNX's rule)."""
    if signed:
        return IntType(-(1 << (bits - 1)) + narrow, (1 << (bits - 1)) - 1)
    return IntType(0, (1 << bits) - 1 - narrow)


def parse_type(text: str) -> IntType:
    """`uint8`, `int16`, `int5{-3..12}`, `bipolar`, `binary`, `ternary` (case is ignored)."""
    name = text.strip().lower()
    named = {"bipolar": BIPOLAR, "binary": IntType(0, 1), "ternary": IntType(-1, 1)}
    if name in named:
        return named[name]
    match = re.fullmatch(r"(u?)int([1-9][0-9]?)(?:\{(-?[0-9]{1,20})\.\.(-?[0-9]{1,20})\})?", name)
    kind = None if match is None else _matched(match)
    if kind is None:
        raise HwgenError("bad-type", text, "this is not an integer type",
                         "Write uint8, int16, bipolar, binary or ternary.")
    return kind


def _matched(match: re.Match[str]) -> IntType | None:
    full = full_range(int(match[2]), match[1] == "")
    if match[3] is None:
        return full
    low, high = int(match[3]), int(match[4])
    return IntType(low, high) if full.lo <= low <= high <= full.hi else None
