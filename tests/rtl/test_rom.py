"""The ROM: one LUT6 for 64 words of a bit, block RAM with its output latch; the word is held while en is low."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest

from hwgen.kernels.base import Resources
from hwgen.synth.yosys import synthesise_files
from sim.kernel_bench import RTL
from tests.conftest import need_program

ROM = (RTL / "hwgen_rom.sv", RTL / "hwgen_rom_deep.sv")
READ = """
module rom_test;
  logic clk = 1'b0, en; logic [ADDRESS_VALUE:0] addr; logic [8:0] data;
  hwgen_rom #(.DEPTH(DEPTH_VALUE), .WIDTH(9), .INIT_FILE("rom.mem"), .BLOCK(BLOCK_VALUE)) dut (clk, en, addr, data);
  integer k, seed = SEED_VALUE;
  initial for (k = 0; k < 300; k = k + 1) begin
    en = $random(seed); addr = $urandom(seed) % DEPTH_VALUE;
    #1 clk = 1'b1;
    #1 $display("%b %d %h", en, addr, data);
    clk = 1'b0;
  end
endmodule
"""


def memory(folder: Path, depth: int, width: int, seed: int) -> list[int]:
    words = [random.Random(seed + i).getrandbits(width) for i in range(depth)]
    (folder / "rom.mem").write_text("".join(f"{word:0{-(-width // 4)}x}\n" for word in words))
    return words


@pytest.mark.parametrize(("depth", "width", "luts"), [(16, 24, 24), (48, 24, 24), (64, 24, 24), (100, 24, 48),
                                                      (256, 24, 96)])
def test_lut_rom_takes_one_lut_for_64_words(depth: int, width: int, luts: int, yosys: None, tmp_path: Path,
                                            seed: int) -> None:
    memory(tmp_path, depth, width, seed)
    used = synthesise_files(ROM, "hwgen_rom", {"DEPTH": depth, "WIDTH": width, "INIT_FILE": "rom.mem"}, tmp_path)
    assert used.lut <= luts
    assert (used.ff, used.bram18, used.dsp) == (width, 0, 0)


@pytest.mark.parametrize(("depth", "width", "blocks"), [(64, 9, 1), (512, 40, 2), (1024, 8, 1), (4096, 8, 2)])
def test_block_rom_is_nothing_but_block_ram(depth: int, width: int, blocks: int, yosys: None, tmp_path: Path,
                                            seed: int) -> None:
    memory(tmp_path, depth, width, seed)
    parameters = {"DEPTH": depth, "WIDTH": width, "INIT_FILE": "rom.mem", "BLOCK": 1}
    assert synthesise_files(ROM, "hwgen_rom", parameters, tmp_path) == Resources(bram18=blocks)


@pytest.mark.parametrize(("depth", "block"), [(12, 0), (50, 0), (50, 1)])
def test_word_comes_a_cycle_after_en_and_is_held(depth: int, block: int, icarus: str, tmp_path: Path,
                                                 seed: int) -> None:
    words, held = memory(tmp_path, depth, 9, seed), None
    values = {"BLOCK": block, "SEED": seed % 100_000, "DEPTH": depth, "ADDRESS": (depth - 1).bit_length() - 1}
    text = READ
    for name, value in values.items():
        text = text.replace(f"{name}_VALUE", str(value))
    (tmp_path / "rom_test.sv").write_text(text)
    subprocess.run([icarus, "-g2012", "-o", "rom_test", "rom_test.sv", *map(str, ROM)], cwd=tmp_path, check=True)
    told = subprocess.run([need_program("vvp"), "-n", "rom_test"], cwd=tmp_path, check=True, text=True,
                          capture_output=True).stdout
    for line in told.splitlines():
        en, addr, data = line.split()
        held = words[int(addr)] if en == "1" else held
        assert held is None or int(data, 16) == held
    assert told.count("\n") == 300 and "\n0 " in told
