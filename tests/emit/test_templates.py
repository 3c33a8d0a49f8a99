"""Templates hold structure: short, no arithmetic, and a name that the context lacks is an error."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from hwgen.data import FOLDERS, folder
from hwgen.emit.render import render
from hwgen.errors import HwgenError

TEMPLATES = sorted(folder("templates").rglob("*.j2"))
ARITHMETIC = re.compile(r"\s[-*/%]\s|\d\s*\+|\+\s*\d|\*\*|//")


@dataclass(frozen=True)
class Empty:
    """A context without names."""


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_templates_are_short_and_do_no_arithmetic(template: Path) -> None:
    text = template.read_text()
    assert len(text.splitlines()) <= 80
    for expression in re.findall(r"\{\{(.*?)\}\}|\{%(.*?)%\}", text):
        assert not ARITHMETIC.search("".join(expression).strip("-").replace('"', " ")), expression


def test_a_missing_name_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        render("rtl/filelist.f.j2", Empty())


def test_shipped_folders_are_found() -> None:
    assert (folder("rtl") / "hwgen_fifo.sv").is_file()
    assert {"rtl", "templates", "sim"} <= set(FOLDERS)


def test_an_unknown_folder_is_named() -> None:
    with pytest.raises(HwgenError) as error:
        folder("..")
    assert str(error.value) == ("missing-data: the folder ../: it is not part of this installation of hwgen. "
                                "Install hwgen again from its wheel or checkout.")
