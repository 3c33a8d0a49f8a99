"""The latest times of a steady state: every beat as late as the beats behind it allow, so that few wait in FIFOs.

The dual of hwgen.timing: times only fall, from consumers to producers, until every rule holds but those of FIFOs' room.
The room that each FIFO then needs is counted.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hwgen.ir.tensor import Array
from hwgen.timing import Network, Rule

FRAMES_LATER = 1000
"""From where times fall: later than any chain of causes can reach."""


def latest_times(network: Network, period: int, earliest: Sequence[Array]) -> list[Array]:
    """Event times of a steady state that need little room; the last lines of outputs stay where they are.

    earliest: event times of a steady state of `period` cycles with endless FIFOs where network.edges have room.
    """
    rules = [rule for rule in _without_room(network) if rule.source != rule.target]
    of_source: list[list[Rule]] = [[] for _ in network.lines]
    causes: list[set[int]] = [set() for _ in network.lines]
    for rule in rules:
        of_source[rule.source].append(rule)
        causes[rule.target].add(rule.source)
    fixed = _ends(network)
    at = [x + (0 if k in fixed else FRAMES_LATER * period) for k, x in enumerate(earliest)]
    due = set(range(len(at))) - fixed
    while due:
        k = max(due)
        due.discard(k)
        fallen = _fallen(network, k, period, at, of_source[k])
        if (fallen != at[k]).any():
            at[k] = fallen
            due |= causes[k] - fixed
            due |= {k} if network.lines[k].steps > period else set()
    return at


def _ends(network: Network) -> set[int]:
    """The last line of every kernel that no stream leaves."""
    going_on = {network.lines[edge.source].name for edge in network.edges}
    return {max(k for k, other in enumerate(network.lines) if other.name == line.name)
            for line in network.lines if line.name not in going_on}


def _without_room(network: Network) -> list[Rule]:
    """All rules but those for a place in a FIFO: number 2 k + 1 is the one of edge k."""
    fifos = {2 * k + 1 for k, edge in enumerate(network.edges) if edge.room}
    return [rule for number, rule in enumerate(network.rules) if number not in fifos]


def _fallen(network: Network, k: int, period: int, at: Sequence[Array], rules: Sequence[Rule]) -> Array:
    """The latest times of a line's events that its rules and its own order allow."""
    x = at[k].copy()
    for rule in rules:
        np.minimum.at(x, rule.sources, at[rule.target][rule.targets] - rule.weight + rule.frames * period)
    p = network.lines[k].positions
    x = _in_order(x, p)
    x[-1] = min(x[-1], x[0] - p[0] - network.lines[k].steps + p[-1] + period)
    return _in_order(x, p)


def _in_order(x: Array, positions: Array) -> Array:
    return np.asarray(positions + np.minimum.accumulate((x - positions)[::-1])[::-1])


def room_needed(network: Network, index: int, period: int, at: Sequence[Array]) -> int:
    """The most beats that are on their way between the ends of an edge at these times.

    Beat n has its place if read n - room is over when it arrives: so room is the largest n + 1 - (reads until then).
    """
    edge = network.edges[index]
    source, sink = network.lines[edge.source], network.lines[edge.sink]
    arrives = at[edge.source][source.writes[edge.source_port]] + source.delay - 1
    reads = at[edge.sink][sink.reads[edge.sink_port]]
    frames, since = np.divmod(arrives - reads[0], period)
    over = frames * len(reads) + np.searchsorted(reads, since + reads[0], side="right")
    return int((np.arange(len(arrives)) + 1 - over).max())
