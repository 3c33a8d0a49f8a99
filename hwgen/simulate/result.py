"""What a simulation found: values and cycles of every boundary, mismatches, faults, deadlocks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from hwgen.ir.tensor import Array
from hwgen.simulate.design import Wire
from hwgen.simulate.native import RawRun, Status, Traffic
from hwgen.stream import pack, unpack

Replay = Callable[[int], str]
"""The command that repeats a run up to a frame, with waves."""


@dataclass(frozen=True)
class Mismatch:
    """The first wrong element of one boundary. count: wrong elements of that boundary in all frames."""

    frame: int
    layer: str
    value: str
    channel: int
    element: int
    expected: int
    actual: int
    count: int
    replay: str

    def __str__(self) -> str:
        return (f"frame {self.frame}, layer {self.layer}, channel {self.channel} (element {self.element} of"
                f" {self.value}): expected {self.expected}, actual {self.actual}; {self.count} wrong in all."
                f" Replay with waves: {self.replay}")


@dataclass(frozen=True)
class Boundary:
    """One compared stream. values: (frames, elements) integers of whole frames; ends: cycle of each frame's last beat.

    cycles: from one frame's last beat to the next's, at the end of the run; None for a single frame. A boundary moves
    at the pace of the slowest layer of the pipeline.
    """

    wire: Wire
    values: Array
    ends: tuple[int, ...]
    mismatch: Mismatch | None

    @property
    def cycles(self) -> int | None:
        return self.ends[-1] - self.ends[-2] if len(self.ends) > 1 else None


@dataclass(frozen=True)
class SimResult:
    """A whole run. problems: protocol faults, a deadlock, a timeout or a failed RTL check, as texts for the user.

    cycles_per_frame: tlast to tlast interval of the last frame (docs/contract.md, section 9), None below four frames;
    latency: from the first input beat to the tlast of the first output frame.
    """

    frames: int
    total_cycles: int
    cycles_per_frame: int | None
    latency: int | None
    boundaries: tuple[Boundary, ...]
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not self.problems and not self.mismatches

    @property
    def mismatches(self) -> tuple[Mismatch, ...]:
        """The first mismatch of each boundary that has one, in the order of the graph: the first names the culprit."""
        return tuple(b.mismatch for b in self.boundaries if b.mismatch is not None)

    @property
    def values(self) -> dict[str, Array]:
        """(frames, elements) integers by value name."""
        return {boundary.wire.value: boundary.values for boundary in self.boundaries}


def judge(run: RawRun, expected: Mapping[str, Array], frames: int, replay: Replay) -> SimResult:
    """Compare every boundary and output with the expected integers (frames, *shape)."""
    checked = (*run.boundaries, *run.outputs)
    boundaries = tuple(compared(traffic, expected[traffic.wire.value][:frames], replay) for traffic in checked)
    problems = [*_ending(run, replay), *(_fault(t, replay) for t in checked if t.fault)]
    ends = run.outputs[0].ends
    starts = [traffic.first for traffic in run.inputs if traffic.first is not None]
    return SimResult(frames, run.cycles, int(ends[-1] - ends[-2]) if len(ends) >= 4 else None,
                     int(max(t.ends[0] for t in run.outputs)) - min(starts) if starts and len(ends) else None,
                     boundaries, tuple(problems))


def compared(traffic: Traffic, expected: Array, replay: Replay) -> Boundary:
    """One stream against its expected integers (frames, *shape), as far as whole frames came."""
    wire, whole = traffic.wire, traffic.done // traffic.wire.stream.beats
    beats = traffic.beats[: whole * wire.stream.beats]
    wanted = np.asarray(expected).reshape(len(expected), -1)[:whole]
    packed = pack(wanted, wire.stream)
    if np.array_equal(beats, packed):
        return Boundary(wire, wanted, tuple(map(int, traffic.ends)), None)
    values = unpack(beats, wire.stream)
    return Boundary(wire, values, tuple(map(int, traffic.ends)), _mismatch(wire, values, wanted, replay))


def _mismatch(wire: Wire, values: Array, wanted: Array, replay: Replay) -> Mismatch | None:
    """The first difference; beats that differ only beyond a frame's last element (padding) are equal."""
    wrong = np.argwhere(values != wanted)
    if not len(wrong):
        return None
    frame, element = map(int, wrong[0])
    return Mismatch(frame, wire.layer, wire.value, element % wire.channels, element, int(wanted[frame, element]),
                    int(values[frame, element]), len(wrong), replay(frame))


def _fault(traffic: Traffic, replay: Replay) -> str:
    frame, beat = divmod(traffic.fault_beat, traffic.wire.stream.beats)
    return (f"layer {traffic.wire.layer}, {traffic.wire.signal}: {traffic.fault}, at beat {beat} of frame {frame}."
            f" Replay with waves: {replay(frame)}")


def _ending(run: RawRun, replay: Replay) -> list[str]:
    if run.status == Status.FINISHED:
        return []
    if run.status == Status.RTL_ERROR:
        last = max(len(traffic.ends) for traffic in run.inputs)
        return [f"a check in the RTL failed: {run.error}. Replay with waves: {replay(last)}"]
    kind = "deadlock: no beat moves any more" if run.status == Status.STUCK else "the time limit was reached"
    traffic = stuck_boundary(run)
    frame, beat = divmod(traffic.done, traffic.wire.stream.beats)
    who = f"layer {traffic.wire.layer} gives no output" if not traffic.valid else (
        f"the consumer of {traffic.wire.value} takes no input")
    return [f"{kind} after {run.cycles} cycles; {who}: {traffic.wire.signal} stands at beat {beat} of frame {frame}, "
            f"tvalid {int(traffic.valid)}, tready {int(traffic.ready)}. Replay with waves: {replay(frame)}"]


def stuck_boundary(run: RawRun) -> Traffic:
    """Where the chain broke: the first boundary that lacks beats and offers none, else the last that is not taken.

    Boundaries before the culprit are full and wait for it, those after it starve.
    """
    short = [t for t in (*run.boundaries, *run.outputs) if t.done < len(t.beats)]
    return next((t for t in short if not t.valid), short[-1])
