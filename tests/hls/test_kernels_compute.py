"""Kernels that compute: HLS C simulation against `run`, for the random kernels that the RTL benches simulate."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hwgen.kernels.base import Kernel
from hwgen.kernels.mvau import Mvau
from sim import bench_mvau, bench_mvau_xnor
from tests.hls.kernels import check_kernels


def test_matrix_vector_units(seed: int, gxx: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    kernels: list[Kernel] = [bench_mvau.random_kernel(Mvau, rng) for _ in range(12)]
    kernels += [bench_mvau_xnor.random_xnor(rng) for _ in range(6)]
    check_kernels(kernels, seed=seed, work=tmp_path, frames=bench_mvau.telling_frames, count=6)
