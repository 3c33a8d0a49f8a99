"""One layer of an HLS design: its config struct and its ROMs, filled into templates/hls/layer.hpp.j2."""

from __future__ import annotations

from dataclasses import dataclass

from hwgen.emit.render import render
from hwgen.kernels.base import Kernel, Memory
from hwgen.kernels.vector import Vector
from hwgen.stream import words_to_hex

LITERAL_BITS = 64
"""Widest word that is a literal of C++; wider ones are read from text."""

LINE = 110
"""Characters of a line of words."""


@dataclass(frozen=True)
class Member:
    """A constant of a config struct: `type` and the name, with [n] behind it where it is an array."""

    type: str
    name: str
    value: str


@dataclass(frozen=True)
class HlsRom:
    """A constant array: words as expressions of C++, and how many go in a line."""

    name: str
    width: int
    words: tuple[str, ...]
    style: str

    @property
    def per_line(self) -> int:
        return max(1, LINE // (max(map(len, self.words)) + 2))


@dataclass(frozen=True)
class LayerContext:
    """Context of layer.hpp.j2."""

    name: str
    title: str
    members: tuple[Member, ...]
    roms: tuple[HlsRom, ...]


def layer_text(name: str, kernel: Kernel) -> str:
    """C++ of struct <name>_config and of the constant arrays <name>_<memory>, for a kernel of hls/<stem>.hpp."""
    return render("hls/layer.hpp.j2", LayerContext(name, f"{name}: {kernel.title}", members(kernel),
                                                   hls_roms(name, kernel)))


def members(kernel: Kernel) -> tuple[Member, ...]:
    """The kernel's parameters, and FRAME_BEATS_IN and FRAME_BEATS_OUT: beats of a frame at its first ports."""
    beats = {"FRAME_BEATS_IN": kernel.input_stream().beats, "FRAME_BEATS_OUT": kernel.output_stream().beats}
    return tuple(_member(name, value) for name, value in {**kernel.parameters(), **beats}.items())


def _member(name: str, value: int) -> Member:
    if not isinstance(value, Vector):
        return Member("int", name, str(int(value)))
    if value.entries:
        return Member("int", f"{name}[{len(value.entries)}]", f"{{{', '.join(map(str, value.entries))}}}")
    signed = (value + (1 << 63)) % (1 << 64) - (1 << 63)
    return Member("long long", name, f"{signed}LL" if signed > -(1 << 63) else f"{signed + 1}LL - 1")


def hls_roms(name: str, kernel: Kernel) -> tuple[HlsRom, ...]:
    """The ROMs of layer `name`, in the order of the function's arguments."""
    return tuple(HlsRom(f"{name}_{memory.name}", memory.width, _words(memory), memory.style)
                 for memory in kernel.memories())


def _words(memory: Memory) -> tuple[str, ...]:
    lines = words_to_hex(memory.words, memory.type)
    if memory.width <= LITERAL_BITS:
        return tuple(f"0x{line}ULL" if memory.width > 32 else f"0x{line}" for line in lines)
    return tuple(f'{{"0x{line}", 16}}' for line in lines)  # Xilinx' ap_int reads "0b..." as binary, whatever the radix
