"""The user's cache folder and entries that several processes may make at once."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_KEEP_SECONDS = 30 * 24 * 3600


def cache_folder(cache: Path | None = None) -> Path:
    """A writable folder for builds: `cache`, else the XDG cache folder, else one in the temporary folder."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    wanted = cache if cache is not None else Path(home) / "hwgen"
    return wanted if _writable(wanted) else temporary_folder()


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def temporary_folder() -> Path:
    """The cache of a user who has none: a folder in the temporary one, trusted only where it is ours and private."""
    folder = Path(tempfile.gettempdir()) / f"hwgen-{os.getuid()}"
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    status = folder.lstat()
    if folder.is_symlink() or status.st_uid != os.getuid() or status.st_mode & 0o077:
        return Path(tempfile.mkdtemp(prefix="hwgen-"))
    return folder


def content_key(parts: Iterable[str | bytes]) -> str:
    """A hash of the parts in order, 24 hexadecimal digits; parts cannot run into one another."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()[:24]


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on the file `path`; it is left in place, because removing it would race."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def cached(folder: Path, kind: str, key: str, make: Callable[[Path], None]) -> Path:
    """The folder `folder/kind/key`, filled by `make(empty folder)` when it does not exist yet.

    Only one process makes an entry; it appears by a rename, so a reader never sees half of one.
    """
    shelf = folder / kind
    entry = shelf / key
    shelf.mkdir(parents=True, exist_ok=True)
    if not entry.is_dir():
        with locked(shelf / f"{key}.lock"):
            if not entry.is_dir():
                _make(shelf, entry, make)
    with suppress(OSError):
        os.utime(entry)
    return entry


def _make(shelf: Path, entry: Path, make: Callable[[Path], None]) -> None:
    _prune(shelf)
    fresh = Path(tempfile.mkdtemp(prefix=f".{entry.name}-", dir=shelf))
    try:
        make(fresh)
        fresh.chmod(0o755)
        fresh.rename(entry)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _prune(shelf: Path) -> None:
    """Drop entries that nothing used for a month."""
    oldest = time.time() - _KEEP_SECONDS
    for path in shelf.iterdir():
        with suppress(OSError):
            if path.is_dir() and path.stat().st_mtime < oldest:
                shutil.rmtree(path, ignore_errors=True)
