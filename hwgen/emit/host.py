"""The build's host/ folder: a numpy module that packs inputs and unpacks outputs, from the records of hwgen.host."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hwgen import host_functions
from hwgen.emit.render import render
from hwgen.host import HostStep, InputPort, OutputPort
from hwgen.ir.tensor import Array, Tensor
from hwgen.ir.types import BIPOLAR
from hwgen.stream import Stream


@dataclass(frozen=True)
class Channel:
    """One port of the host: its identifier, the top-level stream that it uses, a frame's layout, the bytes of tdata."""

    name: str
    signal: str
    stream: Stream
    tdata_bytes: int


@dataclass(frozen=True)
class HostPort:
    """One entry of the tables INPUTS and OUTPUTS in accelerator.py.j2; the texts are Python."""

    name: str
    signal: str
    type: str
    elements: int
    beats: int
    tdata_bits: int
    shape: tuple[int, ...]
    dimensions: str
    layout: str
    options: str


@dataclass(frozen=True)
class Accelerator:
    """Context of accelerator.py.j2."""

    model: str
    inputs: tuple[HostPort, ...]
    outputs: tuple[HostPort, ...]
    functions: str


def emit(model: str, inputs: Iterable[tuple[Channel, InputPort]], outputs: Iterable[tuple[Channel, OutputPort]],
         out: Path) -> None:
    """Writes out/host/accelerator.py and out/host/tables.npz; `model` is an identifier."""
    inputs, outputs = tuple(inputs), tuple(outputs)
    host = out / "host"
    host.mkdir(parents=True, exist_ok=True)
    sources = tuple(_port(channel, port.shape, _input_options(port)) for channel, port in inputs)
    sinks = tuple(_port(channel, port.shape, _output_options(channel.name, port)) for channel, port in outputs)
    text = render("host/accelerator.py.j2", Accelerator(model, sources, sinks, _functions()))
    (host / "accelerator.py").write_text(text, encoding="utf-8")
    tables: dict[str, Array] = {}
    for channel, port in inputs:
        tables |= _input_tables(channel.name, port)
    for channel, result in outputs:
        tables |= _output_tables(channel.name, result)
    np.savez(host / "tables.npz", **tables)  # type: ignore[arg-type]


def _functions() -> str:
    """The text of hwgen.host_functions behind its imports, which the template repeats."""
    return "Array" + inspect.getsource(host_functions).partition("\nArray")[2].rstrip()


def _port(channel: Channel, shape: tuple[int, ...], options: str) -> HostPort:
    stream = channel.stream
    kind = stream.type
    layout = (f"Layout({stream.elements}, {stream.lanes}, {kind.bits}, {kind.lo}, {kind.hi}, {kind == BIPOLAR}, "
              f"{channel.tdata_bytes})")
    return HostPort(channel.name, channel.signal, str(kind), stream.elements, stream.beats, 8 * channel.tdata_bytes,
                    shape, ", ".join(map(str, shape)), layout, options)


def _input_options(port: InputPort) -> str:
    return f"raw={port.encode.raw}"


def _output_options(name: str, port: OutputPort) -> str:
    steps = ", ".join(_step(f"{name}.{i}", step) for i, step in enumerate(port.decode.tail, 1))
    return f"tail=[{steps}], indices={port.decode.indices}"


def _step(prefix: str, step: HostStep) -> str:
    """A step as host_functions.evaluate takes it; its arrays lie in the tables."""
    arguments = ", ".join(f'"{name}": ' + (f'TABLES["{prefix}.{name}"]' if isinstance(value, Tensor) else repr(value))
                          for name, value in step.arguments)
    return f'("{step.function}", {step.inputs}, {{{arguments}}})'


def _input_tables(name: str, port: InputPort) -> dict[str, Array]:
    order = {} if port.order is None else {f"{name}_order": port.order.array}
    return {f"{name}_cuts": port.encode.cuts.array, f"{name}_descending": port.encode.descending.array, **order}


def _output_tables(name: str, port: OutputPort) -> dict[str, Array]:
    order = {} if port.order is None else {f"{name}_order": port.order.array}
    tail = {f"{name}.{i}.{argument}": value.array for i, step in enumerate(port.decode.tail, 1)
            for argument, value in step.arguments if isinstance(value, Tensor)}
    return {f"{name}_scale": port.decode.scale.array, f"{name}_offset": port.decode.offset.array, **order, **tail}
