"""What the user asks of the hardware: board or part, clock, and how to fold."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

from hwgen import folding_file
from hwgen.boards import Board, for_part, load
from hwgen.errors import HwgenError
from hwgen.ir.graph import Graph
from hwgen.kernels.base import Resources
from hwgen.passes.fold import fold, oversize_warning
from hwgen.passes.size_fifos import size_fifos
from hwgen.synth.parts import kernels_of

_ATTEMPTS = 6
"""Foldings that are tried where FIFOs exceed the board; each for four fifths of what the last one could take."""


@dataclass(frozen=True)
class Target:
    """Board name or file, device instead of the board's, clock in MHz, and one of frames per second or folding file.

    widest: bits of a number that the backend's language has, None where there is no limit.
    """

    board: str | None
    part: str | None = None
    clock_mhz: float | None = None
    fps: float | None = None
    folding: Path | None = None
    allow_oversize: bool = False
    widest: int | None = None


def resolve(target: Target) -> Board:
    """The board with its part and clock as asked. HwgenError no-board, fps-and-folding, and those of hwgen.boards."""
    if target.fps is not None and target.folding is not None:
        raise HwgenError("fps-and-folding", "--fps and --folding", "they are two answers to one question",
                         "Give one of them: --fps solves for a folding, --folding takes yours.")
    if target.board is None and target.part is None:
        raise HwgenError("no-board", "hwgen build", "neither --board nor --part is given",
                         "Add --board pynq, or see: hwgen boards.")
    device = None if target.part is None else for_part(target.part)
    board = device if target.board is None else load(target.board)
    assert board is not None
    if device is not None:
        board = replace(board, part=device.part, family=device.family, resources=device.resources)
    return board if target.clock_mhz is None else replace(board, clock_mhz=target.clock_mhz)


def folded(graph: Graph, target: Target, board: Board) -> Graph:
    """The hardware graph with the folding that the target asks for. Raises HwgenError as fold and folding_file do."""
    given = None if target.folding is None else folding_file.read(target.folding, graph)
    return fold(graph, board=board, clock_mhz=board.clock_mhz, fps=target.fps, folding=given,
                allow_oversize=target.allow_oversize, widest=target.widest)


def fitted(graph: Graph, target: Target, board: Board) -> tuple[Graph, Graph]:
    """The folded graph, and the same with converters and FIFOs, which fits the board (unless target.allow_oversize).

    What waits beside a long branch is known only now. Where it makes the default folding exceed the board, a smaller
    one is tried. Raises HwgenError as folded does, and "does-not-fit".
    """
    limit = board
    for _ in range(_ATTEMPTS):
        chosen = folded(graph, target, limit)
        sized = size_fifos(chosen)
        over = oversize_warning(sum((kernel.resources() for _, kernel in kernels_of(sized)), Resources()), board)
        if over is None or target.allow_oversize:
            return chosen, sized
        if target.fps is not None or target.folding is not None:
            break
        limit = replace(limit, resources=_reduced(limit.resources))
    raise HwgenError("does-not-fit", board.name, f"with its FIFOs, {over}",
                     "Take a larger board, ask for fewer frames/s, or build anyway with --allow-oversize.")


def _reduced(resources: Resources) -> Resources:
    """A fifth less of everything."""
    return Resources(**{name: 4 * number // 5 for name, number in asdict(resources).items()})
