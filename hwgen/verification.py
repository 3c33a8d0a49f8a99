"""What a build is checked against: exact reference, float32 replay, threshold certificates, the simulated design."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hwgen.host import InputPort
from hwgen.ir.graph import Graph
from hwgen.ir.tensor import Array
from hwgen.model import IntegerModel
from hwgen.ops.threshold import Threshold
from hwgen.passes.thresholds import Certificate, certificates
from hwgen.reference import exact, float32
from hwgen.report.console import count
from hwgen.simulate import SimResult
from hwgen.vectors import as_reals, load_inputs, random_inputs

LEAST_FRAMES = 100
"""Without --frames: real inputs are filled up with random ones to this number,"""
MOST_FRAMES = 1000
"""and real inputs beyond this number are left out."""
STALLS: tuple[tuple[float, float] | None, ...] = (None, (0.5, 0.5))
"""One run without stalls, one where sources and sinks are willing in half of the cycles."""
NEAR_TIE = 1e-3
"""A float32 quantizer input this close to a decision, in steps, may fall on either side."""
OUTPUT_TOLERANCE = 2.0**-20
"""Outputs are float32: so much of the largest one may differ from the exact value."""
CSIM_SCOPE = ("C simulation checks values: rate and FIFO depths come from the schedule model of the RTL, and no cycle "
              "figure is claimed for HLS")
_SHOWN = 5


@dataclass(frozen=True)
class Vectors:
    """The inputs of a verification and what the integer model makes of them. real: how many frames the user gave.

    inputs: (frames, *shape) numbers by graph input; integers: the input streams; values: every value, by name.
    """

    real: int
    inputs: Mapping[str, Array]
    integers: Mapping[str, Array]
    values: Mapping[str, Array]

    @property
    def frames(self) -> int:
        return len(next(iter(self.inputs.values())))


def make_vectors(graph: Graph, files: Mapping[str | None, Path], frames: int | None, seed: int) -> Vectors:
    """Real inputs first, then random ones. Raises HwgenError of hwgen.vectors."""
    ports = {port.name: port for port in graph.ports.values() if isinstance(port, InputPort)}
    real = {name: as_reals(array, ports[name]) for name, array in load_inputs(files, ports).items()} if files else {}
    given = len(next(iter(real.values()))) if real else 0
    count = frames if frames is not None else max(LEAST_FRAMES, min(given, MOST_FRAMES))
    filling = random_inputs(ports, count, seed)
    inputs = {name: _joined(real[name], filling[name]) if real else filling[name] for name in ports}
    model = IntegerModel(graph)
    integers = model.encode(inputs)
    return Vectors(min(given, count), inputs, integers, model.activations(integers))


def _joined(real: Array, random: Array) -> Array:
    """The real frames, then as many random ones as are missing."""
    kept = real[: len(random)]
    return kept if len(kept) == len(random) else np.concatenate([kept, random[len(kept) :]])


@dataclass(frozen=True)
class References:
    """The integer model against the quantized graph: compared activations and how many differ.

    near_ties: activations whose float32 quantizer input lies within NEAR_TIE of a decision.
    """

    compared: int
    exact_mismatches: int
    float32_mismatches: int
    near_ties: int
    first: str | None


def compare_references(imported: Graph, graph: Graph, vectors: Vectors) -> References:
    """Every value that a quantizer of the imported graph makes and the integer model has too, and every output."""
    want, replay = exact.run(imported, vectors.inputs), float32.run(imported, vectors.inputs)
    shared = [name for name in want.integers if name in vectors.values]
    values = {name: graph.in_imported_order(name, vectors.values[name]) for name in shared}
    wrong = {name: _different(want.integers[name], values[name]) for name in shared}
    outputs = IntegerModel(graph).decode(vectors.values)
    wrong_outputs = {name: _far(want.outputs[name], outputs[name]) for name in outputs}
    first = [_first_difference(name, want.integers[name], values[name]) for name in shared if wrong[name]]
    first += [f"output {name} of the integer model is wrong" for name, number in wrong_outputs.items() if number]
    return References(
        compared=sum(vectors.values[name].size for name in shared) + sum(array.size for array in outputs.values()),
        exact_mismatches=sum(wrong.values()) + sum(wrong_outputs.values()),
        float32_mismatches=sum(_different(replay.integers[name], values[name]) for name in shared),
        near_ties=sum(int((replay.distances[name] < NEAR_TIE).sum()) for name in shared if name in replay.distances),
        first=first[0] if first else None)


def _far(expected: Array, actual: Array) -> int:
    """Outputs that differ by more than float32 rounding of a sum and a product."""
    largest = np.abs(expected).max(initial=1e-30)
    return int((np.abs(expected.reshape(actual.shape) - actual) > OUTPUT_TOLERANCE * largest).sum())


def _different(one: Array, other: Array) -> int:
    return int((one.reshape(len(one), -1) != other.reshape(len(other), -1)).sum())


def _first_difference(name: str, expected: Array, actual: Array) -> str:
    want, have = expected.reshape(len(expected), -1), actual.reshape(len(actual), -1)
    frame, element = np.argwhere(want != have)[0].tolist()
    return (f"integer model, frame {frame}, element {element} of {name}: "
            f"expected {want[frame, element]}, actual {have[frame, element]}")


def certificate(graphs: Mapping[str, Graph]) -> Certificate:
    """Sum of the certificates of all threshold layers."""
    found = certificates(graphs["fold-scales"], graphs["thresholds"]).values()
    return Certificate(*(sum(getattr(c, name) for c in found) for name in ("probes", "covered", "ties", "mismatches")))


def levels_hit(graph: Graph, values: Mapping[str, Array]) -> dict[str, float]:
    """For each threshold layer the share of its output levels that the vectors reach."""
    ops = {node.outputs[0]: (node.name, getattr(node.op, "op", None)) for node in graph.nodes}
    return {name: len(np.unique(values[value])) / op.type.levels for value, (name, op) in ops.items()
            if isinstance(op, Threshold)}


@dataclass(frozen=True)
class RtlRuns:
    """The simulations of RTL, in the order of STALLS."""

    runs: tuple[SimResult, ...]

    @property
    def results(self) -> tuple[SimResult, ...]:
        return self.runs

    @property
    def cycles(self) -> int | None:
        """Steady-state cycles between frames, without stalls."""
        return self.runs[0].cycles_per_frame

    @property
    def latency(self) -> int | None:
        return self.runs[0].latency

    def facts(self, frames: str) -> str:
        """Lines for the terminal; frames: how many, in words."""
        boundaries = f"{count(len(self.runs[0].boundaries), 'boundary')}, with and without stalls"
        pace = "rate not measured (fewer than 4 frames)" if self.cycles is None else f"{self.cycles:,} cycles a frame"
        delay = "" if self.latency is None else f" and {self.latency:,} cycles of latency measured"
        return (f"RTL against integer model: {count(mismatches(self.runs), 'mismatch')} in {frames} at {boundaries}\n"
                f"{pace}{delay}")

    def report(self) -> dict[str, Any]:
        """Its part of `verification` of report.json."""
        return {
            "runs": [{"stalls": None if stalls is None else list(stalls), "cycles": run.total_cycles,
                      "mismatches": mismatches([run])} for stalls, run in zip(STALLS, self.runs, strict=True)],
            "rtl_vs_integer_mismatches": mismatches(self.runs),
            "rtl_problems": sum(len(run.problems) for run in self.runs),
            "csim": None,
        }


@dataclass(frozen=True)
class CsimRun:
    """The C simulation of an HLS project."""

    run: SimResult

    @property
    def results(self) -> tuple[SimResult, ...]:
        return (self.run,)

    @property
    def cycles(self) -> None:
        """C simulation has no clock."""
        return None

    @property
    def latency(self) -> None:
        return None

    def facts(self, frames: str) -> str:
        """Lines for the terminal; frames: how many, in words."""
        return (f"C simulation against integer model: {count(mismatches([self.run]), 'mismatch')} in {frames} at "
                f"{count(len(self.run.boundaries), 'boundary')}\n{CSIM_SCOPE}")

    def report(self) -> dict[str, Any]:
        """Its part of `verification` of report.json."""
        return {"runs": [], "rtl_vs_integer_mismatches": None, "rtl_problems": None,
                "csim": {"mismatches": mismatches([self.run]), "problems": len(self.run.problems), "scope": CSIM_SCOPE}}


Simulated = RtlRuns | CsimRun
"""What the simulation of a build found."""


def mismatches(results: Iterable[SimResult]) -> int:
    """Wrong elements of all boundaries."""
    return sum(mismatch.count for result in results for mismatch in result.mismatches)


@dataclass(frozen=True)
class Verification:
    """All that was compared."""

    vectors: Vectors
    references: References
    certificate: Certificate
    levels: Mapping[str, float]
    simulated: Simulated

    @property
    def problems(self) -> tuple[str, ...]:
        """Protocol faults, deadlocks and failed checks."""
        return tuple(problem for run in self.simulated.results for problem in run.problems)

    @property
    def passed(self) -> bool:
        """Everything equal. float32 differences do not count: the exact reference is the judge."""
        return not (mismatches(self.simulated.results) or self.problems or self.references.exact_mismatches
                    or self.certificate.mismatches)

    @property
    def cycles(self) -> int | None:
        return self.simulated.cycles

    @property
    def latency(self) -> int | None:
        return self.simulated.latency

    @property
    def layer_cycles(self) -> dict[str, int | None]:
        """Measured cycles between frames by value name, without stalls."""
        return {boundary.wire.value: boundary.cycles for boundary in self.simulated.results[0].boundaries}

    @property
    def facts(self) -> str:
        """Lines for the terminal: the simulated design."""
        return self.simulated.facts(f"{count(self.vectors.frames, 'frame')} ({self.vectors.real} real)")

    @property
    def reference_facts(self) -> str:
        """Lines for the terminal: the integer model."""
        r = self.references
        return (f"integer model against exact arithmetic: {count(r.exact_mismatches, 'mismatch')} in "
                f"{count(r.compared, 'activation')}; against float32: {r.float32_mismatches:,} "
                f"({count(r.near_ties, 'near tie')})\n{count(self.certificate.probes, 'exact probe')} prove the "
                f"thresholds on {count(self.certificate.covered, 'accumulator value')}")

    def report(self) -> dict[str, Any]:
        """The object `verification` of report.json."""
        return {
            "frames": self.vectors.frames,
            "real_frames": self.vectors.real,
            "boundaries": len(self.simulated.results[0].boundaries),
            **self.simulated.report(),
            "integer_vs_exact_mismatches": self.references.exact_mismatches,
            "integer_vs_float32_mismatches": self.references.float32_mismatches,
            "compared_activations": self.references.compared,
            "near_ties": self.references.near_ties,
            "threshold_certificate": asdict(self.certificate),
            "output_levels_hit": dict(self.levels),
        }

    def failures(self) -> list[str]:
        """The first mismatches, one line each."""
        wrong = [str(mismatch) for run in self.simulated.results for mismatch in run.mismatches]
        first = [self.references.first] if self.references.first else []
        return [*first, *self.problems, *wrong][:_SHOWN]
