"""A network as a DPU computes it: layers in order, run on integers, or as a graph of the quantized level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hwgen.dpu.arithmetic import clipped
from hwgen.dpu.layers import Layer, Real, Shape, fix
from hwgen.dpu.weighted import Weighted
from hwgen.ir.graph import Graph, GraphBuilder, Level, Node
from hwgen.ir.tensor import Array
from hwgen.ops.quantized import QuantizedOp
from hwgen.rounding import Rounding


@dataclass(frozen=True)
class Entry:
    """Where numbers enter: name: of the quantizer; port: of the graph; value: the int8 numbers, at `position`."""

    name: str
    port: str
    value: str
    shape: Shape
    position: int


@dataclass(frozen=True)
class DpuNetwork:
    """Layers in topological order. head, tail: nodes of the imported graph before and behind them, the host's.

    outputs: values that leave the DPU; imported: the graph that it was read from.
    """

    name: str
    entries: tuple[Entry, ...]
    layers: tuple[Layer, ...]
    outputs: tuple[str, ...]
    head: tuple[Node, ...]
    tail: tuple[Node, ...]
    imported: Graph

    @property
    def on_host(self) -> list[str]:
        """The names of the nodes that the host computes; a second name of a value is none."""
        return [node.name for node in (*self.head, *self.tail)
                if not (isinstance(node.op, QuantizedOp) and node.op.is_wire(self.imported.values[node.inputs[0]]))]

    @cached_property
    def positions(self) -> Mapping[str, int]:
        """The fix position of every value."""
        return {**{entry.value: entry.position for entry in self.entries},
                **{layer.output: layer.position for layer in self.layers}}

    def positions_in(self, layer: Layer) -> list[int]:
        """Those of a layer's inputs."""
        found = self.positions
        return [found[name] for name in layer.inputs]

    def shifts(self, layer: Layer) -> dict[str, int]:
        """The shifts of a layer, by name."""
        return layer.shifts(self.positions_in(layer))

    def run(self, inputs: Mapping[str, Array], mode: Rounding = Rounding.HALF_UP) -> dict[str, Array]:
        """(frames, *shape) int8 numbers by entry value to those of every value, int64. mode: half up or half even."""
        values = {entry.value: np.asarray(inputs[entry.value], np.int64).reshape(-1, *entry.shape)
                  for entry in self.entries}
        for layer in self.layers:
            values[layer.output] = layer.run([values[name] for name in layer.inputs], self.positions_in(layer), mode)
        return values

    def accumulators(self, values: Mapping[str, Array]) -> dict[str, Array]:
        """The sums of products and bias of every convolution and fully connected layer, by output value."""
        return {layer.output: layer.accumulate(values[layer.inputs[0]], self.positions_in(layer))
                for layer in self.layers if isinstance(layer, Weighted)}

    def encoded(self, reals: Mapping[str, Array]) -> dict[str, Array]:
        """Real numbers at the quantizers, by entry value, to int8: half away from zero."""
        made = {}
        for entry in self.entries:
            scaled = np.asarray(reals[entry.value], np.float64) * 2.0**entry.position
            made[entry.value] = clipped(np.trunc(scaled + np.copysign(0.5, scaled))).astype(np.int64)
        return made

    def as_graph(self) -> Graph:
        """The same in real arithmetic, with the DPU's roundings and constants: what hwgen's passes take."""
        builder = _Builder(self.imported)
        for node in self.head:
            builder.add(node.name, node.op, node.inputs, node.outputs, node.origin)
        for entry in self.entries:
            quantizer = fix(entry.position, Rounding.HALF_AWAY)
            builder.add(entry.name, quantizer, [self._source(entry)], [entry.value])
        for layer in self.layers:
            builder.chain(layer, layer.real(self.positions_in(layer)))
        for node in self.tail:
            builder.add(node.name, node.op, node.inputs, node.outputs, node.origin)
        return builder.build(self.imported.outputs)

    def _source(self, entry: Entry) -> str:
        node = self.imported.producer(entry.value)
        assert node is not None
        return node.inputs[0]


class _Builder(GraphBuilder):
    """Adds a layer's ops, with names of their own for all but the first node and the last value."""

    def __init__(self, imported: Graph) -> None:
        super().__init__(imported.name, Level.QUANTIZED)
        self.taken = {*imported.values, *(node.name for node in imported.nodes)}
        for name in imported.inputs:
            self.add_input(imported.values[name])

    def chain(self, layer: Layer, ops: Sequence[Real]) -> None:
        result = layer.inputs[0]
        for number, real in enumerate(ops):
            output = layer.output if number == len(ops) - 1 else self._free(f"{layer.output}_{number}")
            name = self._free(f"{layer.name}_{real.op.label.lower()}") if number else layer.name
            self.add(name, real.op, [result, *real.more], [output], (layer.name,))
            result = output

    def _free(self, name: str) -> str:
        while name in self.taken:
            name += "_"
        self.taken.add(name)
        return name
