"""Threads: the processors there are, and OpenBLAS (which numpy's wheels bring) kept to one for each of ours."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np

_FOLDERS = ("../numpy.libs", ".dylibs")
"""Where the wheels have it, from numpy's own folder."""
_NAMES = (("scipy_openblas", "64_"), ("scipy_openblas", ""), ("openblas", "64_"), ("openblas", ""))
"""Beginnings and ends of its functions' names."""
_LOCK = threading.Lock()


@contextmanager
def one_thread() -> Iterator[bool]:
    """Inside, a matrix product stays in the thread that asks for it: threads of BLAS wait by spinning, and get in the
    way of other work. One user at a time. Gives False, and does nothing, where numpy has another BLAS.
    """
    calls = _calls()
    if calls is None:
        yield False
        return
    get, put = calls
    with _LOCK:
        before = get()
        put(1)
        try:
            yield True
        finally:
            put(before)


def processors() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _calls() -> tuple[ctypes._NamedFuncPointer, ctypes._NamedFuncPointer] | None:
    """The functions that tell and set the number of threads."""
    home = Path(np.__file__).parent
    for library in (path for folder in _FOLDERS for path in sorted((home / folder).glob("*openblas*"))):
        loaded = ctypes.CDLL(str(library))
        for head, tail in _NAMES:
            if hasattr(loaded, f"{head}_set_num_threads{tail}"):
                return loaded[f"{head}_get_num_threads{tail}"], loaded[f"{head}_set_num_threads{tail}"]
    return None
