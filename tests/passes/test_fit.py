"""The board holds the design with its FIFOs, or the build ends."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hwgen.boards import Board, load
from hwgen.errors import HwgenError
from hwgen.ir.graph import Graph
from hwgen.kernels.base import Resources
from hwgen.passes.pipeline import lower
from hwgen.synth.parts import kernels_of
from hwgen.target import Target, fitted
from tests.sim.built import residual_network

BOARD = load("pynq")


def luts(graph: Graph) -> int:
    return sum((kernel.resources() for _, kernel in kernels_of(graph)), Resources()).lut


def hardware() -> Graph:
    return list(lower(residual_network()))[-1][1]


@pytest.fixture
def dear_fifos(monkeypatch: pytest.MonkeyPatch) -> None:
    """FIFOs take a hundred times what they do."""
    monkeypatch.setattr("hwgen.target.kernels_of", lambda graph: [
        (name, kernel) for name, kernel in kernels_of(graph) for _ in range(100 if kernel.stem == "fifo" else 1)])


def dear(graph: Graph) -> int:
    """LUTs at these prices."""
    return luts(graph) + 99 * sum(kernel.resources().lut for _, kernel in kernels_of(graph) if kernel.stem == "fifo")


def board(lut: int) -> Board:
    return replace(BOARD, resources=replace(BOARD.resources, lut=lut))


def test_a_design_whose_fifos_exceed_the_board(dear_fifos: None) -> None:
    target = Target("pynq", fps=100_000)
    _, sized = fitted(hardware(), target, board(10**9))
    small = board(10 * luts(sized))
    assert dear(sized) > 10 * luts(sized)
    with pytest.raises(HwgenError) as error:
        fitted(hardware(), target, small)
    assert str(error.value).startswith("does-not-fit: pynq: with its FIFOs, the design does not fit pynq: it takes ")
    assert str(error.value).endswith(
        f" more than the {10 * luts(sized):,} there are. Take a larger board, ask for fewer frames/s, or "
        "build anyway with --allow-oversize.")
    assert fitted(hardware(), replace(target, allow_oversize=True), small)[1].nodes


def test_the_default_folding_gives_way_to_fifos(dear_fifos: None) -> None:
    _, large = fitted(hardware(), Target("pynq"), board(10**9))
    limit = dear(large) - 1
    _, sized = fitted(hardware(), Target("pynq"), board(limit))
    assert dear(sized) <= limit
