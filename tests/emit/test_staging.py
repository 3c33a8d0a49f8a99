"""A build directory appears whole or not at all, and nothing of the user's is ever overwritten."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from hwgen.emit.manifest import manifest, manifest_text
from hwgen.emit.staging import MARKER, staged
from hwgen.errors import HwgenError

KILLED = """
import os, signal, sys
from pathlib import Path
from hwgen.emit.staging import staged
with staged(Path(sys.argv[1])) as folder:
    (folder / "half.txt").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def build(out: Path, text: str) -> None:
    with staged(out) as folder:
        (folder / "report.json").write_text(text)


def content(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_build_appears_when_it_is_complete(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "build"
    with staged(out) as folder:
        (folder / "a.txt").write_text("a")
        assert not out.exists()
        assert folder.parent == out.parent
    assert content(out) == {"a.txt", MARKER}
    assert content(out.parent) == {"build"}


def test_a_build_of_ours_is_replaced_whole(tmp_path: Path) -> None:
    out = tmp_path / "build"
    with staged(out) as folder:
        (folder / "old.txt").write_text("old")
    build(out, "new")
    assert content(out) == {"report.json", MARKER}


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "build").mkdir()
    build(tmp_path / "build", "new")
    assert content(tmp_path / "build") == {"report.json", MARKER}


def test_a_link_to_a_folder_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    build(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert content(tmp_path / "real") == {"report.json", MARKER}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_error_leaves_the_earlier_build(tmp_path: Path, error: type[BaseException]) -> None:
    build(tmp_path / "build", "first")
    before = manifest(tmp_path)
    with pytest.raises(error), staged(tmp_path / "build") as folder:
        (folder / "report.json").write_text("second")
        raise error
    assert manifest(tmp_path) == before
    assert content(tmp_path) == {"build"}


def test_a_killed_build_leaves_the_earlier_build_and_is_cleared_by_the_next(tmp_path: Path) -> None:
    build(tmp_path / "build", "first")
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", KILLED, str(tmp_path / "build")]
    assert subprocess.run(command, env=environment, timeout=60).returncode == -signal.SIGKILL
    assert (tmp_path / "build" / "report.json").read_text() == "first"
    assert len(content(tmp_path)) == 2
    build(tmp_path / "build", "second")
    assert content(tmp_path) == {"build"}


def test_a_build_under_way_is_not_cleared(tmp_path: Path) -> None:
    with staged(tmp_path / "build") as folder:
        (folder / "report.json").write_text("outer")
        build(tmp_path / "build", "inner")
        assert folder.is_dir()
        assert (tmp_path / "build" / "report.json").read_text() == "inner"
    assert (tmp_path / "build" / "report.json").read_text() == "outer"
    assert content(tmp_path) == {"build"}


def test_builds_at_once_give_one_whole_build(tmp_path: Path) -> None:
    failures: list[BaseException] = []

    def loop(text: str) -> None:
        try:
            for _ in range(20):
                build(tmp_path / "build", text)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=loop, args=(text,)) for text in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert content(tmp_path / "build") == {"report.json", MARKER}
    assert content(tmp_path) == {"build"}


def test_a_foreign_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(HwgenError) as error, staged(tmp_path):
        pytest.fail("the body ran")
    assert str(error.value) == (f"output-folder: {tmp_path}: the folder is not empty and hwgen did not make it. "
                                "Choose another folder with --out, or empty this one.")
    assert content(tmp_path) == {"thesis.tex"}


@pytest.mark.parametrize(("path", "why"), [
    ("file", "Not a directory"),
    ("file/build", "File exists"),
    ("/proc/build", "No such file or directory"),
])
def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, path: str, why: str) -> None:
    (tmp_path / "file").write_text("")
    out = tmp_path / path
    with pytest.raises(HwgenError) as error, staged(out):
        pytest.fail("the body ran")
    assert str(error.value) == (f"output-folder: {out}: the folder cannot be written: {why}. "
                                "Choose another folder with --out.")
    assert content(tmp_path) == {"file"}


def test_a_folder_made_foreign_during_the_build_is_not_lost(tmp_path: Path) -> None:
    out = tmp_path / "build"
    with pytest.raises(HwgenError), staged(out):
        out.mkdir()
        (out / "notes.txt").write_text("mine")
    assert (out / "notes.txt").read_text() == "mine"


def test_the_manifest_sees_every_byte_but_timing(tmp_path: Path) -> None:
    (tmp_path / "rtl").mkdir()
    (tmp_path / "rtl" / "a.sv").write_text("module a; endmodule\n")
    (tmp_path / "timing.json").write_text("1")
    before = manifest(tmp_path)
    assert list(before) == ["rtl/a.sv"]
    (tmp_path / "timing.json").write_text("2")
    assert manifest(tmp_path) == before
    (tmp_path / "rtl" / "a.sv").write_text("module b; endmodule\n")
    assert manifest(tmp_path) != before


def test_the_manifest_is_what_sha256sum_reads(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    text = manifest_text(tmp_path)
    check = subprocess.run(["sha256sum", "--check", "--strict"], input=text, text=True, cwd=tmp_path, check=False,
                           capture_output=True)
    assert check.returncode == 0
    assert text.count("\n") == 1
