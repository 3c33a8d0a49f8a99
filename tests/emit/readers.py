"""Four readers of Verilog: each returns its complaints about files (paths relative to cwd) and a top module."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

YOSYS = "import sys; from pyosys import libyosys as y; d = y.Design(); [y.run_pass(c, d) for c in sys.argv[1:]]"
SLANG = """
import sys
from pyslang.driver import Driver
driver = Driver()
driver.addStandardArgs()
ok = driver.parseCommandLine("slang --top " + " ".join(sys.argv[1:])) and driver.processOptions()
ok = ok and driver.parseAllSources()
compilation = driver.createCompilation()
driver.reportCompilation(compilation, True)
sys.exit(not (ok and driver.reportDiagnostics(True)))
"""


def _complaints(command: Sequence[str], cwd: Path, *, words: Sequence[str] = ()) -> str:
    """The output, where the program fails or one of the words is in it."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=300)
    text = done.stdout + done.stderr
    return text if done.returncode or any(word in text for word in words) else ""


def verilator(files: Sequence[str], top: str, cwd: Path) -> str:
    from hwgen.toolchain import find_verilator

    return _complaints([str(find_verilator().executable), "--lint-only", "-Wall", "--top-module", top, *files], cwd)


def icarus(files: Sequence[str], top: str, cwd: Path) -> str:
    return _complaints(["iverilog", "-g2012", "-Wall", "-Wno-timescale", "-s", top, "-o", "/dev/null", *files], cwd,
                       words=["warning", "error"])


def yosys(files: Sequence[str], top: str, cwd: Path) -> str:
    reads = [f"read_verilog -sv -defer {file}" for file in files]
    checks = [f"hierarchy -check -top {top}", "proc", "check -assert"]
    return _complaints([sys.executable, "-c", YOSYS, *reads, *checks], cwd, words=["Warning:", "ERROR:"])


def slang(files: Sequence[str], top: str, cwd: Path) -> str:
    return _complaints([sys.executable, "-c", SLANG, top, *files], cwd, words=["warning:", "error:"])
