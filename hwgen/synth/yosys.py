"""Area by Yosys, out of context: `synth_xilinx -family xc7` without DSPs, in a child process."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import hwgen
from hwgen.errors import Exit, HwgenError
from hwgen.kernels.base import Resources
from hwgen.synth.cells import usage_of

SYNTHESIS = "synth_xilinx -family xc7 -flatten -noiopad -noclkbuf -nodsp -top unit"


def tool_version() -> str:
    """Version of the installed pyosys; HwgenError "tool-missing" (exit code 3) without it."""
    try:
        return importlib.metadata.version("pyosys")
    except importlib.metadata.PackageNotFoundError:
        raise HwgenError("tool-missing", "pyosys", "the synthesis stage needs Yosys, which is not installed",
                         "Install it with `pip install hwgen[synth]`, or leave out --synth.",
                         exit_code=Exit.STAGE_UNAVAILABLE) from None


def synthesise_files(sources: Sequence[Path], top: str, parameters: Mapping[str, int | str], cwd: Path) -> Resources:
    """Resources of module `top`; $readmemh paths are relative to `cwd`. Not cached. Raises as run_yosys does."""
    return usage_of(run_yosys(sources, top, parameters, cwd)).resources


def run_yosys(sources: Sequence[Path], top: str, parameters: Mapping[str, int | str], cwd: Path) -> dict[str, int]:
    """Cell counts by type of module `top`. HwgenError: "tool-missing", "synthesis-failed" (internal: our RTL)."""
    tool_version()
    with tempfile.TemporaryDirectory(prefix="hwgen-synth-") as scratch:
        statistics = Path(scratch) / "stat.json"
        commands = _script([source.resolve() for source in sources], top, parameters, statistics)
        _child(commands, top, cwd)
        modules = json.loads(statistics.read_text(encoding="utf-8"))["modules"]
        return dict(modules["\\unit"].get("num_cells_by_type", {}))


def _script(sources: Sequence[Path], top: str, parameters: Mapping[str, int | str], statistics: Path) -> list[str]:
    files = " ".join(f'"{source}"' for source in sources)
    values = " ".join(f"-set {name} {_value(value)}" for name, value in parameters.items())
    return [f"read_verilog -sv -defer {files}", *([f"chparam {values} {top}"] if values else []),
            f"hierarchy -top {top}", "rename -top unit", SYNTHESIS, f'tee -q -o "{statistics}" stat -json']


def _value(value: int | str) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def _child(commands: Sequence[str], top: str, cwd: Path) -> None:
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
