"""What the writers of a DPU export share: identifiers, which can leave neither a line nor a folder, and shapes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from hwgen.dpu.layers import Shape
from hwgen.dpu.network import DpuNetwork
from hwgen.names import Names


class Labels:
    """One identifier for each value of a network, after the port or the layer it comes from, and more for its parts.

    All are different from each other, also where two layers have the same name or a layer is named like another one's
    part. They depend on the network and on the order of the calls only.
    """

    def __init__(self, network: DpuNetwork) -> None:
        self._made: dict[tuple[str, str], str] = {}
        self._taken: set[str] = set()
        names = Names()
        for value, name in _named(network):
            self._made[value, ""] = self._unique(names.of(name))
        self.graph = Names().of(network.name or "network")
        """Of the network itself; a file is named so."""

    def of(self, value: str) -> str:
        """The identifier of a value."""
        return self._made[value, ""]

    def part(self, value: str, role: str) -> str:
        """<identifier>_<role>, the same at every call."""
        if (value, role) not in self._made:
            self._made[value, role] = self._unique(f"{self.of(value)}_{role}")
        return self._made[value, role]

    def _unique(self, wanted: str) -> str:
        made, number = wanted, 2
        while made in self._taken:
            made, number = f"{wanted}_{number}", number + 1
        self._taken.add(made)
        return made


def shapes_of(network: DpuNetwork) -> dict[str, Shape]:
    """(C, H, W) or (K,), by value."""
    return {**{entry.value: entry.shape for entry in network.entries},
            **{layer.output: layer.shape for layer in network.layers}}


def _named(network: DpuNetwork) -> Iterator[tuple[str, str]]:
    """Values and the names they get: a port's where one quantizer reads it, else the quantizer's or the layer's."""
    readers = Counter(entry.port for entry in network.entries)
    for entry in network.entries:
        yield entry.value, entry.port if readers[entry.port] == 1 else entry.name
    for layer in network.layers:
        yield layer.output, layer.name
