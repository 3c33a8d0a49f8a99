"""The Vitis HLS project of a hardware-level graph: fills templates/hls/, knows no kernel by name."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hwgen.boards import Board
from hwgen.data import folder
from hwgen.emit.hls_layer import HlsRom, Member, hls_roms, members
from hwgen.emit.hls_top import MAX_WIDTH, STREAM_DEPTH, HlsTop, Identifiers
from hwgen.emit.render import render
from hwgen.emit.top import Layer, Top, TopPort
from hwgen.ir.tensor import Array
from hwgen.stream import Stream, axis_names, pack

TEST_FRAMES = 8
"""Frames of the project's test bench: co-simulation of RTL is slow."""

_INCLUDE = re.compile(r'#include "(\w+\.hpp)"')


@dataclass(frozen=True)
class Port:
    """An argument of a function. bus: an AXI4-Stream of the top, with `beats` of `width` bits a frame."""

    name: str
    width: int
    bus: bool = False
    beats: int = 0


@dataclass(frozen=True)
class StreamContext:
    """A stream between two layers."""

    name: str
    width: int
    depth: int
    block: bool


@dataclass(frozen=True)
class CallContext:
    """One line of the top."""

    function: str
    streams: tuple[str, ...]


@dataclass(frozen=True)
class LayerContext:
    """One layer of layers.hpp.j2. arguments: what the library's function gets, memories last."""

    title: str
    function: str
    config: str
    stem: str
    ports: tuple[Port, ...]
    members: tuple[Member, ...]
    roms: tuple[HlsRom, ...]

    @property
    def arguments(self) -> tuple[str, ...]:
        return (*(port.name for port in self.ports), *(rom.name for rom in self.roms))


@dataclass(frozen=True)
class Project:
    """Context of all templates of a project.

    ports: arguments of the top, inputs first; space: the namespace of the layers; headers: of the layers; roms: those
    of all layers; period: of the clock, in ns; frames: of the test bench.
    """

    name: str
    model: str
    space: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    ports: tuple[Port, ...]
    streams: tuple[StreamContext, ...]
    calls: tuple[CallContext, ...]
    headers: tuple[str, ...]
    layers: tuple[LayerContext, ...]
    roms: tuple[HlsRom, ...]
    part: str
    period: str
    project: str
    frames: int
    max_width: int
    default_depth: int


def emit(top: HlsTop, board: Board, inputs: Mapping[str, Array], outputs: Mapping[str, Array], out: Path) -> None:
    """Writes out/hls/: top, layers, memories, test bench with vectors, run_hls.tcl, library and shim.

    inputs, outputs: integers (frames, *shape) by value name; the test bench gets the first TEST_FRAMES of them.
    """
    frames = min(TEST_FRAMES, *map(len, inputs.values()))
    project = project_of(top, board, frames)
    model = project.model
    texts = {f"{project.name}.hpp": "top.hpp", f"{project.name}.cpp": "top.cpp", f"{model}_layers.hpp": "layers.hpp",
             f"{model}_weights.hpp": "weights.hpp", f"{model}_tb.cpp": "tb.cpp", "csim.cpp": "csim.cpp",
             "run_hls.tcl": "run_hls.tcl"}
    hls = out / "hls"
    hls.mkdir(parents=True)
    for name, template in texts.items():
        (hls / name).write_text(render(f"hls/{template}.j2", project), encoding="utf-8")
    _copy_library((f"{layer.stem}.hpp" for layer in project.layers), hls)
    (hls / "vectors").mkdir()
    for port, values in [*((p, inputs) for p in top.top.inputs), *((p, outputs) for p in top.top.outputs)]:
        text = _vectors(values[port.value][:frames], port)
        (hls / "vectors" / f"{port.signal}.txt").write_text(text, encoding="utf-8")


def _vectors(integers: Array, port: TopPort) -> str:
    """The beats of some frames, one a line in hexadecimal; with 0x, or Xilinx' ap_int takes "0b..." for binary."""
    beats = pack(integers.reshape(len(integers), -1), port.stream)
    return "".join(f"0x{bytes(beat[::-1]).hex()}\n" for beat in beats)


def _copy_library(headers: Iterable[str], hls: Path) -> None:
    """library/: the headers and all that they include; shim/: all of it."""
    source = folder("hls")
    (hls / "library").mkdir()
    for name in sorted(_included({*headers, "testbench.hpp"}, source)):
        shutil.copyfile(source / name, hls / "library" / name)
    shutil.copytree(source / "shim", hls / "shim")


def _included(names: set[str], source: Path) -> set[str]:
    found: set[str] = set()
    while names:
        name = names.pop()
        found.add(name)
        names |= set(_INCLUDE.findall((source / name).read_text(encoding="utf-8"))) - found
    return found


def project_of(top: HlsTop, board: Board, frames: int) -> Project:
    """What the templates are filled with; identifiers of layers, streams and memories are unique."""
    design = top.top
    signals = {boundary.value: boundary.signal for boundary in design.boundaries}
    signals |= {port.value: port.signal for port in (*design.inputs, *design.outputs)}
    names = Identifiers([*(layer.name for layer in design.layers), *signals.values()])
    flags = _flags(design, names)
    layers = tuple(_layer(design, layer, flags, names) for layer in design.layers)
    calls = tuple(CallContext(layer.name, tuple(_joined(layer, signals, flags))) for layer in design.layers)
    joined = (*(StreamContext(b.signal, b.stream.width, top.depth(b.value), top.block(b.value))
                for b in design.boundaries),
              *(StreamContext(name, 1, design.flags.depth, False) for name, _, _ in flags))
    inputs, outputs = _ports(design.inputs), _ports(design.outputs)
    return Project(
        name=design.name, model=design.model, space=f"{design.model}_net", inputs=inputs, outputs=outputs,
        ports=(*inputs, *outputs), streams=joined, calls=calls, layers=layers,
        headers=tuple(sorted({*(f"{layer.stem}.hpp" for layer in layers), f"{design.model}_weights.hpp"})),
        roms=tuple(rom for layer in layers for rom in layer.roms), part=board.part,
        period=f"{1000 / board.clock_mhz:.4g}", project=f"{design.model}_hls", frames=frames, max_width=MAX_WIDTH,
        default_depth=STREAM_DEPTH)


Flag = tuple[str, str, str]
"""The stream of a flag, and the adapters that write and read it."""


def _flags(top: Top, names: Identifiers) -> list[Flag]:
    """A stream of flags for every input that an output is computed from."""
    return [(names.of(f"flag_{top.inputs[i].name}_{port.name}"), top.inputs[i].layer.name, port.layer.name)
            for port, inputs in zip(top.outputs, top.chains, strict=True) for i in inputs]


def _joined(layer: Layer, signals: Mapping[str, str], flags: Iterable[Flag]) -> Iterator[str]:
    yield from (signals[value] for value in (*layer.sources, *layer.sinks))
    yield from (name for name, *ends in flags if layer.name in ends)


def _ports(ports: Iterable[TopPort]) -> tuple[Port, ...]:
    return tuple(Port(port.signal, port.bus, True, port.stream.beats) for port in ports)


def _layer(top: Top, layer: Layer, flags: Sequence[Flag], names: Identifiers) -> LayerContext:
    kernel = layer.kernel
    buses = {port.value: port.bus for port in (*top.inputs, *top.outputs)}
    sides = (("s", layer.sources, kernel.input_streams()), ("m", layer.sinks, kernel.output_streams()))
    ports = [_argument(name, value, stream, buses) for side, values, streams in sides
             for name, value, stream in zip(axis_names(side, len(values)), values, streams, strict=True)]
    count = sum(layer.name in ends for _, *ends in flags)
    ports += [Port(f"flag{i}", 1) for i in range(count)]
    return LayerContext(f"{layer.name}: {kernel.title}", layer.name, names.of(f"{layer.name}_config"), kernel.stem,
                        tuple(ports), members(kernel), _renamed(hls_roms(layer.name, kernel), names.of))


def _argument(name: str, value: str, stream: Stream, buses: Mapping[str, int]) -> Port:
    return Port(name, buses[value], True) if value in buses else Port(name, stream.width)


def _renamed(roms: Iterable[HlsRom], name: Callable[[str], str]) -> tuple[HlsRom, ...]:
    return tuple(HlsRom(name(rom.name), rom.width, rom.words, rom.style) for rom in roms)
