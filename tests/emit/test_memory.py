"""Memory files hold the words, and the wrapper puts every bit of them where the kernel's port has it."""

from __future__ import annotations

import re

import numpy as np
import pytest

from hwgen.emit.memory import MAX_ROM_WIDTH, roms
from hwgen.emit.rtl import kernel_wrapper, memory_files
from hwgen.ir.types import BIPOLAR, IntType, full_range
from hwgen.kernels.base import Kernel, Memory, memory_ports
from hwgen.stream import from_codes
from tests.emit.fake import fake, random_memory

CONNECTION = re.compile(
    r'\.DEPTH\((\d+)\),\s*\.WIDTH\((\d+)\),\s*\.INIT_FILE\("mem/([^"]+)"\),\s*\.BLOCK\(([01])\)\s*\) \w+ \(\s*'
    r"\.clk\(clk\),\s*\.en\((\w+)_en\[(\d+)\]\),\s*\.addr\(\5_addr\[(\d+):(\d+)\]\),\s*\.data\(\5_data\[(\d+):(\d+)\]\)")


def words_on_port(text: str, files: dict[str, str], port: str) -> dict[int, tuple[int, int, list[int]]]:
    """What the rendered wrapper and its files put on a port: enable index to (address lsb, data lsb, words)."""
    slots: dict[int, tuple[int, int, list[int]]] = {}
    for match in CONNECTION.finditer(text):
        depth, width, file, _, name, enable, amsb, alsb, msb, lsb = match.groups()
        if name != port:
            continue
        lines = files[file].splitlines()
        assert len(lines) == int(depth)
        assert all(len(line) == -(-int(width) // 4) for line in lines)
        assert int(msb) - int(lsb) + 1 == int(width) <= MAX_ROM_WIDTH
        assert int(amsb) - int(alsb) + 1 == max(1, (int(depth) - 1).bit_length())
        first, base, words = slots.get(int(enable), (int(alsb), int(lsb), [0] * int(depth)))
        slots[int(enable)] = (first, base, [word | int(line, 16) << (int(lsb) - base)
                                            for word, line in zip(words, lines, strict=True)])
    return slots


def assert_ports_hold_the_words(kernel: Kernel) -> None:
    text, files = kernel_wrapper("fc", kernel, "mem/"), memory_files("fc", kernel)
    for port in memory_ports(kernel.memories()):
        slots = words_on_port(text, files, port.name)
        assert sorted(slots) == [slot.index for slot in port.slots]
        for slot in port.slots:
            address, data, words = slots[slot.index]
            assert (address, data) == (slot.address, slot.data)
            bits, mask = slot.memory.type.bits, (1 << slot.memory.type.bits) - 1
            codes = [[word >> (lane * bits) & mask for lane in range(slot.memory.words.shape[1])] for word in words]
            assert (from_codes(np.array(codes), slot.memory.type) == slot.memory.words).all()


@pytest.mark.parametrize("kind", [full_range(1, False), full_range(3, True), IntType(-3, 12), full_range(16, True),
                                  full_range(33, False), full_range(60, True)], ids=str)
@pytest.mark.parametrize("lanes", [1, 3, 8])
def test_one_memory(kind: IntType, lanes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    assert_ports_hold_the_words(fake(random_memory(rng, "weights", int(rng.integers(1, 9)), lanes, kind)))


def test_bipolar_words() -> None:
    words = 2 * np.random.default_rng(0).integers(0, 2, (5, 7)) - 1
    assert_ports_hold_the_words(fake(Memory("weights", words, BIPOLAR)))


def test_wide_words_are_split_between_lanes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    kernel = fake(random_memory(rng, "weights", 4, 1500, full_range(7, True)))
    assert_ports_hold_the_words(kernel)
    assert [rom.file for rom in roms("fc", kernel)] == ["fc_weights_0.mem", "fc_weights_1.mem", "fc_weights_2.mem"]
    assert all(rom.width % 7 == 0 for rom in roms("fc", kernel))


def test_several_ports_and_slots(seed: int) -> None:
    rng = np.random.default_rng(seed)
    kernel = fake(random_memory(rng, "weights", 7, 3, full_range(4, True)),
                  random_memory(rng, "level_0", 1, 2, full_range(9, True), "level"),
                  random_memory(rng, "level_1", 2, 2, full_range(9, True), "level"),
                  random_memory(rng, "level_2", 5, 700, full_range(9, True), "level"),
                  random_memory(rng, "sign", 1, 1, full_range(1, False)))
    assert_ports_hold_the_words(kernel)


def test_a_kernel_without_memories_has_no_files() -> None:
    assert memory_files("fc", fake()) == {}
    assert "hwgen_rom" not in kernel_wrapper("fc", fake(), "mem/")


def test_a_million_weights_are_a_file(seed: int) -> None:
    kernel = fake(random_memory(np.random.default_rng(seed), "weights", 16384, 64, full_range(4, True)))
    (text,) = memory_files("fc", kernel).values()
    assert text.count("\n") == 16384
