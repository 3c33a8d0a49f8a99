"""Where a quantized function of an integer changes: by enclosures of ever smaller ranges, for any expression.

A range of integers on whose enclosure the quantizer takes one value is a piece: that is the proof. Other ranges are
halved; single integers are decided by enclosures of growing precision. Float64 bounds settle almost everything, for all
channels at once; what they leave open near a cut is settled by exact rational enclosures.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np

from hwgen.errors import HwgenError
from hwgen.exact.expression import Expression
from hwgen.exact.float_bounds import Bounds, bounds_of
from hwgen.exact.interval import Interval
from hwgen.exact.quantizer import Quantizer
from hwgen.exact.surd import Real
from hwgen.ir.tensor import Array, Tensor

FIRST_BITS, MOST_BITS = 80, 1 << 13
NARROW = 2.0**-24
"""Share of a quantizer's step below which a float64 enclosure that meets a cut is left to exact arithmetic."""


@dataclass(frozen=True)
class Pieces:
    """One channel's function on [low, high]: value values[i] from starts[i] on; starts[0] == low."""

    starts: tuple[int, ...]
    values: tuple[int, ...]


class Decision:
    """The cuts of one channel's quantizer: how many of them a real reaches."""

    def __init__(self, quantizer: Quantizer, index: int) -> None:
        cuts = quantizer.cuts(index)
        self.closed = [cut.closed for cut in cuts]
        self.bounds: list[Real] = [cut.bound for cut in cuts]
        self.doubles = bounds_of(np.array(self.bounds, dtype=object))
        step = (self.bounds[-1] - self.bounds[0]) / len(cuts) if len(cuts) > 1 else self.bounds[0]
        self.narrow = (abs(float(step)) or 1.0) * NARROW

    def level(self, x: Interval) -> int | None:
        """The number of cuts that every element of x reaches, None where they differ."""
        least = bisect_right(self.bounds, x.low) if x.open_low else self._reached(x.low)
        most = bisect_left(self.bounds, x.high) if x.open_high else self._reached(x.high)
        return least if least == most else None

    def _reached(self, x: Real) -> int:
        at = bisect_left(self.bounds, x)
        while at < len(self.bounds) and self.bounds[at] == x and self.closed[at]:
            at += 1
        return at

    def levels(self, x: Bounds) -> tuple[Array, Array]:
        """The fewest and the most cuts that elements of each enclosure may reach."""
        return (np.searchsorted(self.doubles.high, x.low, side="left"),
                np.searchsorted(self.doubles.low, x.high, side="right"))


@lru_cache(maxsize=64)
def decision_of(quantizer: Quantizer, index: int) -> Decision:
    """The cuts of one channel, kept for the next call."""
    return Decision(quantizer, index)


def level_at(expression: Expression, decision: Decision, a: int, index: int) -> int:
    """The level of channel `index` at an integer, exactly. HwgenError undecided where no precision settles it."""
    point = Interval(Fraction(a), Fraction(a))
    bits = FIRST_BITS
    while bits <= MOST_BITS:
        level = decision.level(expression.enclose(point, index, bits))
        if level is not None:
            return level
        bits *= 4
    raise HwgenError("undecided", f"channel {index}", f"at {a} the function lies within 2^-{MOST_BITS} of a decision "
                     "of its quantizer, and nothing proves on which side", "Change the scale of the quantizer.")


def pieces(expression: Expression, quantizer: Quantizer, channels: int, low: int, high: int) -> list[Pieces]:
    """For each channel the pieces of its levels (numbers of cuts reached) on [low, high]."""
    first = representatives(expression, quantizer, channels)
    decisions = {c: Decision(quantizer, c) for c in dict.fromkeys(first)}
    found: dict[int, list[tuple[int, int]]] = {c: [] for c in decisions}
    ranges = np.array([[c, low, high] for c in decisions], dtype=np.int64)
    while len(ranges):
        ranges = _halved(_open_ranges(expression, decisions, ranges, found))
    made = {c: _merged(sorted(known)) for c, known in found.items()}
    return [made[c] for c in first]


def representatives(expression: Expression, quantizer: Quantizer, channels: int) -> list[int]:
    """For each channel or element the first one whose parameters are the same objects: broadcast copies share them."""
    parameters: list[Tensor] = []

    def collect(parameter: Tensor) -> Tensor:
        parameters.append(parameter)
        return parameter

    expression.mapped(collect)
    quantizer.mapped(collect)
    first: dict[tuple[int, ...], int] = {}
    columns = [p.array.astype(object).ravel() for p in parameters if p.array.size > 1]
    return [first.setdefault(tuple(id(column[c]) for column in columns), c) for c in range(channels)]


def _open_ranges(expression: Expression, decisions: dict[int, Decision], ranges: Array,
                 found: dict[int, list[tuple[int, int]]]) -> Array:
    """Note the ranges of one level; returns the others."""
    channel, low, high = ranges.T
    y = expression.bounds(Bounds(low.astype(np.float64), high.astype(np.float64)), channel)
    least, most, narrow = np.zeros(len(ranges), int), np.zeros(len(ranges), int), np.zeros(len(ranges))
    for c in np.unique(channel):
        rows = channel == c
        least[rows], most[rows] = decisions[c].levels(y.at(rows))
        narrow[rows] = decisions[c].narrow
    settled = least == most
    for c, start, level in zip(channel[settled].tolist(), low[settled].tolist(), least[settled].tolist(), strict=True):
        found[c].append((start, level))
    near = ~settled & ((y.high - y.low <= narrow) | (low == high))
    for row in np.flatnonzero(near):
        c, start, end = ranges[row].tolist()
        level = _exact_level(expression, decisions[c], start, end, c)
        if level is not None:
            found[c].append((start, level))
            settled[row] = True
    return np.asarray(ranges[~settled])


def _exact_level(expression: Expression, decision: Decision, low: int, high: int, index: int) -> int | None:
    """The level of a whole range, by exact enclosures; None where it must be halved."""
    if low == high:
        return level_at(expression, decision, low, index)
    return decision.level(expression.enclose(Interval(Fraction(low), Fraction(high)), index, FIRST_BITS))


def _halved(ranges: Array) -> Array:
    channel, low, high = ranges.T
    middle = low + (high - low) // 2
    return np.concatenate([np.stack([channel, low, middle], axis=1), np.stack([channel, middle + 1, high], axis=1)])


def _merged(known: list[tuple[int, int]]) -> Pieces:
    kept = [pair for i, pair in enumerate(known) if i == 0 or pair[1] != known[i - 1][1]]
    return Pieces(tuple(start for start, _ in kept), tuple(level for _, level in kept))
