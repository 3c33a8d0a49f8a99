"""The depthwise unit: RTL against the op at every stall, schedule, weight words, cost model, mutants."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hwgen.ir.graph import Value
from hwgen.ir.types import IntType, parse_type
from hwgen.kernels import candidates
from hwgen.kernels.base import Fold
from hwgen.kernels.depthwise import DepthwiseUnit
from hwgen.ops.identity import Identity
from sim import bench_depthwise as bench
from sim.kernel_bench import RTL
from tests.kernels.area import close, synthesised


def unit(channels: int, taps: int, pe: int, a: str, w: str, seed: int = 0) -> DepthwiseUnit:
    return bench.unit(channels, taps, pe, parse_type(a), parse_type(w), seed=seed)


SHAPES = {
    "three groups": (6, 9, 2, "uint4", "int4"),
    "two groups": (6, 4, 3, "int4", "uint3"),
    "one group": (4, 9, 4, "int4", "int3"),
    "one tap": (4, 1, 2, "uint8", "int8"),
    "one product": (3, 1, 3, "int2", "ternary"),
    "one channel": (1, 3, 1, "uint3", "int3"),
    "bipolar": (3, 4, 1, "bipolar", "bipolar"),
    "bipolar weights": (20, 3, 1, "uint2", "bipolar"),
    "bipolar input": (20, 3, 1, "bipolar", "int3"),
    "longest shift register": (32, 2, 1, "uint2", "int2"),
    "shortest ring": (33, 2, 1, "uint2", "int2"),
    "ring": (37, 2, 1, "int3", "int2"),
    "wide": (4, 2, 2, "int16", "int17"),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_equals_the_op(shape: str, icarus: str, seed: int, tmp_path: Path) -> None:
    channels, taps, pe, *_ = SHAPES[shape]
    kernel = unit(*SHAPES[shape], seed)
    timing = bench.check(kernel, seed=seed, work=tmp_path, simulator="icarus")
    assert timing.cycles == kernel.cycles == kernel.ideal == 2 * channels * taps // pe


@pytest.mark.parametrize("simulator", ["verilator", "icarus"])
def test_random_units(simulator: str, request: pytest.FixtureRequest, tmp_path: Path, seed: int) -> None:
    request.getfixturevalue(simulator)
    rng = np.random.default_rng(seed)
    for i in range(2 if simulator == "verilator" else 6):
        kernel = bench.random_kernel(rng)
        bench.check(kernel, seed=seed + i, work=tmp_path / str(i), simulator=simulator)


def test_block_ram_for_weights(icarus: str, seed: int, tmp_path: Path) -> None:
    """A deep ROM with the register behind it changes nothing but the memory."""
    kernel = bench.unit(40, 9, 2, parse_type("uint3"), parse_type("int8"), seed=seed, positions=(1,))
    assert kernel.memories()[0].style == "distributed" and kernel.parameters()["ROM_REG"] == 0
    kernel = bench.unit(40, 50, 1, parse_type("uint3"), parse_type("int8"), seed=seed, positions=(1,))
    assert kernel.memories()[0].style == "block" and kernel.parameters()["ROM_REG"] == 1
    bench.check(kernel, seed=seed, work=tmp_path, simulator="icarus")


MUTANTS = {
    "sums never begin": ("depthwise", "firsts_q[2] ? '0 : partial", "firsts_q[2] ? partial : partial"),
    "first group alone begins": ("depthwise", "int'(word_q) < FOLDS", "int'(word_q) < 1"),
    "sums end a group late": ("depthwise", "(WORDS - FOLDS)", "(WORDS - FOLDS + 1)"),
    "weights go on in a stall": ("depthwise", "assign weights_en    = en;", "assign weights_en    = 1'b1;"),
    "sums go on in a stall": ("depthwise", ".step(en && sum_valid)", ".step(sum_valid)"),
    "beats without valid": ("depthwise", "if (en && s_axis_tvalid) word_q", "if (en) word_q"),
    "sign lost": ("depthwise", "if (TERM_SIGNED != 0) begin : gen_term", "if (TERM_SIGNED > 1) begin : gen_term"),
    "a place less": ("delay_line", "line_q[(DEPTH-1)*WIDTH+:WIDTH]", "line_q[(DEPTH-2)*WIDTH+:WIDTH]"),
    "no spare register": ("accumulator", "assign en = !spare_valid_q;", "assign en = 1'b1;"),
}
RING_MUTANTS = {
    "a place less": ("at_q == ADDRESS_BITS'(DEPTH - 2)", "at_q == ADDRESS_BITS'(DEPTH - 3)"),
    "written too late": ("place[at_q] <= d;", "place[at_q] <= oldest_q;"),
}


def mutated(module: str, old: str, new: str, folder: Path) -> tuple[Path, Path]:
    """Folders of a library in which one module has changed."""
    text = (RTL / f"hwgen_{module}.sv").read_text()
    assert text.count(old) == 1
    (folder / f"hwgen_{module}.sv").write_text(text.replace(old, new))
    return folder, RTL


@pytest.mark.parametrize("mutant", MUTANTS)
def test_mutants_fail(mutant: str, icarus: str, tmp_path: Path, seed: int) -> None:
    library = mutated(*MUTANTS[mutant], tmp_path)
    with pytest.raises(AssertionError):
        bench.check(unit(6, 4, 2, "uint4", "int4", seed), seed=seed, work=tmp_path / "run", simulator="icarus",
                    library=library)


@pytest.mark.parametrize("mutant", RING_MUTANTS)
def test_mutants_of_the_ring_fail(mutant: str, icarus: str, tmp_path: Path, seed: int) -> None:
    library = mutated("delay_line", *RING_MUTANTS[mutant], tmp_path)
    with pytest.raises(AssertionError):
        bench.check(unit(35, 3, 1, "uint4", "int4", seed), seed=seed, work=tmp_path / "run", simulator="icarus",
                    library=library)


@pytest.mark.parametrize("case", [  # none of them was used to fit the cost model
    (12, 9, 4, "uint4", "int4"), (48, 9, 1, "int6", "int5"), (5, 9, 5, "uint2", "ternary"),
    (40, 64, 1, "uint4", "int8"),
])
def test_cost_is_what_yosys_says(case: tuple[int, int, int, str, str], yosys: None, tmp_path: Path) -> None:
    kernel = unit(*case)
    close(kernel.resources(), synthesised(kernel, tmp_path), luts=0.2, ffs=2)


def test_weight_words_are_the_groups_of_a_tap() -> None:
    kernel = unit(6, 4, 2, "uint4", "int4")
    words = kernel.memories()[0].words
    for tap in range(4):
        for channel in range(6):
            assert words[tap * 3 + channel // 2, channel % 2] == kernel.op.weight.array[channel, tap]


def test_schedule_writes_with_the_last_tap() -> None:
    schedule = unit(6, 3, 2, "uint4", "int4").schedule()
    assert schedule.reads.tolist() == [[True] * 18]
    assert schedule.writes.tolist() == [([False] * 6 + [True] * 3) * 2]


def test_depthwise_products_only() -> None:
    kernel = unit(6, 4, 2, "uint4", "int4")
    assert candidates(kernel.op, kernel.inputs) == (DepthwiseUnit,)
    value = Value("x", (4,), IntType(0, 3))
    assert DepthwiseUnit.accepts(Identity(), (value,)) == "it multiplies each channel by its own constants only"
    assert list(kernel.foldings()) == [Fold(1), Fold(2), Fold(3), Fold(6)]
