"""Pieces of a step function as hardware sees them: monotone thresholds, or a position among changes and its value.

A function that falls and rises is a ladder: the number of changes passed, which rises, then the level of each rung.
Channels whose levels run through parts of one sequence, forwards or backwards, share the levels: a change that a
channel skips or does not have in its range is passed before its first integer, or never.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hwgen.exact.pieces import Pieces
from hwgen.ir.tensor import Array


@dataclass(frozen=True)
class Ladder:
    """changes: (C, N) ascending integers, high + 1 is never passed; descending: (C,); levels: (1 or C, N + 1).

    The level is levels[c][n], n the number of changes at or below the integer, N - n where descending.
    """

    changes: Array
    descending: Array
    levels: Array


def monotone(found: Sequence[Pieces], most: int, high: int) -> tuple[Array, Array] | None:
    """Thresholds (C, most) and directions (C,), if no channel both rises and falls; high + 1 is never reached."""
    rows, down = [], []
    for piece in found:
        falls = piece.values[-1] < piece.values[0]
        steps = np.array([most - v if falls else v for v in piece.values])
        if (np.diff(steps) < 0).any():
            return None
        rows.append(_changes(steps, piece.starts, most, high))
        down.append(falls)
    return np.stack(rows), np.array(down)


def ladder(found: Sequence[Pieces], high: int) -> Ladder:
    """Any functions, with one row of levels for all channels where they fit one."""
    pattern = _unit_steps(max(found, key=lambda p: len(p.values)).values)
    placed = [_placed(p.values, pattern) for p in found]
    last = len(pattern) - 1
    if all(placed):
        rows = [_changes(np.array(at[0]), p.starts, last, high) for at, p in zip(placed, found, strict=True) if at]
        return Ladder(np.stack(rows), np.array([at[1] for at in placed if at]), np.array([pattern]))
    size = max(len(p.values) for p in found)
    rows = [_changes(np.arange(len(p.values)), p.starts, size - 1, high) for p in found]
    levels = [[*p.values, *[p.values[-1]] * (size - len(p.values))] for p in found]
    return Ladder(np.stack(rows), np.zeros(len(found), dtype=bool), np.array(levels))


def _changes(positions: Array, starts: Sequence[int], most: int, high: int) -> Array:
    """Where position 1, 2, ... most is first reached, for positions that rise piece by piece."""
    reached = np.searchsorted(positions, np.arange(1, most + 1), side="left")
    return np.array([*starts, high + 1])[reached]


def _unit_steps(values: Sequence[int]) -> list[int]:
    """With every level between two neighbours put in between."""
    made = [values[0]]
    for value in values[1:]:
        step = 1 if value > made[-1] else -1
        made.extend(range(made[-1] + step, value + step, step))
    return made


def _placed(values: Sequence[int], pattern: list[int]) -> tuple[list[int], bool] | None:
    """Positions at which the values follow each other in the pattern, or in the pattern backwards (True)."""
    for turned in (False, True):
        found = _followed(values, pattern[::-1] if turned else pattern)
        if found is not None:
            return found, turned
    return None


def _followed(values: Sequence[int], pattern: list[int]) -> list[int] | None:
    positions: list[int] = []
    for value in values:
        try:
            positions.append(pattern.index(value, positions[-1] if positions else 0))
        except ValueError:
            return None
    return positions
