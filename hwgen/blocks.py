"""Chains of nodes that are run block by block, so that what lies between them never leaves the processor's cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hwgen.ir.graph import Graph, Node
from hwgen.ir.tensor import Array

Rows = tuple[slice, ...]
"""Some frames, and of a map some rows of its first axis."""


@dataclass(frozen=True)
class Stage:
    """One node of a chain, compiled. carried: which of its inputs is the result of the stage before."""

    run: Callable[..., Any]
    inputs: tuple[str, ...]
    carried: str | None


@dataclass(frozen=True)
class Chain:
    """Nodes that run together. Each but the first works position by position; only the last one's value is kept.

    rows: the first stage as a function of the whole input and of the rows of its output, where it has that form.
    elements: of the largest value of a frame within. cut: whether the rows of a map can be run apart. A node of several
    outputs is a chain of its own.
    """

    stages: tuple[Stage, ...]
    outputs: tuple[str, ...]
    shape: tuple[int, ...]
    elements: int
    cut: bool
    rows: Callable[[Array, slice], Array] | None = None

    @property
    def inputs(self) -> tuple[str, ...]:
        """Values from outside the chain."""
        return tuple(name for stage in self.stages for name in stage.inputs if name != stage.carried)

    def run(self, values: Mapping[str, Array], block: int) -> dict[str, Array]:
        """The last node's values for all frames, by name. block: most elements of a value at a time."""
        if len(self.outputs) == 1:
            return {self.outputs[0]: self._in_blocks(values, block)}
        return dict(zip(self.outputs, self.stages[0].run(*(values[name] for name in self.inputs)), strict=True))

    def _in_blocks(self, values: Mapping[str, Array], block: int) -> Array:
        frames = len(values[self.stages[0].inputs[0]])
        if frames * self.elements <= block:
            return self._run(values, (slice(None),))
        first, *rest = self._blocks(frames, block)
        made = self._run(values, first)
        result = np.empty((frames, *self.shape), made.dtype)
        result[first] = made
        for rows in rest:
            result[rows] = self._run(values, rows)
        return result

    def _blocks(self, frames: int, block: int) -> Iterator[Rows]:
        """Whole frames, as many as fit, or else rows of one frame."""
        together = max(1, block // self.elements)
        if together > 1 or not self.cut:
            yield from ((slice(at, at + together),) for at in range(0, frames, together))
            return
        height = max(1, block * self.shape[0] // self.elements)
        for frame in range(frames):
            for row in range(0, self.shape[0], height):
                yield slice(frame, frame + 1), slice(row, min(row + height, self.shape[0]))

    def _run(self, values: Mapping[str, Array], rows: Rows) -> Array:
        first, *rest = self.stages
        result: Array
        if self.rows is None:
            result = first.run(*(values[name][rows] for name in first.inputs))
        else:
            wanted = rows[1] if len(rows) > 1 else slice(0, self.shape[0])
            result = self.rows(values[first.inputs[0]][rows[0]], wanted)
        for stage in rest:
            result = stage.run(*(result if name == stage.carried else values[name][rows] for name in stage.inputs))
        return result


def chains(graph: Graph) -> tuple[Chain, ...]:
    """All nodes of the graph, in an order that can be run."""
    followers = _followers(graph)
    following = {node.name for node in followers.values()}
    paths = [_path(node, followers) for node in graph.nodes if node.name not in following]
    place = {node.name: i for i, node in enumerate(graph.nodes)}
    return tuple(_chain(graph, path) for path in sorted(paths, key=lambda path: place[path[-1].name]))


def single_nodes(graph: Graph) -> tuple[Chain, ...]:
    """Every node a chain of its own."""
    return tuple(_chain(graph, [node]) for node in graph.nodes)


def _followers(graph: Graph) -> dict[str, Node]:
    """For the name of a node, the one that alone reads its value, where that one goes position by position."""
    readers: dict[str, list[Node]] = {}
    for node in graph.nodes:
        for name in node.inputs:
            readers.setdefault(name, []).append(node)
    found: dict[str, Node] = {}
    taken: set[str] = set()
    for node in graph.nodes:
        ways = [reader for value in node.outputs for reader in readers.get(value, [])]
        if len(ways) == 1 and len(node.outputs) == 1 and node.outputs[0] not in graph.outputs \
                and ways[0].name not in taken and _by_position(graph, ways[0]):
            found[node.name] = ways[0]
            taken.add(ways[0].name)
    return found


def _path(node: Node, followers: Mapping[str, Node]) -> list[Node]:
    path = [node]
    while path[-1].name in followers:
        path.append(followers[path[-1].name])
    return path


def _by_position(graph: Graph, node: Node) -> bool:
    return len(node.outputs) == 1 and node.op.by_position(graph.inputs_of(node))


def _chain(graph: Graph, nodes: Sequence[Node]) -> Chain:
    first, last = nodes[0], nodes[-1]
    rows = first.op.compiled_rows(graph.inputs_of(first))
    carried: list[str | None] = [None, *(node.outputs[0] for node in nodes[:-1])]
    stages = tuple(Stage(_compiled(graph, node), node.inputs, name) for node, name in zip(nodes, carried, strict=True))
    held = [value for node in nodes for value in graph.outputs_of(node)]
    if rows is None:
        held += graph.inputs_of(first)
    shape = graph.values[last.outputs[0]].shape
    cut = len(shape) > 1 and (rows is not None or _by_position(graph, first))
    return Chain(stages, last.outputs, shape, max(value.elements for value in held), cut, rows)


def _compiled(graph: Graph, node: Node) -> Callable[..., Any]:
    if len(node.outputs) == 1:
        return node.op.compiled(graph.inputs_of(node))
    return lambda *arrays: node.op.run(*(np.asarray(a, dtype=np.int64) for a in arrays))
