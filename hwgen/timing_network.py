"""The timing model of a hardware graph: its kernels' schedules as lines, streams and rules of hwgen.timing.

A kernel with one output is a line; one whose input and output go on by themselves is two. A kernel with several outputs
has a line for each of them besides: the outputs share a skid buffer, from which each takes the beats by itself, at most
one ahead of the others (rtl/hwgen_fork.sv).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import permutations

import numpy as np

from hwgen.ir.graph import Graph, Node
from hwgen.ir.tensor import Array
from hwgen.kernels.base import Kernel, Schedule
from hwgen.kernels.buffered import BufferedSchedule
from hwgen.timing import Back, Edge, Line, Network, Rule

HELD = 2
"""Beats of a skid buffer."""

Stored = Callable[[Node], tuple[int, int] | None]
"""Room and latency of a node that only stores beats, None of others."""

Flag = tuple[str, str, int]
"""An input adapter and an output adapter by name, and the cycles from the last beat into the first one until the second
may give the first beat of the same frame."""


def network_of(graph: Graph, stored: Stored, flags: Iterable[Flag] = ()) -> Network:
    """The timing model of a hardware graph."""
    model = _Model({value: (node, port) for node in graph.nodes for port, value in enumerate(node.outputs)}, stored)
    for node in graph.nodes:
        if stored(node) is None:
            model.add(node)
    edges = tuple(model.edges(node for node in graph.nodes if stored(node) is None))
    model.inner += [model.flag(*flag) for flag in flags]
    return Network(tuple(model.lines), edges, tuple(model.inner))


@dataclass
class _Model:
    """A network in the making. made: the maker of each value and its port.

    readers: each kernel's line that reads; writers: its lines that write, with their ports.
    """

    made: Mapping[str, tuple[Node, int]]
    stored: Stored
    lines: list[Line] = field(default_factory=list)
    inner: list[Rule] = field(default_factory=list)
    readers: dict[str, int] = field(default_factory=dict)
    writers: dict[str, Sequence[tuple[int, int]]] = field(default_factory=dict)

    def add(self, node: Node) -> None:
        """The lines of a kernel and the rules between them."""
        kernel = node.op
        assert isinstance(kernel, Kernel)
        schedule, first = kernel.schedule(), len(self.lines)
        self.readers[node.name] = first
        if isinstance(schedule, BufferedSchedule):
            self.lines += buffered_lines(node.name, schedule)
            self.inner += buffered_rules(schedule, first)
            self.writers[node.name] = [(first + 1, 0)]
        elif len(schedule.writes) == 1:
            self.lines.append(line_of(node.name, schedule))
            self.writers[node.name] = [(first, 0)]
        else:
            self._add_fork(line_of(node.name, schedule), first)

    def _add_fork(self, steps: Line, first: int) -> None:
        ports = [np.arange(len(writes)) for writes in steps.writes]
        self.lines.append(Line(steps.name, steps.steps, 0, steps.positions, steps.reads, ()))
        self.lines += [Line(steps.name, len(port), 0, port, (port,), (port,)) for port in ports]
        self.inner += fork_rules(steps, first)
        self.writers[steps.name] = [(first + 1 + port, 0) for port in range(len(ports))]

    def edges(self, nodes: Iterable[Node]) -> Iterator[Edge]:
        """The streams that nodes read, through everything that only stores."""
        for node in nodes:
            for port, read in enumerate(node.inputs):
                value, room, delay = read, 0, 0
                while value in self.made and (place := self.stored(self.made[value][0])) is not None:
                    room, delay, value = room + place[0], delay + place[1], self.made[value][0].inputs[0]
                if value in self.made:
                    maker, output = self.made[value]
                    source, source_port = self.writers[maker.name][output]
                    yield Edge(read, source, self.readers[node.name], source_port, port, room, delay)

    def flag(self, source: str, sink: str, cycles: int) -> Rule:
        """The first beat of a frame leaves `sink` so many cycles after its last one came into `source`."""
        giver, taker = self.readers[source], self.readers[sink]
        line = self.lines[taker]
        return Rule(taker, line.writes[0][:1], giver, self.lines[giver].reads[0][-1:], cycles - line.delay,
                    np.zeros(1, int))


def line_of(name: str, schedule: Schedule) -> Line:
    """A schedule without the steps in which nothing comes or goes."""
    positions = np.flatnonzero(schedule.reads.any(axis=0) | schedule.writes.any(axis=0))
    reads, writes = (tuple(np.flatnonzero(port[positions]) for port in ports)
                     for ports in (schedule.reads, schedule.writes))
    return Line(name, schedule.steps, schedule.delay, positions, reads, writes)


def buffered_lines(name: str, schedule: BufferedSchedule) -> tuple[Line, Line]:
    """One line that reads and one that writes."""
    ins, outs = np.arange(schedule.beats_in), np.arange(schedule.beats_out)
    return (Line(name, len(ins), schedule.delay, ins, (ins,), ()),
            Line(name, len(outs), schedule.delay, outs, (), (outs,)))


def buffered_rules(schedule: BufferedSchedule, reader: int) -> tuple[Rule, Rule]:
    """A write waits for the beat that it gives, a read for the place that a write freed. reader: its line."""
    needs, writer = schedule.needs, reader + 1
    behind, frees = np.divmod(schedule.frees, len(needs))
    return (Rule(writer, np.arange(len(needs)), reader, needs, 1, np.zeros(len(needs), int)),
            Rule(reader, np.arange(len(frees)), writer, frees, 1, -behind))


def fork_rules(steps: Line, first: int) -> Iterator[Rule]:
    """Between the steps (line `first`) and the outputs behind their shared skid buffer (the lines that follow)."""
    heads = np.unique(np.concatenate(steps.writes))
    for port, writes in enumerate(steps.writes):
        line, every = first + 1 + port, np.arange(len(writes))
        yield Rule(line, every, first, writes, steps.delay, np.zeros(len(writes), int))
        room = _last_within(heads, writes, HELD)
        yield Rule(first, heads, line, room.event, HELD - steps.delay, room.frames)
    for port, other in permutations(range(len(steps.writes)), 2):
        before = _last_within(heads, steps.writes[other], 1)
        mine = np.searchsorted(heads, steps.writes[port])
        yield Rule(first + 1 + port, np.arange(len(mine)), first + 1 + other, before.event[mine], 1,
                   before.frames[mine])


def _last_within(heads: Array, writes: Array, behind: int) -> Back:
    """For each head the last of the writes that is at least `behind` heads before it."""
    frames, head = np.divmod(np.arange(len(heads)) - behind, len(heads))
    more, event = np.divmod(np.searchsorted(writes, heads[head], side="right") - 1, len(writes))
    return Back(event, -frames - more)
