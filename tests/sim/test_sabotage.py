"""Whole networks with one memory file spoiled: the simulation must fail and name the layer that owns the file."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hwgen.emit.memory import Rom, roms
from hwgen.ir.tensor import Array
from hwgen.kernels.base import Kernel
from hwgen.simulate import SimResult
from tests.sim.built import FOLDING, Built, bipolar_network, built, integer_network

FRAMES = 400
pytestmark = pytest.mark.usefixtures("verilator")


@pytest.fixture(scope="module", params=["integer", "bipolar"])
def network(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Built:
    graph = {"integer": integer_network, "bipolar": bipolar_network}[request.param]()
    return built(tmp_path_factory.mktemp(request.param), graph, FOLDING, FRAMES)


def memories(network: Built, end: str = "") -> list[tuple[str, Kernel, Rom]]:
    """Layer, kernel and ROM of each memory file whose ROM's name ends so; there is one at least."""
    found = [(node.name, node.op, rom) for node in network.graph.nodes if isinstance(node.op, Kernel)
             for rom in roms(node.name, node.op) if rom.name.endswith(end)]
    assert found, f"no memory is called {end}: adapt the test to the kernels"
    return found


def spoiled(network: Built, rom: Rom, change: Callable[[list[str]], list[str]], folder: Path) -> SimResult:
    """The result with the lines of one memory file changed; the change must be one."""
    shutil.copytree(network.folder, folder)
    path = folder / "mem" / rom.file
    lines = path.read_text().split()
    other = change(list(lines))
    assert other != lines
    assert [len(line) for line in other] == [len(line) for line in lines]
    path.write_text("\n".join(other) + "\n")
    return replace(network, folder=folder).simulate()


def flipped(lines: list[str], word: int, bit: int) -> list[str]:
    lines[word] = format(int(lines[word], 16) ^ (1 << bit), f"0{len(lines[word])}x")
    return lines


def test_unspoiled_network_passes(network: Built, seed: int) -> None:
    for stalls in (None, (0.1, 0.9), (0.9, 0.1), (0.5, 0.5)):
        result = network.simulate(seed, stalls)
        assert result.ok, (*result.problems, *map(str, result.mismatches))
        slowest = max(node.op.cycles for node in network.graph.nodes if isinstance(node.op, Kernel))
        assert stalls is not None or result.cycles_per_frame == slowest


def test_flipped_bit_in_any_memory_file(network: Built, tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    files = memories(network)
    assert {path.name for path in (network.folder / "mem").iterdir()} == {rom.file for *_, rom in files}
    for layer, kernel, rom in files:
        if rom.name.endswith("descending") and not kernel.parameters()["DESCENDING"]:
            continue  # the layer never reads it
        word, lane = int(rng.integers(rom.depth)), int(rng.integers(rom.words.shape[1]))
        bit = (lane + 1) * rom.type.bits - 1
        result = spoiled(network, rom, lambda lines, w=word, b=bit: flipped(lines, w, b), tmp_path / rom.file)
        place = f"bit {bit} of word {word} of {rom.file}, seed {seed}"
        assert result.mismatches, f"{place} changes nothing"
        assert result.mismatches[0].layer == layer, place
        assert result.mismatches[0].replay.startswith(f"hwgen simulate {tmp_path / rom.file} --frame")


def test_swapped_pair_of_thresholds(network: Built, tmp_path: Path) -> None:
    """The thresholds of two channels (two groups of PE channels) change places."""
    for layer, kernel, rom in memories(network, "thresholds"):
        first, second = distant_words(rom.words)

        def swap(lines: list[str], a: int = first, b: int = second) -> list[str]:
            lines[a], lines[b] = lines[b], lines[a]
            return lines

        result = spoiled(network, rom, swap, tmp_path / rom.file)
        assert result.mismatches[0].layer == layer
        assert result.mismatches[0].channel // kernel.fold.pe in (first, second)


def distant_words(words: Array) -> tuple[int, int]:
    """The two words that differ most."""
    distance = np.abs(words[:, None, :] - words[None, :, :]).sum(axis=2)
    first, second = np.unravel_index(int(distance.argmax()), distance.shape)
    return int(first), int(second)


def test_transposed_weight_block(network: Built, tmp_path: Path) -> None:
    """In every word the lanes pe * SIMD + simd become simd * PE + pe."""
    for layer, kernel, rom in memories(network, "weights"):
        pe, simd = kernel.fold.pe, kernel.fold.simd
        words = rom.words.reshape(-1, pe, simd).transpose(0, 2, 1).reshape(-1, pe * simd)
        text = replace(rom, words=words).text().split()
        result = spoiled(network, rom, lambda lines, other=text: other, tmp_path / rom.file)
        assert result.mismatches[0].layer == layer


def test_reversed_memory(network: Built, tmp_path: Path) -> None:
    """Every word is read from the wrong address."""
    for layer, _, rom in memories(network, "thresholds"):
        result = spoiled(network, rom, lambda lines: lines[::-1], tmp_path / rom.file)
        assert result.mismatches[0].layer == layer
