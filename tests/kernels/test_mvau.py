"""The general matrix-vector unit: RTL against MatMul.run, schedule, weight words, cost model, mutants, proofs."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from hwgen.ir.graph import Value
from hwgen.ir.tensor import Tensor
from hwgen.ir.types import BIPOLAR, IntType, parse_type
from hwgen.kernels.base import Fold, Resources
from hwgen.kernels.bit_sum import BitSum
from hwgen.kernels.mvau import MAX_WORD_BITS, Mvau
from hwgen.ops.argmax import ArgMax
from hwgen.ops.matmul import MatMul
from hwgen.synth.cells import usage_of
from hwgen.synth.yosys import run_yosys, unit_of
from sim.bench_mvau import check, random_kernel, random_matrix
from sim.kernel_bench import RTL

SYNTHESISED = [  # columns, rows, PE, SIMD, input, weight: none of them was used to fit the cost model
    (48, 24, 4, 6, "uint4", "int4"), (30, 20, 5, 3, "bipolar", "int5"), (64, 16, 2, 16, "int8", "int8"),
    (40, 30, 6, 8, "uint2", "ternary"),
]


def unit(columns: int, rows: int, pe: int, simd: int, a: str, w: str, seed: int = 0) -> Mvau:
    rng = np.random.default_rng(seed)
    kind = parse_type(w)
    op = MatMul(Tensor(random_matrix(rng, kind, rows, columns)), kind)
    return Mvau(op, (Value("x", (columns,), parse_type(a)),), Fold(pe, simd))


def synthesised(kernel: Mvau, folder: Path) -> Resources:
    made = unit_of(kernel)
    return usage_of(run_yosys(made.write(folder), made.top, made.parameters, folder)).resources


def assert_modelled(kernel: Mvau, folder: Path) -> None:
    """LUT and FF within 20 % and 12 of Yosys, block RAM and DSP exact."""
    real, model = synthesised(kernel, folder), kernel.resources()
    assert abs(model.lut - real.lut) <= 0.2 * real.lut + 12, (kernel.parameters(), model, real)
    assert abs(model.ff - real.ff) <= 0.2 * real.ff + 12, (kernel.parameters(), model, real)
    assert (model.bram18, model.dsp) == (real.bram18, real.dsp), (kernel.parameters(), model, real)


@pytest.mark.parametrize("case", range(4))
def test_equals_matmul_under_verilator(case: int, verilator: None, seed: int, tmp_path: Path) -> None:
    kernel = random_kernel(Mvau, np.random.default_rng(seed))
    assert check(kernel, seed=seed, work=tmp_path).cycles == kernel.cycles == kernel.ideal


@pytest.mark.parametrize("case", range(6))
def test_equals_matmul_under_icarus(case: int, icarus: str, seed: int, tmp_path: Path) -> None:
    """Icarus runs the structural form, which synthesis gets, and knows unknown bits."""
    kernel = random_kernel(Mvau, np.random.default_rng(seed), widest=6, lanes=6)
    assert check(kernel, seed=seed, work=tmp_path, simulator="icarus").cycles == kernel.cycles


@pytest.mark.parametrize(("a", "w"), [("int16", "int17"), ("uint31", "int31"), ("bipolar", "bipolar")])
def test_multipliers_where_bit_products_do_not_go(a: str, w: str, icarus: str, seed: int, tmp_path: Path) -> None:
    kernel = unit(6, 4, 2, 3, a, w, seed)
    assert not kernel.planes
    check(kernel, seed=seed, work=tmp_path, simulator="icarus")


def test_block_ram_for_weights_and_vector(icarus: str, seed: int, tmp_path: Path) -> None:
    """A deep ROM with the register behind it, and a long vector in block RAM, change nothing but the memories."""
    kernel = unit(784, 2, 1, 1, "uint12", "int8", seed)
    assert kernel.memories()[0].style == "block" and kernel.buffer.block
    check(kernel, seed=seed, work=tmp_path, simulator="icarus", frames=3)


MUTANTS = [("hwgen_vector_buffer", "data_q <= store[col1_q]", "data_q <= store[col]"),
           ("hwgen_accumulator", "assign en = !(out_valid_q && valid && last);", "assign en = 1'b1;"),
           ("hwgen_vector_buffer", "loading_q <= step_last", "loading_q <= 1'b0"),
           ("hwgen_count6", "s0 ^ s1}", "s0 || s1}"),
           ("hwgen_bit_sum", "XORS[FROM+3*g+:3]", "XORS[FROM+:3] ^ 3'b100")]


@pytest.mark.parametrize(("module", "old", "new"), MUTANTS)
def test_mutants_fail(module: str, old: str, new: str, icarus: str, seed: int, tmp_path: Path) -> None:
    text = (RTL / f"{module}.sv").read_text()
    assert old in text
    mutants = tmp_path / "rtl"
    mutants.mkdir()
    (mutants / f"{module}.sv").write_text(text.replace(old, new))
    kernel = unit(14, 6, 2, 7, "uint4", "int4", seed)
    assert kernel.planes
    with pytest.raises(AssertionError):
        check(kernel, seed=seed, work=tmp_path / "run", simulator="icarus", library=(mutants, RTL))


@pytest.mark.parametrize(("a", "w", "n"), [("uint3", "int3", 3), ("int2", "int3", 4), ("bipolar", "int3", 5),
                                           ("uint3", "bipolar", 5), ("uint2", "uint2", 6)])
def test_verilators_loop_is_the_structure(a: str, w: str, n: int, yosys: None, tmp_path: Path) -> None:
    """Proof by SAT that the plain loop given to Verilator and the structure that is synthesised are one function."""
    assert prove(unit(n, 1, 1, n, a, w), tmp_path, {}) == ""


def test_proof_bites(yosys: None, tmp_path: Path) -> None:
    """The same proof fails for a structure with one wrong gate."""
    log = prove(unit(3, 1, 1, 3, "uint3", "int3"), tmp_path, {"d[0] ^ d[1] ^ d[2]": "d[0] ^ d[1]"})
    assert "Called with -verify and proof did fail!" in log


def offset(kernel: Mvau) -> int:
    """What hwgen_dot_planes adds for each product: the weights of the bit products that it inverts."""
    a, w = kernel.input_type, kernel.op.weight_type
    if BIPOLAR in (a, w):
        integer = w if a == BIPOLAR else a
        return 2 ** (integer.bits - integer.signed)
    return sum(2 ** (i + j) for i in range(a.bits) for j in range(w.bits)
               if (a.signed and i == a.bits - 1) != (w.signed and j == w.bits - 1))


def prove(kernel: Mvau, folder: Path, changes: dict[str, str]) -> str:
    """"" if both forms of hwgen_dot_planes agree for all inputs, else the end of Yosys' log."""
    names = ("dot_planes", "product", "bit_sum", "adder_tree", "count6", "pair_count")
    files = []
    for name in names:
        text = (RTL / f"hwgen_{name}.sv").read_text()
        for old, new in changes.items():
            text = text.replace(old, new)
        files.append(folder / f"{name}.sv")
        files[-1].write_text(text)
    given = kernel.parameters()
    values = {"N": kernel.fold.simd, **{k: given[k] for k in given if k.startswith(("A_W", "A_S", "A_B", "W_"))},
              "OUT_WIDTH": kernel.heap.width, "OFFSET": offset(kernel), "LATENCY": kernel.heap.latency}
    chosen = " ".join(f"-chparam {k} {v}" for k, v in values.items())
    commands = []
    for form, define in (("gold", "-DVERILATOR"), ("gate", "-DSYNTHESIS")):
        sources = " ".join(map(str, files))
        commands += [f"read_verilog -sv {define} -defer {sources}", f"hierarchy -top hwgen_dot_planes {chosen}",
                     "proc", "setattr -mod -unset keep_hierarchy *", "flatten", "opt", "memory_map",
                     f"rename -top {form}", f"design -stash {form}"]
    steps = kernel.heap.latency + 1
    commands += ["design -copy-from gold gold", "design -copy-from gate gate", "miter -equiv -flatten gold gate m",
                 "hierarchy -top m",
                 f"sat -verify -seq {steps} -prove trigger 0 -prove-skip {steps - 1} -set in_en 1 m"]
    done = subprocess.run([sys.executable, "-m", "hwgen.synth.worker"], input=json.dumps(commands), text=True,
                          capture_output=True, cwd=RTL.parent, check=False)
    return "" if done.returncode == 0 else (done.stdout + done.stderr)[-2000:]


@pytest.mark.parametrize("case", SYNTHESISED)
def test_cost_model_on_new_configurations(case: tuple[int, int, int, int, str, str], yosys: None,
                                          tmp_path: Path) -> None:
    assert_modelled(unit(*case), tmp_path)


def test_schedule_reads_first_and_writes_at_each_fold() -> None:
    schedule = unit(12, 6, 2, 4, "uint4", "int4").schedule()
    assert schedule.reads.tolist() == [[True] * 3 + [False] * 6]
    assert schedule.writes.tolist() == [[False, False, True] * 3]


def test_weight_words_are_blocks_of_the_matrix() -> None:
    kernel = unit(12, 6, 2, 4, "uint4", "int4")
    words, matrix = kernel.memories()[0].words, kernel.op.weight.array
    for row in range(6):
        for column in range(12):
            address, lane = row // 2 * 3 + column // 4, row % 2 * 4 + column % 4
            assert words[address, lane] == matrix[row, column]


def test_foldings_divide_and_stay_below_the_widest_word() -> None:
    folds = list(unit(256, 512, 1, 1, "uint8", "int8").foldings())
    assert folds[0] == Fold(1, 1) and len(set(folds)) == len(folds)
    assert all(512 % f.pe == 0 and 256 % f.simd == 0 and f.pe * f.simd * 8 <= MAX_WORD_BITS for f in folds)
    assert [f.pe * f.simd for f in folds] == sorted(f.pe * f.simd for f in folds)
    assert len(folds) == 10 * 9 - sum(2**p * 2**s > 8192 for p in range(10) for s in range(9))


def test_accepts_matrix_products_only() -> None:
    value = Value("x", (4,), parse_type("uint4"))
    assert Mvau.accepts(MatMul(Tensor(np.ones((2, 4), dtype=int)), BIPOLAR), (value,)) is None
    argmax = ArgMax(1, Tensor(np.zeros(4, dtype=int)))
    assert Mvau.accepts(argmax, (value,)) == "it multiplies by a constant matrix only"


def test_one_bit_two_s_complement_is_not_bipolar() -> None:
    kernel = unit(4, 2, 1, 2, "uint4", "bipolar")
    op = MatMul(Tensor(np.array([[0, -1, 0, -1]])), IntType(-1, 0))
    other = Mvau(op, (Value("x", (4,), parse_type("uint4")),), Fold(1, 2))
    assert (kernel.parameters()["W_BIPOLAR"], other.parameters()["W_BIPOLAR"]) == (1, 0)
    assert (kernel.parameters()["W_SIGNED"], other.parameters()["W_SIGNED"]) == (0, 1)


def test_heap_shrinks_and_keeps_its_worth(seed: int) -> None:
    """No stage adds bits or loses a column that a bit could be carried to."""
    rng = np.random.default_rng(seed)
    for _ in range(200):
        columns = tuple(int(h) for h in rng.integers(1, 60, rng.integers(1, 9)))
        worth = sum(h << c for c, h in enumerate(columns))
        stages = BitSum(columns, worth.bit_length() + 1).stages()
        assert max(stages[-1]) <= 5
        assert all(sum(after) <= sum(before) for before, after in pairwise(stages))
        assert all(sum(h << c for c, h in enumerate(stage)) >= worth for stage in stages)
