"""`hwgen compare`: one network by several targets on the same inputs, each pair in one row of a table."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from pathlib import Path

import numpy as np

from hwgen.errors import HwgenError, did_you_mean
from hwgen.export import engines
from hwgen.export.targets import TARGETS, ExportTarget
from hwgen.export.written import ExportOptions, Results, Written
from hwgen.frontend import ImportOptions
from hwgen.host import OutputPort
from hwgen.ir.graph import Graph
from hwgen.ir.tensor import Array
from hwgen.model import IntegerModel
from hwgen.passes.pipeline import TO_INTEGERS, lower
from hwgen.report.console import Console, count
from hwgen.run import BATCH, executed, simulated
from hwgen.source import load_network
from hwgen.target import Target, resolve
from hwgen.vectors import as_singles, load_inputs
from hwgen.verification import OUTPUT_TOLERANCE

INTEGER, RTL = "integer", "rtl"
NAMES = (INTEGER, *TARGETS, RTL)


@dataclass(frozen=True)
class Difference:
    """Two targets. agreed: frames with the same argmax; mismatched: values whose integers differ, of `values`.

    Behind functions of the host (a softmax, a float layer) there are no integers: there values count that differ by
    more than float32 rounding.
    """

    first: str
    second: str
    frames: int
    agreed: int
    values: int
    mismatched: int
    largest: float


@dataclass(frozen=True)
class CompareOptions:
    """What `hwgen compare` is asked for."""

    model: Path
    imports: ImportOptions
    target: Target
    names: Sequence[str]
    inputs: Mapping[str | None, Path]


def compare(options: CompareOptions, console: Console) -> list[Difference]:
    """Each pair of targets. HwgenError: "unknown-target", "no-package", and those of readers and exporters."""
    names = checked(options.names)
    for name in names:
        engines.require(TARGETS[name].runs if name in TARGETS else (), name)
    imported = load_network(options.model, options.imports)
    for warning in imported.warnings:
        console.warning(warning)
    *_, (_, graph) = lower(imported.graph, None if RTL in names else TO_INTEGERS)
    model = IntegerModel(graph)
    ports = {port.name: port for port in model.input_ports}
    inputs = as_singles(load_inputs(options.inputs, ports), ports)
    written = _written(names, imported.graph, console)
    if RTL in names:
        resolve(options.target)
    runs: dict[str, Callable[[], Mapping[str, Array]]] = {
        INTEGER: lambda: model.decode(executed(model, inputs, console, every=False)),
        RTL: lambda: model.decode(simulated(options.target, graph, model, inputs, console)),
        **{name: partial(outputs, TARGETS[name], made, inputs, console) for name, made in written.items()}}
    frames = len(next(iter(inputs.values())))
    results = {name: _timed(name, runs[name], frames, console) for name in names}
    return [difference(model.output_ports, (a, results[a]), (b, results[b])) for a, b in combinations(names, 2)]


def checked(names: Sequence[str]) -> list[str]:
    """At least two known names, each once. HwgenError: "unknown-target"."""
    for name in names:
        if name not in NAMES:
            raise HwgenError("unknown-target", name or "--targets", "there is no target of this name",
                             did_you_mean(name, NAMES, "targets"))
    if len(set(names)) < 2:
        raise HwgenError("unknown-target", "--targets", "two or more targets are compared",
                         f"Name some of: {', '.join(NAMES)}.")
    return list(dict.fromkeys(names))


def _written(names: Sequence[str], quantized: Graph, console: Console) -> dict[str, Written]:
    """What each export has made: all of them before anything runs, so that what is refused is refused at once."""
    made = {name: TARGETS[name].write(quantized, ExportOptions()) for name in names if name in TARGETS}
    for name, export in made.items():
        for warning in export.warnings:
            console.warning(f"{name}: {warning}")
    return made


def outputs(target: ExportTarget, written: Written, inputs: Mapping[str, Array], console: Console) -> Results:
    """(frames, *shape) by name, by the target's own runtime: in parts, so that memory does not grow with the frames."""
    frames = len(next(iter(inputs.values())))
    step, parts = frames if target.at_once else BATCH, []
    with console.progress(f"running {target.name}", frames) as advance:
        for first in range(0, frames, step):
            parts.append(written.run({name: array[first : first + step] for name, array in inputs.items()}))
            advance(min(step, frames - first))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _timed(name: str, run: Callable[[], Mapping[str, Array]], frames: int, console: Console) -> Mapping[str, Array]:
    """(frames, *shape) outputs by name, and a line for the user."""
    started = time.perf_counter()
    found = run()
    console.stage("Ran", f"{name}: {count(frames, 'frame')}", time.perf_counter() - started)
    return found


def difference(ports: Sequence[OutputPort], first: tuple[str, Mapping[str, Array]],
               second: tuple[str, Mapping[str, Array]]) -> Difference:
    """One row: the argmax is that of all numbers of a frame of the first output; a single number is its own."""
    (name, a), (other, b) = first, second
    mismatched = sum(_mismatched(port, a[port.name], b[port.name]) for port in ports)
    largest = max(float(np.abs(a[p.name].astype(np.float64) - b[p.name]).max(initial=0)) for p in ports)
    scores = [np.asarray(x[ports[0].name]).reshape(len(x[ports[0].name]), -1) for x in (a, b)]
    classes = [s.argmax(axis=1) if s.shape[1] > 1 else s[:, 0] for s in scores]
    return Difference(name, other, len(scores[0]), int((classes[0] == classes[1]).sum()),
                      sum(a[port.name].size for port in ports), mismatched, largest)


def _mismatched(port: OutputPort, a: Array, b: Array) -> int:
    """Values of one output that differ."""
    if port.decode.indices:
        return int((a != b).sum())
    if port.decode.tail:
        largest = max(float(np.abs(a).max(initial=0)), float(np.abs(b).max(initial=0)))
        return int((np.abs(a.astype(np.float64) - b) > OUTPUT_TOLERANCE * largest).sum())
    return int((_integers(port, a) != _integers(port, b)).sum())


def _integers(port: OutputPort, y: Array) -> Array:
    """The integers behind real outputs that are scaled only."""
    flat = y.reshape(len(y), -1).astype(np.float64)
    return np.asarray(np.rint((flat - port.decode.offset.array) / port.decode.scale.array))


def versions_text(names: Sequence[str]) -> str:
    """`onnxruntime 1.31.1, qonnx 1.0.0`: what ran these targets; one line, or nothing."""
    found = [TARGETS[name].versions for name in names if name in TARGETS]
    packages = {package: number for versions in found for package, number in versions.items()}
    return f"{', '.join(f'{name} {number}' for name, number in packages.items())}\n" if packages else ""


def difference_rows(found: Sequence[Difference]) -> list[Sequence[str]]:
    """Heading and cells of the table."""
    head = ("targets", "argmax equal", "values differ", "largest difference")
    return [head, *((f"{r.first} {r.second}", f"{r.agreed:,} of {r.frames:,}", f"{r.mismatched:,} of {r.values:,}",
                     f"{r.largest:.3g}") for r in found)]
