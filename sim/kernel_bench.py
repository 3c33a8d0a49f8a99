"""Check a kernel's RTL against its `run`, under every kind of stall, in one simulation."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hwgen import stream
from hwgen.emit.rtl import kernel_wrapper, memory_files
from hwgen.ir.tensor import Array
from hwgen.ir.types import BIPOLAR, IntType
from hwgen.kernels.base import Kernel, Schedule
from hwgen.kernels.buffered import BufferedSchedule
from sim.runner import ROOT, BenchResult, run_bench

RTL = ROOT / "rtl"
_SLOW_BEATS = 400


@dataclass(frozen=True)
class KernelTiming:
    """Measured with no stalls. latency: first input beat to last output beat of the first frame, in cycles."""

    cycles: int
    latency: int
    result: BenchResult


def check_kernel(kernel: Kernel, frames: int = 8, *, seed: int, work: Path, simulator: str = "verilator",
                 values: Array | None = None, tolerance: int = 0, check_schedule: bool = True,
                 library: Sequence[Path] = (RTL,), waves: bool = False) -> KernelTiming:
    """Simulate the kernel on `frames` random frames (at least 6) or on `values` (frames, *shape).

    Values: equal to kernel.run with full rate, valid and ready at 10, 50 and 90 %, a freeze of 1000 cycles on either
    side, resets in mid-frame. Timing: cycles per frame at full rate equal kernel.cycles within `tolerance` cycles, and
    with check_schedule every output beat comes when kernel.schedule() says. Raises AssertionError that names frame,
    channel, expected and actual value, the seed and a replay command.
    """
    rng = np.random.default_rng(seed)
    given = random_frames(kernel.input_type, kernel.inputs[0].shape, max(frames, 6), rng) if values is None else values
    (expected,) = kernel.run(given)
    top = work / "bench_top.sv"
    work.mkdir(parents=True, exist_ok=True)
    top.write_text(kernel_wrapper("bench_top", kernel, "mem/"))
    memories = {f"mem/{name}": text for name, text in memory_files("bench_top", kernel).items()}
    result = run_bench("bench_kernel", "bench_top", [*library_files(top.read_text(), library), top], {},
                       simulator=simulator, seed=seed, config=_config(kernel, given, expected),
                       memories=memories, work=work, waves=waves)
    timing = _timing(kernel, len(given), result)
    replay = f"\nkernel: {kernel.label} {kernel.parameters()}\nseed: {seed}; run folder: {work}"
    assert abs(timing.cycles - kernel.cycles) <= tolerance, (
        f"cycles per frame at full rate: kernel.cycles is {kernel.cycles}, measured {timing.cycles}{replay}")
    if check_schedule:
        _compare_schedule(kernel.schedule(), len(given), result, replay)
    return timing


def random_frames(kind: IntType, shape: tuple[int, ...], frames: int, rng: np.random.Generator) -> Array:
    """Random frames, of which one is all the lowest and one all the highest value."""
    if kind == BIPOLAR:
        made = 2 * rng.integers(0, 2, (frames, *shape)) - 1
    elif kind.levels < 1 << 62:
        made = rng.integers(kind.lo, kind.hi, (frames, *shape), endpoint=True)
    else:
        count = frames * int(np.prod(shape))
        flat = [kind.lo + int.from_bytes(rng.bytes(32), "little") % kind.levels for _ in range(count)]
        made = np.array(flat, dtype=object).reshape(frames, *shape)
    made[1], made[2] = kind.lo, kind.hi
    return np.asarray(made)


def _config(kernel: Kernel, given: Array, expected: Array) -> dict[str, Any]:
    source, sink, frames = kernel.input_stream(), kernel.output_stream(), len(given)
    per_frame = max(source.beats, sink.beats, kernel.cycles)
    channels = expected.shape[-1] if expected.ndim > 1 else 1
    return {"inputs": list(_hex(given, source)), "outputs": list(_hex(expected, sink)), "input": _layout(source),
            "output": _layout(sink), "channels": channels, "cycles": kernel.cycles, "frames": frames,
            "slow_frames": min(frames, max(3, _SLOW_BEATS // per_frame))}


def _hex(frames: Array, layout: stream.Stream) -> Iterator[str]:
    for beat in stream.pack(frames.reshape(len(frames), -1), layout):
        yield format(int.from_bytes(beat.tobytes(), "little"), "x")


def _layout(layout: stream.Stream) -> dict[str, Any]:
    coding = "bipolar" if layout.type == BIPOLAR else "signed" if layout.type.signed else "unsigned"
    return {"bits": layout.type.bits, "lanes": layout.lanes, "coding": coding, "beats": layout.beats,
            "elements": layout.elements}


def _timing(kernel: Kernel, frames: int, result: BenchResult) -> KernelTiming:
    ends = result.measured["output_cycles"][kernel.output_stream().beats - 1 :: kernel.output_stream().beats]
    assert len(ends) == frames
    return KernelTiming(ends[-1] - ends[-2], ends[0] - result.measured["input_cycles"][0], result)


def _compare_schedule(schedule: Schedule, frames: int, result: BenchResult, replay: str) -> None:
    """Output beats against the schedule, as distances from the first output beat."""
    first_read, steps = _full_rate(schedule, frames)
    actual = result.measured["output_cycles"]
    assert len(steps) == len(actual), f"schedule() writes {len(steps)} beats, the RTL {len(actual)}{replay}"
    for beat, (step, cycle) in enumerate(zip(steps, actual, strict=True)):
        assert step - steps[0] == cycle - actual[0], (
            f"output beat {beat}: schedule() has it {step - steps[0]} cycles after the first,"
            f" the RTL {cycle - actual[0]}{replay}")
    predicted = steps[0] - first_read + schedule.delay
    measured = actual[0] - result.measured["input_cycles"][0]
    assert measured == predicted, (
        f"first output beat: schedule() has it {predicted} cycles after the first input beat,"
        f" the RTL {measured}{replay}")


def _full_rate(schedule: Schedule, frames: int) -> tuple[int, Sequence[int]]:
    """The step of the first read and those of all writes."""
    if isinstance(schedule, BufferedSchedule):
        reads, writes = schedule.at_full_rate(frames)
        return reads[0], writes
    writes = np.flatnonzero(schedule.writes[0]).tolist()
    return int(np.argmax(schedule.reads[0])), [frame * schedule.steps + step for frame in range(frames)
                                               for step in writes]


def library_files(text: str, folders: Sequence[Path]) -> list[Path]:
    """Files of all library modules that `text` uses, directly or through others."""
    found: dict[str, Path] = {}
    waiting = [text]
    while waiting:
        for name in _modules(waiting.pop()):
            path = next((f / f"{name}.sv" for f in folders if (f / f"{name}.sv").is_file()), None)
            if path is not None and name not in found:
                found[name] = path
                waiting.append(path.read_text())
    return [found[name] for name in sorted(found)]


def _modules(text: str) -> Iterable[str]:
    return dict.fromkeys(re.findall(r"\bhwgen_[a-z0-9_]+\b", text))
