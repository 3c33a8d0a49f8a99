"""Frames of several inputs belong together: a bad one on one input takes its partner along, and no other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hwgen.ir.tensor import Array
from hwgen.simulate import Wire
from hwgen.stream import pack
from tests.sim.built import braid_network, built

FRAMES = 7
EARLY, LATE = 1, 3
"""A frame of the first input that ends early, and one of the second input that ends late."""

MUTANTS = [
    (".s_flag_tdata(hwgen_flagout_both_sum_tdata)", ".s_flag_tdata(hwgen_flagout_both_sum_tdata & 2'b01)"),
    (".s_flag_tdata(hwgen_flagout_both_sum_tdata)", ".s_flag_tdata(hwgen_flagout_both_sum_tdata & 2'b10)"),
]


def sent(wire: Wire, frames: Array, broken: int, extra: int) -> list[list[int]]:
    """(data, last, keep) of all frames; the broken one has `extra` beats more (or fewer)."""
    beats = [int.from_bytes(beat.tobytes(), "little") for beat in pack(frames.reshape(FRAMES, -1), wire.stream)]
    keep = (1 << wire.stream.beat_bytes) - 1
    made: list[list[int]] = []
    for i in range(FRAMES):
        frame = beats[i * wire.stream.beats : (i + 1) * wire.stream.beats]
        frame = frame[:extra] if i == broken and extra < 0 else frame + [0] * (extra if i == broken else 0)
        made += [[data, int(j == len(frame) - 1), keep] for j, data in enumerate(frame)]
    return made


def check(folder: Path, seed: int, mutate: tuple[str, str] | None = None) -> None:
    """The results of whole pairs come out, in order, and nothing else."""
    from sim.runner import run_bench

    network = built(folder, braid_network(), {}, frames=FRAMES, cycles=48)
    design, values = network.design, network.vectors.values
    top = folder / "rtl" / f"{design.top}.sv"
    if mutate is not None:
        assert top.read_text().count(mutate[0]) == 1
        top.write_text(top.read_text().replace(*mutate))
    first, second = (sent(wire, network.vectors.integers[wire.value], *fault)
                     for wire, fault in zip(design.inputs, ((EARLY, -1), (LATE, 2)), strict=True))
    files = [folder / line for line in (folder / "rtl" / "filelist.f").read_text().splitlines()]
    result = run_bench("tests.emit.bench_pairs", design.top, files, {}, simulator="icarus", seed=seed, work=folder,
                       config={"inputs": {design.inputs[0].signal: first, design.inputs[1].signal: second},
                               "outputs": [wire.signal for wire in design.outputs]})
    for wire, bad in zip(design.outputs, ({EARLY, LATE}, {LATE}), strict=True):
        good = np.stack([values[wire.value][i] for i in range(FRAMES) if i not in bad])
        wanted = [int.from_bytes(beat.tobytes(), "little") for beat in pack(good.reshape(len(good), -1), wire.stream)]
        assert result.measured[wire.signal] == wanted, wire.signal


def test_pairs_stay_together(icarus: str, seed: int, tmp_path: Path) -> None:
    check(tmp_path, seed)


@pytest.mark.parametrize("mutate", MUTANTS, ids=["first flag only", "second flag only"])
def test_a_lost_flag_is_found(mutate: tuple[str, str], icarus: str, seed: int, tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        check(tmp_path, seed, mutate)
