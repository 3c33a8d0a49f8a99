"""The systems that a network can be exported to, by name."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hwgen.errors import HwgenError
from hwgen.export import finn, qdq, qonnx, qop
from hwgen.export.sheet import Exported
from hwgen.frontend import ImportOptions
from hwgen.ir.graph import Graph
from hwgen.passes.pipeline import TO_INTEGERS, lower
from hwgen.run import write_bytes
from hwgen.source import load_network


@dataclass(frozen=True)
class ExportTarget:
    """name; what reads it; write(quantized graph). runs: the Python package that executes it."""

    name: str
    reader: str
    runs: str
    write: Callable[[Graph], Exported]


def integers_of(graph: Graph) -> Graph:
    """The integer level of a quantized graph."""
    *_, (_, lowered) = lower(graph, TO_INTEGERS)
    return lowered


def _as_imported(graph: Graph) -> Exported:
    return Exported(qonnx.export(graph), {}, {})


TARGETS: Mapping[str, ExportTarget] = {target.name: target for target in (
    ExportTarget("qonnx", "qonnx, FINN, hls4ml", "qonnx", _as_imported),
    ExportTarget("qdq", "onnxruntime, TVM", "onnxruntime", lambda graph: qdq.export(integers_of(graph))),
    ExportTarget("qop", "onnxruntime", "onnxruntime", lambda graph: qop.export(integers_of(graph))),
    ExportTarget("finn", "FINN", "qonnx", lambda graph: finn.export(integers_of(graph))))}


def target_named(name: str) -> ExportTarget:
    """HwgenError: "unknown-target"."""
    if name not in TARGETS:
        close = difflib.get_close_matches(name, TARGETS, 1)
        hint = f"Did you mean {close[0]}? " if close else ""
        raise HwgenError("unknown-target", name, "there is no target of this name",
                         f"{hint}The targets are: {', '.join(TARGETS)}.")
    return TARGETS[name]


def export_network(source: Path, target: str, out: Path, options: ImportOptions | None = None) -> Exported:
    """Write model.onnx or `mynet.py:make_model` for a target.

    HwgenError: "unknown-target", "not-exportable", "not-float32", "output-file", and those of the readers.
    """
    writer = target_named(target)
    exported = writer.write(load_network(source, options or ImportOptions()).graph)
    write_bytes(out, exported.model.SerializeToString(deterministic=True))
    return exported
