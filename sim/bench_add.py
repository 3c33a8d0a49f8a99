"""Sum of two streams: random types of both sides, small and large multipliers of either sign."""

from __future__ import annotations

import numpy as np

from hwgen.ir.graph import Value
from hwgen.kernels.add import AddUnit
from hwgen.ops.add import Add
from sim.bench_threshold import random_type
from sim.bench_window import random_fold

SHAPES = [(5,), (12,), (2, 3, 4), (1, 4, 6), (3, 2, 1)]


def random_kernel(rng: np.random.Generator) -> AddUnit:
    """Vectors and maps of 1 to 10 bits; one side in three is multiplied by one."""
    shape = SHAPES[rng.integers(len(SHAPES))]
    inputs = tuple(Value(name, shape, random_type(rng, int(rng.integers(1, 11)))) for name in "ab")
    return random_fold(AddUnit.lower(Add(random_factor(rng), random_factor(rng)), inputs), rng)


def random_factor(rng: np.random.Generator) -> int:
    """Not zero, one time in twenty beyond 32 bits."""
    bits = int(rng.choice([1, 1, 1, 2, 3, 5, 9, 12, 20, 45], p=[0.1] * 8 + [0.15, 0.05]))
    return int(rng.choice([-1, 1])) * int(rng.integers(1 << (bits - 1), 1 << bits))
