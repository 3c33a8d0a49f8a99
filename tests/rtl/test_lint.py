"""Every file of rtl/ is accepted, without a warning, by Verilator, Icarus, Yosys and slang; at many parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from hwgen import kernels
from hwgen.data import folder
from hwgen.emit.library import library_files
from hwgen.emit.rtl import kernel_wrapper, memory_files
from hwgen.kernels.base import Kernel
from hwgen.kernels.mvau import Mvau
from hwgen.kernels.threshold import ThresholdUnit
from sim import (
    bench_add,
    bench_argmax,
    bench_concat,
    bench_depth_to_space,
    bench_depthwise,
    bench_fifo,
    bench_fork,
    bench_mvau,
    bench_mvau_xnor,
    bench_pad,
    bench_pool,
    bench_requantize,
    bench_slice,
    bench_stream_input,
    bench_stream_output,
    bench_table,
    bench_threshold,
    bench_threshold_search,
    bench_upsample,
    bench_width_converter,
    bench_window,
)
from tests.conftest import need_package, need_program
from tests.rtl.readers import READERS

MODULES = sorted(path.stem for path in folder("rtl").glob("*.sv"))
DRAWS: Mapping[str, Callable[[np.random.Generator], Kernel]] = {
    "add": bench_add.random_kernel,
    "argmax": bench_argmax.random_kernel,
    "concat": bench_concat.random_kernel,
    "depth_to_space": bench_depth_to_space.random_kernel,
    "depthwise": bench_depthwise.random_kernel,
    "fifo": bench_fifo.random_kernel,
    "fork": bench_fork.random_kernel,
    "mvau": lambda rng: bench_mvau.random_kernel(Mvau, rng),
    "mvau_xnor": bench_mvau_xnor.random_xnor,
    "pad": bench_pad.random_kernel,
    "pool": bench_pool.random_kernel,
    "requantize": bench_requantize.random_requantize,
    "slice": bench_slice.random_kernel,
    "stream_input": bench_stream_input.random_kernel,
    "stream_output": bench_stream_output.random_kernel,
    "table": bench_table.random_table,
    "threshold": lambda rng: bench_threshold.random_kernel(ThresholdUnit, rng, (1, 2, 3, 7, 15)),
    "threshold_search": bench_threshold_search.random_search,
    "upsample": bench_upsample.random_kernel,
    "width_converter": bench_width_converter.random_kernel,
    "window": bench_window.random_kernel,
}
WITH_ROMS = "module lint_top(input wire logic clk, input wire logic en, input wire logic [4:0] addr, "
WITH_ROMS += "output logic [6:0] a, b);\n"
WITH_ROMS += "".join(f'  hwgen_rom #(.DEPTH(20), .WIDTH(7), .INIT_FILE("rom.mem"), .BLOCK({block})) rom_{port} '
                     f"(.clk(clk), .en(en), .addr(addr), .data({port}));\n" for block, port in enumerate("ab"))
WITH_ROMS += "endmodule\n"


@pytest.fixture(params=sorted(READERS))
def reader(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if name == "icarus":
        need_program("iverilog")
    else:
        need_package({"verilator": "verilator", "yosys": "pyosys", "slang": "pyslang"}[name])
    return name


def complaints(reader: str, modules: list[str], top: str, parameters: Mapping[str, int], *more: Path) -> str:
    return READERS[reader]([*more, *library_files(modules)], top, parameters)


@pytest.mark.parametrize("module", [name for name in MODULES if not name.startswith("hwgen_rom")])
def test_default_parameters(module: str, reader: str) -> None:
    assert complaints(reader, [module], module, {}) == ""


def test_roms(reader: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rom.mem").write_text("".join(f"{word:02x}\n" for word in range(20)))
    Path("lint_top.sv").write_text(WITH_ROMS)
    assert complaints(reader, ["hwgen_rom"], "lint_top", {}, tmp_path / "lint_top.sv") == ""


def test_every_kernel_is_drawn() -> None:
    assert set(DRAWS) == {kind.stem for kind in (*kernels.KERNELS, *kernels.LIBRARY)}


@pytest.mark.parametrize("index", range(3))
@pytest.mark.parametrize("stem", DRAWS)
def test_random_kernels(stem: str, index: int, reader: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernels that their own benches draw; the same ones for all readers, by their number."""
    monkeypatch.chdir(tmp_path)
    kernel = DRAWS[stem](np.random.default_rng(1000 + index))
    if kernel.stem.startswith("stream_"):
        module = f"hwgen_{kernel.stem}"
        assert complaints(reader, [module], module, kernel.parameters()) == ""
        return
    Path("mem").mkdir()
    for name, text in memory_files("lint_top", kernel).items():
        (Path("mem") / name).write_text(text)
    Path("lint_top.sv").write_text(kernel_wrapper("lint_top", kernel, "mem/"))
    modules = [f"hwgen_{kernel.stem}", *(["hwgen_rom"] if kernel.memories() else [])]
    assert complaints(reader, modules, "lint_top", {}, tmp_path / "lint_top.sv") == ""


@pytest.mark.parametrize("reader_name", sorted(READERS))
def test_readers_refuse_what_they_must(reader_name: str, tmp_path: Path) -> None:
    """An undeclared name: a reader that is called wrongly would accept everything."""
    bad = tmp_path / "bad.sv"
    bad.write_text("module bad(input wire logic a, output logic b); assign b = a & missing; endmodule\n")
    assert READERS[reader_name]([bad], "bad", {}) != ""
