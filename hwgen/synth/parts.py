"""Everything of a design that takes resources."""

from __future__ import annotations

from collections.abc import Iterator

from hwgen.emit.top import flag_fifo
from hwgen.ir.graph import Graph
from hwgen.kernels.base import Kernel
from hwgen.kernels.stream_output import StreamOutput
from hwgen.passes.fold_options import kernel_of
from hwgen.passes.size_fifos import modelled_timing


def kernels_of(graph: Graph) -> Iterator[tuple[str, Kernel]]:
    """The nodes, and for each output adapter the FIFO that takes the frames' flags there (hwgen.emit.top)."""
    for node in graph.nodes:
        yield node.name, kernel_of(node)
        if isinstance(node.op, StreamOutput):
            yield f"{node.name}_flags", flag_fifo(modelled_timing(graph))
