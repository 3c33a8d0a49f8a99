"""The emitted top and the emitted host module together: frames go in as bytes, results come out as numbers.

A frame with a wrong tlast or tkeep vanishes and harms no other; a reset in mid-frame drops the frame.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from hwgen.emit.whole import emit_build
from hwgen.model import IntegerModel
from tests.emit.networks import beats_network

FRAMES = 6


def loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("accelerator", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def whole(frame: Any) -> list[list[int]]:
    """(beats, 1 byte) to (data, last, keep)."""
    return [[int(byte), int(i == len(frame) - 1), 1] for i, byte in enumerate(frame[:, 0])]


def with_broken_ones(frames: list[list[list[int]]]) -> list[list[int]]:
    """Between the good frames: too short, too long, a missing byte, and a single beat."""
    first = frames[0]
    short = [*first[:1], [first[1][0], 1, 1]]
    long = [*([data, 0, 1] for data, _, _ in first), [1, 0, 1], [2, 1, 1]]
    holes = [*first[:1], [first[1][0], 0, 0], *first[2:]]
    single = [[first[0][0], 1, 1]]
    sequence = [frames[0], short, frames[1], long, frames[2], holes, frames[3], single, single, frames[4], long, long,
                frames[5]]
    return [beat for frame in sequence for beat in frame]


def check(build: Path, simulator: str, seed: int, mutate: tuple[str, str] = ("", "")) -> None:
    """Emit the network, send random frames whole, broken and cut off by a reset; compare with the integer model."""
    from sim.runner import run_bench

    graph = beats_network()
    design = emit_build(graph, build)
    top = build / "rtl" / f"{design.top}.sv"
    assert mutate[0] in top.read_text()
    top.write_text(top.read_text().replace(*mutate) if mutate[0] else top.read_text())
    host = loaded(build / "host" / "accelerator.py")
    x = np.random.default_rng(seed).normal(size=(FRAMES, 6)) * 3
    frames = [whole(frame) for frame in host.INPUTS["x"].pack(x).reshape(FRAMES, 3, 1)]
    good = [beat for frame in frames for beat in frame]
    files = [build / line for line in (build / "rtl" / "filelist.f").read_text().splitlines()]
    result = run_bench("tests.emit.bench_frames", design.top, files, {}, simulator=simulator, seed=seed, work=build,
                       config={"input": design.inputs[0].signal, "output": design.outputs[0].signal, "seed": seed,
                               "good": good, "cut": good[:4], "broken": with_broken_ones(frames)})
    expected = IntegerModel(graph).predict({"x": x})["y"]
    beat = np.dtype(f"<u{host.OUTPUTS['y'].layout.beat_bytes}")
    for name, count in {"broken": FRAMES, "broken_stalled": FRAMES, "cut": 1, "good": FRAMES}.items():
        received = result.measured[name]
        assert received["lasts"] == [False, True] * count, name
        y = host.OUTPUTS["y"].unpack(np.array(received["beats"], dtype=beat).view(np.uint8))
        assert np.array_equal(y, expected[:count]), name


@pytest.mark.parametrize("simulator", ["icarus", "verilator"])
def test_frames(simulator: str, request: pytest.FixtureRequest, seed: int, tmp_path: Path) -> None:
    request.getfixturevalue(simulator)
    check(tmp_path, simulator, seed)


@pytest.mark.parametrize("mutate", [
    ("_tready && !rst;", "_tready;"),
    (".s_flag_tdata(hwgen_flagout_y_tdata)", ".s_flag_tdata(1'b0)"),
    (".s_axis_tlast(s_axis_x_tlast)", ".s_axis_tlast(1'b0)"),
    (".s_axis_tkeep(s_axis_x_tkeep)", ".s_axis_tkeep(1'b1)"),
], ids=["ready-in-reset", "flag", "tlast", "tkeep"])
def test_a_wrong_top_is_found(mutate: tuple[str, str], icarus: str, seed: int, tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        check(tmp_path, "icarus", seed, mutate)
