"""`hwgen run`: a model on the user's inputs, by the integer model or by the simulated RTL."""

from __future__ import annotations

import io
import os
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hwgen.emit.whole import emit_build
from hwgen.errors import Exit, HwgenError
from hwgen.frontend import ImportOptions
from hwgen.ir.graph import Graph
from hwgen.ir.tensor import Array
from hwgen.model import IntegerModel
from hwgen.names import Names
from hwgen.passes.pipeline import TO_INTEGERS, lower
from hwgen.passes.size_fifos import size_fifos
from hwgen.report.console import Console, count
from hwgen.simulate import simulate
from hwgen.source import load_network
from hwgen.target import Target, folded, resolve
from hwgen.vectors import load_inputs

BATCH = 256
"""Frames per call of the integer model: large enough for BLAS, small enough for the cache."""


@dataclass(frozen=True)
class RunOptions:
    """One run. engine: `model` or `rtl`; activations: folder for every layer's integers, or None."""

    model: Path
    imports: ImportOptions
    target: Target
    engine: str
    inputs: Mapping[str | None, Path]
    outputs: Mapping[str | None, Path]
    activations: Path | None = None


def run_network(options: RunOptions, console: Console) -> Exit:
    """Write the outputs (and activations). Raises HwgenError for what the user can mend."""
    imported = load_network(options.model, options.imports)
    for warning in imported.warnings:
        console.warning(warning)
    *_, (_, graph) = lower(imported.graph, None if options.engine == "rtl" else TO_INTEGERS)
    model = IntegerModel(graph)
    inputs = load_inputs(options.inputs, {port.name: port for port in model.input_ports})
    files = output_files(options.outputs, [port.name for port in model.output_ports])
    _refuse_overwriting(files.values(), (options.model, *options.inputs.values()))
    started = time.perf_counter()
    if options.engine == "rtl":
        values = simulated(options.target, graph, model, inputs, console)
    else:
        values = executed(model, inputs, console, every=options.activations is not None)
    seconds = time.perf_counter() - started
    for name, array in model.decode(values).items():
        write_array(files[name], array)
    if options.activations is not None:
        write_activations(options.activations, values)
    frames = len(next(iter(inputs.values())))
    written = ", ".join(str(path) for path in files.values())
    console.stage("Ran", f"{count(frames, 'frame')} by the {ENGINES[options.engine]}: {written}", seconds)
    return Exit.OK


ENGINES = {"model": "integer model", "rtl": "simulated RTL"}


def executed(model: IntegerModel, inputs: Mapping[str, Array], console: Console, *, every: bool) -> dict[str, Array]:
    """The output integers by value name, or those of every value, computed batch by batch."""
    frames = len(next(iter(inputs.values())))
    parts: list[dict[str, Array]] = []
    with console.progress("running", frames) as advance:
        for first in range(0, frames, BATCH):
            integers = model.encode({name: array[first : first + BATCH] for name, array in inputs.items()})
            parts.append(model.activations(integers) if every else model.run(integers))
            advance(min(BATCH, frames - first))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def simulated(target: Target, graph: Graph, model: IntegerModel, inputs: Mapping[str, Array],
              console: Console) -> dict[str, Array]:
    """Every integer value by name, as it leaves the simulated RTL. HwgenError "rtl-mismatch" (exit code 1)."""
    sized = size_fifos(folded(graph, target, resolve(target)))
    integers = model.encode(inputs)
    expected = IntegerModel(sized).activations(integers)
    with tempfile.TemporaryDirectory(prefix="hwgen-run-") as folder:
        design = emit_build(sized, Path(folder))
        result = simulate(Path(folder), design, integers, expected, announce=console.announce)
    if not result.ok:
        raise HwgenError("rtl-mismatch", "the simulated RTL", str((*result.mismatches, *result.problems)[0]),
                         "This is a bug of hwgen: please report it with the model.", exit_code=Exit.VERIFICATION_FAILED)
    return {name: array.reshape(-1, *graph.values[name].shape)
            for name, array in {**integers, **result.values}.items() if name in graph.values}


def output_files(files: Mapping[str | None, Path], outputs: list[str]) -> dict[str, Path]:
    """A path for each graph output. HwgenError "output-name"."""
    if None in files and len(outputs) == 1 and len(files) == 1:
        return {outputs[0]: files[None]}
    named = {name: path for name, path in files.items() if name is not None}
    if named.keys() != set(outputs):
        raise HwgenError("output-name", "--output", f"the graph's outputs are {', '.join(outputs)}",
                         "Give one --output NAME=FILE.npy for each of them.")
    return named


def _refuse_overwriting(outputs: Iterable[Path], read: Iterable[Path]) -> None:
    """HwgenError "output-file" where an output would take the place of what the run reads, or of another output.

    A device takes any number of them.
    """
    taken = {path.resolve() for path in read}
    for path in outputs:
        if path.resolve() in taken and (path.is_file() or not path.exists()):
            raise HwgenError("output-file", str(path), "the run reads this file, or writes another output to it",
                             "Choose another place.")
        taken.add(path.resolve())


def write_activations(folder: Path, values: Mapping[str, Array]) -> None:
    """One <identifier>.npy per value and names.txt, which maps identifiers to the model's names."""
    names = Names()
    for name, array in values.items():
        write_array(folder / f"{names.of(name)}.npy", array)
    lines = "".join(f"{identifier}\t{name!r}\n" for name, identifier in names.map.items())
    write_bytes(folder / "names.txt", lines.encode())


def write_array(path: Path, array: Array) -> None:
    """numpy.save under exactly this name."""
    buffer = io.BytesIO()
    np.save(buffer, array if array.dtype != object else array.astype(str), allow_pickle=False)
    write_bytes(path, buffer.getvalue())


def write_bytes(path: Path, data: bytes) -> None:
    """Write whole or not at all; into a device or a pipe, which is never replaced. HwgenError "output-file"."""
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(data)
        else:
            _replaced(path.resolve(), data)
    except OSError as error:
        cause = "a part of its path is a file" if isinstance(error, (FileExistsError, NotADirectoryError)) else (
            error.strerror)
        raise HwgenError("output-file", str(path), f"the file cannot be written: {cause}",
                         "Choose another place.") from error


def _replaced(path: Path, data: bytes) -> None:
    """A new file, which takes the place of an old one when it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".hwgen-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)
