"""Exact steady-state timing of a hardware graph from its kernels' schedules.

Every read or write step of a frame is an event with a time; each rule is a difference constraint between two times:
a step comes after the one before it, a read after the beat has arrived, a write when there is room for its beat. Rules
that reach into an earlier frame are `period` cycles easier. So the graph can run at a period if the constraints have no
cycle of positive weight, and its steady-state interval is the smallest such period (max-plus algebra; F. Baccelli et
al., Synchronization and Linearity, 1992). Longest paths are found by sweeps over the kernels, each one vectorised.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain, count
from typing import NamedTuple

import numpy as np

from hwgen.ir.tensor import Array

SWEEPS_BETWEEN_JUMPS = 2
HOPS = (1, 3, 8)
"""How far around a change to look for a cycle before looking everywhere."""
START, STEP = -1, -2

Place = tuple[int, int]
"""A line and an index of its events."""


@dataclass(frozen=True)
class Line:
    """Steps in a fixed order that read or write: of one kernel, or of a part of it that goes on by itself.

    positions: their step numbers; reads, writes: for each port, indices into positions.
    """

    name: str
    steps: int
    delay: int
    positions: Array
    reads: tuple[Array, ...]
    writes: tuple[Array, ...]

    @property
    def even(self) -> bool:
        """Whether it reads at one port, and never waits for longer than two beats take on average."""
        if len(self.reads) != 1:
            return False
        at = self.positions[self.reads[0]]
        return bool(np.diff(at, append=at[0] + self.steps).max() * len(at) <= 2 * self.steps)


@dataclass(frozen=True)
class Edge:
    """The stream `value` between a port of one line and a port of another.

    room: beats it stores (0: joined directly); latency: its cycles.
    """

    value: str
    source: int
    sink: int
    source_port: int = 0
    sink_port: int = 0
    room: int = 0
    latency: int = 0


@dataclass(frozen=True)
class Rule:
    """Events `targets` (ascending) of a line come `weight` cycles after events `sources` of line `source`.

    frames: how many frames back each source is (0 or more).
    """

    target: int
    targets: Array
    source: int
    sources: Array
    weight: int
    frames: Array


class Back(NamedTuple):
    """Events of a sequence of which every frame has the same number: its index, and how many frames back."""

    event: Array
    frames: Array


def after(count: int, length: int, behind: int) -> Back:
    """For each of `count` events the one `behind` before it in a sequence of `length` a frame."""
    frames, event = np.divmod(np.arange(count) - behind, length)
    return Back(event, -frames)


@dataclass(frozen=True)
class Cause:
    """Why an event is not earlier: event `index` of `line`, `weight` cycles before, in a frame `frames` back."""

    line: int
    index: int
    weight: int
    frames: int


@dataclass(frozen=True)
class Network:
    """Lines in topological order, the streams between them, and the rules that do not come from streams."""

    lines: tuple[Line, ...]
    edges: tuple[Edge, ...]
    inner: tuple[Rule, ...] = ()

    @property
    def bottleneck(self) -> int:
        """Steps of the longest line: no interval can be shorter."""
        return max(line.steps for line in self.lines)

    def with_room(self, index: int, room: int, latency: int) -> Network:
        edge = replace(self.edges[index], room=room, latency=latency)
        changed = replace(self, edges=(*self.edges[:index], edge, *self.edges[index + 1 :]))
        if "rules" in self.__dict__:
            rules = (*self.rules[: 2 * index], *changed.edge_rules(edge), *self.rules[2 * index + 2 :])
            changed.__dict__["rules"] = rules
            changed.__dict__.update({name: getattr(self, name) for name in ("rules_of", "moved_by", "_neighbours")})
        return changed

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """Two of each edge, in their order, then the inner ones."""
        return (*chain.from_iterable(map(self.edge_rules, self.edges)), *self.inner)

    @cached_property
    def rules_of(self) -> Sequence[Sequence[int]]:
        """Numbers of the rules that move each line."""
        return [[n for n, rule in enumerate(self.rules) if rule.target == k] for k in range(len(self.lines))]

    @cached_property
    def moved_by(self) -> Sequence[frozenset[int]]:
        """Lines with a rule whose source is the line."""
        return [frozenset(rule.target for rule in self.rules if rule.source == k) for k in range(len(self.lines))]

    def around(self, lines: Collection[int], hops: int) -> frozenset[int]:
        """The lines that rules join to some lines in so many steps."""
        found = frozenset(lines)
        for _ in range(hops):
            found = found.union(*(self._neighbours[k] for k in found))
        return found

    @cached_property
    def _neighbours(self) -> Sequence[frozenset[int]]:
        """For each line those that a rule joins to it, in either direction."""
        joined: list[set[int]] = [set() for _ in self.lines]
        for rule in self.rules:
            joined[rule.source].add(rule.target)
            joined[rule.target].add(rule.source)
        return [frozenset(lines) for lines in joined]

    def edge_rules(self, edge: Edge) -> tuple[Rule, Rule]:
        """A read after the beat has arrived; a write once the beat `room` before it has left its place."""
        writes = self.lines[edge.source].writes[edge.source_port]
        reads = self.lines[edge.sink].reads[edge.sink_port]
        delay = self.lines[edge.source].delay
        back = after(len(writes), len(reads), edge.room)
        return (Rule(edge.sink, reads, edge.source, writes, delay + edge.latency, np.zeros(len(reads), int)),
                Rule(edge.source, writes, edge.sink, reads[back.event], (edge.room > 0) - delay, back.frames))


@dataclass
class Times:
    """The earliest times of all events, as far as they are known. Without a period: of one frame alone.

    by: what moved each event last: START, STEP (the step before it), or the number of a rule. due: lines whose rules
    may not hold; moved: lines of which an event has moved.
    """

    network: Network
    period: int | None
    at: list[Array] = field(default_factory=list)
    due: set[int] = field(default_factory=set)
    by: list[Array] = field(init=False)
    moved: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        if not self.at:
            self.at = [line.positions.copy() for line in self.network.lines]
        self.due = self.due or set(range(len(self.at)))
        self.by = [np.full(len(line.positions), START) for line in self.network.lines]

    def settle(self) -> Place | None:
        """Go on until nothing moves. If that cannot be: an event on a cycle of causes that is too long.

        A cycle is mostly near what was changed: lines farther away move only once those around it are at rest.
        """
        for hops in HOPS:
            if (place := self._settle(sorted(self.network.around(self.due, hops)))) is not None or not self.due:
                return place
        return self._settle(range(len(self.at)))

    def _settle(self, lines: Sequence[int]) -> Place | None:
        """Go on until none of these lines moves.

        After some sweeps all events move to where the causes that they have now put them in the end, however many
        steps away (policy iteration): beats that wait for each other in turns would take a sweep each.
        """
        within = frozenset(lines)
        for sweep in count(1):
            for k in (*lines, *reversed(lines)):
                if k in self.due:
                    self._relax(k)
            if self.due.isdisjoint(within):
                return None
            if sweep % SWEEPS_BETWEEN_JUMPS == 0 and (place := self._jump(within)) is not None:
                return place
        raise AssertionError("count ends")

    def _jump(self, within: Collection[int]) -> Place | None:
        """Move events to where their causes put them. A place on a cycle of causes, which would move for ever."""
        lines = sorted(self.moved.intersection(within))
        starts = np.cumsum([0, *(len(self.at[k]) for k in lines)])
        firsts = dict(zip(lines, starts.tolist(), strict=False))
        causes = [self._causes(k, firsts) for k in lines]
        before, weight = (np.concatenate(parts) for parts in zip(*causes, strict=True))
        at, every = np.concatenate([self.at[k] for k in lines]), np.arange(starts[-1])
        roots = before == every
        moving = np.flatnonzero(~roots)
        for _ in range(int(starts[-1]).bit_length() + 1):
            weight[moving] += weight[before[moving]]
            before[moving] = before[before[moving]]
            moving = moving[~roots[before[moving]]]
            if not len(moving):
                break
        else:
            event = int(before[moving[0]])
            place = int(np.searchsorted(starts, event, side="right")) - 1
            return lines[place], event - int(starts[place])
        for k, x in zip(lines, np.split(np.maximum(at, at[before] + weight), starts[1:-1]), strict=True):
            if (x != self.at[k]).any():
                self.at[k] = x
                self.due |= {k, *self.network.moved_by[k]}
        return None

    def _causes(self, k: int, firsts: Mapping[int, int]) -> tuple[Array, Array]:
        """For each event of a line the one that moved it last, and the weight. firsts: where lines start in the count.

        Itself at START, and where a line that is not counted moved it.
        """
        line, by, first = self.network.lines[k], self.by[k], firsts[k]
        before, weight = first + np.arange(len(by)), np.zeros(len(by), int)
        steps = np.flatnonzero(by == STEP)
        before[steps] = first + (steps - 1) % len(by)
        gaps = np.diff(line.positions, prepend=line.positions[-1] - line.steps + (self.period or 0))
        weight[steps] = gaps[steps]
        for number in self.network.rules_of[k]:
            rule, moved = self.network.rules[number], np.flatnonzero(by == number)
            n = np.searchsorted(rule.targets, moved)
            if rule.source not in firsts:
                continue
            before[moved] = firsts[rule.source] + rule.sources[n]
            weight[moved] = rule.weight - rule.frames[n] * (self.period or 0)
        return before, weight

    def _relax(self, k: int) -> None:
        """Push the events of one line to where their causes allow them."""
        line, x = self.network.lines[k], self.at[k].copy()
        for number in self.network.rules_of[k]:
            rule = self.network.rules[number]
            _raise(x, self.by[k], rule.targets, self._least(rule), number)
        self._in_order(line, x, self.by[k])
        self.due.discard(k)
        if (x != self.at[k]).any():
            self.at[k] = x
            self.moved.add(k)
            self.due |= self.network.moved_by[k]
            if self.period is not None and line.steps > self.period:
                self.due.add(k)

    def _in_order(self, line: Line, x: Array, by: Array) -> None:
        p, every = line.positions, np.arange(len(x))
        _raise(x, by, every, p + np.maximum.accumulate(x - p), STEP)
        if self.period is not None:
            _raise(x, by, every[:1], x[-1:] + p[0] + line.steps - p[-1] - self.period, STEP)
            _raise(x, by, every, p + np.maximum.accumulate(x - p), STEP)

    def _least(self, rule: Rule) -> Array:
        """The times that a rule's sources allow its targets."""
        least = self.at[rule.source][rule.sources] + rule.weight
        if self.period is None:
            return np.where(rule.frames > 0, 0, least)
        return np.asarray(least - rule.frames * self.period)

    def cycle(self, place: Place) -> tuple[int, int]:
        """Weight and frames of the cycle of causes that an event lies on."""
        at, weight, frames = place, 0, 0
        while True:
            cause = self._cause(*at)
            at, weight, frames = (cause.line, cause.index), weight + cause.weight, frames + cause.frames
            if at == place:
                return weight, frames

    def _cause(self, k: int, i: int) -> Cause:
        """What moved event i of line k last."""
        line, by = self.network.lines[k], int(self.by[k][i])
        p = line.positions
        if by == STEP:
            return Cause(k, (i or len(p)) - 1, int(p[i] - p[i - 1] + (0 if i else line.steps)), int(i == 0))
        rule = self.network.rules[by]
        n = int(np.searchsorted(rule.targets, i))
        return Cause(rule.source, int(rule.sources[n]), rule.weight, int(rule.frames[n]))


def _raise(x: Array, by: Array, where: Array, least: Array, cause: int) -> None:
    """x[where] becomes at least `least`; where that moves it, note the cause."""
    up = np.flatnonzero(least > x[where])
    x[where[up]] = least[up]
    by[where[up]] = cause


def runs_at(network: Network, period: int, start: Sequence[Array] = (), changed: Edge | None = None) -> Times | None:
    """Event times of a steady state of `period` cycles, or None where there is none.

    start: event times from where to go on; with `changed`, of a steady state of the network but for this edge.
    """
    times = Times(network, period, list(start), set() if changed is None else {changed.source, changed.sink})
    return times if times.settle() is None else None


def interval(network: Network) -> int:
    """The steady-state cycles between frames. RuntimeError where the network deadlocks."""
    period = network.bottleneck
    while (place := (times := Times(network, period)).settle()) is not None:
        weight, frames = times.cycle(place)
        if frames <= 0:
            raise RuntimeError(f"the streams between {', '.join(line.name for line in network.lines)} deadlock")
        period = -(-weight // frames)
    return period


def latency(network: Network) -> int:
    """Cycles from a frame's first beat at an input to its last beat at an output, in an empty pipeline."""
    times = Times(network, None)
    if times.settle() is not None:
        raise RuntimeError("the streams deadlock within the first frame")
    ends = [int(x[-1]) + line.delay for line, x in zip(network.lines, times.at, strict=True)]
    starts = [int(x[0]) for x in times.at]
    return max(ends) - min(starts)


