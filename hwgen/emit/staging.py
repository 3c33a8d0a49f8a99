"""The build directory appears whole or not at all."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hwgen.errors import HwgenError

MARKER = ".hwgen-build"
"""A file in every build directory: only a folder that has it is ever replaced."""
_MARKER_TEXT = "hwgen writes this folder anew at every build.\n"
_REPLACE_ATTEMPTS = 8


@contextmanager
def staged(out: Path) -> Iterator[Path]:
    """Yields a new folder beside `out`; when the body ends it becomes `out`, when the body raises it is removed.

    A build directory of hwgen at `out` is replaced at that moment and stays as it is until then. Folders that a killed
    build left beside `out` are removed. Raises HwgenError "output-folder" where `out` is a file or a foreign non-empty
    folder, or cannot be written.
    """
    target = _checked(out)
    stage = _sibling(target, "new")
    with _system_errors(out):
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(target)
        stage.mkdir()
        (stage / MARKER).write_text(_MARKER_TEXT, encoding="utf-8")
        lock = os.open(stage, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield stage
        with _system_errors(out):
            _publish(stage, target)
    finally:
        os.close(lock)
        shutil.rmtree(stage, ignore_errors=True)


def _checked(out: Path) -> Path:
    """The real path of `out`, which may be replaced."""
    with _system_errors(out):
        target = out.resolve()
        exists = target.exists()
        entries = os.listdir(target) if exists else []
    if entries and MARKER not in entries:
        raise HwgenError("output-folder", str(out), "the folder is not empty and hwgen did not make it",
                         "Choose another folder with --out, or empty this one.")
    return target


@contextmanager
def _system_errors(out: Path) -> Iterator[None]:
    """Turns an OSError into the message for the user."""
    try:
        yield
    except OSError as error:
        raise HwgenError("output-folder", str(out), f"the folder cannot be written: {error.strerror}",
                         "Choose another folder with --out.") from error


def _sibling(target: Path, kind: str) -> Path:
    return target.parent / f".{target.name}.hwgen-{kind}-{secrets.token_hex(4)}"


def _publish(stage: Path, target: Path) -> None:
    """Renames stage to target; a folder that another build has put there meanwhile is replaced too."""
    for _ in range(_REPLACE_ATTEMPTS):
        old = _sibling(target, "old")
        with suppress(FileNotFoundError):
            target.rename(old)
        try:
            stage.rename(target)
        except OSError:
            if not target.exists():
                old.rename(target)
                raise
        else:
            shutil.rmtree(old, ignore_errors=True)
            return
        shutil.rmtree(old, ignore_errors=True)
    raise OSError(0, "other builds keep writing it")


def _remove_abandoned(target: Path) -> None:
    """Removes the folders of killed builds: those that no living process has locked."""
    for path in target.parent.glob(f".{_escaped(target.name)}.hwgen-*-*"):
        with suppress(OSError):
            handle = os.open(path, os.O_RDONLY)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(handle)


def _escaped(name: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)
