"""Output adapter: tlast, padding, swallowed frames; its cost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hwgen.ir.graph import Value
from hwgen.ir.types import full_range
from hwgen.kernels.base import Fold
from hwgen.kernels.stream_output import StreamOutput
from hwgen.synth.yosys import synthesise_files
from sim.bench_stream_output import MODULES, check, random_kernel
from sim.kernel_bench import RTL
from tests.kernels.area import close

MUTANTS = {
    "bad frames get through": ("known && !bad", "known"),
    "a frame does not wait for its flag": ("y_valid && known && ", "y_valid && "),
    "one flag a beat": ("y_valid && y_ready && last", "y_valid && y_ready"),
    "one flag is enough": ("known         = &s", "known         = |s"),
    "all flags must be bad": ("bad           = |s", "bad           = &s"),
    "tlast on the first beat": ("m_axis_tlast  = last", "m_axis_tlast  = count_q == '0"),
}


def output(elements: int, bits: int) -> StreamOutput:
    return StreamOutput.of(Value("y", (elements,), full_range(bits, signed=False)))


def two_flags() -> StreamOutput:
    """Of two inputs."""
    return replace(output(10, 7).paced(lanes=5, cycles=3), flags=2)


@pytest.mark.parametrize("index", range(8))
def test_swallows_flagged_frames(index: int, icarus: str, tmp_path: Path, seed: int) -> None:
    check(random_kernel(np.random.default_rng(seed)), seed=seed, work=tmp_path, simulator="icarus")


def test_swallows_flagged_frames_in_verilator(verilator: None, tmp_path: Path, seed: int) -> None:
    check(two_flags(), seed=seed, work=tmp_path)


def test_class_index_takes_one_byte() -> None:
    kernel = output(1, 4)
    assert kernel.parameters() == {"BUS_WIDTH": 8, "IN_WIDTH": 4, "OUT_WIDTH": 4, "UNIT": 4, "IN_BEATS": 1,
                                   "OUT_BEATS": 1, "FLAGS": 1}


@pytest.mark.parametrize(("elements", "bits", "fold"), [
    (1, 4, Fold(1, 1)), (5, 16, Fold(1, 1)), (8, 16, Fold(1, 4)), (30, 3, Fold(2, 1)), (12, 8, Fold(4, 3)),
])
def test_cost_is_what_yosys_says(elements: int, bits: int, fold: Fold, yosys: None, tmp_path: Path) -> None:
    kernel = output(elements, bits).folded(fold)
    files = [RTL / f"hwgen_{name}.sv" for name in MODULES]
    close(kernel.resources(), synthesise_files(files, "hwgen_stream_output", kernel.parameters(), tmp_path), luts=0.25)


@pytest.mark.parametrize("mutant", MUTANTS)
def test_mutant_is_rejected(mutant: str, icarus: str, tmp_path: Path, seed: int) -> None:
    text, other = MUTANTS[mutant]
    source = (RTL / "hwgen_stream_output.sv").read_text()
    assert source.count(text) == 1
    (tmp_path / "hwgen_stream_output.sv").write_text(source.replace(text, other))
    with pytest.raises(AssertionError, match="seed"):
        check(two_flags(), frames=40, seed=seed, work=tmp_path / "run",
              simulator="icarus", library=tmp_path)
