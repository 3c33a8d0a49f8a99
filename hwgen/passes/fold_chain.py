"""The cheapest folding at a given number of cycles a frame.

Layers are separable but for what stands between neighbours: a width converter and the FIFO for the beats that wait.
So a chain of layers is solved exactly by dynamic programming over the lanes of each stream: the cheapest way to have so
many lanes at a layer's output is the cheapest of its options over the cheapest way to feed their inputs.

Forks and joins only move beats: they are as narrow as the cycles allow, and the chains between them are solved with
these ends fixed. What waits on a branch depends on the whole network: the price leaves it out, hwgen.passes.size_fifos
finds it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from hwgen.ir.graph import Graph, Node, Value
from hwgen.kernels.base import Resources
from hwgen.passes.fold_options import Cost, Option, Priced, options, undominated
from hwgen.passes.plumbing import between, waiting

Source = tuple[int, int]
"""Where a stream comes from: its lanes, and the cycles over which a frame comes (0: it waits where it comes from)."""


@dataclass(frozen=True)
class Layer:
    """A node, what it can be, and the stream that it reads from a node of the graph, if it is one alone."""

    node: Node
    options: tuple[Priced, ...]
    stream: Value | None

    @property
    def fastest(self) -> Option:
        return min(self.options, key=lambda p: (p.option.cycles, p.cost)).option


@dataclass
class Chain:
    """Layers that each read what the one before made.

    start, end: the forks or joins around them, by name, empty where there is none; tail: the stream into `end`.
    """

    layers: list[Layer]
    start: str = ""
    end: str = ""
    tail: Value | None = None


@dataclass(frozen=True)
class Path:
    """The cheapest options from a chain's start up to some layer."""

    cost: float
    choice: Option
    before: Path | None

    def unrolled(self) -> list[Option]:
        """The options, first layer first."""
        choices, path = [self.choice], self.before
        while path is not None:
            choices.append(path.choice)
            path = path.before
        return choices[::-1]


@dataclass
class Problem:
    """The layers of a graph in chains, evaluated once; `solve` is then fast for any number of cycles.

    options: what each layer may be, by node name.
    """

    graph: Graph
    cost: Cost
    options: Mapping[str, tuple[Option, ...]]
    joints: dict[tuple[str, int, int, int], Resources] = field(default_factory=dict)
    _costs: dict[Resources, float] = field(default_factory=dict)

    @classmethod
    def of(cls, graph: Graph, cost: Cost, widest: int | None = None) -> Problem:
        """Every option of every layer; widest: see fold_options.options."""
        return cls(graph, cost, {node.name: options(node, widest) for node in graph.nodes})

    def repriced(self, cost: Cost) -> Problem:
        """The same problem at other prices."""
        return Problem(self.graph, cost, self.options, self.joints)

    def restricted(self, given: Mapping[str, Option]) -> Problem:
        """The same problem with some layers fixed."""
        return Problem(self.graph, self.cost, {**self.options, **{name: (o,) for name, o in given.items()}})

    @cached_property
    def hubs(self) -> dict[str, Layer]:
        """Nodes with several streams on a side."""
        return {node.name: self._layer(node, None) for node in self.graph.nodes
                if len(node.inputs) != 1 or len(node.outputs) != 1}

    @cached_property
    def chains(self) -> list[Chain]:
        """Maximal runs of other nodes, each the only reader of the one before."""
        ends: dict[str, Chain] = {}
        chains: list[Chain] = []
        for node in self.graph.nodes:
            if node.name in self.hubs:
                for name in node.inputs:
                    if (ended := ends.pop(self._makers.get(name, ""), None)) is not None:
                        ended.end, ended.tail = node.name, self.graph.values[name]
                continue
            (name,) = node.inputs
            maker = self._makers.get(name, "")
            chain = ends.pop(maker, None)
            if chain is None:
                chains.append(chain := Chain([], maker if maker in self.hubs else ""))
            chain.layers.append(self._layer(node, self.graph.values[name] if chain.layers or chain.start else None))
            ends[node.name] = chain
        return chains

    def _layer(self, node: Node, stream: Value | None) -> Layer:
        return Layer(node, undominated(self.options[node.name], self.cost), stream)

    @cached_property
    def _makers(self) -> Mapping[str, str]:
        """The node that makes each value."""
        return {value: node.name for node in self.graph.nodes for value in node.outputs}

    @property
    def layers(self) -> Iterator[Layer]:
        yield from self.hubs.values()
        yield from (layer for chain in self.chains for layer in chain.layers)

    @property
    def fewest_cycles(self) -> int:
        """No folding is faster."""
        return max(layer.fastest.cycles for layer in self.layers)

    def targets(self) -> list[int]:
        """Every number of cycles at which the cheapest folding can change, fastest first."""
        cycles = {priced.option.cycles for layer in self.layers for priced in layer.options}
        return sorted(c for c in cycles if c >= self.fewest_cycles)

    def solve(self, cycles: int) -> dict[str, Option]:
        """The cheapest option of each layer at that many cycles a frame, which must be at least fewest_cycles."""
        chosen = {name: _narrowest(layer, cycles) for name, layer in self.hubs.items()}
        for chain in self.chains:
            solved = self._solve_chain(chain, cycles, chosen)
            chosen.update({layer.node.name: option for layer, option in zip(chain.layers, solved, strict=True)})
        return {node.name: chosen[node.name] for node in self.graph.nodes}

    def _solve_chain(self, chain: Chain, cycles: int, fixed: Mapping[str, Option]) -> list[Option]:
        ends: dict[Source, Path] = {}
        if chain.start:
            ends[fixed[chain.start].lanes_out, cycles] = Path(0.0, fixed[chain.start], None)
        for layer in chain.layers:
            starts, ends = sorted(ends.items(), key=lambda end: (end[1].cost, end[0])), {}
            arrivals: dict[tuple[int, int], tuple[float, Path | None]] = {}
            for priced in layer.options:
                choice = priced.option
                if choice.cycles > cycles:
                    continue
                entry = (choice.lanes_in, choice.cycles)
                if entry not in arrivals:
                    arrivals[entry] = self._arrive(starts, layer.stream, choice, cycles)
                cost, before = arrivals[entry]
                end = _source(choice, layer.stream, cycles)
                if end not in ends or cost + priced.cost < ends[end].cost:
                    ends[end] = Path(cost + priced.cost, choice, before)
        return self._cheapest(chain, ends, cycles, fixed).unrolled()[bool(chain.start) :]

    def _cheapest(self, chain: Chain, ends: Mapping[Source, Path], cycles: int, fixed: Mapping[str, Option]) -> Path:
        """With what stands before the join or fork behind the chain."""
        if chain.tail is None:
            return min(ends.values(), key=lambda path: path.cost)
        starts = sorted(ends.items(), key=lambda end: (end[1].cost, end[0]))
        _, best = self._arrive(starts, chain.tail, fixed[chain.end], cycles)
        assert best is not None
        return best

    def _arrive(self, starts: Sequence[tuple[Source, Path]], stream: Value | None, choice: Option,
                cycles: int) -> tuple[float, Path | None]:
        """The cheapest way to feed a layer's input; starts: cheapest first."""
        if stream is None:
            return 0.0, None
        best, price = starts[0][1], math.inf
        for source, path in starts:
            if path.cost >= price:
                break
            cost = path.cost + self._joint_cost(stream, source, choice, cycles)
            if cost < price:
                best, price = path, cost
        return price, best

    def _joint_cost(self, stream: Value, source: Source, sink: Option, cycles: int) -> float:
        used = self.joint(stream, source, sink, cycles)
        if used not in self._costs:
            self._costs[used] = self.cost.of(used)
        return self._costs[used]

    def joint(self, stream: Value, source: Source, sink: Option, cycles: int) -> Resources:
        """Converter and FIFO before a layer. Evaluated once for each pair of lanes and depth."""
        lanes, span = source
        stored = waiting(stream.elements, -(-stream.elements // sink.lanes_in), sink.cycles, span, cycles, sink.bursts)
        narrow = min(lanes, sink.lanes_in)
        key = (stream.name, lanes, sink.lanes_in, -(-stored // narrow))
        if key not in self.joints:
            self.joints[key] = between(stream, lanes, sink.lanes_in, stored)
        return self.joints[key]

    def total(self, chosen: Mapping[str, Option], cycles: int) -> Resources:
        """Kernels, converters and the FIFOs between neighbours."""
        used = sum((option.resources for option in chosen.values()), Resources())
        for node in self.graph.nodes:
            for value in node.inputs:
                maker = self._makers.get(value)
                if maker is not None:
                    source = _source(chosen[maker], self._reads[maker], cycles)
                    used += self.joint(self.graph.values[value], source, chosen[node.name], cycles)
        return used

    @cached_property
    def _reads(self) -> Mapping[str, Value | None]:
        """For each node a stream that it reads from another one, if there is one."""
        return {node.name: next((self.graph.values[value] for value in node.inputs if value in self._makers), None)
                for node in self.graph.nodes}


def _narrowest(layer: Layer, cycles: int) -> Option:
    """The fewest lanes that are fast enough."""
    able = [priced for priced in layer.options if priced.option.cycles <= cycles]
    return min(able, key=lambda priced: (priced.option.lanes_in, priced.cost)).option


def _source(choice: Option, stream: Value | None, cycles: int) -> Source:
    """A layer's output as the next one sees it: a first one goes at its own pace, others at the network's."""
    span = choice.cycles if stream is None else cycles
    return choice.lanes_out, span if choice.bursts else 0
