"""Line buffers in HLS: neither side waits for the other as long as it can go on, and no stall changes a value."""

from __future__ import annotations

import ctypes
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from hwgen.data import folder
from hwgen.ir.graph import Value
from hwgen.ir.tensor import Array
from hwgen.ir.types import parse_type
from hwgen.kernels.base import Kernel
from hwgen.kernels.depth_to_space import DepthToSpaceUnit
from hwgen.kernels.ring import Ring
from hwgen.kernels.upsample import UpsampleUnit
from hwgen.kernels.window import WindowUnit
from hwgen.ops.upsample import Upsample
from hwgen.stream import pack
from hwgen.toolchain.cxx import compile_cxx, hls_includes
from sim import bench_depth_to_space, bench_upsample, bench_window
from sim.kernel_bench import random_inputs
from tests.hls.kernels import HERE, source_text

LineBuffer = WindowUnit | UpsampleUnit | DepthToSpaceUnit
PLENTY = 1 << 20


def ring_of(kernel: LineBuffer) -> Ring:
    return kernel.sliding if isinstance(kernel, WindowUnit) else kernel.replay


def random_buffers(rng: np.random.Generator, count: int) -> list[LineBuffer]:
    """`count` of each kind. Interleaved blocks are left out: a second function picks their parts."""
    made: list[LineBuffer] = []
    for _ in range(count):
        made += [bench_window.random_kernel(rng), bench_upsample.random_kernel(rng)]
        block = bench_depth_to_space.random_kernel(rng)
        made += [] if block.op.interleaved else [block]
    return made


@dataclass(frozen=True)
class Stalled:
    """Kernels compiled against streams with an end."""

    kernels: Sequence[LineBuffer]
    library: ctypes.CDLL

    @classmethod
    def of(cls, kernels: Sequence[LineBuffer], work: Path, headers: Path | None = None) -> Stalled:
        """headers: those of the library, hls/ unless given."""
        source = work / "line_buffers.cpp"
        source.write_text(source_text(kernels, "line_buffers.cpp.j2"))
        shim, library = hls_includes()
        made = compile_cxx([source], work / "line_buffers.so", options=("-O1",),
                           includes=[HERE / "stalls", shim, headers or library])
        return cls(kernels, ctypes.CDLL(str(made)))

    def run(self, index: int, beats: Array, seed: int, *, room: int = PLENTY, percent: int = 0) -> tuple[int, Array]:
        """Beats taken and the beats given, for the first beats of a frame and room for so many."""
        layout = self.kernels[index].output_stream()
        out = np.zeros((layout.beats, layout.beat_bytes), np.uint8)
        counts = (ctypes.c_int * 2)(len(beats), room)
        given = np.ascontiguousarray(beats)
        getattr(self.library, f"k{index}")(ctypes.c_void_p(given.ctypes.data), ctypes.c_void_p(out.ctypes.data), counts,
                                           ctypes.c_uint(seed), ctypes.c_uint(percent))
        return counts[0], out[: counts[1]]


def frame_of(kernel: Kernel, seed: int) -> tuple[Array, Array]:
    """A random frame in beats, and the beats that it becomes."""
    inputs = tuple(values[:1] for values in random_inputs(kernel, 6, seed))
    (outputs,) = kernel.run(*inputs)
    return pack(inputs[0].reshape(1, -1), kernel.input_stream()), pack(outputs.reshape(1, -1), kernel.output_stream())


def check(stalled: Stalled, seed: int) -> None:
    """What comes in part goes out as far as it can; what has no way out comes in as far as there is room."""
    rng = np.random.default_rng(seed)
    for index, kernel in enumerate(stalled.kernels):
        where = f"{kernel.label} {kernel.parameters()}, seed {seed}"
        ring, (beats, wanted) = ring_of(kernel), frame_of(kernel, seed + index)
        for percent in (0, 50):
            taken, got = stalled.run(index, beats, seed, percent=percent)
            assert taken == len(beats) and np.array_equal(got, wanted), where
            first = int(rng.integers(0, len(beats)))
            taken, got = stalled.run(index, beats[:first], seed, percent=percent)
            possible = int(np.searchsorted(np.maximum.accumulate(ring.needs), first))
            assert taken == first and np.array_equal(got, wanted[:possible]), f"{first} beats of {where}"
            room = int(rng.integers(0, len(wanted)))
            taken, got = stalled.run(index, beats, seed, room=room, percent=percent)
            free = kernel.ram.depth + (int(ring.released[room - 1]) if room else 0)
            assert taken == min(len(beats), free) and np.array_equal(got, wanted[:room]), f"room for {room}: {where}"


def test_each_side_goes_on_alone(seed: int, gxx: str, tmp_path: Path) -> None:
    check(Stalled.of(random_buffers(np.random.default_rng(seed), 6), tmp_path), seed)


MUTANTS = {
    "takes only what is needed": ("ring", "room && (starved || !s_axis.empty())", "starved"),
    "waits for input": ("ring", "!s_axis.empty()", "!s_axis.full()"),
    "waits for output": ("ring", "(!room || !m_axis.full())", "true"),
    "gives too early": ("ring", "walk.beat < settled", "walk.beat <= settled"),
    "frees too much": ("window", "freed + MOVES", "freed + MOVES + 1"),
    "frees too early": ("replay", "next_column && last_h", "next_column || last_h"),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_mutants_fail(mutant: str, seed: int, gxx: str, tmp_path: Path) -> None:
    stem, right, wrong = MUTANTS[mutant]
    headers = Path(shutil.copytree(folder("hls"), tmp_path / "hls"))
    text = (headers / f"{stem}.hpp").read_text()
    assert text.count(right) == 1
    (headers / f"{stem}.hpp").write_text(text.replace(right, wrong))
    upsample = UpsampleUnit.lower(Upsample((2, 1)), (Value("x", (4, 5, 2), parse_type("int5")),))
    kernels: list[LineBuffer] = [bench_window.tight(bench_window.window((5, 6, 1), (2, 3)), block=False),
                                 bench_upsample.tight(upsample, block=True)]
    with pytest.raises(AssertionError, match="seed"):
        check(Stalled.of(kernels, tmp_path, headers), seed)
