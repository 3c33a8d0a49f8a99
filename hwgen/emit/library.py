"""Which modules of rtl/ a design needs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from hwgen.data import folder

_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_MODULE = re.compile(r"\bhwgen_\w+")


def library_files(modules: Iterable[str]) -> tuple[Path, ...]:
    """The files of these modules and of all that they instantiate, sorted by name; a module's file bears its name."""
    found: set[str] = set()
    pending = list(modules)
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            pending.extend(_instantiated(name))
    return tuple(folder("rtl") / f"{name}.sv" for name in sorted(found))


@cache
def _instantiated(module: str) -> tuple[str, ...]:
    """Library modules that a module's text names outside of comments."""
    text = _COMMENT.sub("", (folder("rtl") / f"{module}.sv").read_text(encoding="utf-8"))
    names = set(_MODULE.findall(text)) - {module}
    return tuple(sorted(name for name in names if (folder("rtl") / f"{name}.sv").is_file()))
