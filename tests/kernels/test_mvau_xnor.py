"""The XNOR matrix-vector unit: RTL against MatMul.run, cost model, mutants."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hwgen.ir.graph import Value
from hwgen.ir.tensor import Tensor
from hwgen.ir.types import BIPOLAR, IntType, parse_type
from hwgen.kernels.base import Fold
from hwgen.kernels.mvau_xnor import MvauXnor
from hwgen.ops.argmax import ArgMax
from hwgen.ops.matmul import MatMul
from hwgen.synth.cells import usage_of
from hwgen.synth.yosys import run_yosys, unit_of
from sim.bench_mvau_xnor import check, random_xnor
from sim.kernel_bench import RTL


def unit(columns: int, rows: int, pe: int, simd: int, seed: int = 0) -> MvauXnor:
    matrix = 2 * np.random.default_rng(seed).integers(0, 2, (rows, columns)) - 1
    return MvauXnor(MatMul(Tensor(matrix), BIPOLAR), (Value("x", (columns,), BIPOLAR),), Fold(pe, simd))


@pytest.mark.parametrize("case", range(3))
def test_equals_matmul_under_verilator(case: int, verilator: None, seed: int, tmp_path: Path) -> None:
    kernel = random_xnor(np.random.default_rng(seed))
    assert check(kernel, seed=seed, work=tmp_path).cycles == kernel.cycles == kernel.ideal


@pytest.mark.parametrize("case", range(5))
def test_equals_matmul_under_icarus(case: int, icarus: str, seed: int, tmp_path: Path) -> None:
    kernel = random_xnor(np.random.default_rng(seed))
    assert check(kernel, seed=seed, work=tmp_path, simulator="icarus").cycles == kernel.cycles


def test_first_layer_of_tfc(icarus: str, seed: int, tmp_path: Path) -> None:
    """784 inputs, four row folds of 16 rows, 49 columns a cycle: 64 cycles a frame."""
    assert check(unit(784, 64, 16, 49, seed), seed=seed, work=tmp_path, simulator="icarus", frames=6).cycles == 64


MUTANTS = [("hwgen_mvau_xnor", "-((MW + 1) / 2)", "-(MW / 2)"),
           ("hwgen_mvau_xnor", "1'(MW % 2)", "1'b0"),
           ("hwgen_pair_count", "d[0] ^ d[1] ^ d[2]", "d[0] ^ d[1]"),
           ("hwgen_accumulator", "acc_q <= ACC_WIDTH'(INIT);", "acc_q <= '0;")]


@pytest.mark.parametrize(("module", "old", "new"), MUTANTS)
def test_mutants_fail(module: str, old: str, new: str, icarus: str, seed: int, tmp_path: Path) -> None:
    text = (RTL / f"{module}.sv").read_text()
    assert old in text
    mutants = tmp_path / "rtl"
    mutants.mkdir()
    (mutants / f"{module}.sv").write_text(text.replace(old, new))
    with pytest.raises(AssertionError):
        check(unit(21, 6, 2, 7, seed), seed=seed, work=tmp_path / "run", simulator="icarus", library=(mutants, RTL))


@pytest.mark.parametrize("case", [(60, 24, 6, 20), (36, 36, 4, 9), (128, 20, 10, 4)])
def test_cost_model_on_new_configurations(case: tuple[int, int, int, int], yosys: None, tmp_path: Path) -> None:
    kernel = unit(*case)
    made = unit_of(kernel)
    real = usage_of(run_yosys(made.write(tmp_path), made.top, made.parameters, tmp_path)).resources
    model = kernel.resources()
    assert abs(model.lut - real.lut) <= 0.2 * real.lut + 12, (model, real)
    assert abs(model.ff - real.ff) <= 0.2 * real.ff + 12, (model, real)
    assert (model.bram18, model.dsp) == (real.bram18, real.dsp) == (0, 0)


def test_accepts_bipolar_by_bipolar_only() -> None:
    matrix = Tensor(np.ones((2, 4), dtype=int))
    bipolar, other = Value("x", (4,), BIPOLAR), Value("x", (4,), IntType(-1, 1))
    assert MvauXnor.accepts(MatMul(matrix, BIPOLAR), (bipolar,)) is None
    reason = "XNOR needs bipolar inputs and bipolar weights"
    assert MvauXnor.accepts(MatMul(matrix, BIPOLAR), (other,)) == reason
    assert MvauXnor.accepts(MatMul(matrix, parse_type("ternary")), (bipolar,)) == reason
    argmax = ArgMax(1, Tensor(np.zeros(4, dtype=int)))
    assert MvauXnor.accepts(argmax, (bipolar,)) == "it multiplies by a constant matrix only"
