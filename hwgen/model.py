"""The integer model: runs a graph of the integer or hardware level on the graph's own inputs, exactly and fast."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

import numpy as np

from hwgen.blas import one_thread, processors
from hwgen.blocks import Chain, chains, single_nodes
from hwgen.errors import HwgenError
from hwgen.host import InputPort, OutputPort
from hwgen.ir.graph import Graph
from hwgen.ir.tensor import Array
from hwgen.ops.integer import float_type, int_type, largest

BLOCK = 1 << 18
"""Most elements of a value that is worked on at a time: 1 MB of float32, so that it stays in the cache."""
KEPT = 1 << 19
"""Most elements of a value that is kept between chains, which bounds the frames that run together."""


class IntegerModel:
    """Prepared once per graph; every run is a sequence of numpy calls.

    Arrays have a leading batch axis. Values are exact whatever dtype carries them between ops (float32 where the
    range proves that it holds every integer). block, kept: most elements of a value, see BLOCK and KEPT; they change
    speed and memory only.
    """

    def __init__(self, graph: Graph, *, block: int = BLOCK, kept: int = KEPT) -> None:
        self.graph = graph
        self.input_ports = tuple(p for p in graph.ports.values() if isinstance(p, InputPort))
        self.output_ports = tuple(p for p in graph.ports.values() if isinstance(p, OutputPort))
        self._block, self._kept = block, kept

    @cached_property
    def _chains(self) -> tuple[tuple[Chain, tuple[str, ...]], ...]:
        """What is run, and the values that nothing reads afterwards."""
        found = chains(self.graph)
        last = {name: i for i, chain in enumerate(found) for name in chain.inputs if name not in self.graph.outputs}
        return tuple((chain, tuple(name for name in last if last[name] == i)) for i, chain in enumerate(found))

    @cached_property
    def _nodes(self) -> tuple[Chain, ...]:
        return single_nodes(self.graph)

    def encode(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Graph inputs by name, (frames, *shape), to the integers of the input streams by value name."""
        shapes = {port.value: self.graph.values[port.value].shape for port in self.input_ports}
        return {port.value: port.run(self._fitting(port, inputs)).reshape(-1, *shapes[port.value])
                for port in self.input_ports}

    def run(self, integers: Mapping[str, Array]) -> dict[str, Array]:
        """Integers of the input streams to the int64 integers of the outputs, by value name."""
        inputs = self._shaped(integers)
        frames = max(map(len, inputs.values()))
        if frames <= self._together:
            with one_thread():
                return self._run(inputs)
        parts = [{name: array[rows] for name, array in inputs.items()} for rows in self._parts(frames)]
        with one_thread() as alone, ThreadPoolExecutor(processors() if alone else 1) as pool:
            done = list(pool.map(self._run, parts))
        return {name: np.concatenate([part[name] for part in done]) for name in self.graph.outputs}

    @cached_property
    def _together(self) -> int:
        """The most frames of which no value that is kept has more than `kept` elements."""
        held = [self.graph.values[name].elements for chain, _ in self._chains for name in chain.outputs]
        return max(1, self._kept // max(held, default=1))

    @cached_property
    def _carriers(self) -> dict[str, type[np.floating]]:
        """The float that holds each input, where there is one."""
        floats = {name: float_type(largest(int_type(self.graph.values[name]))) for name in self.graph.inputs}
        return {name: dtype for name, dtype in floats.items() if dtype is not None}

    def _parts(self, frames: int) -> list[slice]:
        """About equal groups of frames, as many for each processor."""
        count = min(-(-frames // (self._together * processors())) * processors(), frames)
        return [slice(frames * i // count, frames * (i + 1) // count) for i in range(count)]

    def _run(self, values: dict[str, Array]) -> dict[str, Array]:
        """Some frames. Inputs are carried in float32 where it holds their type."""
        for name, dtype in self._carriers.items():
            values[name] = values[name].astype(dtype)
        for chain, done in self._chains:
            values.update(chain.run(values, self._block))
            for name in done:
                del values[name]
        return {name: values[name].astype(np.int64) for name in self.graph.outputs}

    def activations(self, integers: Mapping[str, Array]) -> dict[str, Array]:
        """Every integer value of the graph, (frames, *shape), by value name; int64, or object beyond 63 bits."""
        values = self._shaped(integers)
        for node in self._nodes:
            values.update(node.run(values, self._block))
        kinds = {name: np.int64 if int_type(self.graph.values[name]).bits < 64 else object for name in values}
        return {name: np.asarray(a).astype(kinds[name]) for name, a in values.items()}

    def _shaped(self, integers: Mapping[str, Array]) -> dict[str, Array]:
        return {name: array.reshape(-1, *self.graph.values[name].shape) for name, array in integers.items()}

    def decode(self, integers: Mapping[str, Array]) -> dict[str, Array]:
        """Output integers by value name to the graph's outputs by name."""
        return {port.name: port.run(integers[port.value]) for port in self.output_ports}

    def predict(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Graph inputs to graph outputs, host quantization and output scale included."""
        return self.decode(self.run(self.encode(inputs)))

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
