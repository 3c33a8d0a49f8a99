"""The cheapest folding at a given number of cycles a frame.

Layers are separable but for the width converters between neighbours. So a chain of layers is solved exactly by dynamic
programming over the lanes of each stream: the cheapest way to have so many lanes at a layer's output is the cheapest of
its options over the cheapest way, converter included, to feed their inputs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from hwgen.ir.graph import Graph, Node, Value
from hwgen.kernels.base import Resources
from hwgen.passes.fold_options import Cost, Option, Priced, options, undominated
from hwgen.passes.plumbing import converter, fifo_bound


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
    prices: dict[tuple[str, int, int], float] = field(default_factory=dict)

    @classmethod
    def of(cls, graph: Graph, cost: Cost) -> Problem:
        """Every option of every layer."""
        return cls(graph, cost, {node.name: options(node) for node in graph.nodes})

    def repriced(self, cost: Cost) -> Problem:
        """The same problem at other prices."""
        return Problem(self.graph, cost, self.options)

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
        ends: dict[int, Path] = {}
        for layer in chain:
            starts = ends
            ends = {}
            arrivals: dict[int, tuple[float, Path | None]] = {}
            for priced in layer.options:
                choice = priced.option
                if choice.cycles > cycles:
                    continue
                if choice.lanes_in not in arrivals:
                    arrivals[choice.lanes_in] = self._arrive(starts, layer.stream, choice.lanes_in)
                cost, before = arrivals[choice.lanes_in]
                best = ends.get(choice.lanes_out)
                if best is None or cost + priced.cost < best.cost:
                    ends[choice.lanes_out] = Path(cost + priced.cost, choice, before)
        return min(ends.values(), key=lambda path: path.cost).unrolled()

    def _arrive(self, starts: Mapping[int, Path], stream: Value | None, lanes_in: int) -> tuple[float, Path | None]:
        """The cheapest way to have that many lanes at a layer's input."""
        if stream is None:
            return 0.0, None
        price, lanes = min((path.cost + self._converter_cost(stream.name, lanes, lanes_in), lanes)
                           for lanes, path in starts.items())
        return price, starts[lanes]

    def _converter_cost(self, stream: str, source: int, sink: int) -> float:
        """Priced once for each pair of lanes."""
        if source == sink:
            return 0.0
        key = (stream, source, sink)
        if key not in self.prices:
            self.prices[key] = self.cost.of(converter(self.graph.values[stream], source, sink).resources())
        return self.prices[key]

    def total(self, chosen: Mapping[str, Option]) -> Resources:
        """Kernels, converters and an upper bound of the FIFOs."""
        used = sum((option.resources for option in chosen.values()), Resources())
        makers = {value: node.name for node in self.graph.nodes for value in node.outputs}
        for node in self.graph.nodes:
            for value in node.inputs:
                if value in makers:
                    ends = (chosen[makers[value]].lanes_out, chosen[node.name].lanes_in)
                    used += between(self.graph.values[value], *ends)
        return used


def between(value: Value, source: int, sink: int) -> Resources:
    """What stands between two layers at most."""
    joint = Resources() if source == sink else converter(value, source, sink).resources()
    return joint + fifo_bound(value, source, sink)
