"""Board data and what is said about boards and parts that are not known or not right."""

from __future__ import annotations

from pathlib import Path

import pytest

from hwgen import boards
from hwgen.errors import HwgenError
from hwgen.kernels.base import Resources


def test_the_boards_are_these() -> None:
    assert boards.available() == ("pynq", "ulx3s", "zcu104")
    pynq = boards.load("pynq")
    assert (pynq.part, pynq.family, pynq.clock_mhz) == ("xc7z020clg400-1", "xc7", 100.0)
    assert pynq.resources == Resources(lut=53200, ff=106400, bram18=280, dsp=220)
    assert boards.load("zcu104").part == "xczu7ev-ffvc1156-2-e"
    assert boards.load("ulx3s").family == "ecp5"


@pytest.mark.parametrize("name", boards.available())
def test_every_board_is_complete(name: str) -> None:
    board = boards.load(name)
    assert board.name == name
    assert board.title
    assert min(board.resources.lut, board.resources.ff, board.resources.bram18) > 0


@pytest.mark.parametrize("part", ["xc7z020clg484-2", "XC7Z020", "xczu9eg-ffvb1156-2-e", "LFE5U-45F-8BG256C"])
def test_a_part_needs_no_board(part: str) -> None:
    board = boards.for_part(part)
    assert board.part == part
    assert board.resources.lut > 0
    assert board.clock_mhz == boards.DEFAULT_CLOCK_MHZ


def test_package_and_speed_do_not_change_the_capacities() -> None:
    assert boards.for_part("xc7z020clg484-3").resources == boards.load("pynq").resources


def test_an_unknown_board_gets_a_hint() -> None:
    with pytest.raises(HwgenError) as error:
        boards.load("pinq")
    assert str(error.value) == ("unknown-board: pinq: there is no board of this name. Did you mean pynq? "
                                "The boards are: pynq, ulx3s, zcu104. Name another device with --part.")
    with pytest.raises(HwgenError, match=r"there is no board of this name\. The boards are"):
        boards.load("vending machine")


def test_an_unknown_part_gets_a_hint() -> None:
    with pytest.raises(HwgenError, match=r"unknown-part: xc7z030sbg485: .*not known\. Did you mean xc7z0.."):
        boards.for_part("xc7z030sbg485")


GOOD = """
part = "xc7z020clg400-1"
clock_mhz = 125
"""


def test_a_board_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD + "[resources]\nlut = 10\nff = 20\nbram18 = 0\ndsp = 0\n")
    mine = boards.load(str(path))
    assert (mine.name, mine.family, mine.clock_mhz, mine.resources) == ("mine", "xc7", 125, Resources(10, 20, 0, 0))
    path.write_text(GOOD)
    assert boards.load(str(path)).resources == boards.load("pynq").resources


HELP = "A board file has part, family, clock_mhz and a table resources with lut, ff, bram18 and dsp."


@pytest.mark.parametrize(("text", "why"), [
    ("part = 'nothing'", "the family is '', not one of xc7, xcup, ecp5"),
    ("part = 3", "part is not text"),
    (GOOD.replace("125", "0"), "clock_mhz is 0, not a positive number"),
    (GOOD.replace("125", "nan"), "clock_mhz is nan, not a positive number"),
    (GOOD.replace("125", "true"), "clock_mhz is True, not a positive number"),
    (GOOD + "resources = 3", "resources is not a table"),
    (GOOD + "[resources]\nlut = 1.5", "lut is 1.5, not a count"),
    (GOOD + "[resources]\nlut = -1", "lut is -1, not a count"),
    (GOOD + "[resources]\nlut = 1", "ff is None, not a count"),
    ("part = ", "it is not valid TOML: Invalid value (at end of document)"),
])
def test_a_bad_board_file_is_explained(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(HwgenError) as error:
        boards.load(str(path))
    assert str(error.value) == f"bad-board: {path}: {why}. {HELP}"


def test_a_missing_board_file_is_explained(tmp_path: Path) -> None:
    with pytest.raises(HwgenError, match=r"the file cannot be read \(No such file or directory\)"):
        boards.load(str(tmp_path / "mine.toml"))
