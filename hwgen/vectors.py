"""Inputs of a graph: read from .npy files, or random over every level of the input quantizer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from hwgen.errors import HwgenError
from hwgen.host import InputPort
from hwgen.ir.tensor import Array
from hwgen.ir.types import BIPOLAR

_CUT_SHARE = 0.125
_LARGE = 1e30


def load_inputs(files: Mapping[str | None, Path], ports: Mapping[str, InputPort]) -> dict[str, Array]:
    """One (frames, *shape) array per graph input, the same number of frames in each.

    files: by input name; None stands for the only input. Raises HwgenError input-name, input-file, input-dtype,
    input-nan, input-shape or input-frames.
    """
    named = {_port_name(name, ports): path for name, path in files.items()}
    missing = sorted(ports.keys() - named.keys())
    if missing:
        raise HwgenError("input-name", "--input", f"no file is given for the graph input {missing[0]}",
                         "Give one --input NAME=FILE.npy for each graph input.")
    arrays = {name: _load(named[name], port) for name, port in ports.items()}
    counts = {len(array) for array in arrays.values()}
    if len(counts) > 1:
        raise HwgenError("input-frames", "--input", f"the files hold different numbers of frames: {sorted(counts)}",
                         "Give every graph input the same number of frames.")
    return arrays


def _port_name(name: str | None, ports: Mapping[str, InputPort]) -> str:
    if name is None and len(ports) == 1:
        return next(iter(ports))
    if name is None or name not in ports:
        raise HwgenError("input-name", f"--input {name or ''}".strip(), f"the graph's inputs are {', '.join(ports)}",
                         "Write --input NAME=FILE.npy with one of these names.")
    return name


def _load(path: Path, port: InputPort) -> Array:
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        absent, unreadable = isinstance(error, FileNotFoundError), isinstance(error, OSError) and error.strerror
        cause = "there is no such file" if absent else (
            f"it cannot be read ({unreadable})" if unreadable else "this is not a .npy array of numbers")
        raise HwgenError("input-file", str(path), cause, "Write the inputs with numpy.save, batch first.") from error
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiub" or array.dtype.itemsize > 8:
        found = array.dtype if isinstance(array, np.ndarray) else "an .npz archive"
        raise HwgenError("input-dtype", str(path), f"its elements are {found}, not real numbers",
                         "Save one array of float32, float64 or integers.")
    if array.dtype.kind == "f" and np.isnan(array).any():
        raise HwgenError("input-nan", str(path), "it holds NaN", "Remove the frames that hold NaN.")
    return checked_shape(array, port, str(path))


def checked_shape(array: Array, port: InputPort, where: str) -> Array:
    """The array itself. Raises HwgenError "input-shape" unless it is (frames, *port.shape) with at least one frame."""
    if array.shape[1:] != port.shape or array.ndim != len(port.shape) + 1 or not len(array):
        raise HwgenError("input-shape", where, f"its shape is {_shape(array.shape)}, the graph input {port.name} "
                         f"takes {_shape(('frames', *port.shape))}", "Save at least one frame, batch first.")
    return array


def _shape(sizes: tuple[int | str, ...]) -> str:
    return "x".join(map(str, sizes)) or "a single number"


def random_inputs(ports: Mapping[str, InputPort], frames: int, seed: int) -> dict[str, Array]:
    """Random (frames, *shape) inputs with uniform codes; an eighth lie exactly on a decision of the quantizer."""
    generator = np.random.default_rng(seed)
    return {name: _random(port, frames, generator) for name, port in ports.items()}


def _random(port: InputPort, frames: int, generator: np.random.Generator) -> Array:
    cuts, rows = _cuts(port)
    levels = cuts.shape[1] + 1
    if levels == 1:
        return np.zeros((frames, *port.shape), np.float32)
    codes = generator.integers(0, levels, (frames, len(rows)))
    on_cut = generator.random((frames, len(rows))) < _CUT_SHARE
    reals = np.where(on_cut, cuts[rows, np.minimum(codes, levels - 2)], _middles(cuts)[rows, codes])
    return reals.astype(np.float32).reshape(frames, *port.shape)


def as_reals(array: Array, port: InputPort) -> Array:
    """What the references read: integers for a port that takes them raw become reals that quantize to them."""
    if not (port.encode.raw and array.dtype.kind in "iub"):
        return array
    cuts, rows = _cuts(port)
    port.run(array)  # refuses integers that the type does not have
    flat, kind = array.reshape(len(array), -1).astype(np.int64), port.encode.type
    codes = (flat > 0).astype(np.int64) if kind == BIPOLAR else flat - kind.lo
    return _middles(cuts)[rows, codes].astype(np.float32).reshape(array.shape)


def as_singles(inputs: Mapping[str, Array], ports: Mapping[str, InputPort]) -> dict[str, Array]:
    """Reals as float32, the type of an ONNX input: one array that every target and the integer model read alike."""
    with np.errstate(over="ignore"):  # what float32 has not is infinite there too
        return {name: np.asarray(as_reals(inputs[name], port), dtype=np.float32) for name, port in ports.items()}


def _cuts(port: InputPort) -> tuple[Array, Array]:
    """(rows, N) decisions, and for each element of the flattened input its row.

    A decision that no number reaches (infinite or NaN), or that every one does, is at the nearest one that some do.
    """
    stored = np.asarray(port.encode.cuts.array, dtype=np.float64)
    cuts = np.where(np.isnan(stored), np.inf, stored)
    elements = int(np.prod(port.shape, dtype=np.int64))
    rows = np.arange(elements) if len(cuts) > 1 else np.zeros(elements, np.int64)
    if port.order is not None:
        rows[port.order.array] = rows.copy()
    reached = np.abs(cuts) < _LARGE
    lowest, highest = (getattr(np.where(reached, cuts, empty), end)(axis=1, keepdims=True, initial=empty)
                       for end, empty in (("min", np.inf), ("max", -np.inf)))
    return np.where(reached.any(axis=1, keepdims=True), cuts.clip(lowest, highest), 0.0), rows


def _middles(cuts: Array) -> Array:
    """(rows, N) ascending decisions to (rows, N + 1) reals, one inside each level that has numbers."""
    first, last = cuts[:, :1], cuts[:, -1:]
    step = (last - first) / max(cuts.shape[1] - 1, 1) + (last == first)
    return np.concatenate([first - step / 2, (cuts[:, 1:] + cuts[:, :-1]) / 2, last + step / 2], axis=1)
