"""`hwgen build`: the stages from a model file to a verified build directory.

Each stage is one function of the Session; the table STAGES is their order. A build directory appears whole or not at
all (hwgen.emit.staging); everything in it but timing.json depends on the model, the options and the tools only.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import Any

from hwgen import folding_file, simulate
from hwgen.backends import BACKENDS, Backend
from hwgen.boards import Board
from hwgen.checks import PassCheck
from hwgen.emit.staging import staged
from hwgen.errors import Exit, HwgenError
from hwgen.frontend import Imported, ImportOptions
from hwgen.ir.graph import Graph
from hwgen.ir.json import graph_to_json
from hwgen.ir.text import graph_text
from hwgen.kernels.base import Resources
from hwgen.names import Names
from hwgen.passes.fold import oversize_warning
from hwgen.passes.pipeline import lower
from hwgen.report.console import Console, count, duration
from hwgen.report.data import Estimate, report_of
from hwgen.report.terminal import layer_table
from hwgen.simulate import Design
from hwgen.source import load_network
from hwgen.target import Target, fitted, resolve
from hwgen.verification import (
    Vectors,
    Verification,
    certificate,
    compare_references,
    levels_hit,
    make_vectors,
)


class Stage(Enum):
    """What --until takes, in order."""

    IMPORT = "import"
    LOWER = "lower"
    FOLD = "fold"
    EMIT = "emit"
    SIMULATE = "simulate"
    SYNTHESISE = "synthesise"


@dataclass(frozen=True)
class BuildOptions:
    """One build as the user asked for it. frames: None for the default; out: None for default_folder().

    backend: a key of BACKENDS. synth: run the stage synthesise too, whatever `last` is, so that an area figure needs
    no simulation.
    """

    model: Path
    imports: ImportOptions
    target: Target
    last: Stage = Stage.SIMULATE
    synth: bool = False
    frames: int | None = None
    inputs: Mapping[str | None, Path] = field(default_factory=dict)
    check: bool = False
    seed: int = 0
    out: Path | None = None
    backend: str = "rtl"

    @property
    def stages(self) -> tuple[Stage, ...]:
        """What is requested, in order. HwgenError "until-and-synth" where synthesis has nothing to work on."""
        every = list(Stage)
        upto = every[: every.index(self.last) + 1]
        if not self.synth or Stage.SYNTHESISE in upto:
            return tuple(upto)
        needed = Stage.FOLD if self.backend == "rtl" else Stage.EMIT
        if needed not in upto:
            why = "synthesis needs a folded design" if needed is Stage.FOLD else "Vitis HLS needs the project"
            raise HwgenError("until-and-synth", f"--until {self.last.value} --synth", why,
                             f"Stop at {needed.value} or later: --until {needed.value} --synth.")
        return (*upto, Stage.SYNTHESISE)


@dataclass
class Session:
    """What the stages of one build have made so far; `folder` is the staged build directory."""

    options: BuildOptions
    board: Board
    folder: Path
    console: Console
    out: Path
    imported: Imported | None = None
    graphs: dict[str, Graph] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    estimate: Estimate | None = None
    vectors: Vectors | None = None
    design: Design | None = None
    verification: Verification | None = None
    synthesis: Mapping[str, Resources] | None = None
    unavailable: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def backend(self) -> Backend:
        return BACKENDS[self.options.backend]

    @property
    def graph(self) -> Graph:
        """After the last pass that ran."""
        return next(reversed(self.graphs.values()))

    def warn(self, text: str) -> None:
        """Print a warning and keep it for the report."""
        self.console.warning(text)
        self.warnings.append(text)

    def keep(self, name: str, graph: Graph) -> None:
        """Write the graph after a pass as ir/NN-<name>.txt."""
        path = self.folder / "ir" / f"{len(self.graphs):02}-{name}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text(graph_text(graph), encoding="utf-8")
        self.graphs[name] = graph


def build_model(options: BuildOptions, console: Console) -> Exit:
    """Run the stages up to options.last and write the report; the build directory replaces an older one whole.

    Raises HwgenError for everything the user can mend; a stage that lacks its tool is left out instead (exit code 3).
    """
    started = time.perf_counter()
    board, stages = resolve(options.target), options.stages
    out = options.out or default_folder(options, board)
    with staged(out) as folder:
        session = Session(options, board, folder, console, out)
        for stage in stages:
            _timed(session, stage, STAGES[stage])
        report = _write_report(session)
    for line in layer_table(report) if session.estimate else []:
        console.detail(line)
    console.stage("Finished", f"{out / 'report.json'}", time.perf_counter() - started)
    return _verdict(session)


def default_folder(options: BuildOptions, board: Board) -> Path:
    """Where a build without --out goes."""
    backend = "" if options.backend == "rtl" else f"-{options.backend}"
    return Path("build") / f"{Names().of(options.model.stem)}-{Names().of(board.name)}{backend}"


def _timed(session: Session, stage: Stage, run: Callable[[Session], str]) -> None:
    """Run a stage, note its wall time and print its line of facts."""
    started = time.perf_counter()
    try:
        facts = run(session)
    except HwgenError as error:
        if error.exit_code != Exit.STAGE_UNAVAILABLE or stage is Stage.IMPORT:
            raise
        session.unavailable[stage.value] = f"{error.where}: {error.why}"
        session.console.warning(f"{stage.value} could not run: {error.where}: {error.why}. {error.help}")
        return
    session.seconds[stage.value] = time.perf_counter() - started
    session.console.stage(_VERBS[stage], facts, session.seconds[stage.value])


def _import(session: Session) -> str:
    session.imported = load_network(session.options.model, session.options.imports)
    for warning in session.imported.warnings:
        session.warn(warning)
    graph = session.imported.graph
    inputs, outputs = (", ".join(str(graph.values[name]) for name in names) for names in (graph.inputs, graph.outputs))
    return f"{session.options.model.name}: {count(len(graph.nodes), 'node')}, {inputs} -> {outputs}"


def _lower(session: Session) -> str:
    assert session.imported is not None
    check = PassCheck(session.imported.graph, session.options.seed) if session.options.check else None
    for name, graph in lower(session.imported.graph):
        session.keep(name, graph)
        if check is not None:
            check.after(name, graph)
    checked = "" if check is None else f", {check.facts}"
    return f"{count(len(session.graphs) - 1, 'pass')} to {count(len(session.graph.nodes), 'kernel')}{checked}"


def _fold(session: Session) -> str:
    board = session.board
    target = replace(session.options.target, widest=session.backend.widest)
    chosen, sized = fitted(session.graph, target, board)
    session.keep("fold", chosen)
    (session.folder / "folding.toml").write_text(folding_file.write(session.graph), encoding="utf-8")
    session.keep("size-fifos", sized)
    (session.folder / "ir" / "graph.json").write_text(graph_to_json(session.graph), encoding="utf-8")
    estimate = session.estimate = Estimate.of(session.graph)
    over = oversize_warning(estimate.resources, board)
    if over is not None:
        session.warn(over)
    rate = board.clock_mhz * 1e6 / estimate.cycles
    return (f"for {board.part} at {board.clock_mhz:g} MHz: {estimate.cycles:,} cycles a frame ({estimate.bottleneck}), "
            f"{rate:,.0f} frames/s, {count(estimate.resources.lut, 'LUT')} estimated")


def _emit(session: Session) -> str:
    options = session.options
    session.vectors = make_vectors(session.graph, options.inputs, options.frames, options.seed)
    session.design = session.backend.emit(session.graph, session.board, session.vectors, session.folder)
    simulate.write(session.folder, session.design, session.vectors.integers, session.vectors.values)
    return session.backend.facts(session.folder)


def _simulate(session: Session) -> str:
    assert session.imported is not None and session.vectors is not None and session.design is not None
    references = compare_references(session.imported.graph, session.graph, session.vectors)
    proof = certificate(session.graphs)
    runs = session.backend.simulate(session.folder, session.out, session.design, session.vectors, session.options.seed,
                                    session.console)
    levels = levels_hit(session.graph, session.vectors.values)
    session.verification = Verification(session.vectors, references, proof, levels, runs)
    session.console.stage("Compared", session.verification.reference_facts)
    return session.verification.facts


def _synthesise(session: Session) -> str:
    from hwgen.synth.vitis import synthesise_project
    from hwgen.synth.yosys import synthesise

    if session.backend.name == "hls":
        return synthesise_project(session.folder)
    seconds = session.estimate.resources.lut * _SYNTHESIS_SECONDS_PER_LUT if session.estimate else 0.0
    session.console.announce(f"synthesising {count(len(session.graph.nodes), 'kernel')} with Yosys (equal ones once, "
                             f"cached by content): about {duration(seconds)}")
    session.synthesis = synthesise(session.graph)
    total = sum(session.synthesis.values(), Resources())
    return f"{total.lut:,} LUTs, {total.ff:,} FFs, {total.bram18:,} BRAM18 by Yosys, out of context"


_SYNTHESIS_SECONDS_PER_LUT = 0.025
"""Measured on two cores."""

STAGES: dict[Stage, Callable[[Session], str]] = {
    Stage.IMPORT: _import,
    Stage.LOWER: _lower,
    Stage.FOLD: _fold,
    Stage.EMIT: _emit,
    Stage.SIMULATE: _simulate,
    Stage.SYNTHESISE: _synthesise,
}
_VERBS = {
    Stage.IMPORT: "Imported", Stage.LOWER: "Lowered", Stage.FOLD: "Folded", Stage.EMIT: "Emitted",
    Stage.SIMULATE: "Verified", Stage.SYNTHESISE: "Synthesised",
}


def _write_report(session: Session) -> dict[str, Any]:
    """report.json, which is the same in every build of the same input, and timing.json, which is not."""
    report = report_of(session)
    _write_json(session.folder / "report.json", report)
    _write_json(session.folder / "timing.json", {name: round(t, 3) for name, t in session.seconds.items()})
    return report


def _write_json(path: Path, data: object) -> None:
    path.write_text(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def _verdict(session: Session) -> Exit:
    """The exit code, after the first mismatches are printed."""
    if session.verification is not None and not session.verification.passed:
        for line in session.verification.failures():
            session.console.detail(line)
        return Exit.VERIFICATION_FAILED
    return Exit.STAGE_UNAVAILABLE if session.unavailable else Exit.OK
