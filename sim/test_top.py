"""The whole network in cocotb: every layer boundary and every output against the integer model's values.

Run it from the build directory, with cocotb 2.1 and either simulator installed:

    python sim/test_top.py --simulator verilator
    python sim/test_top.py --simulator icarus --frames 4 --waves

The vectors are sim/vectors.npz, described by sim/design.json. --waves writes all signals to dump.vcd (Verilator) or
sim_build/<simulator>/<top>.fst (Icarus).
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge

BUILD = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(BUILD / "sim"))

from drivers import Monitor, Sink, Source, number  # noqa: E402
from scoreboard import compare  # noqa: E402

SEED = 1


class Vectors:
    """The design's description and the beats of its streams, for as many frames as were asked for."""

    def __init__(self) -> None:
        self.design = json.loads((BUILD / "sim" / "design.json").read_text())
        with np.load(BUILD / "sim" / "vectors.npz") as stored:
            self.arrays = dict(stored)
        checked = (*self.design["boundaries"], *self.design["outputs"])
        self.values = list(dict.fromkeys(wire["value"] for wire in checked))
        self.frames = min(int(os.environ.get("HWGEN_FRAMES", "8")), len(self.arrays["input_0"]))

    def sent(self, index: int) -> list[int]:
        """The beats of one input."""
        return self._beats(self.arrays[f"input_{index}"], self.design["inputs"][index])

    def expected(self, wire: dict[str, Any]) -> list[int]:
        """The beats of a boundary or an output."""
        return self._beats(self.arrays[f"value_{self.values.index(wire['value'])}"], wire)

    def _beats(self, array: Any, wire: dict[str, Any]) -> list[int]:
        layout = wire["stream"]
        return [beat for frame in array[: self.frames] for beat in pack([int(v) for v in frame], layout)]


def pack(values: Sequence[int], layout: dict[str, Any]) -> list[int]:
    """One frame's beats: element 0 in the least significant bits, bipolar -1 as 0, missing elements 0."""
    bits, lanes = layout["bits"], layout["lanes"]
    codes = [int(v > 0) if layout["bipolar"] else v & ((1 << bits) - 1) for v in values]
    return [sum(code << (lane * bits) for lane, code in enumerate(codes[start : start + lanes]))
            for start in range(0, len(codes), lanes)]


def layout_of(wire: dict[str, Any]) -> dict[str, Any]:
    """What sim/scoreboard.py wants to know of a stream."""
    stream = wire["stream"]
    coding = "bipolar" if stream["bipolar"] else "signed" if stream["lo"] < 0 else "unsigned"
    return stream | {"coding": coding, "beats": -(-stream["elements"] // stream["lanes"])}


async def reset(dut: Any) -> None:
    """Eight cycles of reset, then nothing may come out before anything went in."""
    dut.aresetn.value = 0
    for _ in range(8):
        await RisingEdge(dut.aclk)
    dut.aresetn.value = 1


@cocotb.test()
@cocotb.parametrize(stalls=[(1.0, 1.0), (0.5, 0.5)])
async def network(dut: Any, stalls: tuple[float, float]) -> None:
    """All frames back to back; with stalls both sides are willing in half of the cycles only."""
    vectors, rng = Vectors(), random.Random(f"{SEED} {stalls}")
    design, clock = vectors.design, dut.aclk
    Clock(clock, 10, unit="ns").start()
    sources = [Source(dut, clock, wire["signal"], rng, stalls[0]) for wire in design["inputs"]]
    sinks = [Sink(dut, clock, wire["signal"], rng, stalls[1]) for wire in design["outputs"]]
    await reset(dut)
    for _ in range(40):
        await RisingEdge(clock)
        for wire in design["outputs"]:
            assert number(getattr(dut, f"{wire['signal']}_tvalid"), "tvalid") == 0, "output before input after reset"
    monitors = [Monitor(dut, clock, wire["signal"]) for wire in design["boundaries"]]
    for index, (source, wire) in enumerate(zip(sources, design["inputs"], strict=True)):
        beats, per_frame = vectors.sent(index), layout_of(wire)["beats"]
        cocotb.start_soon(source.send(beats, [(i + 1) % per_frame == 0 for i in range(len(beats))]))
    tasks = [cocotb.start_soon(side.run()) for side in (*sinks, *monitors)]
    expected = [vectors.expected(wire) for wire in design["outputs"]]
    await finished(clock, sinks, expected, (4 * design["cycles"] + 2000) / min(stalls))
    for task in tasks:
        task.cancel()
    for monitor, wire in zip(monitors, design["boundaries"], strict=True):
        compare(monitor.beats, vectors.expected(wire), layout_of(wire), wire["channels"], f"layer {wire['layer']}")
    for sink, beats, wire in zip(sinks, expected, design["outputs"], strict=True):
        compare(sink.beats, beats, layout_of(wire), wire["channels"], f"output {wire['signal']}")
        per_frame = layout_of(wire)["beats"]
        assert sink.lasts == [(i + 1) % per_frame == 0 for i in range(len(beats))], f"tlast of {wire['signal']}"


async def finished(clock: Any, sinks: Sequence[Sink], expected: Sequence[list[int]], patience: float) -> None:
    """Wait for all output beats and 40 cycles more; give up when none comes for `patience` cycles."""
    waited, seen = 0, 0
    while waited < patience and any(len(s.beats) < len(e) for s, e in zip(sinks, expected, strict=True)):
        await RisingEdge(clock)
        count = sum(len(sink.beats) for sink in sinks)
        waited, seen = (waited + 1 if count == seen else 0), count
    for _ in range(40):
        await RisingEdge(clock)


def run(simulator: str, waves: bool) -> int:
    """Compile the top and run this file's tests in the simulator; 0 if all passed."""
    from cocotb_tools.check_results import get_results
    from cocotb_tools.runner import get_runner

    design = json.loads((BUILD / "sim" / "design.json").read_text())
    lines = (BUILD / "rtl" / "filelist.f").read_text().split("\n")
    sources = [BUILD / line for line in lines if line.endswith((".sv", ".v"))]
    made = Path("sim_build").resolve() / simulator
    runner = get_runner(simulator)
    arguments = ["-Wno-fatal", "--assert"] if simulator == "verilator" else []
    runner.build(sources=sources, hdl_toplevel=design["top"], build_dir=made, timescale=("1ns", "1ps"),
                 build_args=arguments, waves=waves)
    results = runner.test(hdl_toplevel=design["top"], test_module="test_top", build_dir=made, test_dir=BUILD,
                          results_xml=str(made / "results.xml"), seed=SEED, waves=waves,
                          extra_env={"PYTHONPATH": str(BUILD / "sim")})
    total, failed = get_results(results)
    print(f"{total - failed} of {total} tests passed")
    return 0 if total and not failed else 1


def environment(simulator: str, frames: int) -> dict[str, str]:
    """hwgen's own Verilator comes first on PATH where hwgen is installed: cocotb needs 5.036 or newer."""
    variables = {**os.environ, "HWGEN_FRAMES": str(frames),
                 "PYTHONPATH": os.pathsep.join([str(BUILD / "sim"), *sys.path])}
    if simulator == "verilator" and importlib.util.find_spec("hwgen"):
        from hwgen.toolchain import cache_folder, compiler_cache, find_verilator

        tool = find_verilator()
        variables |= tool.environment | compiler_cache(cache_folder())
        variables["PATH"] = os.pathsep.join([str(tool.executable.parent), os.environ.get("PATH", "")])
    return variables


def main() -> int:
    """Start this file again with the simulator's environment."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--simulator", choices=["verilator", "icarus"], default="verilator")
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--waves", action="store_true")
    options = parser.parse_args()
    code = f"import sys, test_top; sys.exit(test_top.run({options.simulator!r}, {options.waves}))"
    return subprocess.run([sys.executable, "-c", code], env=environment(options.simulator, options.frames),
                          check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
