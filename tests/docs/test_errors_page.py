"""docs/errors.md has every code that the source can raise, and no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import ROOT

MAKERS = {"HwgenError": 0, "problem": 1, "read_toml": 1}
"""Functions that take a code, and at which position."""
COMPUTED = {"bad-clock", "bad-fps", "internal"}
"""Codes that are not written as one string in the source."""


def codes_in(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            position = MAKERS.get(name)
            if position is not None and len(node.args) > position:
                yield from (part.value for part in ast.walk(node.args[position])
                            if isinstance(part, ast.Constant) and isinstance(part.value, str)
                            and re.fullmatch(r"[a-z]+(-[a-z]+)*", part.value))


def test_the_page_has_every_code_and_no_other() -> None:
    source = {code for path in (ROOT / "hwgen").rglob("*.py") for code in codes_in(path)} | COMPUTED
    page = (ROOT / "docs" / "errors.md").read_text()
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    listed = {code for row in rows for code in re.findall(r"`([a-z-]+)`", row)}
    listed |= set(re.findall(r"`([a-z]+(?:-[a-z]+)*)`", page[page.index("## Bugs of hwgen"):]))
    assert source - listed == set(), "not in docs/errors.md"
    assert listed - source == set(), "in docs/errors.md, but nothing raises it"
