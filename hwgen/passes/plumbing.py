"""Library blocks between layers: width converters where lanes differ, FIFOs where beats wait."""

from __future__ import annotations

from hwgen.ir.graph import Graph, Value
from hwgen.kernels.base import Kernel, Resources
from hwgen.kernels.fifo import Fifo
from hwgen.kernels.stream_input import StreamInput
from hwgen.kernels.stream_output import StreamOutput
from hwgen.kernels.width_converter import WidthConverter

BRAM18_IN_LUTS = 190
"""LUTs that a BRAM18 may cost less than: their ratio on a Zynq-7020."""


def converter(value: Value, source: int, sink: int) -> Kernel:
    """From `source` to `sink` elements per beat."""
    return WidthConverter.between(value, source, sink)


def fifo(value: Value, lanes: int, depth: int) -> Kernel:
    """The cheaper of LUT RAM and block RAM."""
    made = [Fifo.storing(value, lanes, depth, block=block) for block in (False, True) if depth >= 4 or not block]
    return min(made, key=lambda kernel: _luts(kernel.resources()))


def waiting(elements: int, beats: int, busy: int, span: int, cycles: int, bursts: int = 1) -> int:
    """Elements of a frame that wait before a kernel, which is close to what hwgen.passes.size_fifos finds.

    They come evenly over `span` cycles (0: they wait where they come from); the kernel, busy for `busy` of every
    `cycles` cycles, takes them as `beats` beats one a cycle, and can wait for them only as long as it is idle. With
    several bursts a frame (Kernel.bursts) this is so in each of them.
    """
    if not (span and bursts):
        return 0
    return max(0, -(-elements * (span - beats - (cycles - busy)) // (span * bursts)))


def between(value: Value, source: int, sink: int, stored: int) -> Resources:
    """What stands between two kernels with these lanes if `stored` elements wait: on the narrower side."""
    joint = converter(value, source, sink).resources() if source != sink else Resources()
    depth = -(-stored // min(source, sink))
    return joint + fifo(value, min(source, sink), depth).resources() if depth > 1 else joint


def flag_paths(graph: Graph) -> tuple[tuple[str, str], ...]:
    """Each input adapter and each output adapter whose frames are computed from its frames, by name."""
    sources: dict[str, dict[str, None]] = {}
    paths: list[tuple[str, str]] = []
    for node in graph.nodes:
        found = {name: None for value in node.inputs for name in sources.get(value, {})}
        if isinstance(node.op, StreamInput):
            found = {node.name: None}
        if isinstance(node.op, StreamOutput):
            paths += [(name, node.name) for name in found]
        sources.update(dict.fromkeys(node.outputs, found))
    return tuple(paths)


def _luts(used: Resources) -> int:
    return used.lut + BRAM18_IN_LUTS * used.bram18
