"""What hwgen.dpu.walk knows of a value."""

from __future__ import annotations

from dataclasses import dataclass

from hwgen.dpu.gates import Gate
from hwgen.dpu.layers import Layer


@dataclass(frozen=True)
class Host:
    """A real value of the host: before the first quantizer, or behind the last one."""

    behind: bool = False


@dataclass(frozen=True)
class Fixed:
    """int8 numbers: a value of the network."""

    value: str


@dataclass(frozen=True)
class Pending:
    """A layer without its position; layers behind it that only move or compare, in order."""

    layer: Layer
    behind: tuple[Layer, ...] = ()


@dataclass(frozen=True)
class Broken:
    """What a refused layer would have made."""


State = Host | Fixed | Pending | Gate | Broken
