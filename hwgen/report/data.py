"""report.json: docs/report.md describes every field; SCHEMA_VERSION changes when the meaning of one does."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from hwgen import __version__
from hwgen.host import InputPort, OutputPort
from hwgen.ir.graph import Graph, Node
from hwgen.ir.types import IntType
from hwgen.kernels.base import Kernel, Resources
from hwgen.names import readable
from hwgen.passes.size_fifos import modelled_timing
from hwgen.source import digest
from hwgen.synth.parts import kernels_of

if TYPE_CHECKING:
    from hwgen.build import Session

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Estimate:
    """What the cost model says of a finished hardware graph.

    cycles: steady-state cycles a frame, FIFOs included; latency: cycles from a frame's first beat to its last;
    ideal: docs/contract.md, section 9; bottleneck: the slowest kernel's node.
    """

    cycles: int
    latency: int
    ideal: int
    bottleneck: str
    resources: Resources

    @classmethod
    def of(cls, graph: Graph) -> Estimate:
        """Of a graph after size-fifos."""
        timing = modelled_timing(graph)
        slowest = max(graph.nodes, key=lambda node: kernel_of(node).cycles)
        return cls(timing.cycles_per_frame, timing.latency, max(kernel_of(node).ideal for node in graph.nodes),
                   slowest.name, sum((kernel.resources() for _, kernel in kernels_of(graph)), Resources()))


def kernel_of(node: Node) -> Kernel:
    """The node's kernel; anything else at the hardware level is a bug."""
    if not isinstance(node.op, Kernel):
        raise TypeError(f"{node.name} is {node.op.label}, not a kernel")
    return node.op


def report_of(session: Session) -> dict[str, Any]:
    """The whole report: facts of the stages that ran, null for those that did not."""
    options, board = session.options, session.board
    estimate, verification = session.estimate, session.verification
    measured = verification.cycles if verification else None
    return {
        "schema_version": SCHEMA_VERSION,
        "model": readable(options.model.name),
        "model_sha256": digest(options.model, options.imports),
        "board": board.name,
        "part": board.part,
        "family": board.family,
        "clock_mhz": board.clock_mhz,
        "backend": options.backend,
        "options": _options(session),
        "stages": _stages(session),
        "layers": [_layer(session, node) for node in session.graphs["fold"].nodes] if estimate else [],
        "streams": [_stream(node) for node in _added(session)] if estimate else [],
        "host": _host(session),
        "cycles_per_frame": {"model": estimate.cycles if estimate else None, "measured": measured,
                             "ideal": estimate.ideal if estimate else None},
        "latency_cycles": {"model": estimate.latency if estimate else None,
                           "measured": verification.latency if verification else None},
        "fps": board.clock_mhz * 1e6 / (measured or estimate.cycles) if estimate and options.backend == "rtl" else None,
        "verification": verification.report() if verification else None,
        "resources": _resources(session, estimate),
        "tool_versions": tool_versions(),
        "names": _names(session),
        "warnings": list(session.warnings),
    }


def _names(session: Session) -> dict[str, str]:
    """Imported nodes and graph ports to the identifiers of the layers and streams that stand for them."""
    if session.imported is None or "fold" not in session.graphs:
        return {}
    made_up, graph = session.imported.names, session.graphs["fold"]
    names = {made_up.get(origin, origin): node.name for node in graph.nodes for origin in node.origin}
    wires = (*session.design.inputs, *session.design.outputs) if session.design else ()
    signals = {wire.value: wire.signal for wire in wires}
    ports = {port.name: signals[port.value] for port in graph.ports.values()
             if isinstance(port, InputPort | OutputPort) and port.value in signals}
    return names | ports


def _host(session: Session) -> dict[str, list[str]]:
    """For each graph output the imported nodes that the host computes, after the last integers."""
    if session.imported is None or "fold" not in session.graphs:
        return {}
    made_up = session.imported.names
    return {port.name: list(dict.fromkeys(made_up.get(name, name) for name in port.origin))
            for port in session.graphs["fold"].ports.values() if isinstance(port, OutputPort)}


def _options(session: Session) -> dict[str, Any]:
    """What the user chose, without any path."""
    options, target, imports = session.options, session.options.target, session.options.imports
    return {
        "fps": target.fps, "folding": readable(target.folding.name) if target.folding else None,
        "frames": options.frames,
        "inputs": {name or "": readable(path.name) for name, path in options.inputs.items()}, "seed": options.seed,
        "check": options.check, "allow_oversize": target.allow_oversize, "dialect": imports.dialect,
        "rounding": imports.rounding,
        "input_types": {name or "": {"type": str(kind), "scale": str(scale)}
                        for name, (kind, scale) in imports.input_types.items()},
        "input_shapes": {name or "": list(shape) for name, shape in imports.input_shapes.items()},
    }


def _stages(session: Session) -> dict[str, str]:
    """Each stage: `done`, `not requested`, or why it could not run."""
    from hwgen.build import Stage

    return {stage.value: session.unavailable.get(stage.value) or
            ("done" if stage.value in session.seconds else "not requested") for stage in Stage}


def _layer(session: Session, node: Node) -> dict[str, Any]:
    kernel = kernel_of(node)
    accumulator = getattr(kernel.op, "accumulator_type", None)
    weights = getattr(kernel.op, "weight_type", None)
    measured = session.verification.layer_cycles.get(node.outputs[0]) if session.verification else None
    synthesis = session.synthesis.get(node.name) if session.synthesis else None
    return {
        "name": node.name,
        "origin": list(node.origin),
        "kernel": kernel.stem,
        "pe": kernel.fold.pe,
        "simd": kernel.fold.simd,
        "input_type": str(kernel.input_type),
        "weight_type": str(weights) if isinstance(weights, IntType) else None,
        "accumulator_type": str(accumulator(kernel.input_type)) if callable(accumulator) else None,
        "output_type": str(kernel.output_type),
        "cycles_model": kernel.cycles,
        "cycles_ideal": kernel.ideal,
        "cycles_measured": measured,
        "estimate": asdict(kernel.resources()),
        "synthesis": asdict(synthesis) if synthesis else None,
    }


def _added(session: Session) -> list[Node]:
    """FIFOs and width converters: the nodes that no pass before size-fifos had."""
    layers = {node.name for node in session.graphs["fold"].nodes}
    return [node for node in session.graph.nodes if node.name not in layers]


def _stream(node: Node) -> dict[str, Any]:
    kernel = kernel_of(node)
    return {"name": node.name, "kernel": kernel.stem, "parameters": kernel.parameters(),
            "estimate": asdict(kernel.resources())}


def _resources(session: Session, estimate: Estimate | None) -> dict[str, Any]:
    """Keyed by the part's family. The cost model and Yosys both count 7-series cells, whatever the part."""
    total = sum(session.synthesis.values(), Resources()) if session.synthesis else None
    return {
        "family": session.board.family,
        "available": asdict(session.board.resources),
        "estimate": asdict(estimate.resources) if estimate else None,
        "synthesis": asdict(total) if total else None,
    }


def tool_versions() -> Mapping[str, str | None]:
    """hwgen, Python and every tool that `hwgen doctor` knows; null where it is missing."""
    from hwgen.toolchain import doctor

    found = {name: version for name, version, _, _ in doctor()}
    return {"hwgen": __version__, "python": platform.python_version(), **found}
