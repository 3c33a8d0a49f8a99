"""`hwgen export`: write a network for a target, say which form each layer got, and on demand run it there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from hwgen.compare import difference, outputs
from hwgen.errors import Exit
from hwgen.export import engines
from hwgen.export.targets import (
    ExportTarget,
    default_path,
    export_imported,
    refuse_source,
    refuse_unused,
    target_named,
)
from hwgen.export.written import ExportOptions, Written
from hwgen.frontend import Imported, ImportOptions
from hwgen.ir.tensor import Array
from hwgen.model import IntegerModel
from hwgen.passes.pipeline import integers_of
from hwgen.report.console import Console, count
from hwgen.report.tables import table
from hwgen.run import executed
from hwgen.source import load_network
from hwgen.vectors import as_singles, load_inputs, random_inputs

FRAMES = 20
"""Random ones that --run takes where no --input is given."""


@dataclass(frozen=True)
class ExportCommand:
    """What `hwgen export` is asked for.

    out: None for default_path(); run: whether the target's own runtime executes what was written.
    """

    model: Path
    target: str
    out: Path | None
    imports: ImportOptions
    run: bool = False
    options: ExportOptions = field(default_factory=ExportOptions)


def export_model(command: ExportCommand, console: Console) -> Exit:
    """Exit code 1 where --run finds a difference. HwgenError: those of export_network, and "no-package"."""
    target = target_named(command.target)
    options = _for_writing(command, target)
    out = command.out or default_path(command.model, target)
    refuse_source(command.model, out)
    imported = load_network(command.model, command.imports)
    for warning in imported.warnings:
        console.warning(warning)
    trial = _Trial.of(command, imported) if command.run else None
    written = export_imported(imported, target, out, options)
    console.stage("Exported", f"{out} for {target.reader}; {versions_text(target)}")
    for line in (*_lines(written), *written.notes):
        console.detail(line)
    for line in written.warnings:
        console.warning(line)
    return trial.compared(written, target, console) if trial else Exit.OK


def _for_writing(command: ExportCommand, target: ExportTarget) -> ExportOptions:
    """The options without inputs that only --run reads. HwgenError: "unused-option"."""
    of_run = command.run and not target.configured
    options = replace(command.options, inputs={}) if of_run else command.options
    refuse_unused(target, options)
    return options


def versions_text(target: ExportTarget) -> str:
    """`runs on onnxruntime 1.31.1`, or what is missing."""
    if not target.runs:
        return "no runtime of its own is to be had here: --run takes hwgen's model of it"
    installed = [f"{name} {number}" if number else f"{name}, which is not installed here"
                 for name, number in target.versions.items()]
    return f"runs on {', '.join(installed)}"


def _lines(written: Written) -> list[str]:
    return table([("layer", "form"), *written.forms.items()]).splitlines() if written.forms else []


@dataclass(frozen=True)
class _Trial:
    """What --run compares: the integer model and its inputs, which are read before anything is written."""

    model: IntegerModel
    inputs: Mapping[str, Array]

    @classmethod
    def of(cls, command: ExportCommand, imported: Imported) -> _Trial:
        """HwgenError: those of load_inputs."""
        model = IntegerModel(integers_of(imported.graph))
        ports, given = {port.name: port for port in model.input_ports}, command.options.inputs
        inputs = load_inputs(given, ports) if given else random_inputs(ports, FRAMES, command.options.seed)
        return cls(model, as_singles(inputs, ports))

    def compared(self, written: Written, target: ExportTarget, console: Console) -> Exit:
        """Run it and compare its outputs with the integer model's; a DPU rounds in its own way, which is no failure."""
        engines.require(target.runs, target.name)
        expected = self.model.decode(executed(self.model, self.inputs, console, every=False))
        found = outputs(target, written, self.inputs, console)
        row = difference(self.model.output_ports, ("integer", expected), (target.name, found))
        console.stage("Compared", f"with the integer model in {count(row.frames, 'frame')}: argmax equal in "
                      f"{row.agreed:,}, {row.mismatched:,} of {count(row.values, 'value')} differ, "
                      f"by {row.largest:.3g} at most")
        return Exit.VERIFICATION_FAILED if row.mismatched and target.exact else Exit.OK
