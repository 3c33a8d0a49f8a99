"""Adapters in HLS at the top's ports: whole frames among broken ones, tlast, padding, frames that flags swallow."""

from __future__ import annotations

import ctypes
import random
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from hwgen.data import folder
from hwgen.ir.graph import Value
from hwgen.ir.tensor import Array
from hwgen.ir.types import BIPOLAR
from hwgen.kernels.stream_input import StreamInput
from hwgen.kernels.stream_output import StreamOutput
from hwgen.stream import Stream, pack
from hwgen.toolchain.cxx import compile_cxx, hls_includes
from sim import bench_stream_input, bench_stream_output
from sim.bench_stream_input import FAULTS, faulty
from sim.kernel_bench import random_frames
from tests.hls.kernels import source_text
from tests.hls.test_builds import checked

Adapter = StreamInput | StreamOutput
FRAMES = 20
LAST, FULL = 1, 2


def adapters(rng: np.random.Generator, count: int) -> list[Adapter]:
    """`count` random ones of each side, those of the RTL benches, and TFC's input."""
    made: list[Adapter] = [StreamInput.of(Value("pixels", (784,), BIPOLAR)).paced(lanes=49, cycles=64)]
    for _ in range(count):
        made += [bench_stream_input.random_kernel(rng), bench_stream_output.random_kernel(rng)]
    return made


def bus_rows(beats: Sequence[tuple[str, int, int]], bus: int) -> Array:
    """(data, tkeep, tlast) to the rows of adapters.cpp.j2."""
    full = (1 << bus // 8) - 1
    rows = [int(data, 16).to_bytes(bus // 8, "little") + bytes([LAST * last + FULL * (keep == full)])
            for data, keep, last in beats]
    return np.frombuffer(b"".join(rows), np.uint8).reshape(-1, bus // 8 + 1)


def words(frames: Array, layout: Stream) -> list[int]:
    return [int.from_bytes(beat.tobytes(), "little") for beat in pack(frames, layout)]


class Adapters:
    """Compiled adapters. headers: those of the library, hls/ unless given."""

    def __init__(self, kernels: Sequence[Adapter], work: Path, headers: Path | None = None) -> None:
        self.kernels, source = kernels, work / "adapters.cpp"
        source.write_text(source_text(kernels, "adapters.cpp.j2"))
        shim, library = hls_includes()
        made = compile_cxx([source], work / "adapters.so", options=("-O1",), includes=[shim, headers or library])
        self._library = ctypes.CDLL(str(made))

    def call(self, index: int, given: Array, beats: int, out: Array, flags: Array) -> int:
        """The beats that it says. AssertionError where streams run dry or are not empty in the end."""
        function, count = getattr(self._library, f"k{index}"), ctypes.c_int(beats)
        function.restype = ctypes.c_char_p
        pointers = (np.ascontiguousarray(given).ctypes.data, out.ctypes.data, flags.ctypes.data)
        first, second, third = map(ctypes.c_void_p, pointers)
        reason = function(first, ctypes.byref(count), second, third, FRAMES)
        assert reason is None, f"{reason.decode()}: adapter {index}"
        return count.value


def check_input(compiled: Adapters, index: int, kernel: StreamInput, seed: int) -> None:
    """Every good frame comes out whole, with flag 0, every bad one with flag 1 to every output."""
    rng, draw = np.random.default_rng(seed), random.Random(seed)
    values = random_frames(kernel.input_type, kernel.inputs[0].shape, FRAMES, rng)
    beats, size, layout = words(values, kernel.input_stream()), kernel.input_stream().beats, kernel.output_stream()
    faults = [draw.choice(FAULTS if size > 1 else ("none", "late", "keep")) for _ in range(FRAMES)]
    sent = [beat for i, fault in enumerate(faults)
            for beat in faulty(beats[i * size : (i + 1) * size], fault, kernel.bus, draw)]
    out = np.zeros((FRAMES, layout.beats * layout.beat_bytes), np.uint8)
    flags = np.zeros((2, FRAMES), np.uint8)
    compiled.call(index, bus_rows(sent, kernel.bus), len(sent), out, flags)
    good = [fault == "none" for fault in faults]
    assert (flags == ~np.array(good)).all(), f"flags of {kernel.parameters()}"
    assert np.array_equal(out[good], pack(values, layout).reshape(out.shape)[good]), f"{kernel.parameters()}"


def check_output(compiled: Adapters, index: int, kernel: StreamOutput, seed: int) -> None:
    """A frame that a flag says is bad does not come out; the others do, with zeros in the padding."""
    rng = np.random.default_rng(seed)
    values = random_frames(kernel.input_type, kernel.inputs[0].shape, FRAMES, rng)
    flags = (rng.random((kernel.flags, FRAMES)) < 0.2).astype(np.uint8)
    beats = words(values[~flags.any(axis=0)], kernel.output_stream())
    size, full = kernel.output_stream().beats, (1 << kernel.bus // 8) - 1
    wanted = bus_rows([(f"{word:x}", full, int((i + 1) % size == 0)) for i, word in enumerate(beats)], kernel.bus)
    out = np.zeros((FRAMES * size, kernel.bus // 8 + 1), np.uint8)
    count = compiled.call(index, pack(values, kernel.input_stream()), 0, out, flags)
    assert count == len(wanted) and np.array_equal(out[:count], wanted), f"{kernel.parameters()}"


def check(compiled: Adapters, seed: int) -> None:
    for index, kernel in enumerate(compiled.kernels):
        if isinstance(kernel, StreamInput):
            check_input(compiled, index, kernel, seed + index)
        else:
            check_output(compiled, index, kernel, seed + index)


def test_adapters(seed: int, gxx: str, tmp_path: Path) -> None:
    check(Adapters(adapters(np.random.default_rng(seed), 10), tmp_path), seed)


def test_checked_by_clang(tmp_path: Path) -> None:
    source = tmp_path / "adapters.cpp"
    source.write_text(source_text(adapters(np.random.default_rng(1), 3), "adapters.cpp.j2"))
    assert checked(source) == ""


MUTANTS = {
    "early or late tlast goes unseen": ("stream_input", "ended != (beat == C::IN_BEATS - 1) || ", ""),
    "tkeep goes unseen": ("stream_input", "bus.keep != all_bytes", "bus.keep > all_bytes"),
    "a short frame is not filled up": ("stream_input", "if (!ended) {", "if (beat >= 0) {"),
    "a long frame is not cut off": ("stream_input", "while (!ended)", "while (!ended && s_axis.full())"),
    "bad frames get through": ("stream_output", "if (!bad)", "if (!bad || true)"),
    "all flags must be bad": ("stream_output", "bad |= s_flag", "bad = s_flag"),
    "tlast on the first beat": ("stream_output", "beat == C::OUT_BEATS - 1", "beat == 0"),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_mutants_fail(mutant: str, seed: int, gxx: str, tmp_path: Path) -> None:
    stem, right, wrong = MUTANTS[mutant]
    headers = Path(shutil.copytree(folder("hls"), tmp_path / "hls"))
    text = (headers / f"{stem}.hpp").read_text()
    assert text.count(right) == 1
    (headers / f"{stem}.hpp").write_text(text.replace(right, wrong))
    rng = np.random.default_rng(seed)
    inputs = StreamInput.of(Value("x", (48,), BIPOLAR)).paced(lanes=4, cycles=12)
    outputs = [bench_stream_output.random_kernel(rng) for _ in range(4)]
    compiled = Adapters([inputs, *outputs], tmp_path, headers)
    with pytest.raises(AssertionError):
        check(compiled, seed)
