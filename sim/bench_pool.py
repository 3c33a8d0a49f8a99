"""Pooling: random windows of every kind, and whole maps."""

from __future__ import annotations

import numpy as np

from hwgen.ir.graph import Value
from hwgen.ir.tensor import Tensor
from hwgen.kernels.pool import PoolUnit
from hwgen.ops.pool import Pool
from sim.bench_threshold import random_type
from sim.bench_window import random_fold


def random_kernel(rng: np.random.Generator) -> PoolUnit:
    """Max, min or sum of 2 to 9 elements, or of a map, of up to 12 channels."""
    channels = int(rng.choice([1, 2, 3, 4, 5, 6, 8, 12]))
    kind = random_type(rng, int(rng.integers(1, 14)))
    op = Pool("sum" if rng.random() < 0.5 else "max", channels, Tensor(rng.integers(0, 2, 1).astype(bool)))
    windows = (int(rng.integers(1, 4)), int(rng.integers(1, 4)), int(rng.integers(2, 10)) * channels)
    shape = windows if rng.random() < 0.7 else (int(rng.integers(2, 4)), int(rng.integers(1, 4)), channels)
    lowered = PoolUnit.lower(op, (Value("x", shape, kind),))
    return random_fold(lowered, rng)
