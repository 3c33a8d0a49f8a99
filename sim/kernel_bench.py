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
                 values: Array | Sequence[Array] | None = None, tolerance: int = 0, check_schedule: bool = True,
                 library: Sequence[Path] = (RTL,), waves: bool = False) -> KernelTiming:
    """Simulate the kernel on `frames` random frames (at least 6) or on `values`, (frames, *shape) for each input.

    Values: equal to kernel.run with full rate, valid and ready at 10, 50 and 90 % (every port by itself), one slow
    port at a time, a freeze of 1000 cycles of each port, resets in mid-frame. Timing: cycles per frame at full rate
    equal kernel.cycles within `tolerance` cycles, and with check_schedule every output beat comes when
    kernel.schedule() says. Raises AssertionError that names frame, channel, expected and actual value, the seed and a
    replay command.
    """
    given = random_inputs(kernel, frames, seed) if values is None else _each(values)
    expected = kernel.run(*given)
    top = work / "bench_top.sv"
    work.mkdir(parents=True, exist_ok=True)
    top.write_text(kernel_wrapper("bench_top", kernel, "mem/"))
    memories = {f"mem/{name}": text for name, text in memory_files("bench_top", kernel).items()}
    result = run_bench("bench_kernel", "bench_top", [*library_files(top.read_text(), library), top], {},
                       simulator=simulator, seed=seed, config=_config(kernel, given, expected),
                       memories=memories, work=work, waves=waves)
    timing = _timing(kernel, len(given[0]), result)
    replay = f"\nkernel: {kernel.label} {kernel.parameters()}\nseed: {seed}; run folder: {work}"
    assert abs(timing.cycles - kernel.cycles) <= tolerance, (
        f"cycles per frame at full rate: kernel.cycles is {kernel.cycles}, measured {timing.cycles}{replay}")
    if check_schedule:
        _compare_schedule(kernel.schedule(), len(given[0]), result, replay)
    return timing


def random_inputs(kernel: Kernel, frames: int, seed: int) -> tuple[Array, ...]:
    """Random frames, at least 6, for each input of the kernel."""
    rng = np.random.default_rng(seed)
    return tuple(random_frames(layout.type, value.shape, max(frames, 6), rng)
                 for layout, value in zip(kernel.input_streams(), kernel.inputs, strict=True))


def _each(values: Array | Sequence[Array]) -> tuple[Array, ...]:
    return (values,) if isinstance(values, np.ndarray) else tuple(values)


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


def _config(kernel: Kernel, given: Sequence[Array], expected: Sequence[Array]) -> dict[str, Any]:
    inputs, outputs, frames = kernel.input_streams(), kernel.output_streams(), len(given[0])
    per_frame = max(kernel.cycles, *(layout.beats for layout in (*inputs, *outputs)))
    return {"inputs": _ports("s", inputs, given), "outputs": _ports("m", outputs, expected), "cycles": kernel.cycles,
            "frames": frames, "slow_frames": min(frames, max(3, _SLOW_BEATS // per_frame))}


def _ports(side: str, layouts: Sequence[stream.Stream], frames: Sequence[Array]) -> list[dict[str, Any]]:
    names = stream.axis_names(side, len(layouts))
    return [{"name": name, **port_vectors(layout, values)}
            for name, layout, values in zip(names, layouts, frames, strict=True)]


def port_vectors(layout: stream.Stream, frames: Array) -> dict[str, Any]:
    """One port of sim.bench_kernel's configuration, but for its name: all beats in hexadecimal, and their layout."""
    coding = "bipolar" if layout.type == BIPOLAR else "signed" if layout.type.signed else "unsigned"
    return {"beats": list(_hex(frames, layout)), "frame_beats": layout.beats, "elements": layout.elements,
            "bits": layout.type.bits, "lanes": layout.lanes, "coding": coding,
            "channels": frames.shape[-1] if frames.ndim > 1 else 1}


def _hex(frames: Array, layout: stream.Stream) -> Iterator[str]:
    for beat in stream.pack(frames.reshape(len(frames), -1), layout):
        yield format(int.from_bytes(beat.tobytes(), "little"), "x")


def _timing(kernel: Kernel, frames: int, result: BenchResult) -> KernelTiming:
    ports = zip(result.measured["output_cycles"], kernel.output_streams(), strict=True)
    ends = [cycles[layout.beats - 1 :: layout.beats] for cycles, layout in ports]
    assert all(len(port) == frames for port in ends)
    last = [max(frame) for frame in zip(*ends, strict=True)]
    return KernelTiming(last[-1] - last[-2], last[0] - _first(result.measured["input_cycles"]), result)


def _first(ports: Sequence[Sequence[int]]) -> int:
    """The cycle of the first beat on any of the ports."""
    return min(cycles[0] for cycles in ports)


def _compare_schedule(schedule: Schedule, frames: int, result: BenchResult, replay: str) -> None:
    """Output beats against the schedule, as distances from the first output beat."""
    first_read, ports = _full_rate(schedule, frames)
    measured = result.measured["output_cycles"]
    for port, (steps, cycles) in enumerate(zip(ports, measured, strict=True)):
        where = f" of output {port}" if len(ports) > 1 else ""
        assert len(steps) == len(cycles), (
            f"schedule() writes {len(steps)} beats{where}, the RTL {len(cycles)}{replay}")
        for beat, (step, cycle) in enumerate(zip(steps, cycles, strict=True)):
            assert step - _first(ports) == cycle - _first(measured), (
                f"output beat {beat}{where}: schedule() has it {step - _first(ports)} cycles after the first,"
                f" the RTL {cycle - _first(measured)}{replay}")
    predicted = _first(ports) - first_read + schedule.delay
    actual = _first(measured) - _first(result.measured["input_cycles"])
    assert actual == predicted, (
        f"first output beat: schedule() has it {predicted} cycles after the first input beat,"
        f" the RTL {actual}{replay}")


def _full_rate(schedule: Schedule, frames: int) -> tuple[int, Sequence[Sequence[int]]]:
    """The step of the first read and those of all writes at each output."""
    if isinstance(schedule, BufferedSchedule):
        reads, writes = schedule.at_full_rate(frames)
        return reads[0], [writes]
    starts = np.arange(frames)[:, None] * schedule.steps
    ports = [(starts + np.flatnonzero(row)).reshape(-1).tolist() for row in schedule.writes]
    return int(np.argmax(np.asarray(schedule.reads).any(axis=0))), ports


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
