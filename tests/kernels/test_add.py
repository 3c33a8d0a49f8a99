"""Sum of two streams: RTL against the op at every stall, schedule, refusals, cost model, mutants."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hwgen.ir.graph import Value
from hwgen.ir.types import parse_type
from hwgen.kernels import candidates, refusals
from hwgen.kernels.add import AddUnit, adders, digits
from hwgen.kernels.base import Fold
from hwgen.ops.add import Add
from hwgen.ops.identity import Identity
from sim.bench_add import random_kernel
from sim.kernel_bench import RTL, check_kernel
from tests.kernels.area import close, synthesised


def add(first: int, second: int, a: str, b: str, pe: int, shape: tuple[int, ...] = (2, 3, 4)) -> AddUnit:
    """A kernel on two streams of types a and b."""
    inputs = (Value("a", shape, parse_type(a)), Value("b", shape, parse_type(b)))
    return AddUnit(Add(first, second), inputs, Fold(pe))


KERNELS = {
    "plain": add(1, 1, "uint4", "uint4", 2),
    "difference": add(1, -1, "uint4", "int3", 4),
    "tables": add(5, 9, "int4", "uint6", 1),
    "adders": add(171, -437, "int8", "uint7", 2),
    "bipolar": add(3, -1, "bipolar", "bipolar", 4),
    "bipolar and wide": add(-7, 6, "bipolar", "int9", 1),
    "shifted": add(-8, 1, "int7", "int7", 2),
    "beyond 32 bits": add((1 << 47) - 3, -((1 << 40) + 5), "int5", "int8", 1),
    "a vector": add(2, 3, "uint2", "int8", 1, (5,)),
}


@pytest.mark.parametrize("name", KERNELS)
def test_equals_the_op(name: str, icarus: str, seed: int, tmp_path: Path) -> None:
    kernel = KERNELS[name]
    timing = check_kernel(kernel, 6, seed=seed, work=tmp_path, simulator="icarus")
    assert timing.cycles == kernel.cycles == kernel.ideal == kernel.inputs[0].elements // kernel.fold.pe


@pytest.mark.parametrize("simulator", ["verilator", "icarus"])
def test_random_sums(simulator: str, request: pytest.FixtureRequest, tmp_path: Path, seed: int) -> None:
    request.getfixturevalue(simulator)
    rng = np.random.default_rng(seed)
    for i in range(2 if simulator == "verilator" else 6):
        check_kernel(random_kernel(rng), 6, seed=seed + i, work=tmp_path / str(i), simulator=simulator)


MUTANTS = {
    "takes one without the other": ("add", "plain", "s_axis_tready = {2{ready && both}}", "s_axis_tready = {2{ready}}"),
    "one is enough": ("add", "plain", "both          = &s_axis_tvalid", "both          = |s_axis_tvalid"),
    "takes while blocked": ("add", "plain", "s_axis_tready = {2{ready && both}}", "s_axis_tready = {2{both}}"),
    "sides exchanged": ("add", "tables", ".FACTOR(A_FACTOR)", ".FACTOR(B_FACTOR)"),
    "lanes exchanged": ("add", "difference", "PE*A_BITS+p*B_BITS+:B_BITS", "PE*A_BITS+(PE-1-p)*B_BITS+:B_BITS"),
    "register goes on in a stall": ("add", "adders", "if (ready) begin\n          a_q", "begin\n          a_q"),
    "valid lost in a stall": ("add", "adders", "else if (ready) valid_q <= both", "else valid_q <= both"),
    "signs not extended": ("scale", "adders", "wide = OUT_BITS'($signed(x))", "wide = OUT_BITS'(x)"),
    "signs of tables": ("scale", "tables", "code >= WORDS / 2", "code > WORDS / 2"),
    "code bit taken for a number": ("scale", "bipolar", "(code == 1) ? 64'd1 : '1", "64'(code)"),
    "digits of minus one lost": ("scale", "adders", "if (MINUS[i]) p = p - (wide << i);", ""),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_mutants_fail(mutant: str, icarus: str, tmp_path: Path, seed: int) -> None:
    stem, name, old, new = MUTANTS[mutant]
    text = (RTL / f"hwgen_{stem}.sv").read_text()
    assert text.count(old) == 1
    (tmp_path / f"hwgen_{stem}.sv").write_text(text.replace(old, new))
    with pytest.raises(AssertionError):
        check_kernel(KERNELS[name], 6, seed=seed, work=tmp_path / "run", simulator="icarus", library=(tmp_path, RTL))


@pytest.mark.parametrize("kernel", [
    add(1, 1, "uint4", "uint4", 8, (4, 8)), add(23, 17, "int4", "int4", 4), add(5, 9, "uint4", "int4", 2),
    add(171, 437, "int8", "int8", 4), add(19, 13, "int6", "uint6", 8, (2, 8)), add(1, -1, "int8", "uint8", 4),
], ids=["plain", "tables of five bits", "tables", "adders", "tables of six inputs", "difference"])
def test_cost_is_what_yosys_says(kernel: AddUnit, yosys: None, tmp_path: Path) -> None:
    close(kernel.resources(), synthesised(kernel, tmp_path), luts=0.2, ffs=4)


def test_a_register_follows_products_that_take_adders() -> None:
    assert not KERNELS["tables"].register
    assert KERNELS["adders"].register
    assert KERNELS["adders"].schedule().delay == 2
    assert KERNELS["plain"].schedule().reads.tolist() == [[True] * 12] * 2
    assert adders(255, parse_type("uint7")) == 1, "256 - 1"
    assert [digits(n) for n in (1, -8, 3, 11, 171)] == [1, 1, 2, 3, 5]


def test_refusals() -> None:
    wide = (Value("a", (4,), parse_type("int40")), Value("b", (4,), parse_type("int8")))
    assert refusals(Add(1 << 40, 1), wide) == {"add": "its sums have 81 bits, at most 64 are possible"}
    assert candidates(Add(1 << 20, 1), wide) == (AddUnit,)
    assert AddUnit.accepts(Identity(), wide) == "it adds two streams only"
    assert list(KERNELS["plain"].foldings()) == [Fold(1), Fold(2), Fold(4)]
