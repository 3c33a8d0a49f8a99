"""What a simulation must know of a build: its streams, and which values each must carry. Kept in the build's sim/.

sim/design.json describes the streams, sim/vectors.npz holds the integers of every graph input and every boundary.
"""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hwgen.data import folder
from hwgen.errors import HwgenError
from hwgen.ir.tensor import Array
from hwgen.ir.types import BIPOLAR, IntType
from hwgen.stream import Stream

VERSION = 1
DESIGN_FILE = "sim/design.json"
VECTORS_FILE = "sim/vectors.npz"
COCOTB_FILES = ("test_top.py", "drivers.py", "scoreboard.py")


@dataclass(frozen=True)
class Wire:
    """One stream of the top: a port or a public boundary.

    signal: its name without `_tdata`; value: the name of the graph's value; layer: the node that makes it (for an
    input: the input's name); channels: size of the value's last dimension; stream: layout of one frame.
    """

    signal: str
    value: str
    layer: str
    channels: int
    stream: Stream


@dataclass(frozen=True)
class Design:
    """A build's top and its streams. cycles: steady-state cycles between frames by the model; backend: rtl or hls."""

    top: str
    cycles: int
    inputs: tuple[Wire, ...]
    outputs: tuple[Wire, ...]
    boundaries: tuple[Wire, ...]
    backend: str = "rtl"

    @property
    def checked(self) -> tuple[Wire, ...]:
        """Every stream whose values are compared, in the order of the graph."""
        return (*self.boundaries, *self.outputs)


def write(build: Path, design: Design, inputs: Mapping[str, Array], expected: Mapping[str, Array]) -> None:
    """Writes the build's sim/: design.json, vectors.npz and, for RTL, test_top.py, which reads them as hwgen does.

    inputs: integers (frames, *shape) by value name, one per graph input; expected: the same for every checked value.
    """
    (build / "sim").mkdir(parents=True, exist_ok=True)
    (build / DESIGN_FILE).write_text(json.dumps(_to_json(design), indent=1) + "\n")
    names = dict.fromkeys(wire.value for wire in design.checked)
    arrays = {f"input_{i}": _flat(inputs[wire.value], wire) for i, wire in enumerate(design.inputs)}
    arrays |= {f"value_{i}": _flat(expected[name], _wire(design, name)) for i, name in enumerate(names)}
    for name in COCOTB_FILES if design.backend == "rtl" else ():
        shutil.copyfile(folder("sim") / name, build / "sim" / name)
    _save(build / VECTORS_FILE, arrays)


def read(build: Path) -> tuple[Design, dict[str, Array], dict[str, Array]]:
    """The design, inputs and expected values of a build directory. Raises HwgenError "not-a-build"."""
    try:
        design = _from_json(json.loads((build / DESIGN_FILE).read_text()))
        with np.load(build / VECTORS_FILE) as vectors:
            inputs = {wire.value: _restored(vectors[f"input_{i}"]) for i, wire in enumerate(design.inputs)}
            names = dict.fromkeys(wire.value for wire in design.checked)
            return design, inputs, {name: _restored(vectors[f"value_{i}"]) for i, name in enumerate(names)}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise HwgenError("not-a-build", str(build), f"{DESIGN_FILE} or {VECTORS_FILE} is missing or cannot be read",
                         "Give the directory that hwgen build wrote, built at least until the stage emit.") from error


def _save(path: Path, arrays: Mapping[str, Array]) -> None:
    """np.savez_compressed at the fastest level: the windows of maps repeat every pixel, which any level finds.

    Members carry no time of day, so that two builds are byte-identical.
    """
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            data = io.BytesIO()
            np.lib.format.write_array(data, array, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), data.getvalue(), zipfile.ZIP_DEFLATED, compresslevel=1)


def _wire(design: Design, value: str) -> Wire:
    return next(wire for wire in design.checked if wire.value == value)


def _flat(array: Array, wire: Wire) -> Array:
    """(frames, elements) in one, two, four or eight bytes; in decimal digits where int64 does not hold the type."""
    flat, kind = np.asarray(array).reshape(len(array), wire.stream.elements), wire.stream.type
    if kind.bits > 62:
        return flat.astype(str)
    size = next(size for size in (1, 2, 4, 8) if kind.bits <= 8 * size)
    return flat.astype(f"<{'i' if kind.signed else 'u'}{size}")


def _restored(stored: Array) -> Array:
    """The inverse of _flat: int64, or Python integers."""
    if stored.dtype.kind != "U":
        return stored.astype(np.int64)
    restored = np.empty(stored.shape, dtype=object)
    restored.ravel()[:] = [int(text) for text in stored.ravel()]
    return restored


def _to_json(design: Design) -> dict[str, Any]:
    sides = {side: [_wire_json(wire) for wire in getattr(design, side)] for side in ("inputs", "outputs", "boundaries")}
    return {"version": VERSION, "backend": design.backend, "top": design.top, "cycles": design.cycles, **sides}


def _wire_json(wire: Wire) -> dict[str, Any]:
    kind = wire.stream.type
    return asdict(wire) | {"stream": {"lo": kind.lo, "hi": kind.hi, "bipolar": kind == BIPOLAR, "bits": kind.bits,
                                      "elements": wire.stream.elements, "lanes": wire.stream.lanes}}


def _from_json(data: Mapping[str, Any]) -> Design:
    if data["version"] != VERSION:
        raise ValueError(f"version {data['version']}")
    inputs, outputs, boundaries = (tuple(_wire_from(wire) for wire in data[side])
                                   for side in ("inputs", "outputs", "boundaries"))
    return Design(data["top"], data["cycles"], inputs, outputs, boundaries, data["backend"])


def _wire_from(data: Mapping[str, Any]) -> Wire:
    layout = data["stream"]
    kind = BIPOLAR if layout["bipolar"] else IntType(layout["lo"], layout["hi"])
    return Wire(data["signal"], data["value"], data["layer"], data["channels"],
                Stream(kind, layout["elements"], layout["lanes"]))
