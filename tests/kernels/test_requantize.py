"""Multiply, add and shift: equal to the thresholds under every stall, at the modelled cost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hwgen.exact.requantize import Ties
from hwgen.ir.graph import Value
from hwgen.ir.tensor import Tensor
from hwgen.ir.types import IntType, full_range
from hwgen.kernels import candidates
from hwgen.kernels.base import Fold
from hwgen.kernels.requantize import Product, RequantizeUnit
from hwgen.kernels.threshold import ThresholdUnit
from hwgen.kernels.threshold_search import ThresholdSearch
from hwgen.ops.threshold import Threshold
from sim.bench_requantize import check, random_requantize, scaled
from sim.kernel_bench import RTL
from tests.kernels.area import near, synthesised


def unit(channels: int, pe: int, levels: int, bits: int, shift: int, seed: int, *, numerator: int = 1, parity: int = 0,
         leading: tuple[int, ...] = ()) -> RequantizeUnit:
    """Signed inputs; scales numerator / 2^shift and up to a half less; offsets that are halves for numerator 1."""
    rng, kind = np.random.default_rng(seed), full_range(bits, signed=True)
    numerators = rng.integers((numerator + 1) // 2, numerator, channels, endpoint=True)
    offsets = (rng.integers(0, 2 * levels, channels) << shift) // 2
    op = scaled(levels, kind, numerators, offsets, shift, parity)
    return RequantizeUnit(op, (Value("a", (*leading, channels), kind),), Fold(pe))


@pytest.mark.parametrize("index", range(10))
def test_any_scales_and_folding(index: int, icarus: str, tmp_path: Path, seed: int) -> None:
    check(random_requantize(np.random.default_rng(seed)), seed=seed, work=tmp_path, simulator="icarus")


@pytest.mark.parametrize("index", range(2))
def test_any_scales_and_folding_in_verilator(index: int, verilator: None, tmp_path: Path, seed: int) -> None:
    check(random_requantize(np.random.default_rng(seed)), seed=seed, work=tmp_path)


@pytest.mark.parametrize("parity", [0, 1])
def test_ties_to_even_and_to_odd(parity: int, icarus: str, tmp_path: Path, seed: int) -> None:
    kernel = unit(6, 2, 31, 9, 3, seed, parity=parity)
    assert kernel.constants.ties is (Ties.EVEN, Ties.ODD)[parity] and kernel.constants.unit and kernel.latency == 3
    check(kernel, seed=seed, work=tmp_path, simulator="icarus")


def test_constants_in_block_ram(icarus: str, tmp_path: Path, seed: int) -> None:
    kernel = unit(512, 1, 255, 16, 20, seed, numerator=5001)
    assert [memory.style for memory in kernel.memories()] == ["block", "block"]
    check(kernel, seed=seed, work=tmp_path, simulator="icarus")


def test_equal_channels_need_one_word(icarus: str, tmp_path: Path, seed: int) -> None:
    kind = full_range(12, signed=True)
    op = scaled(255, kind, np.full(12, 77), np.full(12, 40000), 10)
    kernel = RequantizeUnit(op, (Value("a", (2, 12), kind),), Fold(4))
    assert [memory.depth for memory in kernel.memories()] == [1, 1]
    assert (kernel.cycles, kernel.ideal) == (6, 6)
    check(kernel, seed=seed, work=tmp_path, simulator="icarus")


def test_a_lane_of_many_levels_is_small() -> None:
    kernel = unit(32, 4, 255, 16, 20, 1, numerator=5001)
    others = [other(kernel.op, kernel.inputs, kernel.fold).resources() for other in (ThresholdUnit, ThresholdSearch)]
    assert kernel.resources().dsp == 4 and all(10 * kernel.resources().lut < other.lut for other in others)


def test_the_product_is_made_where_it_costs_less() -> None:
    assert not Product(8, 9).in_dsp and Product(18, 24).in_dsp
    assert [Product(a, m).dsps for a, m in [(18, 25), (25, 18), (25, 19), (18, 26), (23, 25), (26, 20), (35, 18)]] == [
        1, 1, 2, 2, 2, 4, 2]


def test_lanes_are_bounded_by_the_words_of_the_constants() -> None:
    kernel = unit(96, 1, 255, 16, 20, 0, numerator=5001)
    assert [fold.pe for fold in kernel.foldings()] == [pe for pe in range(1, 97) if 96 % pe == 0]


def test_refusals_say_why() -> None:
    kind = full_range(16, signed=True)
    value = [Value("a", (1,), kind)]
    uneven = np.arange(15)[None] ** 2
    few = Threshold(Tensor(np.arange(6)[None]), Tensor([False]), IntType(0, 6))
    crooked = Threshold(Tensor(uneven), Tensor([False]), IntType(0, 15))
    even = Threshold(Tensor(np.arange(15)[None] * 3), Tensor([False]), IntType(0, 15))
    assert RequantizeUnit.accepts(few, value) == "comparators are cheaper for fewer than 7 thresholds"
    assert RequantizeUnit.accepts(crooked, value) == "no integers m, b and s give exactly these thresholds"
    assert RequantizeUnit.accepts(even, [Value("a", (1,), full_range(33, signed=True))]) == (
        "it takes inputs and thresholds of at most 32 bits")
    assert candidates(even, value) == (ThresholdUnit, ThresholdSearch, RequantizeUnit)
    assert candidates(crooked, value) == (ThresholdUnit, ThresholdSearch)


MUTANTS = {
    "ties are not corrected": ("_lane", "sum_q[SHIFT-1:0] != '0", "1'b1"),
    "the sum takes the offset of the beat behind": ("_lane", "SUM_BITS'(product_q) + late_b_q",
                                                    "SUM_BITS'(product_q) + b_q"),
    "no lower end": ("_lane", "negative ? '0 : above", "above"),
    "the ROMs run on in a stall": ("", "(s_axis_tvalid && ready) || !loaded_q", "s_axis_tvalid || !loaded_q"),
    "the ROMs are not taken back by reset": ("", "      next_q   <= '0;\n    end else", "    end else"),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_mutant_is_rejected(mutant: str, icarus: str, tmp_path: Path, seed: int) -> None:
    module, text, other = MUTANTS[mutant]
    source = (RTL / f"hwgen_requantize{module}.sv").read_text()
    assert source.count(text) == 1
    (tmp_path / f"hwgen_requantize{module}.sv").write_text(source.replace(text, other))
    ties = "ties" in mutant
    kernel = unit(12, 3, 15, 8, 4 if ties else 10, seed, numerator=1 if ties else 99)
    assert kernel.constants.ties is Ties.EVEN or not ties
    with pytest.raises(AssertionError, match="seed"):
        check(kernel, seed=seed, work=tmp_path / "run", simulator="icarus", library=(tmp_path, RTL))


@pytest.mark.parametrize(("channels", "pe", "levels", "bits", "shift", "numerator"), [
    (16, 2, 255, 18, 20, 1001),  # one DSP a lane
    (128, 1, 255, 20, 32, 999999),  # two
    (64, 1, 15, 8, 10, 255),  # LUTs
    (64, 8, 255, 18, 9, 1),  # no product
])
def test_cost_is_what_yosys_says(channels: int, pe: int, levels: int, bits: int, shift: int, numerator: int,
                                 yosys: None, tmp_path: Path) -> None:
    kernel = unit(channels, pe, levels, bits, shift, 5, numerator=numerator)
    near(kernel.resources(), synthesised(kernel, tmp_path))
