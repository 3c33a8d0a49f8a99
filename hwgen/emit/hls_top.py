"""The top of a build as Vitis HLS has it: FIFOs are depths of streams, every layer is one call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from hwgen.data import folder
from hwgen.emit.top import Layer, Top
from hwgen.errors import HwgenError
from hwgen.kernels.fifo import Fifo

MAX_WIDTH = 4096
"""Bits of the widest ap_int: AP_INT_MAX_W can be set no higher."""

STREAM_DEPTH = 2
"""Beats of a stream without a depth of its own."""
SLACK = 16
"""Beats beyond what the RTL needs: pipelines by Vitis are longer than the RTL's, so more beats wait beside a branch."""


class Identifiers:
    """Names of one scope: what is taken gets another ending."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)

    def of(self, wanted: str) -> str:
        """A name that no call has given before."""
        name, attempt = wanted, 1
        while name in self._taken:
            attempt += 1
            name = f"{wanted}_{attempt}"
        self._taken.add(name)
        return name


@dataclass(frozen=True)
class HlsTop:
    """A top without FIFOs, no layer and stream of one name; waiting: for each value the FIFOs of its stream."""

    top: Top
    waiting: Mapping[str, tuple[Fifo, ...]]

    def depth(self, value: str) -> int:
        """Beats that the value's stream holds: those of its FIFOs and SLACK, or what Vitis gives any stream."""
        fifos = self.waiting.get(value, ())
        return sum(fifo.depth for fifo in fifos) + SLACK if fifos else STREAM_DEPTH

    def block(self, value: str) -> bool:
        """Whether one of its FIFOs is in block RAM."""
        return any(fifo.block for fifo in self.waiting.get(value, ()))


def without_fifos(top: Top) -> HlsTop:
    """Layers read what their FIFOs read, values behind FIFOs are gone; streams with the name of a layer get another."""
    made_by: dict[str, str] = {}
    waiting: dict[str, tuple[Fifo, ...]] = {}
    for layer in top.layers:
        if isinstance(layer.kernel, Fifo):
            (source,), (sink,) = layer.sources, layer.sinks
            first = made_by[sink] = made_by.get(source, source)
            waiting[first] = (*waiting.get(first, ()), layer.kernel)
    layers = {layer.name: replace(layer, sources=tuple(made_by.get(value, value) for value in layer.sources))
              for layer in top.layers if not isinstance(layer.kernel, Fifo)}
    inputs, outputs = (tuple(replace(port, layer=layers[port.layer.name]) for port in side)
                       for side in (top.inputs, top.outputs))
    names = Identifiers(layers)
    boundaries = tuple(replace(boundary, signal=names.of(boundary.signal)) for boundary in top.boundaries
                       if boundary.value not in made_by)
    made = replace(top, inputs=inputs, outputs=outputs, layers=tuple(layers.values()), boundaries=boundaries)
    return HlsTop(made, waiting)


def require_hls(top: HlsTop) -> None:
    """HwgenError "hls-kernel" for a kernel without a header, "hls-width" for a number that no ap_int holds."""
    for layer in top.top.layers:
        stem = layer.kernel.stem
        if not (folder("hls") / f"{stem}.hpp").is_file():
            raise HwgenError("hls-kernel", layer.name, f"the kernel {stem} exists in SystemVerilog only",
                             "Build with --backend rtl.")
        widest = _widest(layer)
        if widest > MAX_WIDTH:
            raise HwgenError("hls-width", layer.name, f"it needs a number of {widest:,} bits, an ap_int has at most "
                             f"{MAX_WIDTH:,}", "Take a smaller folding with --fps or --folding, or --backend rtl.")


def _widest(layer: Layer) -> int:
    """Bits of its widest number: a beat, a word of a memory, what a width converter holds."""
    kernel = layer.kernel
    beats = [stream.width for stream in (*kernel.input_streams(), *kernel.output_streams())]
    parameters = kernel.parameters()
    held = parameters.get("IN_WIDTH", 0) + parameters.get("OUT_WIDTH", 0)
    return max(*beats, held, *(memory.width for memory in kernel.memories()))
