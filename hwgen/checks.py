"""`--check`: execute the graph before and after every pass on sample inputs, so that a bug is pinned to one pass."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hwgen.errors import Exit, HwgenError
from hwgen.host import InputPort
from hwgen.ir.graph import Graph, Level
from hwgen.ir.tensor import Array
from hwgen.model import IntegerModel
from hwgen.reference import exact
from hwgen.vectors import random_inputs

FRAMES = 4


class PassCheck:
    """Compares every graph with the exact reference of the imported one, at every value that both have.

    The host's side of the inputs is only known once the scales are folded, so graphs before that wait.
    """

    def __init__(self, imported: Graph, seed: int, frames: int = FRAMES) -> None:
        self.imported = imported
        self.seed = seed
        self.frames = frames
        self.passes = 0
        self.values = 0
        self._waiting: list[tuple[str, Graph]] = []
        self._inputs: Mapping[str, Array] = {}
        self._expected: Mapping[str, Array] = {}

    @property
    def facts(self) -> str:
        return f"{self.passes} checked by execution ({self.values:,} integers equal)"

    def after(self, name: str, graph: Graph) -> None:
        """Check the graph that a pass made. Raises HwgenError "pass-changed-result" naming pass, value and integers."""
        ports = {port.name: port for port in graph.ports.values() if isinstance(port, InputPort)}
        if not self._inputs and not ports:
            self._waiting.append((name, graph))
            return
        if not self._inputs:
            self._inputs = random_inputs(ports, self.frames, self.seed)
            self._expected = exact.run(self.imported, self._inputs).integers
        for waiting in (*self._waiting, (name, graph)):
            self._compare(*waiting)
        self._waiting.clear()

    def _compare(self, name: str, graph: Graph) -> None:
        found = executed(graph, self._inputs)
        shared = [value for value in found if value in self._expected]
        for value in shared:
            _require_equal(name, value, self._expected[value], graph.in_imported_order(value, found[value]))
        self.values += sum(found[value].size for value in shared)
        self.passes += 1


def executed(graph: Graph, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
    """Every integer of a graph of any level, by value name."""
    if graph.level == Level.QUANTIZED:
        return exact.run(graph, inputs).integers
    model = IntegerModel(graph)
    return model.activations(model.encode(inputs))


def _require_equal(name: str, value: str, expected: Array, found: Array) -> None:
    want, have = expected.reshape(len(expected), -1), found.reshape(len(found), -1)
    bad = np.argwhere(want != have)
    if len(bad):
        frame, element = bad[0].tolist()
        raise HwgenError("pass-changed-result", f"pass {name}, value {value}",
                         f"frame {frame}, element {element} is {have[frame, element]} instead of "
                         f"{want[frame, element]} ({len(bad)} of {want.size} differ)",
                         "This is a bug of hwgen: please report it with the model.", exit_code=Exit.INTERNAL)
