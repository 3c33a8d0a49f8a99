"""`hwgen simulate`: run the RTL of a build directory again with the vectors that lie in it."""

from __future__ import annotations

from pathlib import Path

from hwgen.errors import Exit
from hwgen.report.console import Console, count
from hwgen.simulate import simulate_build


def replay(build: Path, console: Console, *, frames: int | None, stalls: tuple[float, float] | None, seed: int,
           waves: Path | None) -> Exit:
    """Simulate and print what differs. Exit 1 on any difference; raises HwgenError not-a-build, tool-missing."""
    result = simulate_build(build, stalls=stalls, seed=seed, waves=waves, frames=frames,
                            announce=console.announce)
    wrong = sum(mismatch.count for mismatch in result.mismatches)
    measured = "" if result.cycles_per_frame is None else f"; {result.cycles_per_frame:,} cycles a frame"
    cycles = f" in {count(result.total_cycles, 'cycle')}" if result.total_cycles else ""
    console.stage("Simulated", f"{count(result.frames, 'frame')}{cycles}: "
                  f"{count(wrong, 'mismatch')} at {count(len(result.boundaries), 'boundary')}{measured}")
    for line in (*result.problems, *map(str, result.mismatches)):
        console.detail(line)
    if waves is not None:
        console.stage("Recorded", str(waves))
    return Exit.OK if result.ok else Exit.VERIFICATION_FAILED
