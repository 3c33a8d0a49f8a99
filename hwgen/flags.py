"""Option groups that several commands share, and the text forms of their values."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hwgen.errors import HwgenError

if TYPE_CHECKING:
    from hwgen.frontend.options import ImportOptions

Command = Callable[..., Any]
FILE = click.Path(path_type=Path)
_SHARE = re.compile(r"[01]?\.?[0-9]{1,9}")
_SCALE = re.compile(r"[0-9]{1,60}/[0-9]{1,60}|[0-9]{0,60}\.?[0-9]{1,60}(e-?[0-9]{1,2})?")

debug_flag = click.option("--debug", is_flag=True, expose_value=False,
                          help="Show the traceback of an internal error.")
seed_flag = click.option("--seed", type=click.IntRange(0, (1 << 32) - 1), metavar="N", default=0, show_default=True,
                         help="Of random inputs and stalls.")

_IMPORT_FLAGS = (
    click.option("--dialect", type=click.Choice(["brevitas", "spec"]), default="brevitas", show_default=True,
                 help="What a BipolarQuant after a Relu means."),
    click.option("--rounding", type=click.Choice(["trained", "half_up", "dpu"]), default="trained", show_default=True,
                 help="Of activations: the model's own, floor(x + 1/2), or all of a DPU's arithmetic."),
    click.option("--input-shape", "shapes", metavar="[NAME=]1xCxHxW", multiple=True,
                 help="ONNX shape of a graph input, for symbolic or other sizes."),
    click.option("--input-scale", "scales", metavar="[NAME=]S", multiple=True, help="Its scale, as 1/255."),
    click.option("--input-type", "types", metavar="[NAME=]T", multiple=True,
                 help="Integer type of a float input without quantizer: uint8, int16, bipolar."),
    click.option("--weights", type=FILE, metavar="W.pt", help="State dict of a network given as FILE.py:FUNCTION."),
)
_HARDWARE_FLAGS = (
    click.option("--allow-oversize", is_flag=True, help="Build even where the estimate exceeds the device."),
    click.option("--clock", "clock_mhz", type=click.FloatRange(1, 2000), metavar="MHZ",
                 help="Clock; default: the board's."),
    click.option("--folding", type=FILE, metavar="FILE.toml", help="Folding of each layer, as in folding.toml."),
    click.option("--fps", type=click.FloatRange(0, min_open=True), metavar="N",
                 help="The cheapest folding with that many frames/s."),
    click.option("--part", metavar="DEVICE", help="Another device than the board's, by order code."),
)


def named(text: str) -> tuple[str | None, str]:
    """`NAME=VALUE` or `VALUE`."""
    name, separator, value = text.partition("=")
    return (name, value) if separator else (None, text)


def files(texts: tuple[str, ...]) -> dict[str | None, Path]:
    """Paths by graph port; None for a path without a name. HwgenError "option-twice"."""
    return {name: Path(text) for name, text in _once(texts).items()}


def _once(texts: tuple[str, ...]) -> dict[str | None, str]:
    found: dict[str | None, str] = {}
    for name, value in map(named, texts):
        if name in found:
            raise HwgenError("option-twice", value, "the option is given twice for the same graph port",
                             "Write NAME=VALUE with a different port name for each.")
        found[name] = value
    return found


def parse_scale(text: str) -> Fraction:
    """`1/255`, `0.25` or `3`: exact and positive, else HwgenError "bad-scale"."""
    try:
        scale = Fraction(text.strip()) if _SCALE.fullmatch(text.strip()) else Fraction(0)
    except ZeroDivisionError:
        scale = Fraction(0)
    if scale <= 0:
        raise HwgenError("bad-scale", text[:60], "this is not a positive number",
                         "Write a scale as 1/255 or 0.0078125.")
    return scale


def parse_shape(text: str) -> tuple[int, ...]:
    """`1x3x32x32` or `1,3,32,32`, else HwgenError "bad-shape"."""
    sizes = [size.strip() for size in text.lower().replace(",", "x").split("x")]
    if not all(size.isascii() and size.isdigit() and len(size) < 10 and int(size) > 0 for size in sizes):
        raise HwgenError("bad-shape", text, "these are not positive sizes", "Write a shape as 1x3x32x32.")
    return tuple(int(size) for size in sizes)


def parse_stalls(text: str) -> tuple[float, float]:
    """`P,Q`: two shares of cycles above 0 and up to 1, else HwgenError "bad-stalls"."""
    shares = text.split(",")
    if len(shares) != 2 or not all(_SHARE.fullmatch(share) and 0 < float(share) <= 1 for share in shares):
        raise HwgenError("bad-stalls", text[:60], "these are not two shares between 0 and 1",
                         "Write the source's and the sink's, as in: --stalls 0.5,0.9.")
    return float(shares[0]), float(shares[1])


def import_options(types: tuple[str, ...], scales: tuple[str, ...], shapes: tuple[str, ...],
                   dialect: str, weights: Path | None = None, rounding: str = "trained") -> ImportOptions:
    """ImportOptions from the command line. HwgenError "input-scale" where a type has no scale or a scale no type."""
    from hwgen.frontend.options import ImportOptions
    from hwgen.ir.types import parse_type

    kinds = {name: parse_type(text) for name, text in _once(types).items()}
    steps = {name: parse_scale(text) for name, text in _once(scales).items()}
    if kinds.keys() != steps.keys():
        name = next(iter(kinds.keys() ^ steps.keys()))
        raise HwgenError("input-scale", name or "the graph input", "its type and its scale are not given together",
                         "Give both, as in: --input-type uint8 --input-scale 1/255.")
    return ImportOptions(dialect=dialect, input_types={name: (kinds[name], steps[name]) for name in kinds},
                         input_shapes={name: parse_shape(text) for name, text in _once(shapes).items()},
                         weights=weights, rounding=rounding)


def import_flags(command: Command) -> Command:
    """The options of every command that reads a model: the command gets them as `imports: ImportOptions`."""

    @wraps(command)
    def wrapped(*, types: tuple[str, ...], scales: tuple[str, ...], shapes: tuple[str, ...], dialect: str,
                weights: Path | None, rounding: str, **rest: Any) -> Any:
        return command(imports=import_options(types, scales, shapes, dialect, weights, rounding), **rest)

    return _with(wrapped, _IMPORT_FLAGS)


def hardware_flags(default_board: str | None) -> Callable[[Command], Command]:
    """The options of every command that chooses hardware: the command gets them as `target: Target`."""
    board = click.option("--board", default=default_board, show_default=default_board is not None, metavar="NAME",
                         help="Board name (see hwgen boards) or board file.")

    def decorate(command: Command) -> Command:
        @wraps(command)
        def wrapped(*, board: str | None, part: str | None, clock_mhz: float | None, fps: float | None,
                    folding: Path | None, allow_oversize: bool, **rest: Any) -> Any:
            from hwgen.target import Target

            return command(target=Target(board, part, clock_mhz, fps, folding, allow_oversize), **rest)

        return _with(wrapped, (*_HARDWARE_FLAGS, board))

    return decorate


def _with(command: Command, decorators: tuple[Callable[[Command], Command], ...]) -> Command:
    for decorator in decorators:
        command = decorator(command)
    return command
