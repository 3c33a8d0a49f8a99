"""Thresholds by parallel comparators: exact at every threshold, under every stall, at the modelled cost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hwgen.ir.graph import Value
from hwgen.ir.tensor import Tensor
from hwgen.ir.types import BIPOLAR, IntType, full_range
from hwgen.kernels.base import Fold
from hwgen.kernels.step import MAX_WORD_BITS
from hwgen.kernels.threshold import ThresholdUnit
from hwgen.ops.identity import Identity
from hwgen.ops.threshold import Threshold
from sim.bench_threshold import check, random_kernel
from sim.kernel_bench import RTL
from tests.kernels.area import near, synthesised

LEVELS = (1, 1, 2, 3, 5, 7, 15, 31)


def unit(channels: int, pe: int, levels: int, kind: IntType, seed: int, *, down: float = 0.0,
         leading: tuple[int, ...] = ()) -> ThresholdUnit:
    """Random thresholds over the whole input type; a share of `down` of the channels descends."""
    rng = np.random.default_rng(seed)
    steps = np.sort(rng.integers(kind.lo, kind.hi + 1, (channels, levels), endpoint=True), axis=1)
    op = Threshold(Tensor(steps), Tensor(rng.random(channels) < down), BIPOLAR if levels == 1 else IntType(0, levels))
    return ThresholdUnit(op, (Value("a", (*leading, channels), kind),), Fold(pe))


@pytest.mark.parametrize("index", range(10))
def test_any_types_and_folding(index: int, icarus: str, tmp_path: Path, seed: int) -> None:
    kernel = random_kernel(ThresholdUnit, np.random.default_rng(seed), LEVELS, lanes=8)
    check(kernel, seed=seed, work=tmp_path, simulator="icarus")


@pytest.mark.parametrize("index", range(2))
def test_any_types_and_folding_in_verilator(index: int, verilator: None, tmp_path: Path, seed: int) -> None:
    check(random_kernel(ThresholdUnit, np.random.default_rng(seed), LEVELS), seed=seed, work=tmp_path)


def test_behind_the_first_layer_of_tfc(verilator: None, tmp_path: Path, seed: int) -> None:
    timing = check(unit(64, 16, 1, IntType(-784, 784), seed, down=0.5), seed=seed, work=tmp_path)
    assert timing.cycles == 4


def test_thresholds_in_block_ram(icarus: str, tmp_path: Path, seed: int) -> None:
    kernel = unit(1024, 1, 3, full_range(10, signed=True), seed, down=0.5)
    assert kernel.parameters()["ROM_REGISTER"] == 1
    check(kernel, seed=seed, work=tmp_path, simulator="icarus")


def test_equal_rows_are_stored_once(icarus: str, tmp_path: Path, seed: int) -> None:
    row = np.tile([[-3, 0, 2]], (12, 1))
    op = Threshold(Tensor(row), Tensor(np.zeros(12, dtype=bool)), IntType(-2, 1))
    kernel = ThresholdUnit(op, (Value("a", (2, 12), full_range(4, signed=True)),), Fold(4))
    assert [memory.depth for memory in kernel.memories()] == [1, 1]
    assert (kernel.cycles, kernel.ideal) == (6, 6)
    check(kernel, seed=seed, work=tmp_path, simulator="icarus")


def test_foldings_divide_the_channels_and_bound_the_word() -> None:
    kernel = unit(96, 1, 255, full_range(16, signed=True), 0)
    lanes, bits = [fold.pe for fold in kernel.foldings()], kernel.threshold_type.bits
    assert lanes == [pe for pe in range(1, 97) if 96 % pe == 0 and pe * 255 * bits <= MAX_WORD_BITS]


def test_refusals_say_why() -> None:
    kind = full_range(16, signed=True)
    value = Value("a", (1,), kind)
    many = Threshold(Tensor(np.arange(1024)[None]), Tensor([False]), IntType(0, 1024))
    far = Threshold(Tensor([[0]]), Tensor([False]), IntType(1 << 33, (1 << 33) + 1))
    assert ThresholdUnit.accepts(many, [value]) == "it takes 1 to 1023 thresholds a channel, here are 1024"
    assert ThresholdUnit.accepts(far, [value]) == "the lowest output does not fit 32 bits"
    assert ThresholdUnit.accepts(Identity(), [value]) == "it computes step functions of one value only"
    assert ThresholdUnit.accepts(unit(1, 1, 3, kind, 0).op, [value]) is None


MUTANTS = {
    "a value equal to the threshold does not reach it": ("$signed(a) >= $signed(t)", "$signed(a) > $signed(t)"),
    "the direction is that of the beat before": ("if (ready) descending_q <= descending;",
                                                 "if (ready && valid_q) descending_q <= descending;"),
    "the ROMs run on in a stall": ("(s_axis_tvalid && ready) || !loaded_q", "s_axis_tvalid || !loaded_q"),
    "the ROMs are not taken back by reset": ("      next_q   <= '0;\n    end else", "    end else"),
    "a flag in the wrong row": ("((i + 1) % (1 << j)) == 0", "(i % (1 << j)) == 0"),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_mutant_is_rejected(mutant: str, icarus: str, tmp_path: Path, seed: int) -> None:
    text, other = MUTANTS[mutant]
    source = (RTL / "hwgen_threshold.sv").read_text()
    assert source.count(text) == 1
    (tmp_path / "hwgen_threshold.sv").write_text(source.replace(text, other))
    kernel = unit(12, 3, 3, full_range(6, signed=True), seed, down=0.5)
    with pytest.raises(AssertionError, match="seed"):
        check(kernel, seed=seed, work=tmp_path / "run", simulator="icarus", library=(tmp_path, RTL))


@pytest.mark.parametrize(("channels", "pe", "levels", "bits", "down"), [
    (64, 16, 1, 11, 0.0), (64, 8, 1, 7, 0.5), (64, 8, 1, 7, 0.0),  # TFC
    (32, 4, 3, 12, 0.0), (64, 4, 15, 10, 0.0), (128, 1, 7, 9, 0.0), (24, 8, 3, 16, 0.3),
])
def test_cost_is_what_yosys_says(channels: int, pe: int, levels: int, bits: int, down: float, yosys: None,
                                 tmp_path: Path) -> None:
    kernel = unit(channels, pe, levels, full_range(bits, signed=True), 5, down=down)
    near(kernel.resources(), synthesised(kernel, tmp_path))


def test_a_lane_behind_the_first_layer_of_tfc_is_cheap(yosys: None, tmp_path: Path) -> None:
    assert synthesised(unit(64, 16, 1, IntType(-784, 784), 1), tmp_path).lut <= 17 * 16
