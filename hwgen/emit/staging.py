"""The build directory appears whole or not at all."""

from __future__ import annotations

import fcntl
import glob
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


@contextmanager
def staged(out: Path) -> Iterator[Path]:
    """Yields a new folder beside `out`; when the body ends it becomes `out`, when the body raises it is removed.

    A build directory of hwgen at `out` is replaced at that moment and stays as it is until then. Folders that a killed
    build left beside `out` are removed. Raises HwgenError "output-folder" where `out` is a file or a foreign non-empty
    folder, or cannot be written.
    """
    with _system_errors(out):
        target = out.resolve()
        target.parent.mkdir(parents=True, exist_ok=True)
        with _locked(target.parent):
            _refuse_foreign(target, out)
            _remove_abandoned(target)
            stage = _sibling(target)
            stage.mkdir()
            lock = _lock(stage, fcntl.LOCK_EX)
        (stage / MARKER).write_text(_MARKER_TEXT, encoding="utf-8")
    try:
        yield stage
        with _system_errors(out), _locked(target.parent):
            _refuse_foreign(target, out)
            _publish(stage, target)
    finally:
        os.close(lock)
        shutil.rmtree(stage, ignore_errors=True)


@contextmanager
def _system_errors(out: Path) -> Iterator[None]:
    """Turns an OSError into the message for the user."""
    try:
        yield
    except OSError as error:
        raise HwgenError("output-folder", str(out), f"the folder cannot be written: {error.strerror}",
                         "Choose another folder with --out.") from error


def _refuse_foreign(target: Path, out: Path) -> None:
    entries = os.listdir(target) if target.exists() else []
    if entries and MARKER not in entries:
        raise HwgenError("output-folder", str(out), "the folder is not empty and hwgen did not make it",
                         "Choose another folder with --out, or empty this one.")


def _lock(folder: Path, kind: int) -> int:
    """An open handle that holds the lock until it is closed or its process ends; where locks do not exist, none."""
    handle = os.open(folder, os.O_RDONLY)
    with suppress(OSError):
        fcntl.flock(handle, kind)
    return handle


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    handle = _lock(folder, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(handle)


def _sibling(target: Path) -> Path:
    return target.parent / f".{target.name}.hwgen-{secrets.token_hex(4)}"


def _publish(stage: Path, target: Path) -> None:
    """Renames stage to target, which is absent, empty or ours; puts the earlier build back if that fails."""
    old = _sibling(target)
    if target.exists():
        target.rename(old)
    try:
        stage.rename(target)
    except OSError:
        if old.exists():
            old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _remove_abandoned(target: Path) -> None:
    """Removes the folders of killed builds: those that no living process has locked."""
    for path in target.parent.glob(f".{glob.escape(target.name)}.hwgen-*"):
        with suppress(OSError):
            handle = os.open(path, os.O_RDONLY)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(handle)
