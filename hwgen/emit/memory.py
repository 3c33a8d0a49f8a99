"""ROMs of a kernel: how its memories become `hwgen_rom` instances and files for $readmemh."""

from __future__ import annotations

from dataclasses import dataclass

from hwgen.ir.tensor import Array
from hwgen.ir.types import IntType
from hwgen.kernels.base import Kernel, Slot, memory_ports
from hwgen.stream import words_to_hex

MAX_ROM_WIDTH = 4096
"""Bits of one `hwgen_rom`; wider words are split into groups of lanes (docs/contract.md, section 8)."""


@dataclass(frozen=True)
class Port:
    """The vectors between the kernel's ports <name>_en, <name>_addr, <name>_data and its ROMs."""

    name: str
    enable_msb: int
    address_msb: int
    data_msb: int


@dataclass(frozen=True)
class Rom:
    """One `hwgen_rom` behind a port: its bits of en, addr and data, and what is in it."""

    name: str
    port: str
    file: str
    depth: int
    width: int
    block: int
    enable: int
    address_msb: int
    address_lsb: int
    data_msb: int
    data_lsb: int
    words: Array
    type: IntType

    def text(self) -> str:
        """The file's text: one hexadecimal word a line."""
        return "".join(f"{line}\n" for line in words_to_hex(self.words, self.type))


def ports(kernel: Kernel) -> tuple[Port, ...]:
    """The memory ports of a kernel, in the order of its RTL module."""
    return tuple(Port(port.name, len(port.slots) - 1, port.address_bits - 1, port.data_bits - 1)
                 for port in memory_ports(kernel.memories()))


def roms(layer: str, kernel: Kernel, prefix: str = "") -> tuple[Rom, ...]:
    """The ROM instances of a layer; `prefix` stands before each file name."""
    return tuple(rom for port in memory_ports(kernel.memories()) for slot in port.slots
                 for rom in _split(layer, port.name, slot, prefix))


def _split(layer: str, port: str, slot: Slot, prefix: str) -> list[Rom]:
    """One ROM, or several where a word is wider than MAX_ROM_WIDTH."""
    memory = slot.memory
    total = memory.words.shape[1]
    group = max(1, MAX_ROM_WIDTH // memory.type.bits)
    starts = range(0, total, group)
    names = [f"{memory.name}_{i}" if len(starts) > 1 else memory.name for i in range(len(starts))]
    return [_rom(f"{prefix}{layer}_{name}.mem", f"rom_{name}", port, slot, start, min(start + group, total))
            for name, start in zip(names, starts, strict=True)]


def _rom(file: str, name: str, port: str, slot: Slot, start: int, stop: int) -> Rom:
    """Lanes start..stop-1 of a memory."""
    memory, bits = slot.memory, slot.memory.type.bits
    return Rom(name=name, port=port, file=file, depth=memory.depth, width=(stop - start) * bits,
               block=int(memory.style == "block"), enable=slot.index,
               address_msb=slot.address + memory.address_bits - 1, address_lsb=slot.address,
               data_msb=slot.data + stop * bits - 1, data_lsb=slot.data + start * bits,
               words=memory.words[:, start:stop], type=memory.type)
