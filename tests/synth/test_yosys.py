"""Yosys in its child process: figures of modules that can be counted by hand, the cache, and its failures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import pytest

from hwgen.errors import Exit, HwgenError
from hwgen.ir.graph import Graph, GraphBuilder, Level, Value
from hwgen.ir.types import IntType
from hwgen.kernels.base import Resources
from hwgen.kernels.fifo import Fifo
from hwgen.kernels.width_converter import WidthConverter
from hwgen.synth import yosys as synth

XOR = """
module toy #(parameter int N = 4, parameter FILE = "") (
    input wire logic clk, input wire logic [N-1:0] a, b, input wire logic [8:0] at, output logic [N-1:0] y, z);
  always_ff @(posedge clk) y <= a ^ b;
  generate
    if (FILE != "") begin : gen_rom
      logic [N-1:0] words[0:511];
      initial $readmemh(FILE, words);
      always_ff @(posedge clk) z <= words[at];
    end else begin : gen_none
      assign z = '0;
    end
  endgenerate
endmodule
"""


def source(folder: Path, text: str = XOR) -> Path:
    path = folder / "a folder" / "toy.sv"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def test_an_exclusive_or_is_a_lut_and_a_flip_flop_a_bit(yosys: None, tmp_path: Path) -> None:
    for bits in (4, 9):
        assert synth.synthesise_files([source(tmp_path)], "toy", {"N": bits}, tmp_path) == Resources(lut=bits, ff=bits)


def test_memory_files_are_read_in_the_working_folder(yosys: None, tmp_path: Path) -> None:
    (tmp_path / "words.mem").write_text("".join(f"{(i * 40503) % 65536:04x}\n" for i in range(512)))
    parameters = {"N": 16, "FILE": "words.mem"}
    used = synth.synthesise_files([source(tmp_path)], "toy", parameters, tmp_path)
    assert used.ff == 32
    assert used.lut > 16 * 4
    (tmp_path / "words.mem").write_text("0000\n" * 512)
    assert synth.synthesise_files([source(tmp_path)], "toy", parameters, tmp_path).lut == 16


def test_a_fault_in_the_child_is_an_internal_error(yosys: None, tmp_path: Path) -> None:
    with pytest.raises(HwgenError, match=r"synthesis-failed: toy: .*syntax error") as error:
        synth.synthesise_files([source(tmp_path, "module toy; garbage garbage")], "toy", {}, tmp_path)
    assert error.value.exit_code == Exit.INTERNAL


def test_without_pyosys_the_stage_is_unavailable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    with pytest.raises(HwgenError, match="tool-missing: pyosys") as error:
        synth.synthesise_files([source(tmp_path)], "toy", {}, tmp_path)
    assert error.value.exit_code == Exit.STAGE_UNAVAILABLE


def plumbing() -> Graph:
    """Up, wait, down, up again: the second converter up is the same kernel as the first."""
    builder = GraphBuilder("pipes", Level.HARDWARE)
    value = builder.add_input(Value("x", (8,), IntType(0, 15)))
    for i, kernel in enumerate((WidthConverter.between(value, 2, 4), Fifo.storing(value, 4, 5),
                                WidthConverter.between(value, 4, 2), WidthConverter.between(value, 2, 4))):
        (value,) = builder.add(f"node{i}", kernel, [value.name], [f"v{i}"])
    return builder.build([value.name])


def test_equal_kernels_are_synthesised_once_and_kept(
    yosys: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[str] = []
    run = synth.run_yosys

    def counting(sources: Sequence[Path], top: str, parameters: Mapping[str, int | str], cwd: Path, *,
                 dsp: bool) -> dict[str, int]:
        runs.append(top)
        return run(sources, top, parameters, cwd, dsp=dsp)

    monkeypatch.setattr(synth, "run_yosys", counting)
    found = synth.synthesise(plumbing(), tmp_path)
    assert sorted(runs) == ["hwgen_fifo", "hwgen_width_converter", "hwgen_width_converter"]
    assert list(found) == ["node0", "node1", "node2", "node3"]
    assert found["node0"] == found["node3"] != found["node2"]
    assert all(used.ff > 0 and used.lut > 0 for used in found.values())
    assert synth.synthesise(plumbing(), tmp_path) == found
    assert len(runs) == 3
    monkeypatch.setattr(synth, "tool_version", lambda: "another version")
    assert synth.synthesise(plumbing(), tmp_path) == found
    assert len(runs) == 6


def test_the_key_follows_every_source(tmp_path: Path) -> None:
    unit = synth.Unit("toy", (source(tmp_path),), {"N": 4}, "text", {"a.mem": "00"})
    keys = [unit.key(), replace(unit, top="top").key(), replace(unit, parameters={"N": 5}).key(),
            replace(unit, text="other").key(), replace(unit, memories={"a.mem": "01"}).key()]
    source(tmp_path, XOR + "// changed")
    keys.append(unit.key())
    assert len(set(keys)) == len(keys)
    source(tmp_path)
    assert unit.key() == keys[0]
