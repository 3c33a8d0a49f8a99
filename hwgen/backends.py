"""What a folded graph becomes: SystemVerilog, or C++ for Vitis HLS. A backend is one record of functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hwgen.boards import Board
from hwgen.emit.hls_top import MAX_WIDTH
from hwgen.emit.whole import emit_build, emit_hls_build
from hwgen.ir.graph import Graph
from hwgen.report.console import Console, count
from hwgen.simulate import Design, simulate, simulate_hls
from hwgen.verification import STALLS, CsimRun, RtlRuns, Simulated, Vectors

Emit = Callable[[Graph, Board, Vectors, Path], Design]
"""Writes the design into a build directory; the board and the vectors are for projects that hold them."""
Simulate = Callable[[Path, Path, Design, Vectors, int, Console], Simulated]
"""Build directory, what it will be called, design, vectors, seed. HwgenError tool-missing (exit code 3)."""


@dataclass(frozen=True)
class Backend:
    """facts: what was emitted, in words; widest: bits of a number that its language has, None without a limit."""

    name: str
    emit: Emit
    facts: Callable[[Path], str]
    simulate: Simulate
    widest: int | None = None


def _emit_rtl(graph: Graph, board: Board, vectors: Vectors, out: Path) -> Design:
    return emit_build(graph, out)


def _rtl_facts(out: Path) -> str:
    modules, memories = len(list((out / "rtl").glob("*.sv"))), len(list((out / "mem").glob("*")))
    return f"{count(modules, 'module')}, {count(memories, 'memory file')}"


def _simulate_rtl(folder: Path, called: Path, design: Design, vectors: Vectors, seed: int, console: Console) -> RtlRuns:
    """One run for each of STALLS."""
    return RtlRuns(tuple(simulate(folder, design, vectors.integers, vectors.values, stalls=stalls, seed=seed,
                                  called=called, announce=console.announce) for stalls in STALLS))


def _emit_hls(graph: Graph, board: Board, vectors: Vectors, out: Path) -> Design:
    return emit_hls_build(graph, board, vectors.integers, vectors.values, out)


def _hls_facts(out: Path) -> str:
    headers = len(list((out / "hls" / "library").glob("*.hpp")))
    return f"a Vitis HLS project in hls/: top, layers and weights on {count(headers, 'library header')}"


def _simulate_hls(folder: Path, called: Path, design: Design, vectors: Vectors, seed: int, console: Console) -> CsimRun:
    return CsimRun(simulate_hls(folder, design, vectors.integers, vectors.values, called=called))


BACKENDS = {backend.name: backend for backend in (
    Backend("rtl", _emit_rtl, _rtl_facts, _simulate_rtl),
    Backend("hls", _emit_hls, _hls_facts, _simulate_hls, MAX_WIDTH),
)}
