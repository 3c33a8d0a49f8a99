"""Parameters of RTL modules that are vectors of bits: numbers beyond 32 bits, and one entry for each port."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

ENTRY_BITS = 16
"""Bits of a port's entry in a vector of several."""


class Vector(int):
    """A parameter of `width` bits, in two's complement where negative; any other parameter is an int.

    entries: the numbers that a vector of one for each port consists of, else none; an array where a language has them.
    """

    width: int
    entries: tuple[int, ...]

    def __new__(cls, value: int, width: int, entries: Sequence[int] = ()) -> Self:
        """ValueError where the bits do not suffice."""
        if not -(1 << (width - 1)) <= value < 1 << width:
            raise ValueError(f"{value} does not fit {width} bits")
        made = super().__new__(cls, value)
        made.width, made.entries = width, tuple(entries)
        return made

    @classmethod
    def of_entries(cls, numbers: Sequence[int]) -> Self:
        """ENTRY_BITS for each number, the first in the least significant bits. ValueError where they do not suffice."""
        if not all(0 <= number < 1 << ENTRY_BITS for number in numbers):
            raise ValueError(f"{max(numbers)} does not fit {ENTRY_BITS} bits")
        value = sum(number << (ENTRY_BITS * i) for i, number in enumerate(numbers))
        return cls(value, ENTRY_BITS * len(numbers), numbers)


def literal(value: int) -> str:
    """A parameter's value in Verilog."""
    if not isinstance(value, Vector):
        return str(value)
    return f"{value.width}'h{value % (1 << value.width):x}"
