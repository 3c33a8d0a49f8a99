"""Build and run one cocotb bench: builds are cached by content, results never.

A failed run tells its seed and a replay command: `python -m sim.runner RUN.json [--waves]`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import cocotb_tools.config
import find_libpython

from hwgen.toolchain import (
    cache_folder,
    cached,
    compiler_cache,
    content_key,
    find_verilator,
    require,
    temporary_folder,
    versions,
)

ROOT = Path(__file__).resolve().parent.parent
_STALE_COPIES = ("*.o", "*.a", "*.gch", "*.d", "*.cpp", "*.h")


@dataclass(frozen=True)
class BenchResult:
    """What a passed run tells. measured: what the bench reported (sim.bench.report); log: the simulator's output."""

    tests: int
    measured: Mapping[str, Any]
    log: Path


@dataclass(frozen=True)
class _Run:
    """One call of run_bench, as it is kept in run.json for a replay."""

    bench: str
    top: str
    sources: tuple[str, ...]
    parameters: Mapping[str, int | str]
    simulator: str
    seed: int
    config: Mapping[str, Any]
    work: str
    waves: bool = False
    cache: str | None = None

    @property
    def replay(self) -> str:
        return f"cd {ROOT} && {sys.executable} -m sim.runner {self.work}/run.json --waves"


def run_bench(bench: str, top: str, sources: Sequence[Path], parameters: Mapping[str, int | str], *,
              simulator: str = "verilator", seed: int, config: Mapping[str, Any] | None = None,
              memories: Mapping[str, str] | None = None, work: Path, waves: bool = False,
              cache: Path | None = None) -> BenchResult:
    """Build `top` from `sources` and run the cocotb tests of the module `bench` (`bench_fifo` means `sim.bench_fifo`).

    config reaches the bench through sim.bench.config(); memories (file name, hexadecimal text) are written to the run
    folder `work`, which is the simulator's working directory. Raises AssertionError with the seed and a replay command
    when a test fails, when no test ran or when the RTL reported an error; HwgenError tool-missing without a simulator.
    """
    run = _Run(bench if "." in bench else f"sim.{bench}", top, tuple(str(Path(s).resolve()) for s in sources),
               dict(parameters), simulator, seed, dict(config or {}), str(work.resolve()), waves,
               str(cache.resolve()) if cache else None)
    work.mkdir(parents=True, exist_ok=True)
    for name, text in (memories or {}).items():
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text(text)
    return _execute(run)


def _execute(run: _Run) -> BenchResult:
    work = Path(run.work)
    (work / "run.json").write_text(json.dumps(asdict(run), indent=1))
    (work / "config.json").write_text(json.dumps(run.config))
    built = build(run)
    for name in ("results.xml", "measured.json"):
        (work / name).unlink(missing_ok=True)
    with (work / "simulation.log").open("w") as log:
        code = subprocess.run(_command(run, built), cwd=work, env=_environment(run), stdout=log,
                              stderr=subprocess.STDOUT, check=False).returncode
    return _judge(run, code)


def _judge(run: _Run, code: int) -> BenchResult:
    """The result of a finished run. Raises AssertionError unless it ran tests and all of them passed."""
    work = Path(run.work)
    tests, failures = _results(work / "results.xml")
    log = (work / "simulation.log").read_text(errors="replace")
    errors = re.findall(r"(?m)^(?:.*%Error.*|ERROR: .*\.sv.*)$", log)
    if code or not tests or failures or errors:
        shown = [*failures, *errors] or [log[-3000:] or "the simulator printed nothing"]
        raise AssertionError(f"{run.bench} on {run.top} ({run.simulator}): {len(failures)} of {tests} tests failed, "
                             f"exit code {code}\n" + "\n".join(shown)[:6000]
                             + f"\nparameters: {dict(run.parameters)}\nseed: {run.seed}\nreplay: {run.replay}")
    measured = work / "measured.json"
    return BenchResult(tests, json.loads(measured.read_text()) if measured.exists() else {}, work / "simulation.log")


def _results(path: Path) -> tuple[int, list[str]]:
    """Number of tests that ran, and one text for each failure, from cocotb's JUnit file."""
    if not path.exists():
        return 0, []
    cases = [case for case in ElementTree.parse(path).getroot().iter("testcase") if case.find("skipped") is None]
    bad = [(case.get("name"), child) for case in cases for child in case if child.tag in ("failure", "error")]
    return len(cases), [f"{name}: {c.get('error_msg') or c.get('message') or c.text}" for name, c in bad]


def build(run: _Run) -> Path:
    """The folder of the compiled simulation, from the cache where nothing changed."""
    folder = _folder(Path(run.cache) if run.cache else None)
    tools = versions("cocotb", "verilator", "g++", "make") if run.simulator == "verilator" else versions(
        "cocotb", "iverilog")
    texts = [part for source in run.sources for part in (Path(source).name, Path(source).read_bytes())]
    key = content_key([run.simulator, json.dumps(tools), run.top, json.dumps(dict(run.parameters)), str(run.waves),
                       str(cocotb_tools.config.libs_dir),
                       Path(__file__).read_bytes(), *texts])
    make = _build_verilator if run.simulator == "verilator" else _build_icarus
    return cached(folder, "benches", key, lambda fresh: make(run, fresh, folder))


def _folder(wanted: Path | None) -> Path:
    """The cache folder; make and Verilator's driver cannot work in one with a space."""
    folder = cache_folder(wanted)
    return temporary_folder() if " " in str(folder) else folder


def _build_verilator(run: _Run, fresh: Path, folder: Path) -> None:
    tool, share, libs = find_verilator(folder), cocotb_tools.config.share_dir, cocotb_tools.config.libs_dir
    main = share / "lib" / "verilator" / "verilator.cpp"
    environment = {**os.environ, **tool.environment, **compiler_cache(folder)}
    link = f"-Wl,-rpath,{libs} -L{libs} -lcocotbvpi_verilator"
    _call(run, [str(tool.executable), "-cc", "--exe", "--assert", "-Mdir", str(fresh), "--top-module", run.top, "--vpi",
                "--public-depth", "1", "--prefix", "Vtop", "-o", "simulation", "-LDFLAGS", link,
                "--timescale", "1ns/1ps", *(["--trace-vcd"] if run.waves else []),
                *(f"-G{name}={_literal(value)}" for name, value in run.parameters.items()),
                str(main), *run.sources], environment)
    _call(run, [str(require("make")), "-s", "-j", "2", "-C", str(fresh), "-f", "Vtop.mk", f"VM_TRACE={int(run.waves)}",
                "OPT_FAST=-O1", "OPT_SLOW=-O0", "OPT_GLOBAL=-O1"], environment)
    for path in [path for pattern in _STALE_COPIES for path in fresh.glob(pattern)]:
        path.unlink()


def _build_icarus(run: _Run, fresh: Path, folder: Path) -> None:
    commands, sources = fresh / "commands.f", list(run.sources)
    commands.write_text("+timescale+1ns/1ps\n")
    if run.waves:
        dump = fresh / "dump.v"
        dump.write_text("module hwgen_dump; initial begin"
                        f' $dumpfile("dump.vcd"); $dumpvars(0, {run.top}); end endmodule\n')
        sources += ["-s", "hwgen_dump", str(dump)]
    _call(run, [str(require("iverilog")), "-g2012", "-o", str(fresh / "simulation.vvp"), "-s", run.top,
                "-f", str(commands), *(f"-P{run.top}.{n}={_literal(value)}" for n, value in run.parameters.items()),
                *sources], dict(os.environ))


def _literal(value: int | str) -> str:
    """A parameter's value on a simulator's command line: strings keep their quotes."""
    return f'"{value}"' if isinstance(value, str) else str(int(value))


def _call(run: _Run, command: list[str], environment: Mapping[str, str]) -> None:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"building {run.top} for {run.simulator} failed\n{(done.stdout + done.stderr)[-6000:]}"
                             f"\nparameters: {dict(run.parameters)}\nreplay: {run.replay}")


def _command(run: _Run, built: Path) -> list[str]:
    if run.simulator == "verilator":
        return [str(built / "simulation"), *(["--trace"] if run.waves else [])]
    library = cocotb_tools.config.lib_entry("vpi", "icarus")
    return ["vvp", "-m", library, str(built / "simulation.vvp"), *([] if run.waves else ["-none"])]


def _environment(run: _Run) -> dict[str, str]:
    """cocotb's own variables (see `cocotb-config --help-vars`) and the path of the bench's configuration."""
    python = find_libpython.find_libpython()
    return {**os.environ, "PYGPI_PYTHON_BIN": sys.executable,
            "GPI_USERS": ";".join([*([python] if python else []), cocotb_tools.config.pygpi_entry_point()]),
            "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]), "COCOTB_TOPLEVEL": run.top,
            "COCOTB_TEST_MODULES": run.bench, "TOPLEVEL_LANG": "verilog", "COCOTB_TRUST_INERTIAL_WRITES":
            "1" if run.simulator == "verilator" else "0", "COCOTB_RESULTS_FILE": f"{run.work}/results.xml",
            "COCOTB_RANDOM_SEED": str(run.seed), "COCOTB_ANSI_OUTPUT": "0", "PYTHONDONTWRITEBYTECODE": "1",
            "HWGEN_BENCH": run.work}


def main(arguments: Sequence[str] | None = None) -> int:
    """Repeat a run from its run.json; with --waves its signals go to dump.vcd in the run folder."""
    parser = argparse.ArgumentParser(prog="python -m sim.runner", description=main.__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--waves", action="store_true")
    options = parser.parse_args(arguments)
    run = replace(_Run(**json.loads(options.run.read_text())), work=str(options.run.resolve().parent))
    try:
        result = _execute(replace(run, waves=options.waves))
    except AssertionError as failure:
        print(failure)
        return 1
    print(f"{result.tests} tests passed; log: {result.log}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
