"""The search kernel: the vectors of bench_threshold, and numbers of levels around each power of two."""

from __future__ import annotations

import numpy as np

from hwgen.kernels.step import StepKernel
from hwgen.kernels.threshold_search import ThresholdSearch
from sim.bench_threshold import check, random_kernel

__all__ = ["LEVELS", "check", "random_search"]

LEVELS = (1, 2, 3, 4, 6, 7, 8, 14, 15, 16, 30, 31, 62, 127, 200, 255)


def random_search(rng: np.random.Generator) -> StepKernel:
    """A search of a random step function."""
    return random_kernel(ThresholdSearch, rng, LEVELS, lanes=6)
