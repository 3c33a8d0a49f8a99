"""C simulation of an HLS project by g++: the values of every layer boundary, no cycles."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hwgen.errors import HwgenError
from hwgen.ir.tensor import Array
from hwgen.simulate.design import Design, Wire
from hwgen.simulate.native import Traffic
from hwgen.simulate.result import SimResult, compared
from hwgen.stream import pack
from hwgen.toolchain import cache_folder, cached, content_key, versions
from hwgen.toolchain.cxx import FAST, compile_cxx

LIBRARY = "csim.so"
_CHUNK = 8
"""Frames per call: an interrupt by the user waits for the end of a call."""
_SOURCES = ("*.cpp", "*.hpp", "library/*", "shim/*")


class _Stream(ctypes.Structure):
    """hwgen_sim::Stream of hls/shim/csim.hpp."""

    _fields_ = [("name", ctypes.c_char_p), ("data", ctypes.c_void_p), ("beat_bytes", ctypes.c_uint64),
                ("frame_beats", ctypes.c_uint64), ("room", ctypes.c_uint64), ("done", ctypes.c_uint64),
                ("most", ctypes.c_uint64)]


class _Buffers:
    """The memory of one stream during a run."""

    def __init__(self, wire: Wire, name: str, frames: int, data: Array | None = None) -> None:
        shape = (frames * wire.stream.beats, wire.stream.beat_bytes)
        self.wire = wire
        self.data = np.zeros(shape, np.uint8) if data is None else np.ascontiguousarray(data)
        self.stream = _Stream(name.encode(), self.data.ctypes.data, shape[1], wire.stream.beats, shape[0], 0, 0)

    def traffic(self, stream: _Stream) -> Traffic:
        done = min(int(stream.done), len(self.data))
        return Traffic(self.wire, self.data, done, np.zeros(0, np.int64), None, "", 0, valid=False, ready=True)


def simulate_hls(build: Path, design: Design, inputs: Mapping[str, Array], expected: Mapping[str, Array], *,
                 frames: int | None = None, called: Path | None = None, cache: Path | None = None) -> SimResult:
    """Send frames through the C simulation of a build directory and compare every boundary.

    inputs, expected, frames, called: as for hwgen.simulate.simulate. What the C++ does wrong is in the result, which
    has no cycles. Raises HwgenError tool-missing, not-a-build, hls-compile.
    """
    count = min(len(array) for array in inputs.values())
    count = count if frames is None else min(frames, count)
    packed = [pack(inputs[w.value][:count].reshape(count, -1), w.stream) for w in design.inputs]
    groups = ([_Buffers(w, w.signal, count, data) for w, data in zip(design.inputs, packed, strict=True)],
              [_Buffers(w, w.signal, count) for w in design.outputs],
              [_Buffers(w, f"{design.top}.{w.signal}", count) for w in design.boundaries])
    arrays = [(_Stream * len(group))(*(b.stream for b in group)) for group in groups]
    fault = _run(compiled(build, cache), arrays, count)
    _, outputs, boundaries = ([b.traffic(s) for b, s in zip(group, array, strict=True)]
                              for group, array in zip(groups, arrays, strict=True))
    return _judged((*boundaries, *outputs), expected, count, fault,
                   lambda frame: f"hwgen simulate {called or build} --frame {frame}")


def _judged(streams: Sequence[Traffic], expected: Mapping[str, Array], frames: int, fault: str,
            replay: Callable[[int], str]) -> SimResult:
    """The comparison; fault: what stopped the simulation."""
    found = tuple(compared(traffic, expected[traffic.wire.value][:frames], replay) for traffic in streams)
    short = [t for t in streams if t.done < len(t.beats)]
    done = min((t.done // t.wire.stream.beats for t in streams), default=0)
    problems = [f"C simulation stopped in frame {done}: {fault}. Replay: {replay(done)}"] if fault else []
    if short and not fault:
        problems = [f"layer {short[0].wire.layer} gave {short[0].done} of {len(short[0].beats)} beats"]
    return SimResult(frames, 0, None, None, found, tuple(problems))


def _run(library: Path, arrays: Sequence[Any], frames: int) -> str:
    """Runs all frames; the text of the first fault, or an empty one."""
    api = ctypes.CDLL(str(library))
    pointer, number = ctypes.c_void_p, ctypes.c_uint64
    api.hwgen_csim.restype, api.hwgen_csim.argtypes = ctypes.c_char_p, [pointer] * 3 + [number] * 2
    for first in range(0, frames, _CHUNK):
        fault: bytes = api.hwgen_csim(*arrays, len(arrays[2]), min(_CHUNK, frames - first))
        if fault:
            return fault.decode(errors="replace")
    return ""


def compiled(build: Path, cache: Path | None = None) -> Path:
    """The shared object of a build's hls/, from the cache where sources and compiler are the same."""
    hls = build / "hls"
    files = sorted(path for pattern in _SOURCES for path in hls.glob(pattern))
    tops = [path for path in files if path.name == "csim.cpp" or path.name.endswith("_top.cpp")]
    if len(tops) != 2:
        raise HwgenError("not-a-build", str(build), "its hls/ lacks the top or csim.cpp",
                         "Give the directory that hwgen build --backend hls wrote.")
    texts = [part for path in files for part in (path.name, path.read_bytes())]
    key = content_key([str(versions("g++")), *FAST, *texts])

    def make(fresh: Path) -> None:
        compile_cxx(tops, fresh / LIBRARY, includes=(hls / "shim", hls / "library", hls), what=tops[-1].stem)

    return cached(cache_folder(cache), "csim", key, make) / LIBRARY
