"""ROMs of a kernel: how its memories become `hwgen_rom` instances and files for $readmemh."""

from __future__ import annotations

from dataclasses import dataclass

from hwgen.ir.tensor import Array
from hwgen.ir.types import IntType
from hwgen.kernels.base import Kernel, Memory
from hwgen.stream import words_to_hex

MAX_ROM_WIDTH = 4096
"""Bits of one `hwgen_rom`; wider words are split into groups of lanes (docs/contract.md, section 8)."""


@dataclass(frozen=True)
class Port:
    """The kernel's ports <name>_en, <name>_addr, <name>_data."""

    name: str
    address_msb: int
    data_msb: int


@dataclass(frozen=True)
class Rom:
    """One `hwgen_rom`: lanes [first, first + lanes) of a memory, on bits msb..lsb of the port's data."""

    name: str
    port: str
    file: str
    depth: int
    width: int
    block: int
    lsb: int
    msb: int
    words: Array
    type: IntType

    def text(self) -> str:
        """The file's text: one hexadecimal word a line."""
        return "".join(f"{line}\n" for line in words_to_hex(self.words, self.type))


def address_bits(depth: int) -> int:
    """Bits of a ROM's address port, at least one."""
    return max(1, (depth - 1).bit_length())


def ports(kernel: Kernel) -> tuple[Port, ...]:
    """The memory ports of a kernel, in the order of its RTL module."""
    return tuple(Port(m.name, address_bits(m.depth) - 1, m.width - 1) for m in kernel.memories())


def roms(layer: str, kernel: Kernel, prefix: str = "") -> tuple[Rom, ...]:
    """The ROM instances of a layer; `prefix` stands before each file name."""
    return tuple(rom for memory in kernel.memories() for rom in _split(layer, memory, prefix))


def _split(layer: str, memory: Memory, prefix: str) -> list[Rom]:
    bits, total = memory.type.bits, memory.words.shape[1]
    group = min(total, max(1, MAX_ROM_WIDTH // bits))
    starts = range(0, total, group)
    return [_rom(layer, memory, prefix, f"_{i}" if len(starts) > 1 else "", start, min(start + group, total))
            for i, start in enumerate(starts)]


def _rom(layer: str, memory: Memory, prefix: str, suffix: str, start: int, stop: int) -> Rom:
    bits = memory.type.bits
    return Rom(name=f"rom_{memory.name}{suffix}", port=memory.name, file=f"{prefix}{layer}_{memory.name}{suffix}.mem",
               depth=memory.depth, width=(stop - start) * bits, block=int(memory.style == "block"), lsb=start * bits,
               msb=stop * bits - 1, words=memory.words[:, start:stop], type=memory.type)
