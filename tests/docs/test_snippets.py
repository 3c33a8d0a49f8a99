"""What the documentation shows works: Python runs, commands exit with 0, links lead somewhere."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from hwgen.cli import run
from tests.conftest import ROOT

PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
SLOW = ("make ", "hwgen simulate", "pip ", "git ")
"""Commands that other tests or CI run."""


def blocks(language: str) -> list[pytest.param]:  # type: ignore[valid-type]
    """Every block of that language in every page."""
    found = []
    for page in PAGES:
        for index, text in enumerate(re.findall(rf"(?ms)^```{language}\n(.*?)^```", page.read_text())):
            found.append(pytest.param(text, id=f"{page.stem}-{index}"))
    return found


@pytest.mark.parametrize("text", blocks("python"))
def test_python_runs(text: str) -> None:
    subprocess.run([sys.executable, "-c", text], cwd=ROOT, check=True, capture_output=True)


@pytest.mark.parametrize("text", blocks("toml"))
def test_toml_parses(text: str) -> None:
    assert tomllib.loads(text)


def commands(text: str) -> list[str]:
    return [line[2:].split("#")[0].strip() for line in text.splitlines() if line.startswith("$ ")]


@pytest.mark.parametrize("text", blocks("console"))
def test_commands_exit_with_0(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Builds stop at emit and write to a temporary folder: their simulation is tested elsewhere."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    for line in commands(text):
        if line.startswith(SLOW):
            continue
        program, *words = shlex.split(line)
        assert program == "hwgen", f"unknown command: {line}"
        short = ["--until", "emit"] if words[0] == "build" and "--until" not in words else []
        assert run([*words, *short]) == 0, line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_and_make_targets_exist(page: Path) -> None:
    text = page.read_text()
    for target in re.findall(r"\]\((?!#)([^)#]+)", text):
        assert (page.parent / target).exists(), target
    targets = set(re.findall(r"(?m)^([a-z]+):", (ROOT / "Makefile").read_text()))
    assert set(re.findall(r"(?:`|\$ )make ([a-z]+)", text)) <= targets


def test_no_page_names_a_package_registry() -> None:
    for page in (*PAGES, ROOT / "pyproject.toml", *(ROOT / "requirements").glob("*.txt")):
        assert not re.search(r"https?://|index-url|find-links", page.read_text()), page.name
