"""The build directory: the same bytes wherever and whenever it is built, and whole or not there at all."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hwgen.cli import run
from hwgen.emit.manifest import manifest
from tests.conftest import ROOT

DIGITS = ROOT / "examples" / "digits_mlp.onnx"
IMAGES = ROOT / "examples" / "digits_mlp_inputs.npy"
FPS = ("--fps", "100000")


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "hwgen.cli", "build", str(DIGITS), "--board", "pynq", *FPS, *words]


def build_in(folder: Path, *words: str, **environment: str) -> Path:
    """A build in its own process, working folder and environment; the build directory."""
    folder.mkdir(parents=True)
    subprocess.run(command(*words), cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT), **environment}, check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return folder / "build" / "digits_mlp-pynq"


def test_two_builds_are_equal_but_for_their_times(verilator: None, tmp_path: Path) -> None:
    flags = ("--input", str(IMAGES), "--frames", "400")
    first = build_in(tmp_path / "one", *flags, PYTHONHASHSEED="1", TZ="UTC")
    second = build_in(tmp_path / "two" / "deeper", *flags, PYTHONHASHSEED="2", TZ="Asia/Tokyo")
    assert manifest(first) == manifest(second)
    assert set(manifest(first, varying=())) - set(manifest(first)) == {"timing.json"}
    assert json.loads((first / "report.json").read_text())["verification"]["rtl_vs_integer_mismatches"] == 0


def test_no_file_holds_a_path_of_this_machine(tmp_path: Path) -> None:
    folder = build_in(tmp_path / "some_unusual_folder", "--until", "emit", "--input", str(IMAGES))
    for path in folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            for part in (b"some_unusual_folder", str(ROOT).encode(), str(Path.home()).encode() + b"/"):
                assert part not in data, f"{path.relative_to(folder)} holds {part!r}"


def test_the_seed_changes_the_random_vectors(tmp_path: Path) -> None:
    one, two = (build_in(tmp_path / seed, "--until", "emit", "--seed", seed) for seed in ("1", "2"))
    differing = {name for name, digest in manifest(one).items() if manifest(two)[name] != digest}
    assert differing == {"sim/vectors.npz", "report.json"}


@pytest.mark.parametrize("delay", [0.3, 0.8, 1.5])
def test_a_killed_build_leaves_the_old_one_or_nothing(delay: float, tmp_path: Path) -> None:
    old = build_in(tmp_path / "old", "--until", "fold")
    before = manifest(old, varying=())
    process = subprocess.Popen(command("--until", "emit", "--frames", "20000", "--out", str(old)), cwd=tmp_path,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ,
                                                                                          "PYTHONPATH": str(ROOT)})
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert manifest(old, varying=()) == before or (old / "rtl" / "filelist.f").is_file()
    assert run(["build", str(DIGITS), "--board", "pynq", *FPS, "--until", "fold", "--out", str(old)]) == 0
    assert [path.name for path in old.parent.iterdir()] == [old.name], "a killed build's leftovers are cleaned up"


def test_a_folder_that_cannot_be_written_is_an_error_of_the_user(tmp_path: Path,
                                                                 capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "file"
    target.write_text("not a folder")
    for out in (target, target / "below"):
        assert run(["build", str(DIGITS), "--board", "pynq", "--until", "fold", "--out", str(out)]) == 2
        assert "error[output-folder]" in capsys.readouterr().err
    assert target.read_text() == "not a folder"


@pytest.mark.parametrize("parent", ["/proc", "/sys"])
def test_a_parent_where_nobody_can_write_is_refused(parent: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["build", str(DIGITS), "--board", "pynq", "--until", "fold", "--out", f"{parent}/hwgen-build"]) == 2
    assert "error[output-folder]" in capsys.readouterr().err


def test_two_builds_at_once_do_not_disturb_each_other(verilator: None, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    out = str(tmp_path / "build")
    both = [subprocess.Popen(command("--frames", "8", "--out", out), cwd=tmp_path, env=environment,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in range(2)]
    texts = [process.communicate(timeout=300)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], "\n".join(texts)
    assert json.loads((tmp_path / "build" / "report.json").read_text())["verification"]["frames"] == 8
    assert sorted(path.name for path in tmp_path.iterdir()) == ["build", "cache"]
