"""Exact steady-state timing of a hardware graph from its kernels' schedules.

Every read or write step of a frame is an event with a time; each rule is a difference constraint between two times:
a step comes after the one before it, a read after the beat has arrived, a write when there is room for its beat. Rules
that reach into an earlier frame are `period` cycles easier. So the graph can run at a period if the constraints have no
cycle of positive weight, and its steady-state interval is the smallest such period (max-plus algebra; F. Baccelli et
al., Synchronization and Linearity, 1992). Longest paths are found by sweeps over the kernels, each one vectorised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

import numpy as np

from hwgen.ir.graph import Graph, Node
from hwgen.ir.tensor import Array
from hwgen.kernels.base import Kernel

SWEEPS_BETWEEN_CHECKS = 8
START, STEP = -1, -2


@dataclass(frozen=True)
class Line:
    """One kernel's steps that read or write. positions: their step numbers; reads, writes: indices into positions."""

    name: str
    steps: int
    delay: int
    positions: Array
    reads: Array
    writes: Array


@dataclass(frozen=True)
class Edge:
    """The stream `value` between two lines. room: beats it stores (0: joined directly); latency: its cycles."""

    value: str
    source: int
    sink: int
    room: int = 0
    latency: int = 0


@dataclass(frozen=True)
class Cause:
    """Why an event is not earlier: event `index` of `line`, `weight` cycles before, in a frame `frames` back."""

    line: int
    index: int
    weight: int
    frames: int


@dataclass(frozen=True)
class Network:
    """Lines in topological order and the streams between them."""

    lines: tuple[Line, ...]
    edges: tuple[Edge, ...]

    @property
    def bottleneck(self) -> int:
        """Steps of the longest line: no interval can be shorter."""
        return max(line.steps for line in self.lines)

    def with_room(self, index: int, room: int, latency: int) -> Network:
        edge = replace(self.edges[index], room=room, latency=latency)
        return replace(self, edges=(*self.edges[:index], edge, *self.edges[index + 1 :]))


def line_of(node: Node) -> Line:
    """The compressed schedule of a node's kernel."""
    kernel = node.op
    assert isinstance(kernel, Kernel)
    schedule = kernel.schedule()
    reads, writes = np.array(schedule.reads, dtype=bool), np.array(schedule.writes, dtype=bool)
    positions = np.flatnonzero(reads | writes)
    return Line(node.name, schedule.steps, schedule.delay, positions,
                np.flatnonzero(reads[positions]), np.flatnonzero(writes[positions]))


@dataclass
class Times:
    """The earliest times of all events, as far as they are known. Without a period: of one frame alone.

    by: what moved each event last: START, STEP (the step before it), or 2 * edge for an arrival, 2 * edge + 1 for room.
    """

    network: Network
    period: int | None
    at: list[Array] = field(default_factory=list)
    by: list[Array] = field(init=False)

    def __post_init__(self) -> None:
        if not self.at:
            self.at = [line.positions.copy() for line in self.network.lines]
        self.by = [np.full(len(line.positions), START) for line in self.network.lines]

    def settle(self) -> tuple[int, int] | None:
        """Sweep until nothing moves. If that cannot be: weight and frames of a cycle of causes that is too long."""
        order = range(len(self.network.lines))
        for sweep in count(1):
            moved = [(k, i) for k in (*order, *reversed(order)) if (i := self._relax(k)) is not None]
            if not moved:
                return None
            if sweep % SWEEPS_BETWEEN_CHECKS == 0 and (cycle := self._cycle(*moved[-1])) is not None:
                return cycle
        raise AssertionError("count ends")

    def _relax(self, k: int) -> int | None:
        """Push the events of one line to where their causes allow them. Returns an event that moved."""
        line, x, by = self.network.lines[k], self.at[k].copy(), self.by[k].copy()
        for number, edge in enumerate(self.network.edges):
            if edge.sink == k:
                _raise(x, by, line.reads, self._arrivals(edge), 2 * number)
            if edge.source == k:
                _raise(x, by, line.writes, self._rooms(edge), 2 * number + 1)
        self._in_order(line, x, by)
        moved = np.flatnonzero(x != self.at[k])
        self.at[k], self.by[k] = x, by
        return int(moved[-1]) if len(moved) else None

    def _in_order(self, line: Line, x: Array, by: Array) -> None:
        p, every = line.positions, np.arange(len(x))
        _raise(x, by, every, p + np.maximum.accumulate(x - p), STEP)
        if self.period is not None:
            _raise(x, by, every[:1], x[-1:] + p[0] + line.steps - p[-1] - self.period, STEP)
            _raise(x, by, every, p + np.maximum.accumulate(x - p), STEP)

    def _arrivals(self, edge: Edge) -> Array:
        source = self.network.lines[edge.source]
        return np.asarray(self.at[edge.source][source.writes] + source.delay + edge.latency)

    def _rooms(self, edge: Edge) -> Array:
        """When each beat's place is free: once the beat `room` before it has left."""
        source, sink = self.network.lines[edge.source], self.network.lines[edge.sink]
        beat = np.arange(len(source.writes)) - edge.room
        frames, index = np.divmod(beat, len(sink.reads))
        free = self.at[edge.sink][sink.reads[index]] + (edge.room > 0) - source.delay
        if self.period is None:
            return np.where(frames < 0, 0, free)
        return np.asarray(free + frames * self.period)

    def _cycle(self, line: int, index: int) -> tuple[int, int] | None:
        """Follow the causes of an event back. If they close a cycle, it is one that moves itself for ever."""
        place = (line, index)
        seen: dict[tuple[int, int], int] = {}
        trail: list[Cause] = []
        while place not in seen:
            seen[place] = len(trail)
            cause = self._cause(*place)
            if cause is None:
                return None
            trail.append(cause)
            place = (cause.line, cause.index)
        loop = trail[seen[place] :]
        weight, frames = sum(c.weight for c in loop), sum(c.frames for c in loop)
        return (weight, frames) if weight > frames * (self.period or 0) else None

    def _cause(self, k: int, i: int) -> Cause | None:
        """What moved event i of line k last."""
        line, by = self.network.lines[k], int(self.by[k][i])
        if by == START:
            return None
        p = line.positions
        if by == STEP:
            return Cause(k, (i or len(p)) - 1, int(p[i] - p[i - 1] + (0 if i else line.steps)), int(i == 0))
        edge = self.network.edges[by // 2]
        source, sink = self.network.lines[edge.source], self.network.lines[edge.sink]
        if by % 2 == 0:
            beat = int(np.searchsorted(line.reads, i))
            return Cause(edge.source, int(source.writes[beat]), source.delay + edge.latency, 0)
        frames, index = divmod(int(np.searchsorted(line.writes, i)) - edge.room, len(sink.reads))
        return Cause(edge.sink, int(sink.reads[index]), (edge.room > 0) - source.delay, -frames)


def _raise(x: Array, by: Array, where: Array, least: Array, cause: int) -> None:
    """x[where] becomes at least `least`; where that moves it, note the cause."""
    up = least > x[where]
    x[where[up]] = least[up]
    by[where[up]] = cause


def runs_at(network: Network, period: int, start: Sequence[Array] = ()) -> Times | None:
    """Event times of a steady state of `period` cycles, or None where there is none.

    start: event times of the same network with more room, from where to go on.
    """
    times = Times(network, period, list(start))
    return times if times.settle() is None else None


def interval(network: Network) -> int:
    """The steady-state cycles between frames. RuntimeError where the network deadlocks."""
    period = network.bottleneck
    while (cycle := Times(network, period).settle()) is not None:
        weight, frames = cycle
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


Stored = Callable[[Node], tuple[int, int] | None]


def network_of(graph: Graph, stored: Stored) -> Network:
    """The timing model of a hardware graph. stored: room and latency of a node that only stores beats, else None."""
    made: Mapping[str, Node] = {value: node for node in graph.nodes for value in node.outputs}
    kernels = [node for node in graph.nodes if stored(node) is None]
    index = {node.name: k for k, node in enumerate(kernels)}

    def edge(k: int, read: str) -> Iterator[Edge]:
        value, room, delay = read, 0, 0
        while (node := made.get(value)) is not None:
            if (place := stored(node)) is None:
                yield Edge(read, index[node.name], k, room, delay)
                return
            room, delay, value = room + place[0], delay + place[1], node.inputs[0]

    edges = [e for k, node in enumerate(kernels) for value in node.inputs for e in edge(k, value)]
    return Network(tuple(line_of(node) for node in kernels), tuple(edges))
