"""The integer model: runs a graph of the integer or hardware level on the graph's own inputs, exactly and fast."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from hwgen.errors import HwgenError
from hwgen.host import InputPort, OutputPort
from hwgen.ir.graph import Graph
from hwgen.ir.tensor import Array


class IntegerModel:
    """Prepared once per graph; every run is a sequence of numpy calls.

    Arrays have a leading batch axis. Values are exact whatever dtype carries them between ops (float32 where the
    range proves that it holds every integer).
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.input_ports = tuple(p for p in graph.ports.values() if isinstance(p, InputPort))
        self.output_ports = tuple(p for p in graph.ports.values() if isinstance(p, OutputPort))
        self._steps: list[tuple[Callable[..., Array], tuple[str, ...], str]] = [
            (node.op.compiled(graph.inputs_of(node)), node.inputs, node.outputs[0]) for node in graph.nodes]

    def encode(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Graph inputs by name, (frames, *shape), to the integers of the input streams by value name."""
        shapes = {port.value: self.graph.values[port.value].shape for port in self.input_ports}
        return {port.value: port.run(self._fitting(port, inputs)).reshape(-1, *shapes[port.value])
                for port in self.input_ports}

    def run(self, integers: Mapping[str, Array]) -> dict[str, Array]:
        """Integers of the input streams to the int64 integers of the outputs, by value name."""
        values = self._values(integers)
        return {name: values[name].astype(np.int64) for name in self.graph.outputs}

    def activations(self, integers: Mapping[str, Array]) -> dict[str, Array]:
        """Every integer value of the graph, (frames, *shape) int64, by value name."""
        return {name: np.asarray(a).astype(np.int64) for name, a in self._values(integers).items()}

    def decode(self, integers: Mapping[str, Array]) -> dict[str, Array]:
        """Output integers by value name to the graph's outputs by name."""
        return {port.name: port.run(integers[port.value]) for port in self.output_ports}

    def predict(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Graph inputs to graph outputs, host quantization and output scale included."""
        return self.decode(self.run(self.encode(inputs)))

    def _values(self, integers: Mapping[str, Array]) -> dict[str, Array]:
        shapes = self.graph.values
        values = {name: array.reshape(-1, *shapes[name].shape) for name, array in integers.items()}
        for step, inputs, output in self._steps:
            values[output] = step(*(values[name] for name in inputs))
        return values

    @staticmethod
    def _fitting(port: InputPort, inputs: Mapping[str, Array]) -> Array:
        if port.name not in inputs:
            raise HwgenError("input-missing", port.name, "no array was given for this graph input",
                             f"Give one of: {', '.join(sorted(inputs)) or 'none given'}.")
        x = np.asarray(inputs[port.name])
        if x.dtype.kind not in "fiub":
            raise HwgenError("input-dtype", port.name, f"dtype {x.dtype} holds no numbers", "Save a float32 array.")
        elements = int(np.prod(port.shape, dtype=np.int64))
        if x.ndim == 0 or x.shape[0] == 0 or x.size != x.shape[0] * elements:
            raise HwgenError("input-shape", port.name, f"shape {x.shape} is not (frames, "
                             f"{', '.join(map(str, port.shape))})", "Put the batch first.")
        return x
