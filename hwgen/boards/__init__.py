"""Boards and devices: TOML data beside this file, checked on load."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from hwgen.errors import HwgenError, did_you_mean
from hwgen.kernels.base import Resources
from hwgen.toml_file import read_toml

FAMILIES = ("xc7", "xcup", "ecp5")
DEFAULT_CLOCK_MHZ = 100.0
"""The clock of a device that comes without a board."""

_HELP = "A board file has part, family, clock_mhz and a table resources with lut, ff, bram18 and dsp."
_DEVICES = "devices"


@dataclass(frozen=True)
class Board:
    """A device and its clock. part: the vendor's order code; family: xc7, xcup or ecp5; clock_mhz: the default clock.

    resources: what the device has, in the cost model's units (six-input LUTs, BRAM18).
    """

    name: str
    part: str
    family: str
    clock_mhz: float
    resources: Resources
    title: str = ""


def available() -> tuple[str, ...]:
    """Names of the boards that come with hwgen, sorted."""
    return tuple(sorted(path.stem for path in _folder().glob("*.toml") if path.stem != _DEVICES))


def load(name: str) -> Board:
    """The board of that name, or of the TOML file of that path. HwgenError "unknown-board", "bad-board"."""
    if name.endswith(".toml"):
        return _read_board(Path(name))
    if name not in available():
        raise HwgenError("unknown-board", name, "there is no board of this name",
                         did_you_mean(name, available(), "boards") + " Name another device with --part.")
    return _read_board(_folder() / f"{name}.toml")


def for_part(part: str) -> Board:
    """A board for a bare device at 100 MHz, by order code: package and case are free. HwgenError "unknown-part"."""
    device = _device(part)
    if device is None:
        raise HwgenError("unknown-part", part, "the capacities of this device are not known",
                         did_you_mean(part.lower(), _devices(), "known devices")
                         + " Describe others in a board file: --board FILE.toml.")
    return _board(_DEVICES, part, {"part": part, **device})


def _device(part: str) -> Mapping[str, Any] | None:
    """The table of the device with the longest name that the order code starts with."""
    devices = _devices()
    matches = [name for name in devices if part.lower().startswith(name)]
    return devices[max(matches, key=len)] if matches else None


@cache
def _devices() -> Mapping[str, Any]:
    return read_toml(_folder() / f"{_DEVICES}.toml", "bad-board", _HELP)


def _folder() -> Path:
    return Path(str(resources.files(__name__)))


def _read_board(path: Path) -> Board:
    """A board file: what it does not say itself comes from its device."""
    table = read_toml(path, "bad-board", _HELP)
    part = _text(str(path), table, "part", path.stem)
    return _board(str(path), path.stem, {**(_device(part) or {}), **table, "part": part})


def _board(where: str, name: str, table: Mapping[str, Any]) -> Board:
    """Check every field of a table."""
    family = _text(where, table, "family", "")
    if family not in FAMILIES:
        raise _bad(where, f"the family is {family[:40]!r}, not one of {', '.join(FAMILIES)}")
    counts = table.get("resources", {})
    if not isinstance(counts, Mapping):
        raise _bad(where, "resources is not a table")
    limits = Resources(*(int(_number(where, counts, field.name, whole=True)) for field in fields(Resources)))
    clock = float(_number(where, table, "clock_mhz", whole=False)) if "clock_mhz" in table else DEFAULT_CLOCK_MHZ
    return Board(name, _text(where, table, "part", name), family, clock, limits, _text(where, table, "title", name))


def _text(where: str, table: Mapping[str, Any], key: str, default: str) -> str:
    value = table.get(key, default)
    if not isinstance(value, str):
        raise _bad(where, f"{key} is not text")
    return value


def _number(where: str, table: Mapping[str, Any], key: str, *, whole: bool) -> float:
    """A positive number (a count may be zero)."""
    value = table.get(key)
    kinds = (int,) if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds) or not (0 <= value < 1e9) or (value == 0 and not whole):
        raise _bad(where, f"{key} is {repr(value)[:40]}, not a {'count' if whole else 'positive number'}")
    return value


def _bad(where: str, why: str) -> HwgenError:
    return HwgenError("bad-board", where, why, _HELP)
