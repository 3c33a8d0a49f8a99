"""Concatenation: RTL against the op at every stall, schedule, refusals, cost model, mutants."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hwgen.ir.graph import Value
from hwgen.ir.types import parse_type
from hwgen.kernels import candidates, refusals
from hwgen.kernels.base import Fold
from hwgen.kernels.concat import ConcatUnit
from hwgen.ops.concat import Concat
from hwgen.ops.identity import Identity
from sim.bench_concat import random_kernel
from sim.kernel_bench import RTL, check_kernel
from tests.kernels.area import close, synthesised


def concat(pe: int, *inputs: tuple[int, str], leading: tuple[int, ...] = (2, 2)) -> ConcatUnit:
    """A kernel on maps of (channels, type) each."""
    values = tuple(Value(f"x{i}", (*leading, channels), parse_type(kind)) for i, (channels, kind) in enumerate(inputs))
    return ConcatUnit(Concat(), values, Fold(pe))


KERNELS = {
    "two": concat(1, (3, "uint4"), (2, "uint4")),
    "three of several types": concat(2, (4, "uint4"), (2, "int6"), (6, "uint3")),
    "bipolar among integers": concat(2, (2, "int3"), (4, "bipolar"), (2, "uint2")),
    "all bipolar": concat(3, (3, "bipolar"), (6, "bipolar")),
    "one group each": concat(4, (4, "int8"), (4, "int5"), (4, "uint8"), (4, "uint1"), (4, "int2")),
    "vectors": concat(1, (7, "int4"), (1, "int4"), leading=()),
}


@pytest.mark.parametrize("name", KERNELS)
def test_equals_the_op(name: str, icarus: str, seed: int, tmp_path: Path) -> None:
    kernel = KERNELS[name]
    timing = check_kernel(kernel, 6, seed=seed, work=tmp_path, simulator="icarus")
    assert timing.cycles == kernel.cycles == kernel.ideal == kernel.output_elements // kernel.fold.pe


@pytest.mark.parametrize("simulator", ["verilator", "icarus"])
def test_random_concats(simulator: str, request: pytest.FixtureRequest, tmp_path: Path, seed: int) -> None:
    request.getfixturevalue(simulator)
    rng = np.random.default_rng(seed)
    for i in range(2 if simulator == "verilator" else 6):
        check_kernel(random_kernel(rng), 6, seed=seed + i, work=tmp_path / str(i), simulator=simulator)


THREE = "three of several types"
MUTANTS = {
    "waits for no one": ("two", "assign valid = s_axis_tvalid[turn_q]", "assign valid = |s_axis_tvalid"),
    "takes from all": (THREE, "ready && turn_q == TURN_BITS'(i)", "ready"),
    "one group too few": (THREE, "FOLDS_EACH[16*i+:16] - 16'd1", "FOLDS_EACH[16*i+:16] - 16'd2"),
    "never turns back": (THREE, "(turn_q == TURN_BITS'(INPUTS - 1)) ? '0 : turn_q + 1'b1", "turn_q + 1'b1"),
    "turn not reset": (THREE, "      turn_q <= '0;\n", ""),
    "group not reset": (THREE, "      fold_q <= '0;\n", ""),
    "goes on in a stall": ("two", "else if (ready && valid)", "else if (valid)"),
    "signs not extended": ("one group each", "if (KIND == 1) begin", "if (KIND == 3) begin"),
    "code bit taken for a number": ("bipolar among integers", "KIND == 2 && OUT_BIPOLAR == 0", "KIND == 3"),
    "inputs exchanged": ("two", "wide[turn_q*PE", "wide[(1 - turn_q)*PE"),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_mutants_fail(mutant: str, icarus: str, tmp_path: Path, seed: int) -> None:
    name, old, new = MUTANTS[mutant]
    text = (RTL / "hwgen_concat.sv").read_text()
    assert text.count(old) == 1
    (tmp_path / "hwgen_concat.sv").write_text(text.replace(old, new))
    with pytest.raises(AssertionError):
        check_kernel(KERNELS[name], 6, seed=seed, work=tmp_path / "run", simulator="icarus", library=(tmp_path, RTL))


@pytest.mark.parametrize("kernel", [
    concat(4, (4, "uint4"), (8, "uint4")), concat(1, (64, "uint8"), (33, "uint4")), KERNELS[THREE],
    concat(4, (4, "int8"), (4, "int8"), (8, "int8"), (12, "int8")),
], ids=["two", "many groups", "three", "four"])
def test_cost_is_what_yosys_says(kernel: ConcatUnit, yosys: None, tmp_path: Path) -> None:
    close(kernel.resources(), synthesised(kernel, tmp_path), luts=0.2, ffs=2)


def test_reads_follow_the_channels() -> None:
    schedule = concat(1, (2, "uint4"), (1, "uint4"), leading=(2, 1)).schedule()
    assert schedule.reads.tolist() == [[True, True, False] * 2, [False, False, True] * 2]
    assert schedule.writes.tolist() == [[True] * 6]


def test_refusals_and_foldings() -> None:
    many = (Value("a", (1 << 16,), parse_type("int4")), Value("b", (4,), parse_type("int8")))
    assert refusals(Concat(), many) == {"concat": "an input has 65536 channels, below 65536 are possible"}
    assert candidates(Concat(), KERNELS["two"].inputs) == (ConcatUnit,)
    assert ConcatUnit.accepts(Identity(), many) == "it concatenates streams only"
    assert list(concat(1, (12, "uint4"), (18, "uint4")).foldings()) == [Fold(1), Fold(2), Fold(3), Fold(6)]
