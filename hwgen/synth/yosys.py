"""Area by Yosys, out of context: `synth_xilinx -family xc7` in a child process, with DSPs if the kernel counts any."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import hwgen
from hwgen.emit.library import library_files
from hwgen.emit.rtl import kernel_wrapper, memory_files
from hwgen.errors import Exit, HwgenError
from hwgen.ir.graph import Graph
from hwgen.kernels.base import Kernel, Resources
from hwgen.kernels.vector import Vector
from hwgen.synth.cells import Usage, usage_of
from hwgen.synth.parts import kernels_of
from hwgen.toolchain.cache import cache_folder, cached, content_key
from hwgen.toolchain.tools import versions

SYNTHESIS = "synth_xilinx -family xc7 -flatten -noiopad -noclkbuf -top unit"
NO_DSP = "-nodsp"
"""Yosys would take a DSP for every `*`, whatever its width; the matrix-vector units' are meant for LUTs."""
MERGE = ("setattr -mod -unset keep_hierarchy *", "flatten")
"""Joins the modules that were kept apart while they were mapped (hwgen_pair_count says why), so that one is counted."""
WORKERS = 2


@dataclass(frozen=True)
class Unit:
    """What is synthesised for one kernel: module `top` of the sources and of `text`, parameters, its ROMs' files.

    dsp: whether `*` becomes DSPs.
    """

    top: str
    sources: tuple[Path, ...]
    parameters: Mapping[str, int | str]
    text: str = ""
    memories: Mapping[str, str] = field(default_factory=dict)
    dsp: bool = False

    def key(self) -> str:
        """Changes with the tool, the script and every byte that is read."""
        sources = [part for path in self.sources for part in (path.name, path.read_bytes())]
        memories = [part for item in sorted(self.memories.items()) for part in item]
        script = [tool_version(), synthesis(self.dsp), *MERGE]
        return content_key([*script, self.top, self.text, json.dumps(self.parameters), *sources, *memories])

    def write(self, folder: Path) -> list[Path]:
        """Write the memory files and the wrapper; returns every source."""
        for name, content in self.memories.items():
            (folder / name).write_text(content, encoding="utf-8")
        if not self.text:
            return list(self.sources)
        (folder / "unit.sv").write_text(self.text, encoding="utf-8")
        return [*self.sources, folder / "unit.sv"]


def unit_of(kernel: Kernel) -> Unit:
    """A kernel with its ROMs, whatever the name of its node: equal kernels are synthesised once."""
    memories = memory_files("kernel_unit", kernel)
    if not memories and not any(isinstance(value, Vector) for value in kernel.parameters().values()):
        module = f"hwgen_{kernel.stem}"
        return Unit(module, library_files([module]), kernel.parameters())
    text = kernel_wrapper("kernel_unit", kernel, "")
    sources = library_files([f"hwgen_{kernel.stem}", "hwgen_rom"])
    return Unit("kernel_unit", sources, {}, text, memories, kernel.resources().dsp > 0)


def synthesise(graph: Graph, cache: Path | None = None) -> dict[str, Resources]:
    """Resources of each node, out of context; their sum is the network's. cache: None for the user's cache folder.

    Two Yosys processes at a time; results are kept by content. Raises HwgenError as run_yosys does.
    """
    return {name: usage.resources for name, usage in usages(graph, cache).items()}


def usages(graph: Graph, cache: Path | None = None) -> dict[str, Usage]:
    """As synthesise, with the share of LUTs that are memory."""
    tool_version()
    folder = cache_folder(cache)
    units = {name: unit_of(kernel) for name, kernel in kernels_of(graph)}
    keys = {name: unit.key() for name, unit in units.items()}
    distinct = {keys[name]: unit for name, unit in units.items()}
    with ThreadPoolExecutor(WORKERS) as pool:
        made = dict(zip(distinct, pool.map(lambda key: _cached(folder, key, distinct[key]), distinct), strict=True))
    return {name: made[key] for name, key in keys.items()}


def _cached(folder: Path, key: str, unit: Unit) -> Usage:
    entry = cached(folder, "synth", key, lambda fresh: _make(fresh, unit))
    cells: dict[str, int] = json.loads((entry / "cells.json").read_text(encoding="utf-8"))
    return usage_of(cells)


def _make(fresh: Path, unit: Unit) -> None:
    """Write cells.json into an empty folder."""
    with tempfile.TemporaryDirectory(prefix="hwgen-synth-") as scratch:
        sources = unit.write(Path(scratch))
        cells = run_yosys(sources, unit.top, unit.parameters, Path(scratch), dsp=unit.dsp)
    (fresh / "cells.json").write_text(json.dumps(cells, sort_keys=True), encoding="utf-8")


def tool_version() -> str:
    """Version of the installed pyosys; HwgenError "tool-missing" (exit code 3) without it."""
    return versions("pyosys")["pyosys"]


def synthesise_files(sources: Sequence[Path], top: str, parameters: Mapping[str, int | str], cwd: Path) -> Resources:
    """Resources of module `top`; $readmemh paths are relative to `cwd`. Not cached. Raises as run_yosys does."""
    return usage_of(run_yosys(sources, top, parameters, cwd)).resources


def synthesis(dsp: bool) -> str:
    """The Yosys command, with or without DSPs."""
    return SYNTHESIS if dsp else f"{SYNTHESIS} {NO_DSP}"


def run_yosys(sources: Sequence[Path], top: str, parameters: Mapping[str, int | str], cwd: Path, *,
              dsp: bool = False) -> dict[str, int]:
    """Cell counts by type of module `top`. HwgenError: "tool-missing", "synthesis-failed" (internal: our RTL)."""
    tool_version()
    with tempfile.TemporaryDirectory(prefix="hwgen-synth-") as scratch:
        statistics = Path(scratch) / "stat.json"
        count = [synthesis(dsp), *MERGE, f'tee -q -o "{statistics}" stat -json']
        run_commands([*read_commands(sources, top, parameters), *count], top, cwd)
        modules = json.loads(statistics.read_text(encoding="utf-8"))["modules"]
        return dict(modules["\\unit"].get("num_cells_by_type", {}))


def read_commands(sources: Sequence[Path], top: str, parameters: Mapping[str, int | str]) -> list[str]:
    """Yosys commands that read the sources and make `top`, with these parameters, the module `unit`."""
    files = " ".join(f'"{source.resolve()}"' for source in sources)
    values = " ".join(f"-set {name} {_value(value)}" for name, value in parameters.items())
    return [f"read_verilog -sv -defer {files}", *([f"chparam {values} {top}"] if values else []),
            f"hierarchy -top {top}", "rename -top unit"]


def _value(value: int | str) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def run_commands(commands: Sequence[str], top: str, cwd: Path) -> None:
    """Run Yosys commands in a child process. HwgenError "synthesis-failed" naming `top`."""
    done = subprocess.run([sys.executable, "-m", "hwgen.synth.worker"], input=json.dumps(commands), text=True,
                          capture_output=True, check=False, cwd=cwd, env=_environment())
    if done.returncode != 0:
        log = (done.stdout + done.stderr).strip().splitlines()
        raise HwgenError("synthesis-failed", top, " / ".join(log[-3:]) or f"Yosys ended with {done.returncode}",
                         "This is a fault of hwgen's RTL: please report it with the model.", exit_code=Exit.INTERNAL)


def _environment() -> dict[str, str]:
    """The child imports the same hwgen as we did, whatever its working directory is."""
    inherited = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    path = [str(Path(package).parent) for package in hwgen.__path__] + inherited
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path))}
