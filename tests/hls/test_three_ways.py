"""One random kernel of each kind three ways: `run`, RTL in Verilator under stalls, HLS C simulation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hwgen import kernels
from hwgen.kernels.base import Kernel
from sim.kernel_bench import check_kernel
from tests.hls.kernels import check_kernels
from tests.hls.test_kernels_compute import GROUPS
from tests.hls.test_kernels_move import RANDOM

DRAWS = (*RANDOM, *(draw for draws, _ in GROUPS.values() for draw in draws))
FRAMES = 6


def drawn(seed: int) -> list[Kernel]:
    """One of each kind; the adapters at the ports and the FIFOs have tests of their own."""
    rng = np.random.default_rng(seed)
    return [draw(rng) for draw in DRAWS]


@pytest.fixture
def base(request: pytest.FixtureRequest) -> int:
    """The base seed itself: the kernels and the frames are the same in both tests below."""
    return int(request.config.getoption("--seed"))


def test_every_kernel_is_drawn(base: int) -> None:
    own = {"stream_input", "stream_output", "fifo"}
    assert {kernel.stem for kernel in drawn(base)} == {k.stem for k in (*kernels.KERNELS, *kernels.LIBRARY)} - own


def test_hls_equals_run(base: int, gxx: str, tmp_path: Path) -> None:
    check_kernels(drawn(base), seed=base, work=tmp_path, count=FRAMES)


@pytest.mark.parametrize("index", range(len(DRAWS)))
def test_rtl_equals_run(index: int, base: int, verilator: None, tmp_path: Path) -> None:
    check_kernel(drawn(base)[index], FRAMES, seed=base + index, work=tmp_path)
