"""The top of a build as a shared object: Verilator's C++ and sim/harness.cpp, compiled once for each content."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from hwgen.data import folder
from hwgen.emit.render import render
from hwgen.errors import Exit, HwgenError
from hwgen.simulate.design import Design
from hwgen.toolchain import (
    Verilator,
    cache_folder,
    cached,
    content_key,
    find_verilator,
    require,
    versions,
)

LIBRARY = "libdesign.so"
PRINT = "harness_print.hpp"
_TOOLS = ("verilator", "g++")
_RUNTIME = ("verilated", "verilated_dpi", "verilated_threads")
_FLAGS = ("-std=gnu++17", "-fPIC", "-fvisibility=hidden", "-fno-gnu-unique", "-faligned-new", "-w", "-DVERILATOR=1",
          "-DVM_COVERAGE=0", "-DVM_SC=0", "-DVM_TIMING=0", "-DVM_TRACE_FST=0", "-DVM_TRACE_SAIF=0", "-DVL_USER_STOP",
          "-DVL_USER_FATAL", "-DVL_USER_FINISH")

_LARGE_STACK = 'ulimit -s unlimited 2>/dev/null || ulimit -s "$(ulimit -H -s)"; exec "$@"'
"""Verilator walks expressions by recursion."""

Announce = Callable[[str], None]


@dataclass(frozen=True)
class HeaderContext:
    """Context of design.hpp.j2. probes: members of Verilator's root structure, without `_tdata`."""

    top: str
    clock: str
    reset_n: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    probes: tuple[str, ...]


@dataclass(frozen=True)
class Effort:
    """How to compile. whole: all files as one; split: statements per C++ file; seconds: expected time on two cores."""

    level: str
    whole: bool
    split: int
    seconds: float


WHOLE = Effort("-O3", True, 20000, 0.0)


def effort(megabytes: float) -> Effort:
    """The compile effort for that much generated C++.

    Measured: 10.6 and 12.2 s of compiler time per MB at -O1 and -O3; code of -O1 runs at 0.8 of the speed of -O3, of
    -O0 at 0.03, which no verification of a hundred frames is worth.
    """
    if megabytes < 0.4:
        return replace(WHOLE, seconds=4 + 12.2 * megabytes)
    return Effort("-O1", False, 2000, 4 + 10.6 * megabytes / min(2, os.cpu_count() or 1))


def compiled(build: Path, design: Design, *, waves: bool = False, cache: Path | None = None,
             announce: Announce = lambda text: None) -> Path:
    """The shared object of a build, from the cache where RTL, harness and tools are the same.

    announce: told the expected time before a compile starts. Raises HwgenError tool-missing or simulator-build.
    """
    shelf = cache_folder(cache)
    header, harness, sources = _header(design), folder("sim") / "harness.cpp", rtl_sources(build)
    texts = [part for source in sources for part in (source.name, source.read_bytes())]
    key = content_key([str(versions(*_TOOLS)), str(waves), design.top, header, harness.read_bytes(),
                       harness.with_name(PRINT).read_bytes(), Path(__file__).read_bytes(), *texts])
    job = _Job(build, design.top, sources, header, harness, waves, shelf, find_verilator(cache), announce)
    return cached(shelf, "harness", key, job.make) / LIBRARY


def rtl_sources(build: Path) -> list[Path]:
    """The files of rtl/filelist.f (paths relative to the build directory). Raises HwgenError "not-a-build"."""
    try:
        lines = (build / "rtl" / "filelist.f").read_text().splitlines()
        sources = [build / line.strip() for line in lines if line.strip() and not line.startswith(("//", "+", "-"))]
        return [source for source in sources if source.read_bytes()]
    except OSError as error:
        raise HwgenError("not-a-build", str(build), f"a file of its RTL cannot be read: {error.strerror}",
                         "Give the directory that hwgen build wrote.") from error


def _header(design: Design) -> str:
    top = member(design.top)
    return render("sim/design.hpp.j2", HeaderContext(
        design.top, "aclk", "aresetn", tuple(member(w.signal) for w in design.inputs),
        tuple(member(w.signal) for w in design.outputs),
        tuple(f"{top}__DOT__{member(w.signal)}" for w in design.boundaries)))


def member(name: str) -> str:
    """Verilator's C++ name of a signal: the second of two underscores is written as its code."""
    return name.replace("__", "___05F")


@dataclass(frozen=True)
class _Job:
    build: Path
    top: str
    sources: list[Path]
    header: str
    harness: Path
    waves: bool
    shelf: Path
    tool: Verilator
    announce: Announce

    def make(self, fresh: Path) -> None:
        """Fill `fresh` with the shared object alone."""
        self._verilate(fresh, WHOLE.split)
        how = effort(_megabytes(fresh))
        if how.split != WHOLE.split:
            self._verilate(fresh, how.split)
        self.announce(f"compiling the simulator ({_megabytes(fresh):.1f} MB of C++ at {how.level}):"
                      f" about {how.seconds:.0f} s")
        (fresh / "design.hpp").write_text(self.header)
        link = ["-shared", "-o", str(fresh / LIBRARY), "-pthread", *self._runtime(),
                *([] if how.whole else self._objects(fresh, how.level))]
        included = [f"-include{path.name}" for path in sorted(fresh.glob("*.cpp"))] if how.whole else []
        self._compile(fresh, [how.level, *included, str(self.harness), *link])
        for path in fresh.iterdir():
            if path.name != LIBRARY:
                path.unlink()

    def _verilate(self, fresh: Path, split: int) -> None:
        for path in fresh.iterdir():
            path.unlink()
        trace = ["--trace-vcd"] if self.waves else []
        self._call([str(self.tool.translator), "--cc", "--assert", "-O3", "--x-initial", "unique", "-Wno-fatal",
                    "--prefix", "Vdesign", "--top-module", self.top, "--Mdir", str(fresh), "--timescale", "1ns/1ps",
                    "--output-split", str(split), *trace, *(str(source) for source in self.sources)])

    def _runtime(self) -> list[str]:
        """Objects of Verilator's own runtime, compiled once."""
        names = [*_RUNTIME, *(["verilated_vcd_c"] if self.waves else [])]
        key = content_key([str(versions(*_TOOLS)), str(self.tool.root), *self._flags, *names,
                           self.harness.with_name(PRINT).read_bytes()])

        def make(fresh: Path) -> None:
            self._compile_all(fresh, [(["-O2"], self.tool.root / "include" / f"{name}.cpp") for name in names])

        entry = cached(self.shelf, "runtime", key, make)
        return [str(path) for path in sorted(entry.glob("*.o"))]

    def _objects(self, fresh: Path, level: str) -> list[str]:
        """Objects of the design; what Verilator calls slow runs once."""
        files = sorted(fresh.glob("*.cpp"), key=lambda path: -path.stat().st_size)
        self._compile_all(fresh, [(["-O0" if "__Slow" in path.name else level], path) for path in files])
        return [str(path.with_suffix(".o")) for path in files]

    def _compile_all(self, fresh: Path, jobs: list[tuple[list[str], Path]]) -> None:
        def compile_one(job: tuple[list[str], Path]) -> None:
            self._compile(fresh, [*job[0], "-c", str(job[1]), "-o", str(fresh / f"{job[1].stem}.o")])

        with ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as workers:
            list(workers.map(compile_one, jobs))

    @property
    def _flags(self) -> list[str]:
        traced = int(self.waves)
        return [*_FLAGS, f"-include{self.harness.with_name(PRINT)}", f"-DVM_TRACE={traced}", f"-DVM_TRACE_VCD={traced}"]

    def _compile(self, folder: Path, arguments: list[str]) -> None:
        include = self.tool.root / "include"
        self._call([str(require("g++")), *self._flags, f"-I{folder}", f"-I{include}", f"-I{include / 'vltstd'}",
                    *arguments])

    def _call(self, command: list[str]) -> None:
        done = subprocess.run(["sh", "-c", _LARGE_STACK, "sh", *command], capture_output=True, text=True, check=False,
                              env={**os.environ, **self.tool.environment})
        if done.returncode:
            raise HwgenError("simulator-build", self.top, "the RTL could not be compiled for simulation:\n"
                             + (done.stdout + done.stderr)[-4000:],
                             "This is a bug of hwgen unless files of the build were edited.", exit_code=Exit.INTERNAL)


def _megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.glob("*.cpp")) / 1e6
