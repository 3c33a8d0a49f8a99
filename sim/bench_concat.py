"""Concatenation: two to four inputs of random types and channel counts, maps and vectors."""

from __future__ import annotations

import numpy as np

from hwgen.ir.graph import Value
from hwgen.ir.types import BIPOLAR
from hwgen.kernels.concat import ConcatUnit
from hwgen.ops.concat import Concat
from sim.bench_threshold import random_type
from sim.bench_window import random_fold


def random_kernel(rng: np.random.Generator) -> ConcatUnit:
    """Channel counts with a common divisor now and then; one in six all bipolar."""
    leading = [(), (3,), (2, 2), (1, 4)][int(rng.integers(4))]
    step, same = int(rng.integers(1, 4)), rng.random() < 1 / 6
    kinds = [BIPOLAR if same else random_type(rng, int(rng.integers(1, 9))) for _ in range(int(rng.integers(2, 5)))]
    inputs = tuple(Value(f"x{i}", (*leading, step * int(rng.integers(1, 5))), kind) for i, kind in enumerate(kinds))
    return random_fold(ConcatUnit.lower(Concat(), inputs), rng)
