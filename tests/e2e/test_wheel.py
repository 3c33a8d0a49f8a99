"""A wheel built from the checkout works in a clean environment, from another folder, without the checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT

DIGITS = ROOT / "examples" / "digits_mlp.onnx"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], cwd=ROOT, check=True,
                   capture_output=True)
    (path,) = folder.glob("*.whl")
    return path


def test_the_wheel_carries_all_data_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder, pattern in (("rtl", "*.sv"), ("hls", "**/*.h*"), ("templates", "**/*.j2"), ("sim", "*.py"),
                            ("sim", "*.cpp")):
        for path in (ROOT / folder).glob(pattern):
            assert f"hwgen/_data/{path.relative_to(ROOT).as_posix()}" in names
    for path in (ROOT / "hwgen").rglob("*.toml"):
        assert path.relative_to(ROOT).as_posix() in names
    assert not [name for name in names if not name.startswith("hwgen") or "__pycache__" in name]


def test_the_installed_wheel_builds_from_another_folder(wheel: Path, tmp_path: Path) -> None:
    """Third-party packages come from this environment by a .pth file, so that nothing is downloaded."""
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    here = [path for path in sys.path if path.endswith("site-packages")]
    (site,) = (tmp_path / "env" / "lib").glob("python*/site-packages")
    subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", "--no-index", str(wheel)], check=True)
    (site / "third_party.pth").write_text("".join(f"{path}\n" for path in here))
    (tmp_path / "elsewhere").mkdir()
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}

    def hwgen(*words: str) -> str:
        return subprocess.run([tmp_path / "env" / "bin" / "hwgen", *words], cwd=tmp_path / "elsewhere", env=clean,
                              check=True, capture_output=True, text=True).stdout

    where = subprocess.run([python, "-c", "import hwgen; print(hwgen.__file__)"], cwd=tmp_path, env=clean, check=True,
                           capture_output=True, text=True).stdout
    assert where.startswith(str(tmp_path)), "the checkout was imported instead of the wheel"
    assert "Finished" in hwgen("build", str(DIGITS), "--board", "pynq", "--until", "emit")
    assert "Finished" in hwgen("build", str(DIGITS), "--board", "pynq", "--backend", "hls", "--until", "emit")
    report = json.loads((tmp_path / "elsewhere" / "build" / "digits_mlp-pynq" / "report.json").read_text())
    assert report["stages"]["emit"] == "done"
    assert "pynq" in hwgen("boards")
