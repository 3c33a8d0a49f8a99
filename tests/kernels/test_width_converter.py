"""Width converter against its model at any ratio, and its cost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwgen.ir.graph import Value
from hwgen.ir.types import full_range
from hwgen.kernels.conversion import Conversion, Form
from hwgen.kernels.width_converter import WidthConverter
from hwgen.synth.yosys import synthesise_files
from sim.bench_width_converter import random_kernel
from sim.kernel_bench import RTL, check_kernel
from tests.kernels.area import close

MODULES = ("width_converter", "width_up", "width_down", "width_gearbox", "skid")


def converter(elements: int, bits: int, source: int, sink: int) -> WidthConverter:
    return WidthConverter.between(Value("x", (elements,), full_range(bits, signed=False)), source, sink)


@pytest.mark.parametrize("index", range(8))
def test_regroups_at_every_rate(index: int, icarus: str, tmp_path: Path, seed: int) -> None:
    check_kernel(random_kernel(np.random.default_rng(seed)), seed=seed, work=tmp_path, simulator="icarus")


@pytest.mark.parametrize(("elements", "source", "sink"), [
    (784, 16, 49),  # TFC's input
    (32, 8, 10),    # the last beat of a frame overlaps the first of the next
    (35, 7, 4), (10, 4, 2),
])
def test_regroups_in_verilator(elements: int, source: int, sink: int, verilator: None, tmp_path: Path,
                               seed: int) -> None:
    check_kernel(converter(elements, 2, source, sink), seed=seed, work=tmp_path)


@given(st.integers(1, 300), st.integers(1, 20), st.integers(1, 20))
def test_schedule_moves_whole_frames_without_a_spare_cycle(elements: int, source: int, sink: int) -> None:
    conversion = Conversion(elements, 1, source, sink)
    schedule = conversion.schedule()
    (reads,), (writes,) = schedule.reads, schedule.writes
    assert sum(reads) == -(-elements // source)
    assert sum(writes) == -(-elements // sink)
    assert schedule.steps == len(writes) == max(sum(reads), sum(writes))


@given(st.integers(1, 300), st.integers(1, 20), st.integers(1, 20))
def test_no_output_beat_before_its_elements_came(elements: int, source: int, sink: int) -> None:
    conversion = Conversion(elements, 1, source, sink)
    schedule = conversion.schedule()
    arrived = np.minimum(np.cumsum(schedule.reads) * source, elements)
    needed = np.minimum(np.cumsum(schedule.writes) * sink, elements)
    late = 1 if conversion.flushes else 0
    present = np.concatenate([arrived[late:], [elements] * late])
    if conversion.form is Form.DOWN:
        assert schedule.writes.all() and schedule.delay == 2
    assert (present >= needed).all()


@pytest.mark.parametrize(("elements", "bits", "source", "sink"), [
    (60, 5, 2, 10), (64, 3, 8, 1), (21, 2, 4, 1),
    (90, 4, 2, 3), (90, 12, 3, 2), (784, 1, 16, 49), (96, 4, 3, 16), (70, 5, 7, 10),
])
def test_cost_is_what_yosys_says(elements: int, bits: int, source: int, sink: int, yosys: None,
                                 tmp_path: Path) -> None:
    kernel = converter(elements, bits, source, sink)
    files = [RTL / f"hwgen_{name}.sv" for name in MODULES]
    actual = synthesise_files(files, "hwgen_width_converter", kernel.parameters(), tmp_path)
    close(kernel.resources(), actual, luts=0.25 if kernel.conversion.form is Form.GEARBOX else 0.15)
