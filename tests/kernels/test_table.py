"""Tables: any function of an integer, exact under every stall, at the modelled cost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hwgen.ir.graph import Value
from hwgen.ir.tensor import Tensor
from hwgen.ir.types import BIPOLAR, IntType, full_range
from hwgen.kernels.base import Fold, memory_ports
from hwgen.kernels.table import TableUnit
from hwgen.ops.identity import Identity
from hwgen.ops.table import Table
from hwgen.ops.threshold import Threshold
from sim.bench_table import check, random_table
from sim.kernel_bench import RTL
from tests.kernels.area import near, synthesised


def unit(channels: int, pe: int, kind: IntType, out: IntType, seed: int, *, rows: int | None = None) -> TableUnit:
    """A random table for each channel, or one for all."""
    values = np.random.default_rng(seed).integers(out.lo, out.hi + 1, (rows or channels, kind.hi - kind.lo + 1))
    return TableUnit(Table(Tensor(values), kind.lo, out), (Value("a", (channels,), kind),), Fold(pe))


@pytest.mark.parametrize("index", range(8))
def test_any_types_and_folding(index: int, icarus: str, tmp_path: Path, seed: int) -> None:
    check(random_table(np.random.default_rng(seed)), seed=seed, work=tmp_path, simulator="icarus")


def test_any_types_and_folding_in_verilator(verilator: None, tmp_path: Path, seed: int) -> None:
    check(random_table(np.random.default_rng(seed)), seed=seed, work=tmp_path)


def test_a_table_in_block_ram(icarus: str, tmp_path: Path, seed: int) -> None:
    kernel = unit(12, 2, IntType(-300, 500), full_range(8, signed=True), seed)
    assert kernel.parameters()["ROM_REGISTER"] == 1 and kernel.schedule().delay == 3
    check(kernel, seed=seed, work=tmp_path, simulator="icarus")


def test_one_table_for_all_channels_is_stored_once_a_lane() -> None:
    kernel = unit(12, 3, IntType(-5, 6), IntType(0, 7), 1, rows=1)
    (port,) = memory_ports(kernel.memories())
    assert (port.name, len(port.slots), port.address_bits) == ("values", 3, 3 * 4)
    assert [memory.depth for memory in kernel.memories()] == [12] * 3


def test_the_thresholds_of_few_inputs_are_a_table() -> None:
    op = Threshold(Tensor([[-1, 0, 2]]), Tensor([True]), IntType(-2, 1))
    kernel = TableUnit.lower(op, [Value("a", (1,), full_range(3, signed=True))])
    assert kernel.memories()[0].words.ravel().tolist() == [1, 1, 1, 0, -1, -1, -2, -2]


def test_a_bipolar_input_has_two_entries() -> None:
    op = Table(Tensor([[5, 0, 9]]), -1, IntType(0, 15))
    kernel = TableUnit.lower(op, [Value("a", (1,), BIPOLAR)])
    assert kernel.memories()[0].words.ravel().tolist() == [5, 9]


def test_refusals_say_why() -> None:
    wide = Value("a", (1,), full_range(13, signed=True))
    op = Threshold(Tensor([[3]]), Tensor([False]), IntType(0, 1))
    assert TableUnit.accepts(op, [wide]) == ("it takes inputs of up to 4096 values and 16384 for all channels, here "
                                             "are 8192 on 1 channels")
    assert TableUnit.accepts(Identity(), [wide]) == "it computes functions of one value only"


MUTANTS = {
    "the lowest input is not taken off": ("IN_BITS'(LO)", "IN_BITS'(LO + 1)"),
    "the fold does not wait for a beat": ("if (s_axis_tvalid) fold_q <=", "fold_q <="),
    "the fold is not taken back by reset": ("      fold_q  <= '0;\n    end else", "    end else"),
    "the ROM runs on in a stall": ("{PE{ready}}", "{PE{1'b1}}"),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_mutant_is_rejected(mutant: str, icarus: str, tmp_path: Path, seed: int) -> None:
    text, other = MUTANTS[mutant]
    source = (RTL / "hwgen_table.sv").read_text()
    assert source.count(text) == 1
    (tmp_path / "hwgen_table.sv").write_text(source.replace(text, other))
    kernel = unit(12, 3, full_range(4, signed=True), IntType(0, 31), seed)
    with pytest.raises(AssertionError, match="seed"):
        check(kernel, seed=seed, work=tmp_path / "run", simulator="icarus", library=(tmp_path, RTL))


@pytest.mark.parametrize(("channels", "pe", "bits", "out", "rows"), [
    (16, 4, 4, 4, 1), (32, 2, 5, 8, None), (16, 1, 8, 8, 1), (8, 8, 6, 6, None), (64, 1, 7, 8, None),
])
def test_cost_is_what_yosys_says(channels: int, pe: int, bits: int, out: int, rows: int | None, yosys: None,
                                 tmp_path: Path) -> None:
    kernel = unit(channels, pe, full_range(bits, signed=True), full_range(out, signed=True), 5, rows=rows)
    near(kernel.resources(), synthesised(kernel, tmp_path))


def test_a_bipolar_output_is_not_free(yosys: None, tmp_path: Path) -> None:
    values = 2 * np.random.default_rng(6).integers(0, 2, (32, 32)) - 1
    kernel = TableUnit(Table(Tensor(values), 0, BIPOLAR), (Value("a", (32,), IntType(0, 31)),), Fold(4))
    near(kernel.resources(), synthesised(kernel, tmp_path))
