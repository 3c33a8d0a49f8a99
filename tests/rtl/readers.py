"""The four readers of our SystemVerilog: each gives its complaints, or an empty text where it accepts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from hwgen.toolchain import find_verilator

Reader = Callable[[Sequence[Path], str, Mapping[str, int]], str]

_YOSYS = """
import json, sys
from pyosys import libyosys
design = libyosys.Design()
for command in json.load(sys.stdin):
    libyosys.run_pass(command, design)
"""

_ICARUS_NOTES = ("timescale", "sorry: constant selects in always_")
"""What it says about right text: it has no time unit; a process is run more often than it need be."""


def _run(command: Sequence[str | Path], **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in command], text=True, capture_output=True, check=False,
                          **options)  # type: ignore[call-overload,no-any-return]


def verilator(files: Sequence[Path], top: str, parameters: Mapping[str, int]) -> str:
    """Lint with all warnings, which are errors."""
    tool = find_verilator()
    done = _run([tool.translator, "--lint-only", "-Wall", "--top-module", top, *_options("-G", parameters), *files],
                env={**os.environ, **tool.environment})
    return "" if done.returncode == 0 else done.stderr


def icarus(files: Sequence[Path], top: str, parameters: Mapping[str, int]) -> str:
    """Version 11, SystemVerilog 2012."""
    done = _run(["iverilog", "-g2012", "-t", "null", "-s", top, *_options(f"-P{top}.", parameters), *files])
    told = (line for line in done.stderr.splitlines() if not any(note in line for note in _ICARUS_NOTES))
    return done.stderr if done.returncode else "\n".join(told)


def yosys(files: Sequence[Path], top: str, parameters: Mapping[str, int]) -> str:
    """read_verilog -sv and elaboration; a warning about an implicit wire or a range counts."""
    values = "".join(f" -chparam {name} {value}" for name, value in parameters.items())
    names = " ".join(f'"{file}"' for file in files)
    commands = [f"read_verilog -sv -defer {names}", f"hierarchy -check -top {top}{values}", "proc", "check -assert"]
    done = _run([sys.executable, "-c", _YOSYS], input=json.dumps(commands))
    if done.returncode:
        return (done.stdout + done.stderr)[-1000:]
    return "\n".join(line for line in done.stdout.splitlines() if "Warning" in line and "emory" not in line)


def slang(files: Sequence[Path], top: str, parameters: Mapping[str, int]) -> str:
    """Full elaboration by pyslang."""
    script = ("import sys; from pyslang import driver; d = driver.Driver(); d.addStandardArgs();"
              "ok = d.parseCommandLine(sys.argv[1]) and d.processOptions() and d.parseAllSources();"
              "sys.exit(0 if ok and d.runFullCompilation(True) else 1)")
    line = " ".join(["slang", "--top", top, *_options("-G", parameters), *(f'"{file}"' for file in files)])
    done = _run([sys.executable, "-c", script, line])
    return "" if done.returncode == 0 else done.stdout + done.stderr


READERS: Mapping[str, Reader] = {"verilator": verilator, "icarus": icarus, "yosys": yosys, "slang": slang}


def _options(prefix: str, parameters: Mapping[str, int]) -> list[str]:
    return [f"{prefix}{name}={value}" for name, value in parameters.items()]
