"""Simulate a whole build, RTL in Verilator or HLS C++ by g++: every layer boundary against the integer model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hwgen.errors import HwgenError
from hwgen.ir.tensor import Array
from hwgen.simulate.compile import Announce, compiled
from hwgen.simulate.csim import simulate_hls
from hwgen.simulate.design import Design, Wire, read, write
from hwgen.simulate.native import run
from hwgen.simulate.result import Boundary, Mismatch, SimResult, judge
from hwgen.stream import pack

__all__ = ["Boundary", "Design", "Mismatch", "SimResult", "Wire", "read", "simulate", "simulate_build",
           "simulate_hls", "write"]


def simulate(build: Path, design: Design, inputs: Mapping[str, Array], expected: Mapping[str, Array], *,
             stalls: tuple[float, float] | None = None, seed: int = 0, waves: Path | None = None,
             frames: int | None = None, max_cycles: int | None = None, called: Path | None = None,
             cache: Path | None = None, announce: Announce = lambda text: None) -> SimResult:
    """Stream frames through the RTL of a build directory and compare every boundary.

    inputs, expected: integers (frames, *shape) by value name, for each graph input and each checked value; frames: only
    the first so many. stalls: probabilities that sources and sinks are willing in a cycle, drawn with `seed`; None is
    always. waves: a VCD file to write. called: the build directory's name in replay commands, where it is still being
    made under another. announce: told the expected time of a compile before it starts. What the RTL
    does wrong is in the result. Raises HwgenError tool-missing, not-a-build, simulator-build, simulator-start.
    """
    count = min(len(array) for array in inputs.values())
    count = count if frames is None else min(frames, count)
    library = compiled(build, design, waves=waves is not None, cache=cache, announce=announce)
    packed = [pack(inputs[w.value][:count].reshape(count, -1), w.stream) for w in design.inputs]
    idle = idle_limit(design, stalls)
    raw = run(library, build, design, packed, count, stalls=stalls, seed=seed, vcd=waves, idle_limit=idle,
              max_cycles=max_cycles if max_cycles is not None else (count + 4) * idle)
    return judge(raw, expected, count, lambda frame: replay_command(called or build, stalls, seed, frame))


def simulate_build(build: Path, *, stalls: tuple[float, float] | None = None, seed: int = 0,
                   waves: Path | None = None, frames: int | None = None, cache: Path | None = None,
                   announce: Announce = lambda text: None) -> SimResult:
    """simulate() with the design and the vectors that lie in the build directory: what `hwgen simulate` runs.

    HwgenError "csim-cycles" where stalls or waves are asked of a build that is simulated in C.
    """
    design, inputs, expected = read(build)
    if design.backend == "hls":
        if stalls is not None or waves is not None:
            raise HwgenError("csim-cycles", "--stalls and --waves", "C simulation of an HLS build has no clock",
                             "Leave them out, or build with --backend rtl.")
        return simulate_hls(build, design, inputs, expected, frames=frames, cache=cache)
    return simulate(build, design, inputs, expected, stalls=stalls, seed=seed, waves=waves, frames=frames, cache=cache,
                    announce=announce)


def idle_limit(design: Design, stalls: tuple[float, float] | None) -> int:
    """Cycles without any beat after which the pipeline is stuck: far more than any layer computes between two beats."""
    return int((4 * design.cycles + 2000) / min(stalls or (1.0, 1.0)))


def replay_command(build: Path, stalls: tuple[float, float] | None, seed: int, frame: int) -> str:
    """The command that repeats a run up to a frame and writes its waves: an error may need the frames before."""
    options = f" --stalls {stalls[0]:g},{stalls[1]:g}" if stalls else ""
    return f"hwgen simulate {build} --frame {frame} --seed {seed}{options} --waves waves.vcd"
