"""Many kernels of hls/ in one translation unit, compiled once and run on frames: HLS C simulation against `run`."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from hwgen.emit.hls_layer import hls_roms, layer_text
from hwgen.ir.tensor import Array
from hwgen.kernels.base import Kernel
from hwgen.stream import Stream, axis_names, pack, unpack
from hwgen.toolchain.cxx import compile_cxx, hls_includes
from sim.kernel_bench import random_inputs

HERE = Path(__file__).resolve().parent
QUICK = ("-O0",)
"""Small kernels compile longer than they run."""

Frames = Callable[[Kernel, int, np.random.Generator], Array | Sequence[Array]]


@dataclass(frozen=True)
class Port:
    """A stream of the function, in bits of a beat, beats and bytes of a frame."""

    name: str
    width: int
    beats: int
    bytes: int


@dataclass(frozen=True)
class Instance:
    """What kernels.cpp.j2 knows of a kernel."""

    name: str
    stem: str
    layer: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    arguments: tuple[str, ...]
    flags: int

    @property
    def ports(self) -> tuple[Port, ...]:
        return (*self.inputs, *self.outputs)


class HlsKernels:
    """Compiled kernels; run() gives what the C++ gives.

    Compile time is that of one file, so give all kernels of a test at once. includes: folders that come before those of
    hls/, for mutants, or where `alone` instead of them.
    """

    def __init__(self, kernels: Sequence[Kernel], work: Path, *, includes: Iterable[Path] = (),
                 options: Sequence[str] = QUICK, alone: bool = False) -> None:
        work.mkdir(parents=True, exist_ok=True)
        source = work / "kernels.cpp"
        source.write_text(source_text(kernels))
        library = compile_cxx([source], work / "kernels.so", options=options,
                              includes=[*includes, *(() if alone else hls_includes())])
        self.kernels = tuple(kernels)
        self._library = ctypes.CDLL(str(library))

    def run(self, index: int, *inputs: Array) -> tuple[Array, ...]:
        """All frames of each input, (frames, *shape), through kernel `index`. RuntimeError with the reason."""
        kernel, frames = self.kernels[index], len(inputs[0])
        given = [pack(values.reshape(frames, -1), layout)
                 for values, layout in zip(inputs, kernel.input_streams(), strict=True)]
        layouts = kernel.output_streams()
        taken = [np.zeros((frames * layout.beats, layout.beat_bytes), np.uint8) for layout in layouts]
        self._call(f"k{index}", given, taken, frames)
        shapes = [shape for shape, _ in kernel.infer(kernel.inputs)]
        return tuple(unpack(rows, layout).reshape(frames, *shape)
                     for rows, layout, shape in zip(taken, layouts, shapes, strict=True))

    def _call(self, name: str, given: Sequence[Array], taken: Sequence[Array], frames: int) -> None:
        function = getattr(self._library, name)
        function.restype = ctypes.c_char_p
        reason = function(_rows(given), _rows(taken), frames)
        if reason is not None:
            raise RuntimeError(reason.decode())


def _rows(arrays: Sequence[Array]) -> ctypes.Array[ctypes.c_void_p]:
    return (ctypes.c_void_p * len(arrays))(*(a.ctypes.data for a in arrays))


def check_kernels(kernels: Sequence[Kernel], *, seed: int, work: Path, frames: Frames | None = None,
                  includes: Iterable[Path] = (), options: Sequence[str] = QUICK, alone: bool = False,
                  count: int = 6) -> None:
    """HLS C simulation of every kernel equals its `run`, on `count` frames: random ones unless `frames` makes them.

    Raises AssertionError that names the kernel, its parameters and the seed.
    """
    compiled = HlsKernels(kernels, work, includes=includes, options=options, alone=alone)
    for index, kernel in enumerate(kernels):
        made = random_inputs(kernel, count, seed + index) if frames is None else frames(
            kernel, count, np.random.default_rng(seed + index))
        given = (made,) if isinstance(made, np.ndarray) else tuple(made)
        where = f"kernel {index}: {kernel.label} {kernel.parameters()}; seed {seed}; {work}"
        for got, expected in zip(compiled.run(index, *given), kernel.run(*given), strict=True):
            assert np.array_equal(got, expected), where


def source_text(kernels: Sequence[Kernel], template: str = "kernels.cpp.j2") -> str:
    """One C++ file with all kernels, named k0, k1, ..., from a template of this folder."""
    environment = Environment(loader=FileSystemLoader(HERE), undefined=StrictUndefined, trim_blocks=True)
    instances = [_instance(f"k{i}", kernel) for i, kernel in enumerate(kernels)]
    return environment.get_template(template).render(
        stems=sorted({kernel.stem for kernel in kernels}), kernels=instances)


def _instance(name: str, kernel: Kernel) -> Instance:
    inputs, outputs = _ports("s", kernel.input_streams()), _ports("m", kernel.output_streams())
    roms = tuple(rom.name for rom in hls_roms(name, kernel))
    arguments = (*(port.name for port in (*inputs, *outputs)), *roms)
    return Instance(name, kernel.stem, layer_text(name, kernel), inputs, outputs, arguments,
                    kernel.parameters().get("FLAGS", 0))


def _ports(side: str, streams: Sequence[Stream]) -> tuple[Port, ...]:
    return tuple(Port(name, layout.width, layout.beats, layout.beats * layout.beat_bytes)
                 for name, layout in zip(axis_names(side, len(streams)), streams, strict=True))
