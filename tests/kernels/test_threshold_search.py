"""Thresholds by binary search: any number of levels, equal to the comparators, at the modelled cost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hwgen.ir.graph import Value
from hwgen.ir.tensor import Tensor
from hwgen.ir.types import BIPOLAR, IntType, full_range
from hwgen.kernels.base import Fold, memory_ports
from hwgen.kernels.threshold_search import ThresholdSearch
from hwgen.ops.threshold import Threshold
from sim.bench_threshold_search import check, random_search
from sim.kernel_bench import RTL
from tests.kernels.area import near, synthesised


def search(channels: int, pe: int, levels: int, kind: IntType, seed: int, *, down: float = 0.0) -> ThresholdSearch:
    """Random thresholds over the whole input type; a share of `down` of the channels descends."""
    rng = np.random.default_rng(seed)
    steps = np.sort(rng.integers(kind.lo, kind.hi + 1, (channels, levels), endpoint=True), axis=1)
    op = Threshold(Tensor(steps), Tensor(rng.random(channels) < down), BIPOLAR if levels == 1 else IntType(0, levels))
    return ThresholdSearch(op, (Value("a", (channels,), kind),), Fold(pe))


@pytest.mark.parametrize("index", range(10))
def test_any_types_levels_and_folding(index: int, icarus: str, tmp_path: Path, seed: int) -> None:
    check(random_search(np.random.default_rng(seed)), seed=seed, work=tmp_path, simulator="icarus")


@pytest.mark.parametrize("index", range(2))
def test_any_types_levels_and_folding_in_verilator(index: int, verilator: None, tmp_path: Path, seed: int) -> None:
    check(random_search(np.random.default_rng(seed)), seed=seed, work=tmp_path)


@pytest.mark.parametrize(("channels", "pe", "levels", "bits"), [
    (1, 1, 65535, 24), (4, 1, 40000, 40),  # deep stages in block RAM
    (3, 3, 1023, 13), (512, 2, 7, 12),
])
def test_many_levels(channels: int, pe: int, levels: int, bits: int, icarus: str, tmp_path: Path, seed: int) -> None:
    kernel = search(channels, pe, levels, full_range(bits, signed=True), seed, down=0.5)
    check(kernel, seed=seed, work=tmp_path, simulator="icarus")


def test_block_ram_has_its_extra_cycle() -> None:
    kernel = search(1, 1, 65535, full_range(24, signed=True), 0)
    assert 0 < kernel.block_from < kernel.stages == 16
    assert [m.style for m in kernel.memories()[:16]] == (["distributed"] * kernel.block_from
                                                         + ["block"] * (16 - kernel.block_from))
    assert kernel.latency == 2 * 16 + (16 - kernel.block_from) + 1


def test_memories_fill_the_ports_without_gaps() -> None:
    kernel = search(12, 3, 10, full_range(9, signed=False), 0)
    thresholds, descending = memory_ports(kernel.memories())
    stages, folds, bits = 4, 2, kernel.threshold_type.bits
    assert thresholds.name == "thresholds" and len(thresholds.slots) == 3 * stages
    assert thresholds.data_bits == 3 * stages * bits
    assert thresholds.address_bits == 3 * sum(folds + stage for stage in range(stages))
    assert (descending.name, descending.data_bits) == ("descending", 3)


def test_the_nodes_of_the_tree_are_all_thresholds_and_the_padding() -> None:
    kernel = search(6, 2, 5, full_range(8, signed=True), 3)
    lane = [m for m in kernel.memories() if m.name.endswith("_lane1")]
    found = np.sort(np.concatenate([m.words.reshape(kernel.folds, -1) for m in lane], axis=1), axis=1)
    never = np.full((3, 2), 128)
    assert (found == np.concatenate([kernel.op.thresholds.array[1::2], never], axis=1)).all()


def test_refusals_say_why() -> None:
    many = Threshold(Tensor(np.arange(65536)[None]), Tensor([False]), IntType(0, 65536))
    value = Value("a", (1,), full_range(24, signed=True))
    assert ThresholdSearch.accepts(many, [value]) == "it takes 1 to 65535 thresholds a channel, here are 65536"


MUTANTS = {
    "a value equal to the threshold does not reach it":
        ("search_stage", "$signed(a) >= $signed(t)", "$signed(a) > $signed(t)"),
    "the lowest code bit is not in the address":
        ("search_stage", ">> (STAGES - STAGE))", ">> (STAGES - STAGE + 1))"),
    "the fold does not wait for a beat":
        ("search", "if (s_axis_tvalid) fold_q <=", "fold_q <="),
    "the direction comes a stage early":
        ("search", "folds[(STAGES-1)*FOLD_WIDTH +: FOLD_WIDTH]", "folds[(STAGES-2)*FOLD_WIDTH +: FOLD_WIDTH]"),
    "the fold is not taken back by reset":
        ("search", "      fold_q  <= '0;\n    end else", "    end else"),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_mutant_is_rejected(mutant: str, icarus: str, tmp_path: Path, seed: int) -> None:
    stem, text, other = MUTANTS[mutant]
    source = (RTL / f"hwgen_threshold_{stem}.sv").read_text()
    assert source.count(text) == 1
    (tmp_path / f"hwgen_threshold_{stem}.sv").write_text(source.replace(text, other))
    kernel = search(12, 3, 7, full_range(6, signed=True), seed, down=0.5)
    with pytest.raises(AssertionError, match="seed"):
        check(kernel, seed=seed, work=tmp_path / "run", simulator="icarus", library=(tmp_path, RTL))


@pytest.mark.parametrize(("channels", "pe", "levels", "bits", "down"), [
    (64, 4, 15, 12, 0.0), (32, 1, 255, 14, 0.5), (16, 2, 63, 18, 0.0),
    (48, 1, 255, 19, 0.0),  # block RAM with three and more words side by side
])
def test_cost_is_what_yosys_says(channels: int, pe: int, levels: int, bits: int, down: float, yosys: None,
                                 tmp_path: Path) -> None:
    kernel = search(channels, pe, levels, full_range(bits, signed=True), 5, down=down)
    near(kernel.resources(), synthesised(kernel, tmp_path))
