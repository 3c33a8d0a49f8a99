"""Which files a build has, and what is in them: two builds of the same input have equal manifests."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path

VARYING = frozenset({"timing.json"})
"""Files that differ between two builds of the same input."""


def manifest(folder: Path, varying: Collection[str] = VARYING) -> dict[str, str]:
    """SHA-256 (hexadecimal) of every file below `folder`, by POSIX path relative to it, sorted; `varying` left out."""
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {name: hashlib.sha256(files[name].read_bytes()).hexdigest() for name in sorted(files.keys() - set(varying))}


def manifest_text(folder: Path) -> str:
    """The manifest as `sha256sum --check` reads it."""
    return "".join(f"{digest}  {name}\n" for name, digest in manifest(folder).items())
