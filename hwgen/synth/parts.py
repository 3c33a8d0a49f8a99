"""Everything of a design that takes resources."""

from __future__ import annotations

from collections.abc import Iterator

from hwgen.emit.top import flag_kernels
from hwgen.ir.graph import Graph
from hwgen.kernels.base import Kernel
from hwgen.passes.fold_options import kernel_of


def kernels_of(graph: Graph) -> Iterator[tuple[str, Kernel]]:
    """The nodes, and what takes the frames' flags from the inputs to the outputs (hwgen.emit.top)."""
    yield from ((node.name, kernel_of(node)) for node in graph.nodes)
    yield from flag_kernels(graph)
