"""The suite's own rules: under --require-tools a skip is a failure, a failure tells its seed, CI needs the models."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.slow

SUITE = """
import pytest

def test_skipped():
    pytest.skip("no tool")

def test_listed():
    pytest.skip("no tool")

@pytest.mark.parametrize("number", [])
def test_of_nothing(number):
    pass

def test_passes():
    pass

def test_random(seed):
    assert seed is None
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """A copy of conftest.py with a few tests of its own."""
    (tmp_path / "tests").mkdir()
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path / "tests")
    (tmp_path / "tests" / "test_some.py").write_text(SUITE)
    (tmp_path / "tests" / "test_module.py").write_text("import pytest\npytest.importorskip('no_such_module')\n")
    (tmp_path / "tests" / "allowed_skips.txt").write_text("# ids\ntests/test_some.py::test_listed  # a reason\n")
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\nmarkers = ['slow']\n")
    return tmp_path


def outcome(suite: Path, *flags: str) -> str:
    return subprocess.run([sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rA", "tests", *flags], cwd=suite,
                          capture_output=True, text=True, check=False).stdout


def test_a_skip_is_only_a_skip_on_a_laptop(suite: Path) -> None:
    text = outcome(suite)
    assert "1 failed, 1 passed, 4 skipped" in text


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_a_skip_is_a_failure_in_ci(suite: Path, workers: tuple[str, ...]) -> None:
    text = outcome(suite, "--require-tools", "--continue-on-collection-errors", *workers)
    bad = [line for line in text.splitlines() if line.startswith(("FAILED", "ERROR"))]
    for name in ("test_some.py::test_skipped", "test_some.py::test_of_nothing", "test_module.py"):
        assert any(name in line for line in bad), name
    assert not any("test_listed" in line or "test_passes" in line for line in bad)
    assert "skipped under --require-tools and not in tests/allowed_skips.txt" in text


def test_a_failure_tells_its_seed_and_how_to_replay_it(suite: Path) -> None:
    text = outcome(suite, "--seed", "7")
    assert "replay: pytest 'tests/test_some.py::test_random' --seed 7" in text


def test_ci_fails_without_the_models(tmp_path: Path) -> None:
    (tmp_path / "repo" / ".ci").mkdir(parents=True)
    shutil.copy(ROOT / ".ci" / "run", tmp_path / "repo" / ".ci")
    done = subprocess.run(["bash", ".ci/run"], cwd=tmp_path / "repo", env={**os.environ, "CI": "true"}, check=False,
                          capture_output=True, text=True)
    assert done.returncode == 1
    assert "../shared/models is absent" in done.stderr
