"""The systems that a network can be exported to, by name, and the export itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hwgen import __version__
from hwgen.emit.staging import MARKER, staged
from hwgen.errors import HwgenError, did_you_mean
from hwgen.export import dpu, finn, onnx_files, pytorch, qdq, qonnx, qop, tvm
from hwgen.export.written import ExportOptions, Written
from hwgen.frontend import Imported, ImportOptions
from hwgen.ir.graph import Graph
from hwgen.names import Names
from hwgen.passes.pipeline import integers_of
from hwgen.run import write_bytes
from hwgen.source import network_of
from hwgen.toolchain.tools import package_version

if TYPE_CHECKING:
    from torch import nn

REPORT = "report.json"
"""In the folder of a target that writes one."""


@dataclass(frozen=True)
class ExportTarget:
    """name; what reads it; runs: the Python distributions that execute it here; write(quantized graph, options).

    suffix: of the file, "" for a folder. exact: whether its integers are the integer model's. configured: whether what
    is written depends on the options' arch and inputs. at_once: whether every call of its runtime compiles the network.
    """

    name: str
    reader: str
    runs: tuple[str, ...]
    write: Callable[[Graph, ExportOptions], Written]
    suffix: str = ".onnx"
    exact: bool = True
    configured: bool = False
    at_once: bool = False

    @property
    def versions(self) -> dict[str, str | None]:
        """The installed version of each distribution that runs it, None where it is missing."""
        return {name: package_version(name) for name in self.runs}


TARGETS: Mapping[str, ExportTarget] = {target.name: target for target in (
    ExportTarget("qonnx", "qonnx, FINN, hls4ml", ("qonnx",),
                 lambda graph, options: onnx_files.as_imported(qonnx.export(graph))),
    ExportTarget("qdq", "onnxruntime", ("onnxruntime",),
                 lambda graph, options: onnx_files.for_onnxruntime(qdq.export(integers_of(graph)))),
    ExportTarget("qop", "onnxruntime", ("onnxruntime",),
                 lambda graph, options: onnx_files.for_onnxruntime(qop.export(integers_of(graph)))),
    ExportTarget("pytorch", "PyTorch", ("torch",), lambda graph, options: pytorch.written(integers_of(graph)), ".pt"),
    ExportTarget("tvm", "TVM", ("apache-tvm",), lambda graph, options: tvm.written(qdq.export(integers_of(graph))), "",
                 at_once=True),
    ExportTarget("finn", "FINN", ("qonnx",),
                 lambda graph, options: onnx_files.for_qonnx(finn.export(integers_of(graph)))),
    ExportTarget("dpu", "Vitis AI and PyXIR", (), dpu.write, "", exact=False, configured=True))}


def target_named(name: str) -> ExportTarget:
    """HwgenError: "unknown-target"."""
    if name not in TARGETS:
        raise HwgenError("unknown-target", name, "there is no target of this name",
                         did_you_mean(name, TARGETS, "targets"))
    return TARGETS[name]


def default_path(source: Path, target: ExportTarget) -> Path:
    """Where an export without --out goes: build/MODEL-TARGET, with the suffix of its file."""
    return Path("build") / f"{Names().of(source.stem)}-{target.name}{target.suffix}"


def export_network(source: str | Path | nn.Module, target: str, out: str | Path, imports: ImportOptions | None = None,
                   options: ExportOptions | None = None, *, input_shape: Sequence[int] | None = None) -> Written:
    """Write model.onnx, `mynet.py:make_model` or a module of hwgen.nn for a target: a file or a folder at `out`.

    input_shape: of the network's input, with a batch of 1 in front, where it has not its own (a module's attribute
    input_shape, an ONNX file's). HwgenError: "unknown-target", "unused-option", "not-exportable", "not-float32",
    "output-file", "output-folder", and those of the readers.
    """
    imports, chosen, options = imports or ImportOptions(), target_named(target), options or ExportOptions()
    refuse_unused(chosen, options)
    if input_shape is not None:
        imports = replace(imports, input_shapes={None: tuple(input_shape)})
    place = Path(source) if isinstance(source, str) else source
    if isinstance(place, Path):
        refuse_source(place, Path(out))
    network = network_of(place, imports)
    written = export_imported(network, chosen, Path(out), options)
    return replace(written, warnings=(*network.warnings, *written.warnings))


def refuse_unused(target: ExportTarget, options: ExportOptions) -> None:
    """HwgenError: "unused-option" for what this target does not read."""
    if options.arch is not None and not target.configured:
        raise HwgenError("unused-option", f"--arch {options.arch}", f"the target {target.name} has no architectures",
                         "Leave it out, or export to dpu.")
    if options.inputs and not target.configured:
        raise HwgenError("unused-option", "--input", f"what is written for {target.name} depends on no inputs",
                         "Add --run, which runs it on them, or leave it out.")


def refuse_source(source: Path, out: Path) -> None:
    """HwgenError: "output-file" where an export would overwrite the model, or a folder that holds it."""
    model, place = source.resolve(), out.resolve()
    if model == place or (place in model.parents and (place / MARKER).is_file()):
        raise HwgenError("output-file", str(out), "the export would replace the model that it is made from",
                         "Choose another place with --out.")


def export_imported(imported: Imported, target: ExportTarget, out: Path, options: ExportOptions) -> Written:
    """The same of an imported network."""
    written = target.write(imported.graph, options)
    if written.is_file:
        write_bytes(out, written.files[""])
        return written
    with staged(out) as folder:
        for name, data in {**written.files, REPORT: _json(report_of(target, written))}.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    return written


def report_of(target: ExportTarget, written: Written) -> dict[str, Any]:
    """What report.json holds: the target, what was installed, the form of each layer, and the target's own facts."""
    versions = {"hwgen": __version__, **target.versions}
    return {"target": target.name, "versions": versions, "forms": dict(written.forms), **written.facts}


def _json(data: object) -> bytes:
    return (json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()
