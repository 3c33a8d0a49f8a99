"""The cheapest folding at a given number of cycles a frame.

Layers are separable but for what stands between neighbours: a width converter and the FIFO for the beats that wait.
So a chain of layers is solved exactly by dynamic programming over the lanes of each stream: the cheapest way to have so
many lanes at a layer's output is the cheapest of its options over the cheapest way to feed their inputs.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

from hwgen.ir.graph import Graph, Node, Value
from hwgen.kernels.base import Resources
from hwgen.passes.fold_options import Cost, Option, Priced, options, undominated
from hwgen.passes.plumbing import between, waiting

Source = tuple[int, int]
"""Where a stream comes from: its lanes, and the cycles over which a frame comes (0: it waits where it comes from)."""


@dataclass(frozen=True)
class Layer:
    """A node, what it can be, and the stream from the layer before it in its chain."""

    node: Node
    options: tuple[Priced, ...]
    stream: Value | None

    @property
    def fastest(self) -> Option:
        return min(self.options, key=lambda p: (p.option.cycles, p.cost)).option


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
    def of(cls, graph: Graph, cost: Cost) -> Problem:
        """Every option of every layer."""
        return cls(graph, cost, {node.name: options(node) for node in graph.nodes})

    def repriced(self, cost: Cost) -> Problem:
        """The same problem at other prices."""
        return Problem(self.graph, cost, self.options, self.joints)

    def restricted(self, given: Mapping[str, Option]) -> Problem:
        """The same problem with some layers fixed."""
        return Problem(self.graph, self.cost, {**self.options, **{name: (o,) for name, o in given.items()}})

    @cached_property
    def chains(self) -> list[list[Layer]]:
        """Maximal runs of layers joined by streams with one reader."""
        made = {value: node.name for node in self.graph.nodes for value in node.outputs}
        readers = Counter(value for node in self.graph.nodes for value in node.inputs)
        ends: dict[str, list[Layer]] = {}
        chains: list[list[Layer]] = []
        for node in self.graph.nodes:
            value = node.inputs[0] if len(node.inputs) == 1 and readers[node.inputs[0]] == 1 else ""
            chain = ends.get(made.get(value, ""))
            stream = None if chain is None else self.graph.values[value]
            if chain is None:
                chains.append(chain := [])
            chain.append(Layer(node, undominated(self.options[node.name], self.cost), stream))
            ends[node.name] = chain
        return chains

    @property
    def layers(self) -> Iterator[Layer]:
        return (layer for chain in self.chains for layer in chain)

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
        return {layer.node.name: option for chain in self.chains
                for layer, option in zip(chain, self._solve_chain(chain, cycles), strict=True)}

    def _solve_chain(self, chain: list[Layer], cycles: int) -> list[Option]:
        ends: dict[Source, Path] = {}
        for layer in chain:
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
                end = _source(choice, layer, cycles)
                if end not in ends or cost + priced.cost < ends[end].cost:
                    ends[end] = Path(cost + priced.cost, choice, before)
        return min(ends.values(), key=lambda path: path.cost).unrolled()

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
        """Kernels, converters and FIFOs."""
        used = sum((option.resources for option in chosen.values()), Resources())
        for chain in self.chains:
            for before, layer in pairwise(chain):
                first, sink = chosen[before.node.name], chosen[layer.node.name]
                assert layer.stream is not None
                used += self.joint(layer.stream, _source(first, before, cycles), sink, cycles)
        return used


def _source(choice: Option, layer: Layer, cycles: int) -> Source:
    """A layer's output as the next one sees it: the first of a chain goes at its own pace, others at the chain's."""
    span = choice.cycles if layer.stream is None else cycles
    return choice.lanes_out, span if choice.bursts else 0
