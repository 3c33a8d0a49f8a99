"""Input adapter: broken frames are dropped and resynchronised, whole ones get through; its buses and its cost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwgen.ir.graph import Value
from hwgen.ir.types import BIPOLAR, full_range
from hwgen.kernels.base import Fold
from hwgen.kernels.lanes import bus_lanes, bus_width, narrowest_bus
from hwgen.kernels.stream_input import StreamInput
from hwgen.synth.yosys import synthesise_files
from sim.bench_stream_input import MODULES, check, random_kernel
from sim.kernel_bench import RTL
from tests.kernels.area import close

PIXELS = Value("pixels", (784,), BIPOLAR)
MUTANTS = {
    "early or late tlast goes unseen": ("s_axis_tlast != last || ", ""),
    "tkeep goes unseen": (" || s_axis_tkeep != '1", ""),
    "a short frame is not filled up": ("!last && (fill_q || s_axis_tlast)", "1'b0"),
    "a long frame is not cut off": ("last && !fill_q && !s_axis_tlast", "1'b0"),
    "one bad frame spoils the next": ("!last && (bad_q || spoilt)", "bad_q || spoilt"),
}


@pytest.mark.parametrize("index", range(8))
def test_drops_broken_frames(index: int, icarus: str, tmp_path: Path, seed: int) -> None:
    check(random_kernel(np.random.default_rng(seed)), seed=seed, work=tmp_path, simulator="icarus")


def test_drops_broken_frames_of_tfc(verilator: None, tmp_path: Path, seed: int) -> None:
    kernel = StreamInput.of(PIXELS).paced(lanes=49, cycles=64)
    assert (kernel.bus, kernel.input_stream().beats, kernel.output_stream().beats) == (16, 49, 16)
    result = check(kernel, frames=40, seed=seed, work=tmp_path)
    assert 0 < result.measured["bad"] < 40


@pytest.mark.parametrize(("elements", "bits", "cycles", "bus"), [
    (784, 1, 784, 8), (784, 1, 64, 16), (784, 1, 48, 32), (784, 1, 1, 1024), (16, 16, 16, 16), (16, 16, 1, 256),
    (10, 3, 5, 8), (10, 3, 4, 16), (2000, 8, 1, 1024),
])
def test_narrowest_bus_in_time(elements: int, bits: int, cycles: int, bus: int) -> None:
    assert bus_width(narrowest_bus(elements, bits, cycles), bits) == bus


@given(st.integers(1, 5000), st.integers(1, 64))
def test_buses_are_powers_of_two_that_carry_whole_elements(elements: int, bits: int) -> None:
    lanes = list(bus_lanes(elements, bits))
    assert lanes == sorted(set(lanes))
    for count in lanes:
        bus = bus_width(count, bits)
        assert bus in (8, 16, 32, 64, 128, 256, 512, 1024)
        assert count == elements or count * bits <= bus < (count + 1) * bits


@pytest.mark.parametrize(("elements", "bits", "fold"), [
    (784, 1, Fold(49, 16)), (64, 16, Fold(1, 1)), (16, 16, Fold(1, 4)), (16, 16, Fold(8, 4)), (12, 16, Fold(3, 4)),
])
def test_cost_is_what_yosys_says(elements: int, bits: int, fold: Fold, yosys: None, tmp_path: Path) -> None:
    kernel = StreamInput.of(Value("x", (elements,), full_range(bits, signed=False))).folded(fold)
    files = [RTL / f"hwgen_{name}.sv" for name in MODULES]
    close(kernel.resources(), synthesise_files(files, "hwgen_stream_input", kernel.parameters(), tmp_path), luts=0.25)


@pytest.mark.parametrize("mutant", MUTANTS)
def test_mutant_is_rejected(mutant: str, icarus: str, tmp_path: Path, seed: int) -> None:
    text, other = MUTANTS[mutant]
    source = (RTL / "hwgen_stream_input.sv").read_text()
    assert source.count(text) == 1
    (tmp_path / "hwgen_stream_input.sv").write_text(source.replace(text, other))
    kernel = StreamInput.of(Value("x", (48,), BIPOLAR)).paced(lanes=4, cycles=12)
    with pytest.raises(AssertionError, match="seed"):
        check(kernel, frames=40, seed=seed, work=tmp_path / "run", simulator="icarus", library=tmp_path)
