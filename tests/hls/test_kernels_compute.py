"""Kernels that compute: HLS C simulation against `run`, for the random kernels that the RTL benches simulate."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hwgen.data import folder
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
from sim.kernel_bench import random_inputs
from tests.hls.kernels import Frames, HlsKernels, check_kernels
from tests.kernels import test_mvau

Draw = Callable[[np.random.Generator], Kernel]
COMPARED = (1, 1, 2, 3, 5, 7, 15, 31)


def any_frames(kernel: Kernel, count: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    return random_inputs(kernel, count, int(rng.integers(1 << 30)))


GROUPS: dict[str, tuple[tuple[Draw, ...], Frames]] = {
    "matrix": ((lambda rng: bench_mvau.random_kernel(Mvau, rng), bench_mvau_xnor.random_xnor),
               bench_mvau.telling_frames),
    "depthwise": ((bench_depthwise.random_kernel,), bench_depthwise.telling_frames),
    "steps": ((lambda rng: bench_threshold.random_kernel(ThresholdUnit, rng, COMPARED),
               bench_threshold_search.random_search, bench_requantize.random_requantize),
              bench_threshold.frames_at_thresholds),
    "tables": ((bench_table.random_table, bench_pool.random_kernel), any_frames),
    "argmax": ((bench_argmax.random_kernel,), bench_argmax.frames_with_ties),
}
"""Kernels that are compiled together, and the frames that tell most about them."""


@pytest.mark.parametrize("group", GROUPS)
def test_random_kernels(group: str, seed: int, gxx: str, tmp_path: Path) -> None:
    draws, frames = GROUPS[group]
    rng = np.random.default_rng(seed)
    kernels = [draw(rng) for _ in range(24 // len(draws)) for draw in draws]
    check_kernels(kernels, seed=seed, work=tmp_path, frames=frames, count=20)


def test_products_beyond_a_word(seed: int, gxx: str, tmp_path: Path) -> None:
    """Sums of up to 70 bits, beats and weight words of several hundred."""
    made = [test_mvau.unit(12, 8, 4, 6, a, w, seed) for a, w in (("int16", "int17"), ("uint31", "int31"))]
    wide = test_mvau.unit(60, 40, 20, 30, "uint8", "int8", seed)
    block = test_mvau.unit(784, 2, 1, 1, "uint12", "int8", seed)
    check_kernels([*made, wide, block], seed=seed, work=tmp_path, frames=bench_mvau.telling_frames)


MUTANTS = [
    ("matrix", "matrix_vector.hpp", "if (fold == 0) kept", "if (fold == 1) kept"),
    ("matrix", "matrix_vector.hpp", "column == 0 ?", "column == 1 ?"),
    ("matrix", "mvau_xnor.hpp", "2 * ones - C::MW", "2 * ones"),
    ("depthwise", "depthwise.hpp", "tap * FOLDS + fold", "fold"),
    ("steps", "threshold.hpp", "<= a ?", "< a ?"),
    ("steps", "threshold_search.hpp", "(fold << STAGE) + level", "level"),
    ("steps", "steps.hpp", "C::LEVELS - level", "level"),
    ("steps", "requantize.hpp", "C::TIES == 1 && cut ==", "C::TIES == 1 && cut !="),
    ("tables", "table.hpp", "lane<C::IN_BITS>(x, LANE) - C::LO", "lane<C::IN_BITS>(x, LANE)"),
    ("tables", "pool.hpp", "above != (C::LEAST != 0)", "above"),
    ("argmax", "argmax.hpp", "best[p + span].score > best[p].score", "best[p + span].score >= best[p].score"),
]


@pytest.mark.parametrize("group", GROUPS)
def test_mutants_fail(group: str, seed: int, gxx: str, tmp_path: Path) -> None:
    """One broken header at a time: one of a few fixed kernels gives something else."""
    draws, frames = GROUPS[group]
    rng = np.random.default_rng(6)
    kernels = [draw(rng) for _ in range(12 // len(draws)) for draw in draws]
    for index, (_, name, old, new) in enumerate(mutant for mutant in MUTANTS if mutant[0] == group):
        work = tmp_path / str(index)
        library = work / "hls"
        shutil.copytree(folder("hls"), library)
        text = (library / name).read_text()
        assert text.count(old) == 1, old
        (library / name).write_text(text.replace(old, new))
        with pytest.raises(AssertionError, match="kernel"):
            check_kernels(kernels, seed=seed, work=work, frames=frames, includes=[library / "shim", library], count=20)


def test_a_stream_that_is_read_too_often_is_named(seed: int, gxx: str, tmp_path: Path) -> None:
    library = tmp_path / "hls"
    shutil.copytree(folder("hls"), library)
    text = (library / "matrix_vector.hpp").read_text()
    changed = text.replace("fold == 0 ? s_axis.read() : kept[column]", "s_axis.read()")
    assert changed != text
    (library / "matrix_vector.hpp").write_text(changed)
    kernel = test_mvau.unit(6, 4, 2, 3, "uint4", "int4", seed)
    compiled = HlsKernels([kernel], tmp_path, includes=[library / "shim", library])
    with pytest.raises(RuntimeError, match="deadlock: stream s_axis is read while empty"):
        compiled.run(0, np.zeros((1, 6), int))
