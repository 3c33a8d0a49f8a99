"""Argmax: the lowest index wins every tie, at any folding; its cost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hwgen.ir.graph import Value
from hwgen.ir.tensor import Tensor
from hwgen.ir.types import full_range
from hwgen.kernels.argmax import ArgMaxUnit
from hwgen.kernels.base import Fold
from hwgen.ops.argmax import ArgMax
from hwgen.ops.identity import Identity
from sim.bench_argmax import check, random_kernel
from sim.kernel_bench import RTL
from tests.kernels.area import near, synthesised


def argmax(classes: int, pe: int, bits: int, multiplier: int = 1, spread: int = 0) -> ArgMaxUnit:
    """Offsets in -spread..spread."""
    offset = np.random.default_rng(7).integers(-spread, spread, classes, endpoint=True)
    op = ArgMax(multiplier, Tensor(offset))
    return ArgMaxUnit(op, (Value("a", (classes,), full_range(bits, signed=True)),), Fold(pe))


@pytest.mark.parametrize("index", range(12))
def test_any_classes_types_and_folding(index: int, icarus: str, tmp_path: Path, seed: int) -> None:
    check(random_kernel(np.random.default_rng(seed)), seed=seed, work=tmp_path, simulator="icarus")


@pytest.mark.parametrize("index", range(2))
def test_any_classes_types_and_folding_in_verilator(index: int, verilator: None, tmp_path: Path, seed: int) -> None:
    check(random_kernel(np.random.default_rng(seed)), seed=seed, work=tmp_path)


@pytest.mark.parametrize("pe", [1, 2, 5, 10])
def test_every_folding_of_ten_classes(pe: int, icarus: str, tmp_path: Path, seed: int) -> None:
    timing = check(argmax(10, pe, 3), seed=seed, work=tmp_path, simulator="icarus")
    assert timing.cycles == 10 // pe


def test_refusals_say_why() -> None:
    value = Value("a", (10,), full_range(8, signed=True))
    assert ArgMaxUnit.accepts(Identity(), [value]) == "it computes the index of the largest value only"
    assert ArgMaxUnit.accepts(argmax(10, 1, 8, 1 << 31).op, [value]) == "the factor 2147483648 does not fit 31 bits"
    assert ArgMaxUnit.accepts(argmax(10, 1, 8, (1 << 31) - 1).op, [value]) is None


MUTANTS = {
    "a later lane wins a tie": ("$signed(right_score) > $signed(left_score)",
                                "$signed(right_score) >= $signed(left_score)"),
    "a later beat wins a tie": ("score > best_q", "score >= best_q"),
    "the best of the last frame stays": ("beat_q == '0 || score", "score"),
    "the offsets run on without a beat": ("if (s_axis_tvalid) fold_q <=", "fold_q <="),
    "the beat number is not taken back by reset": ("      first_q <= '0;\n", ""),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_mutant_is_rejected(mutant: str, icarus: str, tmp_path: Path, seed: int) -> None:
    text, other = MUTANTS[mutant]
    source = (RTL / "hwgen_argmax.sv").read_text()
    assert source.count(text) == 1
    (tmp_path / "hwgen_argmax.sv").write_text(source.replace(text, other))
    with pytest.raises(AssertionError, match="seed"):
        check(argmax(12, 3, 3, spread=2), seed=seed, work=tmp_path / "run", simulator="icarus",
              library=(tmp_path, RTL))


@pytest.mark.parametrize(("classes", "pe", "bits", "multiplier", "spread"), [
    (10, 1, 8, 1, 0), (10, 10, 7, 1, 0), (12, 4, 12, 1, 200), (16, 2, 10, 5, 100), (10, 5, 11, 1, 500),
])
def test_cost_is_what_yosys_says(classes: int, pe: int, bits: int, multiplier: int, spread: int, yosys: None,
                                 tmp_path: Path) -> None:
    kernel = argmax(classes, pe, bits, multiplier, spread)
    near(kernel.resources(), synthesised(kernel, tmp_path))
