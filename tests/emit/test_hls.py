"""The emitted Vitis HLS project, without a compiler: its texts, its script in a recording Tcl, and what is refused."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hwgen.boards import load
from hwgen.cli import run
from hwgen.data import folder
from hwgen.emit.hls_top import SLACK, Identifiers, require_hls, without_fifos
from hwgen.emit.render import LINE, filled
from hwgen.emit.top import top_of
from hwgen.emit.whole import emit_hls_build
from hwgen.errors import HwgenError
from hwgen.ir.graph import Graph
from hwgen.kernels.fifo import Fifo
from hwgen.verification import make_vectors
from tests.conftest import ROOT, need_package, need_program
from tests.emit.networks import HOSTILE, hostile_network, random_network, tiny_network, two_chains

GOLDEN = ROOT / "tests" / "golden" / "hls"
DIGITS = ROOT / "examples" / "digits_mlp.onnx"


def emitted(graph: Graph, out: Path, board: str = "pynq") -> Path:
    """The folder hls/ of a project."""
    vectors = make_vectors(graph, {}, 3, 0)
    emit_hls_build(graph, load(board), vectors.integers, vectors.values, out)
    return out / "hls"


def rendered(hls: Path) -> list[Path]:
    """All that is not a copy of the library or a vector."""
    return sorted(path for path in hls.iterdir() if path.is_file())


def test_texts_of_a_tiny_network(tmp_path: Path, golden: Callable[[Path, str], None]) -> None:
    hls = emitted(tiny_network(), tmp_path)
    paths = [*rendered(hls), *sorted((hls / "vectors").iterdir())]
    for path in paths:
        golden(GOLDEN / path.relative_to(hls), path.read_text())
    kept = {path.relative_to(GOLDEN) for path in GOLDEN.rglob("*") if path.is_file()}
    assert kept == {path.relative_to(hls) for path in paths}


def test_the_library_is_copied_as_it_lies_and_no_more_of_it(tmp_path: Path) -> None:
    hls = emitted(tiny_network(), tmp_path)
    names = {path.name for path in (hls / "library").iterdir()}
    assert {"mvau.hpp", "threshold.hpp", "stream_input.hpp", "testbench.hpp"} <= names
    assert "argmax.hpp" not in names
    for path in (hls / "library").iterdir():
        assert path.read_bytes() == (folder("hls") / path.name).read_bytes()
        included = re.findall(r'#include "(.+?)"', path.read_text())
        assert set(included) <= names, path.name
    copied, shim = ({path.name: path.read_bytes() for path in where.iterdir()}
                    for where in (hls / "shim", folder("hls") / "shim"))
    assert copied == shim


def test_every_stream_has_one_writer_and_one_reader(seed: int, tmp_path: Path) -> None:
    graph = random_network(np.random.default_rng(seed))
    hls = emitted(graph, tmp_path)
    (top,) = hls.glob("*_top.cpp")
    text = top.read_text()
    calls = dict(re.findall(r"(?s)_net::(\w+)\((.*?)\);", text))
    arguments = [name for call in calls.values() for name in re.split(r",\s*", call)]
    streams = re.findall(r"hls::stream<ap_uint<\d+>> (\w+)\(", text)
    assert len(streams) == len(set(streams)) > 0
    assert all(arguments.count(stream) == 2 for stream in streams)
    assert len(calls) == sum(not isinstance(node.op, Fifo) for node in graph.nodes)
    assert not any("fifo" in path.name for path in (hls / "library").iterdir())


def test_fifos_are_depths(tmp_path: Path) -> None:
    graph = tiny_network()
    (fifo,) = [node for node in graph.nodes if isinstance(node.op, Fifo)]
    top = without_fifos(top_of(graph))
    assert isinstance(fifo.op, Fifo)
    assert top.depth(fifo.inputs[0]) == fifo.op.depth + SLACK
    assert all(not isinstance(layer.kernel, Fifo) for layer in top.top.layers)
    assert fifo.outputs[0] not in {value for layer in top.top.layers for value in layer.sources}
    (source,) = emitted(graph, tmp_path).glob("*_top.cpp")
    assert f"depth={fifo.op.depth + SLACK}\n" in source.read_text()


def test_no_foreign_text_reaches_a_file(tmp_path: Path) -> None:
    for path in emitted(hostile_network(), tmp_path).rglob("*"):
        if path.is_file():
            text = path.read_bytes().decode("ascii")
            assert not [name for name in HOSTILE if len(name) > 9 and name in text], path.name


def test_flags_go_to_the_outputs_of_their_own_input(tmp_path: Path) -> None:
    text = (emitted(two_chains(), tmp_path) / "pair_top.cpp").read_text()
    for chain in ("a", "b"):
        assert len(re.findall(rf"_net::\w+\([^;]*\bflag_x_{chain}_y_{chain}\);", text)) == 2
    assert not re.search(r"flag_x_a_y_b|flag_x_b_y_a", text)


@pytest.mark.parametrize("network", [tiny_network, two_chains])
def test_formatted(network: Callable[[], Graph], tmp_path: Path) -> None:
    """clang-format with the repository's style changes nothing but the pragmas, around whose `=` it puts spaces."""
    need_package("clang_format")
    program, style = Path(sys.executable).with_name("clang-format"), f"--style=file:{ROOT / '.clang-format'}"
    for path in emitted(network(), tmp_path).glob("*.?pp"):
        done = subprocess.run([program, style, path], capture_output=True, text=True, check=True)
        text = re.sub(r"(?m)^#pragma HLS.*$", lambda line: line[0].replace(" = ", "="), done.stdout)
        assert path.read_text() == text


def test_arguments_fill_lines_as_clang_format_does() -> None:
    assert filled("f(", [], ");") == "f();"
    assert filled("f(", ["a", "b"], ");", 2) == "f(a, b);"
    words = [f"argument_{i}" for i in range(20)]
    text = filled("void f(", words, ") {")
    assert [line[:7] for line in text.splitlines()] == ["void f(", " " * 7, " " * 7]
    assert max(map(len, text.splitlines())) <= LINE
    deep = filled(f"{'x' * 70}(", words, ");", 2).splitlines()
    assert deep[0] == f"{'x' * 70}(" and all(line.startswith(" " * 6 + "argument") for line in deep[1:])


def test_identifiers_are_given_once() -> None:
    names = Identifiers(["a"])
    assert [names.of(name) for name in ("a", "b", "a", "a_2", "a_2_2")] == ["a_2", "b", "a_3", "a_2_2", "a_2_2_2"]


def refused(graph: Graph) -> HwgenError:
    with pytest.raises(HwgenError) as caught:
        require_hls(without_fifos(top_of(graph)))
    return caught.value


def test_a_number_that_no_ap_int_holds_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """64 x 32 weights of 4 bits at once are 8192 bits; the default folding keeps to what there is."""
    given = tmp_path / "folding.toml"
    given.write_text("[dense1]\npe = 32\nsimd = 64\n")
    words = ["build", str(DIGITS), "--board", "pynq", "--backend", "hls", "--until", "emit", "--allow-oversize",
             "--out", str(tmp_path / "build")]
    assert run([*words, "--folding", str(given)]) == 2
    assert capsys.readouterr().err.splitlines()[-2:] == [
        "error[hls-width]: dense1: it needs a number of 8,192 bits, an ap_int has at most 4,096",
        "help: Take a smaller folding with --fps or --folding, or --backend rtl."]
    assert not (tmp_path / "build").exists()
    assert run([*words, "--fps", "25e6"]) == 0


def test_a_kernel_without_a_header_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = tiny_network()
    kind = type(next(node.op for node in graph.nodes if node.name == "fc0"))
    monkeypatch.setattr(kind, "stem", "no_such")
    assert str(refused(graph)) == ("hls-kernel: fc0: the kernel no_such exists in SystemVerilog only. "
                                   "Build with --backend rtl.")


RECORDER = """
foreach command {open_project set_top add_files open_solution set_part create_clock csim_design csynth_design
                 cosim_design export_design} {
    proc $command {args} "puts \\[list $command {*}\\$args\\]"
}
set argv [lrange $argv 1 end]
source run_hls.tcl
"""


def recorded(hls: Path, *steps: str) -> list[str]:
    """The commands of run_hls.tcl, as a stub of Vitis HLS prints them."""
    (hls.parent / "recorder.tcl").write_text(RECORDER)
    return subprocess.run([need_program("tclsh"), "../recorder.tcl", "-f", *steps], cwd=hls, check=True,
                          capture_output=True, text=True).stdout.splitlines()


def test_the_script_runs_its_steps(tmp_path: Path) -> None:
    hls = emitted(tiny_network(), tmp_path, "zcu104")
    every = recorded(hls)
    board = load("zcu104")
    assert every[0] == "open_project -reset tiny_hls" and every[1] == "set_top tiny_top"
    assert f"set_part {board.part}" in every
    assert f"create_clock -period {1000 / board.clock_mhz:.4g} -name default" in every
    assert [line.split()[0] for line in every[-4:]] == ["csim_design", "csynth_design", "cosim_design", "export_design"]
    files = [word for line in every if line.startswith("add_files") for word in line.split() if (hls / word).exists()]
    assert {"tiny_top.cpp", "tiny_tb.cpp", "vectors"} <= set(files)
    assert "-DAP_INT_MAX_W=4096" in "".join(every)
    assert recorded(hls, "csynth", "nonsense") == [*every[:-4], "csynth_design"]


FAKE = """#!/bin/sh
echo "$@" >> "$(dirname "$0")/calls"
[ "$1" = -version ] && echo "Vitis HLS v2024.1" && exit 0
pwd >> "$(dirname "$0")/where"
ls >> "$(dirname "$0")/where"
exit $(cat "$(dirname "$0")/code")
"""


def fake_vitis(tools: Path, code: int) -> None:
    tools.mkdir(exist_ok=True)
    (tools / "vitis_hls").write_text(FAKE)
    (tools / "vitis_hls").chmod(0o755)
    (tools / "code").write_text(str(code))


def build_words(out: Path, *words: str) -> list[str]:
    return ["build", str(DIGITS), "--board", "pynq", "--backend", "hls", "--until", "emit", "--out", str(out), *words]


def test_vitis_is_called_where_it_is_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                 capsys: pytest.CaptureFixture[str]) -> None:
    from hwgen.toolchain import tools

    monkeypatch.setenv("PATH", f"{tmp_path / 'tools'}:/usr/bin:/bin")
    tools.program_version.cache_clear()
    try:
        fake_vitis(tmp_path / "tools", 0)
        assert run(build_words(tmp_path / "build", "--synth")) == 0
        assert "Synthesised csim and csynth by Vitis HLS" in capsys.readouterr().out
        fake_vitis(tmp_path / "tools", 3)
        assert run(build_words(tmp_path / "build", "--synth")) == 1
        assert "error[hls-synthesis]: vitis_hls: it ended with exit code 3" in capsys.readouterr().err
    finally:
        tools.program_version.cache_clear()
    calls = (tmp_path / "tools" / "calls").read_text().splitlines()
    assert [call for call in calls if call != "-version"] == ["-f run_hls.tcl csim csynth"] * 2
    where = (tmp_path / "tools" / "where").read_text()
    assert "/hls\n" in where and "digits_mlp_top.cpp" in where


def test_without_vitis_there_is_no_synthesis_and_the_project_is_there(tmp_path: Path,
                                                                      capsys: pytest.CaptureFixture[str]) -> None:
    assert run(build_words(tmp_path / "build", "--synth")) == 3
    assert "synthesise could not run: vitis_hls: it is not installed" in capsys.readouterr().err
    assert (tmp_path / "build" / "hls" / "run_hls.tcl").is_file()
    assert run(build_words(tmp_path / "other", "--synth", "--until", "fold")) == 2
    assert "Vitis HLS needs the project" in capsys.readouterr().err
