"""The elastic blocks hold and give on exactly what they took, in order; proven for all inputs and all stalls."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.formal.proof import Proof

SKID = {"data": "data_q", "skid": "skid_q", "valid": "valid_q", "full": "full_q"}
ELSE_IF = "dut.genblk1.genblk1"  # Yosys nests a scope for each `else if` of the converter's generate
CONVERTER = ("hwgen_width_converter", "hwgen_width_up", "hwgen_width_down", "hwgen_width_gearbox", "hwgen_skid")


def skid() -> Proof:
    return Proof("skid_check", ("hwgen_skid",), {"WIDTH": 2}, {k: f"dut.{v}" for k, v in SKID.items()})


def fifo(depth: int, block: int) -> Proof:
    slots = depth - (2 if block else 1)
    form = "dut.gen_ram.gen_block" if block else "dut.gen_ram.gen_lut"
    taps = {name: f"dut.gen_ram.{name}_q" for name in ("data", "valid", "read", "write", "count")}
    taps |= {f"beats[{2 * i + 1}:{2 * i}]": f"{form}.beat[{i}]" for i in range(1 << (slots - 1).bit_length())}
    if block:
        taps |= {"fetched": f"{form}.fetched_q", "fetched_valid": f"{form}.fetched_valid_q"}
    return Proof("fifo_check", ("hwgen_fifo", "hwgen_skid"), {"WIDTH": 2, "DEPTH": depth, "BLOCK": block}, taps)


def down(ratio: int) -> Proof:
    taps = {k: f"{ELSE_IF}.gen_down.u_down.u_skid.{v}" for k, v in SKID.items()}
    taps |= {name: f"{ELSE_IF}.gen_down.u_down.{name}_q" for name in ("x", "x_valid", "count")}
    return Proof("down_check", CONVERTER, {"RATIO": ratio}, taps)


def gearbox(source: int, sink: int) -> Proof:
    box = f"{ELSE_IF}.gen_gearbox.u_gearbox"
    border = f"{box}.gen_border_in" if source < sink else f"{box}.gen_border_out"
    taps = {k: f"{border}.u_skid.{v}" for k, v in SKID.items()}
    taps |= {"history": f"{box}.history_q", "phase": f"{box}.phase_q"}
    if source < sink:
        taps |= {"y": f"{border}.data_q", "y_valid": f"{border}.valid_q"}
    shape = {"IN_LANES": source, "OUT_LANES": sink, "IN_BEATS": sink, "OUT_BEATS": source}
    return Proof("gearbox_check", CONVERTER, shape, taps)


PROOFS = {
    "skid": (skid(), ("hwgen_skid", "if (!full_q) skid_q", "skid_q")),
    "fifo of 5": (fifo(5, 0), ("hwgen_fifo", "count_q != (AW + 1)'(SLOTS)", "count_q != (AW + 1)'(SLOTS + 1)")),
    "block fifo of 6": (fifo(6, 1), ("hwgen_fifo", "if (read) fetched_q", "fetched_q")),
    "2:3": (gearbox(2, 3), ("hwgen_width_gearbox", "phase_q < PW'(IN_LANES)", "phase_q <= PW'(IN_LANES)")),
    "3:2": (gearbox(3, 2), ("hwgen_width_gearbox", "IN_LANES - OUT_LANES);", "IN_LANES - OUT_LANES + 1);")),
    "4:1": (down(4), ("hwgen_width_down", "!x_valid_q || (last && y_ready)", "!x_valid_q || last")),
    "7:4": (gearbox(7, 4), ("hwgen_width_gearbox", "WIDEN ? HISTORY * IN_LANES - OUT_LANES + 1 : 1", "0")),
}


@pytest.mark.usefixtures("yosys")
@pytest.mark.parametrize("name", PROOFS)
def test_proof_holds(name: str, tmp_path: Path) -> None:
    proof, _ = PROOFS[name]
    assert proof.holds(tmp_path)


@pytest.mark.usefixtures("yosys")
@pytest.mark.parametrize("name", PROOFS)
def test_mutant_fails(name: str, tmp_path: Path) -> None:
    proof, mutation = PROOFS[name]
    assert not proof.holds(tmp_path, mutation)
