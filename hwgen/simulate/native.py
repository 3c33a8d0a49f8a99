"""ctypes side of sim/harness.cpp: whole streams per call."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np

from hwgen.errors import Exit, HwgenError
from hwgen.ir.tensor import Array
from hwgen.simulate.design import Design, Wire

_ALWAYS = 1 << 32
_NEVER = (1 << 64) - 1
_CHUNK = 1 << 14
"""Cycles per call: an interrupt by the user waits for the end of a call."""
FAULTS = ("", "tvalid fell before tready", "the payload changed while stalled", "tlast is wrong", "tkeep is not full",
          "more beats than the frames have")


class Status(IntEnum):
    """How a run ended; the harness has the same enumeration."""

    FINISHED = 0
    TIMEOUT = 1
    STUCK = 2
    RTL_ERROR = 3
    RUNNING = 4


class _Stream(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("beat_bytes", ctypes.c_uint64), ("beats", ctypes.c_uint64),
                ("frame_beats", ctypes.c_uint64), ("frame_ends", ctypes.c_void_p), ("willing", ctypes.c_uint64),
                ("done", ctypes.c_uint64), ("first_cycle", ctypes.c_uint64), ("fault", ctypes.c_uint64),
                ("fault_beat", ctypes.c_uint64), ("valid", ctypes.c_uint64), ("ready", ctypes.c_uint64)]


@dataclass(frozen=True)
class Traffic:
    """What moved on one stream. beats: (frames * beats, beat_bytes) uint8 of which the first `done` rows are real.

    ends: cycle of each frame's last beat; first: cycle of the first beat (None if none); valid, ready: at the end.
    """

    wire: Wire
    beats: Array
    done: int
    ends: Array
    first: int | None
    fault: str
    fault_beat: int
    valid: bool
    ready: bool


@dataclass(frozen=True)
class RawRun:
    """All streams of one run. error: the text of an RTL check that failed."""

    status: Status
    cycles: int
    error: str
    inputs: tuple[Traffic, ...]
    outputs: tuple[Traffic, ...]
    boundaries: tuple[Traffic, ...]


class _Buffers:
    """The memory of one stream while the harness runs."""

    def __init__(self, wire: Wire, frames: int, willing: float, data: Array | None = None) -> None:
        shape = (frames * wire.stream.beats, wire.stream.beat_bytes)
        self.wire = wire
        self.data = np.zeros(shape, np.uint8) if data is None else np.ascontiguousarray(data)
        self.ends = np.zeros(frames, np.uint64)
        self.stream = _Stream(self.data.ctypes.data, shape[1], shape[0], wire.stream.beats, self.ends.ctypes.data,
                              round(willing * _ALWAYS), 0, _NEVER, 0, 0, 0, 0)

    def traffic(self, stream: _Stream) -> Traffic:
        first = None if stream.first_cycle == _NEVER else int(stream.first_cycle)
        ends = self.ends[: stream.done // self.wire.stream.beats].astype(np.int64)
        return Traffic(self.wire, self.data, int(stream.done), ends, first, FAULTS[stream.fault],
                       int(stream.fault_beat), bool(stream.valid), bool(stream.ready))


def run(library: Path, build: Path, design: Design, packed: Sequence[Array], frames: int, *,
        stalls: tuple[float, float] | None, seed: int, max_cycles: int, idle_limit: int, vcd: Path | None) -> RawRun:
    """Reset the design and stream `frames` frames through it. packed: beats for each input (hwgen.stream.pack).

    stalls: probabilities that the sources and the sinks are willing in a cycle; None is always.
    """
    source, sink = stalls or (1.0, 1.0)
    groups = ([_Buffers(w, frames, source, data) for w, data in zip(design.inputs, packed, strict=True)],
              [_Buffers(w, frames, sink) for w in design.outputs],
              [_Buffers(w, frames, 1.0) for w in design.boundaries])
    arrays = [(_Stream * len(group))(*(b.stream for b in group)) for group in groups]
    cycles = ctypes.c_uint64(0)
    with _simulation(library, build, vcd, seed) as (api, handle):
        _check_widths(api, handle, groups)
        status = Status(api.hwgen_start(handle, *arrays, seed, int(stalls is not None)))
        while status == Status.RUNNING:
            status = Status(api.hwgen_advance(handle, _CHUNK, max_cycles, idle_limit, ctypes.byref(cycles)))
        error = api.hwgen_error(handle).decode(errors="replace")
    inputs, outputs, boundaries = (tuple(b.traffic(s) for b, s in zip(group, array, strict=True))
                                   for group, array in zip(groups, arrays, strict=True))
    return RawRun(status, cycles.value, error, inputs, outputs, boundaries)


@contextmanager
def _simulation(library: Path, build: Path, vcd: Path | None, seed: int) -> Iterator[tuple[Any, int]]:
    api = _load(library)
    handle = api.hwgen_new(str(build).encode(), str(vcd.resolve()).encode() if vcd else None, seed)
    try:
        error = api.hwgen_error(handle).decode(errors="replace")
        if error:
            raise HwgenError("simulator-start", str(build), error,
                             "Build again; if it stays, this is a bug of hwgen: please report it.",
                             exit_code=Exit.VERIFICATION_FAILED)
        yield api, handle
    finally:
        api.hwgen_delete(handle)


def _load(library: Path) -> Any:
    api = ctypes.CDLL(str(library))
    pointer, number = ctypes.c_void_p, ctypes.c_uint64
    api.hwgen_new.restype, api.hwgen_new.argtypes = pointer, [ctypes.c_char_p, ctypes.c_char_p, number]
    api.hwgen_start.restype = api.hwgen_advance.restype = ctypes.c_int
    api.hwgen_start.argtypes = [pointer] * 4 + [number, ctypes.c_int]
    api.hwgen_advance.argtypes = [pointer, number, number, number, pointer]
    api.hwgen_bytes.restype, api.hwgen_bytes.argtypes = number, [pointer, ctypes.c_int, number]
    api.hwgen_error.restype, api.hwgen_error.argtypes = ctypes.c_char_p, [pointer]
    api.hwgen_delete.restype, api.hwgen_delete.argtypes = None, [pointer]
    return api


def _check_widths(api: Any, handle: int, groups: Sequence[Sequence[_Buffers]]) -> None:
    """A beat must fit its wire: copying more would be a wild write."""
    for kind, group in enumerate(groups):
        for index, buffers in enumerate(group):
            have, need = api.hwgen_bytes(handle, kind, index), buffers.wire.stream.beat_bytes
            if have < need:
                raise ValueError(f"{buffers.wire.signal}_tdata has {have} bytes, its stream {need}")
