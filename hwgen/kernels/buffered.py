"""Timing of kernels whose input and output go on by themselves, with a buffer in between."""

from __future__ import annotations

from dataclasses import dataclass, field

from hwgen.ir.tensor import Array
from hwgen.kernels.base import Schedule


@dataclass(frozen=True, eq=False)
class BufferedSchedule(Schedule):
    """Two sequences of steps: one that reads in each step, one that writes in each step, a cycle each.

    One port on either side; reads: (1, beats in), writes: (1, beats out), all true.

    A write comes at least one cycle after the read needs[write] of its frame, a read at least one cycle after the
    write frees[read]; both hold indices within the frame, and negative ones in frees are writes of frames before
    (-1 is the last write of the last frame). `delay` is that of the writes.
    """

    needs: Array = field(compare=False)
    frees: Array = field(compare=False)

    @property
    def steps(self) -> int:
        return max(self.beats_in, self.beats_out)

    @property
    def beats_in(self) -> int:
        return int(self.reads.shape[1])

    @property
    def beats_out(self) -> int:
        return int(self.writes.shape[1])

    def at_full_rate(self, frames: int) -> tuple[list[int], list[int]]:
        """Cycles of all reads and all writes of the first frames after a reset, when neither side ever waits."""
        reads: list[int] = []
        writes: list[int] = []
        while len(writes) < frames * self.beats_out:
            before = len(reads), len(writes)
            if len(reads) < frames * self.beats_in:
                frame, beat = divmod(len(reads), self.beats_in)
                _go_on(reads, writes, int(self.frees[beat]) + frame * self.beats_out)
            frame, beat = divmod(len(writes), self.beats_out)
            _go_on(writes, reads, int(self.needs[beat]) + frame * self.beats_in)
            if before == (len(reads), len(writes)):
                raise RuntimeError(f"deadlock after {before[0]} reads and {before[1]} writes")
        return reads, writes


def _go_on(steps: list[int], other: list[int], cause: int) -> None:
    """Append the next step once it is known: a cycle after the last one and after other[cause] (negative: none)."""
    if cause < len(other):
        steps.append(max(steps[-1] + 1 if steps else 0, other[cause] + 1 if cause >= 0 else 0))
