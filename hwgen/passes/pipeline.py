"""The passes in order: this file reads as the compiler's table of contents."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from hwgen.ir.graph import Graph
from hwgen.ir.verify import verify
from hwgen.passes.canonicalise import canonicalise
from hwgen.passes.fold_scales import fold_scales
from hwgen.passes.map_kernels import map_kernels
from hwgen.passes.narrow_joins import narrow_joins
from hwgen.passes.narrow_types import narrow_types
from hwgen.passes.split_products import split_products
from hwgen.passes.thresholds import thresholds

Pass = Callable[[Graph], Graph]

TO_INTEGERS: tuple[tuple[str, Pass], ...] = (
    ("canonicalise", canonicalise),
    ("fold-scales", fold_scales),
    ("thresholds", thresholds),
    ("narrow-types", narrow_types),
    ("split-products", split_products),
    ("narrow-joins", narrow_joins),
)
PASSES = (*TO_INTEGERS, ("map-kernels", map_kernels))


def integers_of(graph: Graph) -> Graph:
    """The integer level of a quantized graph."""
    *_, (_, lowered) = lower(graph, TO_INTEGERS)
    return lowered


def lower(graph: Graph, passes: Sequence[tuple[str, Pass]] | None = None) -> Iterator[tuple[str, Graph]]:
    """Run the passes on a quantized graph; yields ("import", graph), then each pass's name and verified result.

    passes: all of PASSES, or TO_INTEGERS, enough for the integer model. The folding and the FIFO depths depend on the
    board and the wished rate: hwgen.passes.fold and size_fifos.
    """
    verify(graph)
    yield "import", graph
    for name, run in PASSES if passes is None else passes:
        graph = run(graph)
        verify(graph)
        yield name, graph
