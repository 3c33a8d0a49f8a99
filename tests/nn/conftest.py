"""Tests of the QAT front end need torch; those of the documents need ../shared/seeds."""

from __future__ import annotations

import pytest

from tests.nn.documents import SEEDS

torch = pytest.importorskip("torch")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Sums in one order: the same floats in every run."""
    torch.set_num_threads(1)


@pytest.fixture
def seeds() -> None:
    """The two source documents."""
    if not SEEDS.is_dir():
        pytest.skip("../shared/seeds is not there")
