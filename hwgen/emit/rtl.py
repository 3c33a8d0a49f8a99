"""The RTL of a hardware-level graph: fills templates/rtl/, knows no kernel by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from hwgen.emit.library import library_files
from hwgen.emit.memory import Port, Rom, ports, roms
from hwgen.emit.render import render
from hwgen.emit.top import Boundary, Top, TopPort, flag_fork, top_of
from hwgen.ir.graph import Graph
from hwgen.kernels.base import Kernel
from hwgen.kernels.vector import literal
from hwgen.stream import Stream, axis_names


@dataclass(frozen=True)
class StreamPort:
    """A stream port of a layer: the prefix of its signals, and the highest bit of its data."""

    name: str
    msb: int


@dataclass(frozen=True)
class KernelWrapper:
    """Context of kernel_wrapper.sv.j2."""

    name: str
    title: str
    stem: str
    inputs: tuple[StreamPort, ...]
    outputs: tuple[StreamPort, ...]
    parameters: tuple[tuple[str, str], ...]
    ports: tuple[Port, ...]
    roms: tuple[Rom, ...]


@dataclass(frozen=True)
class FlagContext:
    """A way of flags from an input to an output: names of both, and its place among all of that input or output."""

    input: str
    input_index: int
    output: str
    output_index: int


@dataclass(frozen=True)
class PortContext:
    """A port of the top with its adapter. flags: where its flags go, or where they come from."""

    name: str
    signal: str
    data_msb: int
    keep_msb: int
    module: str
    layer: str
    parameters: tuple[tuple[str, int], ...]
    wire: str
    flags: tuple[FlagContext, ...]

    @property
    def flag_msb(self) -> int:
        """Highest bit of the vector of its flags."""
        return len(self.flags) - 1


@dataclass(frozen=True)
class WireContext:
    """A stream inside the top."""

    signal: str
    msb: int
    comment: str


@dataclass(frozen=True)
class LayerContext:
    """An instance of a layer's wrapper. inputs, outputs: its ports and the streams that they are joined to."""

    name: str
    inputs: tuple[tuple[str, str], ...]
    outputs: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class TopContext:
    """Context of top.sv.j2."""

    name: str
    model: str
    inputs: tuple[PortContext, ...]
    outputs: tuple[PortContext, ...]
    wires: tuple[WireContext, ...]
    layers: tuple[LayerContext, ...]
    flag_module: str
    flag_parameters: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class ShellContext:
    """Context of shell.v.j2. interfaces: names of the AXI4-Stream ports with colons between."""

    name: str
    top: str
    inputs: tuple[PortContext, ...]
    outputs: tuple[PortContext, ...]
    interfaces: str


@dataclass(frozen=True)
class SourcesContext:
    """Context of filelist.f.j2, sources.tcl.j2 and sources.ys.j2; paths are relative to the build directory."""

    top: str
    shell: str
    sources: tuple[str, ...]
    memories: tuple[str, ...]


def kernel_wrapper(name: str, kernel: Kernel, mem_prefix: str) -> str:
    """SystemVerilog of module `name`: hwgen_<stem> with one or more hwgen_rom per memory.

    Its ports are clk, rst and the streams: s_axis_* and m_axis_*, on a side with several s0_axis_*, s1_axis_*, ... The
    module hwgen_<stem> has one vector for all streams of a side, port 0 in the least significant bits. mem_prefix
    stands before the bare names that memory_files gives.
    """
    return render("rtl/kernel_wrapper.sv.j2", KernelWrapper(
        name=name, title=kernel.title, stem=kernel.stem, inputs=_stream_ports("s", kernel.input_streams()),
        outputs=_stream_ports("m", kernel.output_streams()), ports=ports(kernel), roms=roms(name, kernel, mem_prefix),
        parameters=tuple((name, literal(value)) for name, value in kernel.parameters().items())))


def _stream_ports(side: str, streams: Sequence[Stream]) -> tuple[StreamPort, ...]:
    names = axis_names(side, len(streams))
    return tuple(StreamPort(name, stream.width - 1) for name, stream in zip(names, streams, strict=True))


def memory_files(name: str, kernel: Kernel) -> dict[str, str]:
    """The $readmemh files of layer `name`: bare file name to text."""
    return {rom.file: rom.text() for rom in roms(name, kernel)}


def emit(graph: Graph, out: Path) -> None:
    """Writes out/rtl/ and out/mem/: the library modules that are used, one wrapper a layer, the tops, tool scripts."""
    top = top_of(graph)
    memories = {file: text for layer in top.inner for file, text in memory_files(layer.name, layer.kernel).items()}
    modules = {f"{layer.name}.sv": kernel_wrapper(layer.name, layer.kernel, "mem/") for layer in top.inner}
    modules |= _tops(top)
    library = {path.name: path.read_text(encoding="utf-8") for path in library_files(_modules(top))}
    _write(out / "mem", memories)
    _write(out / "rtl", library | modules | _scripts(top, [*library, *modules], sorted(memories)))


def _modules(top: Top) -> set[str]:
    """Library modules that the emitted files instantiate."""
    rom = {"hwgen_rom"} if any(layer.kernel.memories() for layer in top.layers) else set()
    forks = [flag_fork(copies) for copies in Counter(chain.from_iterable(top.chains)).values() if copies > 1]
    kernels = (top.flags, *forks, *(layer.kernel for layer in top.layers))
    return {"hwgen_reset", *rom, *(f"hwgen_{kernel.stem}" for kernel in kernels)}


def _tops(top: Top) -> dict[str, str]:
    signals = {boundary.value: boundary.signal for boundary in top.boundaries}
    flags = _flags(top)
    inputs = tuple(_port(port, signals[port.layer.sinks[0]], [f for f in flags if f.input == port.name])
                   for port in top.inputs)
    outputs = tuple(_port(port, signals[port.layer.sources[0]], [f for f in flags if f.output == port.name])
                    for port in top.outputs)
    layers = tuple(LayerContext(layer.name, _joined("s", layer.sources, signals), _joined("m", layer.sinks, signals))
                   for layer in top.inner)
    wires = tuple(map(_wire, top.boundaries))
    interfaces = ":".join(port.signal for port in (*inputs, *outputs))
    context = TopContext(top.name, top.model, inputs, outputs, wires, layers, f"hwgen_{top.flags.stem}",
                         tuple(top.flags.parameters().items()))
    shell = ShellContext(_shell(top), top.name, inputs, outputs, interfaces)
    return {f"{top.name}.sv": render("rtl/top.sv.j2", context), f"{shell.name}.v": render("rtl/shell.v.j2", shell)}


def _shell(top: Top) -> str:
    """The Verilog module around the top: no layer can have this name (hwgen.names)."""
    return f"{top.model}_bd_top"


def _flags(top: Top) -> list[FlagContext]:
    """By output, then by input."""
    taken: Counter[str] = Counter()
    made = []
    for port, inputs in zip(top.outputs, top.chains, strict=True):
        for index, name in enumerate(top.inputs[i].name for i in inputs):
            made.append(FlagContext(name, taken[name], port.name, index))
            taken[name] += 1
    return made


def _joined(side: str, values: Sequence[str], signals: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The ports of a side of a layer and the streams of their values."""
    return tuple(zip(axis_names(side, len(values)), (signals[value] for value in values), strict=True))


def _port(port: TopPort, wire: str, flags: Sequence[FlagContext]) -> PortContext:
    kernel = port.layer.kernel
    return PortContext(port.name, port.signal, port.bus - 1, port.bus // 8 - 1, f"hwgen_{kernel.stem}",
                       port.layer.name, tuple(kernel.parameters().items()), wire, tuple(flags))


def _wire(boundary: Boundary) -> WireContext:
    stream = boundary.stream
    return WireContext(boundary.signal, stream.width - 1,
                       f"from {boundary.layer}: {stream.beats} beats of {stream.lanes} x {stream.type} a frame")


def _scripts(top: Top, sources: Iterable[str], memories: Iterable[str]) -> dict[str, str]:
    context = SourcesContext(top.name, _shell(top), tuple(f"rtl/{name}" for name in sources),
                             tuple(f"mem/{name}" for name in memories))
    return {name: render(f"rtl/{name}.j2", context) for name in ("filelist.f", "sources.tcl", "sources.ys")}


def _write(folder: Path, files: Mapping[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
