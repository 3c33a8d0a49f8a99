"""Everything that a build directory holds of a design but its vectors: rtl/ and mem/, or hls/, and host/."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from hwgen.boards import Board
from hwgen.emit import hls, rtl
from hwgen.emit.hls_top import require_hls, without_fifos
from hwgen.emit.host import Channel
from hwgen.emit.host import emit as emit_host
from hwgen.emit.top import Top, TopPort, top_of
from hwgen.host import InputPort, OutputPort
from hwgen.ir.graph import Graph
from hwgen.ir.tensor import Array
from hwgen.names import Names
from hwgen.simulate.design import Design, Wire


def emit_build(graph: Graph, out: Path) -> Design:
    """Write the RTL of a graph of the hardware level; returns what a simulation must know of it."""
    top = top_of(graph)
    rtl.emit(graph, out)
    _emit_host(top, out)
    return design_of(graph, top)


def emit_hls_build(graph: Graph, board: Board, integers: Mapping[str, Array], values: Mapping[str, Array],
                   out: Path) -> Design:
    """Write the HLS project of a graph of the hardware level; returns what a simulation must know of it.

    integers, values: (frames, *shape) by value name, of the inputs and of all values: for the project's test bench.
    Raises HwgenError hls-kernel, hls-width before anything is written.
    """
    top = without_fifos(top_of(graph))
    require_hls(top)
    hls.emit(top, board, integers, values, out)
    _emit_host(top.top, out)
    return replace(design_of(graph, top.top), backend="hls")


def _emit_host(top: Top, out: Path) -> None:
    sources, sinks = Names(), Names()
    inputs = [(_channel(port, sources.of(host.name)), host) for port in top.inputs for host in port.hosts
              if isinstance(host, InputPort)]
    outputs = [(_channel(port, sinks.of(host.name)), host) for port in top.outputs for host in port.hosts
               if isinstance(host, OutputPort)]
    emit_host(top.model, inputs, outputs, out)


def design_of(graph: Graph, top: Top) -> Design:
    """The streams of the top, as a simulation sees them."""
    boundaries = tuple(Wire(b.signal, b.value, b.layer, _channels(graph, b.value), b.stream) for b in top.boundaries)
    return Design(top.name, top.cycles, tuple(_wire(graph, port) for port in top.inputs),
                  tuple(_wire(graph, port) for port in top.outputs), boundaries)


def _wire(graph: Graph, port: TopPort) -> Wire:
    return Wire(port.signal, port.value, port.layer.name, _channels(graph, port.value), port.stream)


def _channels(graph: Graph, value: str) -> int:
    shape = graph.values[value].shape
    return shape[-1] if shape else 1


def _channel(port: TopPort, name: str) -> Channel:
    return Channel(name, port.signal, port.stream, port.bus // 8)
