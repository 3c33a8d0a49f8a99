"""C simulation of HLS C++: g++ makes a shared library of it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from hwgen.data import folder
from hwgen.errors import Exit, HwgenError
from hwgen.toolchain.cache import cache_folder, cached, content_key
from hwgen.toolchain.tools import require, versions

WARNINGS = ("-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas")
FAST = ("-O2",)
OWN = ("-fno-gnu-unique",)
"""A library keeps its own constants: those of equal names in two designs would be one in a process that loads both."""
SANITIZED = ("-O1", "-g", "-fsanitize=undefined,address", "-fno-sanitize-recover=all", "-DAP_SHIM_CHECKS")
"""For a program, or a library that a process loads which has the sanitizers' runtime already."""


def hls_includes() -> tuple[Path, ...]:
    """Where <ap_int.h> and hls/<stem>.hpp lie: our own shim, then the library."""
    return folder("hls") / "shim", folder("hls")


def compile_cxx(sources: Sequence[Path], output: Path, *, options: Sequence[str] = FAST,
                includes: Iterable[Path] | None = None, shared: bool = True, what: str = "the C++") -> Path:
    """Compile and link HLS C++ to a shared library, or a program. Returns `output`.

    includes: folders for headers, hls_includes() unless given. Raises HwgenError tool-missing without g++, hls-compile
    with the compiler's first lines where it refuses.
    """
    folders = [f"-I{path}" for path in (hls_includes() if includes is None else includes)]
    form = ("-shared", "-fPIC", *OWN) if shared else ()
    command = [str(require("g++")), "-std=c++17", *WARNINGS, *options, *form, *folders, *map(str, sources),
               "-o", str(output)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise HwgenError("hls-compile", what, "g++ does not compile it:\n" + done.stderr[:4000],
                         "This is a bug of hwgen unless files of the build were edited.", exit_code=Exit.INTERNAL)
    return output


def cached_library(sources: Sequence[Path], headers: Sequence[Path] = (), *, options: Sequence[str] = FAST,
                   what: str = "the C++") -> Path:
    """compile_cxx's shared library, kept in the user's cache by the content of all files that it is made from.

    headers: those that the sources include beside hls/. They are found in the folders of the sources.
    """
    library = sorted(path for where in hls_includes() for path in where.glob("*.h*"))
    texts = [path.read_bytes() for path in (*sources, *headers, *library)]
    key = content_key([str(versions("g++")), *options, *WARNINGS, *texts])
    folders = [*hls_includes(), *{path.parent for path in (*sources, *headers)}]
    entry = cached(cache_folder(), "hls", key, lambda fresh: _make(sources, fresh, options, folders, what))
    return entry / "simulation.so"


def _make(sources: Sequence[Path], fresh: Path, options: Sequence[str], folders: Sequence[Path], what: str) -> None:
    compile_cxx(sources, fresh / "simulation.so", options=options, includes=folders, what=what)
