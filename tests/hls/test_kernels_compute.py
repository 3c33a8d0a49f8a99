"""Kernels that compute: HLS C simulation against `run`, for the random kernels that the RTL benches simulate."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hwgen.kernels.base import Kernel
from hwgen.kernels.mvau import Mvau
from hwgen.kernels.threshold import ThresholdUnit
from sim import (
    bench_argmax,
    bench_depthwise,
    bench_mvau,
    bench_mvau_xnor,
    bench_pool,
    bench_requantize,
    bench_table,
    bench_threshold,
    bench_threshold_search,
)
from tests.hls.kernels import check_kernels

COMPARED = (1, 1, 2, 3, 5, 7, 15, 31)


def test_matrix_vector_units(seed: int, gxx: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    kernels: list[Kernel] = [bench_mvau.random_kernel(Mvau, rng) for _ in range(12)]
    kernels += [bench_mvau_xnor.random_xnor(rng) for _ in range(6)]
    check_kernels(kernels, seed=seed, work=tmp_path, frames=bench_mvau.telling_frames)


def test_depthwise(seed: int, gxx: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    kernels = [bench_depthwise.random_kernel(rng) for _ in range(16)]
    check_kernels(kernels, seed=seed, work=tmp_path, frames=bench_depthwise.telling_frames)


def test_step_functions(seed: int, gxx: str, tmp_path: Path) -> None:
    """Comparators, search and requantize, with inputs at the thresholds and beside them."""
    rng = np.random.default_rng(seed)
    kernels: list[Kernel] = [bench_threshold.random_kernel(ThresholdUnit, rng, COMPARED) for _ in range(10)]
    kernels += [bench_threshold_search.random_search(rng) for _ in range(10)]
    kernels += [bench_requantize.random_requantize(rng) for _ in range(10)]
    check_kernels(kernels, seed=seed, work=tmp_path, frames=bench_threshold.frames_at_thresholds, count=40)


def test_tables_and_pools(seed: int, gxx: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    kernels: list[Kernel] = [bench_table.random_table(rng) for _ in range(12)]
    kernels += [bench_pool.random_kernel(rng) for _ in range(12)]
    check_kernels(kernels, seed=seed, work=tmp_path, count=20)


def test_argmax(seed: int, gxx: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    kernels = [bench_argmax.random_kernel(rng) for _ in range(16)]
    check_kernels(kernels, seed=seed, work=tmp_path, frames=bench_argmax.frames_with_ties, count=20)
