"""BLAS keeps to one thread inside, and has its own again afterwards, also after an error."""

from __future__ import annotations

import pytest

from hwgen import blas


def test_threads_are_given_back() -> None:
    calls = blas._calls()
    assert calls is not None, "numpy of this environment brings OpenBLAS"
    threads, put = calls
    before = threads()
    put(3)
    try:
        with blas.one_thread() as alone:
            assert (alone, threads()) == (True, 1)
        with pytest.raises(KeyError), blas.one_thread():
            raise KeyError
        assert threads() == 3
    finally:
        put(before)


def test_another_blas_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blas, "_calls", lambda: None)
    with blas.one_thread() as alone:
        assert not alone
