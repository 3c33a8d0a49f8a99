"""The emitted RTL: four tools read it without a word, it is complete, reproducible, and free of foreign names."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hwgen.data import folder
from hwgen.emit.manifest import manifest
from hwgen.emit.rtl import emit
from hwgen.emit.top import top_of
from hwgen.emit.whole import emit_build
from hwgen.ir.graph import Graph
from hwgen.names import Names
from tests.emit import readers
from tests.emit.networks import HOSTILE, hostile_network, random_network, tiny_network, two_chains

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden" / "emit"
READERS = [readers.icarus, readers.slang, readers.verilator, readers.yosys]

REBUILD = """
import sys
from pathlib import Path
from hwgen.emit.whole import emit_build
from tests.emit.networks import hostile_network
emit_build(hostile_network(), Path(sys.argv[1]))
"""


def built(graph: Graph, out: Path) -> tuple[list[str], list[str]]:
    """The files of filelist.f and the names of the two tops, after emission."""
    emit(graph, out)
    model = Names().of(graph.name)
    return (out / "rtl" / "filelist.f").read_text().splitlines(), [f"{model}_top", f"{model}_bd_top"]


@pytest.fixture
def all_tools(verilator: None, icarus: str, yosys: None) -> None:
    pytest.importorskip("pyslang")


@pytest.mark.parametrize("case", range(3))
def test_four_tools_read_random_networks(case: int, seed: int, tmp_path: Path, all_tools: None) -> None:
    files, tops = built(random_network(np.random.default_rng(seed)), tmp_path)
    for reader in READERS:
        for top in tops if reader is not readers.yosys else tops[-1:]:
            assert reader(files, top, tmp_path) == "", reader.__name__


@pytest.mark.parametrize("network", [hostile_network, two_chains])
def test_four_tools_read_odd_networks(network: Callable[[], Graph], tmp_path: Path, all_tools: None) -> None:
    files, tops = built(network(), tmp_path)
    for reader in READERS:
        assert reader(files, tops[-1], tmp_path) == "", reader.__name__


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
def test_the_readers_bite(reader: Callable[..., str], tmp_path: Path, all_tools: None) -> None:
    files, tops = built(tiny_network(), tmp_path)
    top = tmp_path / "rtl" / f"{tops[0]}.sv"
    text = top.read_text()
    broken = text.replace(".s_axis_tready(v1_tready)", ".s_axis_tready(not_declared)")
    assert broken != text
    top.write_text(broken)
    assert reader(files, tops[0], tmp_path) != ""


def test_yosys_reads_the_script(tmp_path: Path, yosys: None) -> None:
    built(tiny_network(), tmp_path)
    done = subprocess.run([sys.executable, "-c", readers.YOSYS, "script rtl/sources.ys", "stat"], cwd=tmp_path,
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    assert "Warning" not in done.stdout + done.stderr


def test_the_lists_name_every_file_once_and_nothing_else(seed: int, tmp_path: Path) -> None:
    files, tops = built(random_network(np.random.default_rng(seed)), tmp_path)
    rtl = {f"rtl/{path.name}" for path in (tmp_path / "rtl").iterdir() if path.suffix in (".sv", ".v")}
    memories = {f"mem/{path.name}" for path in (tmp_path / "mem").iterdir()}
    scripts = {name: (tmp_path / "rtl" / name).read_text() for name in ("sources.tcl", "sources.ys")}
    listed = {name: re.findall(r"(?:rtl|mem)/[\w.]+", text) for name, text in scripts.items()}
    assert sorted(files) == sorted(rtl)
    assert sorted(listed["sources.tcl"]) == sorted(rtl | memories)
    assert listed["sources.ys"] == files
    used = re.findall(r'"(mem/[^"]+)"', "".join((tmp_path / file).read_text() for file in files))
    assert sorted(used) == sorted(memories)
    assert {path.name for path in (tmp_path / "rtl").iterdir()} == {
        *(Path(file).name for file in files), "filelist.f", "sources.tcl", "sources.ys"}
    assert {f"{top}.{suffix}" for top, suffix in zip(tops, ("sv", "v"), strict=True)} <= {Path(f).name for f in files}


def test_only_the_used_part_of_the_library_is_copied_as_it_lies(tmp_path: Path) -> None:
    files, _ = built(tiny_network(), tmp_path)
    copies = [Path(file).name for file in files if Path(file).name.startswith("hwgen_")]
    assert "hwgen_argmax.sv" not in copies
    assert copies
    for name in copies:
        assert (tmp_path / "rtl" / name).read_bytes() == (folder("rtl") / name).read_bytes()


def test_no_foreign_text_reaches_a_file(tmp_path: Path) -> None:
    emit_build(hostile_network(), tmp_path)
    for path in tmp_path.rglob("*"):
        if path.is_dir() or path.suffix == ".npz":
            continue
        assert re.fullmatch(r"[a-z_][a-z0-9_]*\.[a-z]+", path.name)
        text = path.read_bytes().decode("ascii")
        for name in HOSTILE:
            if len(name) > 9:
                assert name not in text, path.name
    assert not (tmp_path / "owned").exists()


def test_each_output_takes_the_flags_of_its_own_input(tmp_path: Path) -> None:
    built(two_chains(), tmp_path)
    text = (tmp_path / "rtl" / "pair_top.sv").read_text()
    for chain in ("a", "b"):
        fifo = text[text.index(f"hwgen_flagfifo0_y_{chain}_unit") :].split(");")[0]
        assert f".s_axis_tdata(hwgen_flagin_x_{chain}_tdata[0])" in fifo
        assert f".m_axis_tdata(hwgen_flagout_y_{chain}_tdata[0])" in fifo


def test_identifiers_are_unique_in_the_top() -> None:
    top = top_of(hostile_network())
    signals = [boundary.signal for boundary in top.boundaries]
    layers = [layer.name for layer in top.layers]
    assert len({signal.lower() for signal in signals}) == len(signals)
    assert len({layer.lower() for layer in layers}) == len(layers)
    assert not {top.name, f"{top.model}_bd_top"} & set(layers)


def test_every_stream_is_joined_to_one_maker_and_one_reader(seed: int, tmp_path: Path) -> None:
    graph = random_network(np.random.default_rng(seed))
    built(graph, tmp_path)
    top = top_of(graph)
    text = (tmp_path / "rtl" / f"{top.name}.sv").read_text()
    for boundary in top.boundaries:
        assert text.count(f".m_axis_tdata({boundary.signal}_tdata)") == 1
        assert text.count(f".s_axis_tdata({boundary.signal}_tdata)") == 1
        for wire in ("tdata", "tvalid", "tready"):
            assert text.count(f"{boundary.signal}_{wire} /* verilator public_flat_rd */;") == 1
    assert len(top.boundaries) == len(graph.nodes) - len(graph.outputs)


@pytest.mark.parametrize("seeds", [("0", "1")])
def test_two_builds_are_byte_identical(seeds: tuple[str, str], tmp_path: Path) -> None:
    manifests = []
    for hash_seed in seeds:
        work = tmp_path / f"work{hash_seed}"
        work.mkdir()
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
        subprocess.run([sys.executable, "-c", REBUILD, str(work / "build")], check=True, cwd=work, env=environment,
                       timeout=120)
        manifests.append(manifest(work / "build"))
        for path in (work / "build").rglob("*"):
            assert path.is_dir() or str(tmp_path).encode() not in path.read_bytes()
            assert path.is_dir() or str(ROOT).encode() not in path.read_bytes()
    assert manifests[0] == manifests[1]
    assert len(manifests[0]) > 20


def test_rendered_texts_of_a_tiny_network(tmp_path: Path, golden: Callable[[Path, str], None]) -> None:
    """Without the names of library files, which change with the library."""
    emit_build(tiny_network(), tmp_path)
    library = {path.name for path in folder("rtl").iterdir()}
    rendered = [path for name in ("rtl", "mem") for path in sorted((tmp_path / name).iterdir())
                if path.name not in library]
    for path in rendered:
        lines = path.read_text().splitlines(keepends=True)
        golden(GOLDEN / path.parent.name / path.name, "".join(line for line in lines if "rtl/hwgen_" not in line))
    kept = {path.relative_to(GOLDEN) for path in GOLDEN.rglob("*") if path.is_file()}
    assert kept == {path.relative_to(tmp_path) for path in rendered}
