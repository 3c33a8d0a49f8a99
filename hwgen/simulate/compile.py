"""The top of a build as a shared object: Verilator's C++ and sim/harness.cpp, compiled once for each content."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hwgen.data import folder
from hwgen.emit.render import render
from hwgen.errors import Exit, HwgenError
from hwgen.simulate.design import Design
from hwgen.toolchain import (
    Verilator,
    cache_folder,
    cached,
    compiler_cache,
    content_key,
    find_verilator,
    require,
    versions,
)

LIBRARY = "libdesign.so"
_TOOLS = ("verilator", "g++", "make", "perl")
_FLAGS = ("-fPIC", "-fvisibility=hidden", "-fno-gnu-unique", "-DVL_USER_STOP", "-DVL_USER_FATAL", "-DVL_USER_FINISH")
_KEPT = {LIBRARY}

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
    """How to compile. split: statements per C++ file; seconds: expected time on two cores."""

    level: str
    split: int
    seconds: float


def effort(megabytes: float) -> Effort:
    """The compile effort for that much generated C++.

    Measured: 3, 10.6 and 12.2 s of compiler time per MB at -O0, -O1 and -O3; -O1 code runs at 0.8 of the speed of -O3,
    -O0 code at 0.03, which no verification of a hundred frames is worth.
    """
    level, rate = ("-O3", 12.2) if megabytes < 1.0 else ("-O1", 10.6)
    cores = min(2, os.cpu_count() or 1) if megabytes > 1.0 else 1
    return Effort(level, 20000 if megabytes < 1.0 else 5000, 6.0 + rate * megabytes / cores)


def compiled(build: Path, design: Design, *, waves: bool = False, cache: Path | None = None,
             announce: Announce = lambda text: None) -> Path:
    """The shared object of a build, from the cache where RTL, harness and tools are the same.

    announce: told the expected time before a compile starts. Raises HwgenError tool-missing or simulator-build.
    """
    shelf = cache_folder(cache)
    header, harness, sources = _header(design), folder("sim") / "harness.cpp", rtl_sources(build)
    texts = [part for source in sources for part in (source.name, source.read_bytes())]
    key = content_key([str(versions(*_TOOLS)), str(waves), header, harness.read_bytes(), Path(__file__).read_bytes(),
                       design.top, *texts])
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

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, **self.tool.environment, **compiler_cache(self.shelf)}

    def make(self, fresh: Path) -> None:
        """Fill `fresh` with the shared object alone."""
        self._verilate(fresh, 20000)
        how = effort(_megabytes(fresh))
        if how.split != 20000:
            self._verilate(fresh, how.split)
        self.announce(f"compiling the simulator ({_megabytes(fresh):.1f} MB of C++ at {how.level}):"
                      f" about {how.seconds:.0f} s")
        self._call([str(require("make")), "-s", "-j", "2", "-C", str(fresh), "-f", "Vdesign.mk",
                    f"OPT_FAST={how.level}", "OPT_SLOW=-O0", "OPT_GLOBAL=-O2"])
        self._link(fresh, how)
        for path in fresh.iterdir():
            if path.name not in _KEPT:
                path.unlink()

    def _verilate(self, fresh: Path, split: int) -> None:
        for path in fresh.iterdir():
            path.unlink()
        trace = ["--trace-vcd"] if self.waves else []
        self._call([str(self.tool.executable), "--cc", "--assert", "-O3", "--x-initial", "unique", "-Wno-fatal",
                    "--prefix", "Vdesign", "--top-module", self.top, "--Mdir", str(fresh), "--timescale", "1ns/1ps",
                    "--output-split", str(split), *trace, "-CFLAGS", " ".join(_FLAGS),
                    *(str(source) for source in self.sources)])

    def _link(self, fresh: Path, how: Effort) -> None:
        (fresh / "design.hpp").write_text(self.header)
        include = self.tool.root / "include"
        self._call([str(require("g++")), "-shared", "-std=gnu++17", "-O3", *_FLAGS, f"-DVM_TRACE={int(self.waves)}",
                    f"-I{fresh}", f"-I{include}", f"-I{include}/vltstd", "-o", str(fresh / LIBRARY), str(self.harness),
                    str(fresh / "libVdesign.a"), str(fresh / "libverilated.a"), "-pthread"])

    def _call(self, command: list[str]) -> None:
        done = subprocess.run(command, cwd=self.build, env=self.environment, capture_output=True, text=True,
                              check=False)
        if done.returncode:
            raise HwgenError("simulator-build", self.top, "the RTL could not be compiled for simulation:\n"
                             + (done.stdout + done.stderr)[-4000:],
                             "This is a bug of hwgen unless files of the build were edited.", exit_code=Exit.INTERNAL)


def _megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.glob("*.cpp")) / 1e6
