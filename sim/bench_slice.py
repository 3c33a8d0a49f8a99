"""Slices: any box of any map."""

from __future__ import annotations

import numpy as np

from hwgen.ir.graph import Value
from hwgen.kernels.slice import SliceUnit
from hwgen.ops.slice import Slice
from sim.bench_threshold import random_type
from sim.bench_window import random_fold

MOST_BEATS = 150


def random_kernel(rng: np.random.Generator) -> SliceUnit:
    """At most MOST_BEATS beats a frame; sides that are cut and sides that are not."""
    while True:
        shape = (*map(int, rng.integers(1, 7, 2)), int(rng.choice([1, 2, 3, 4, 6, 8, 9, 12])))
        start = [int(rng.integers(0, n)) if rng.random() < 0.6 else 0 for n in shape]
        stop = [int(rng.integers(s + 1, n + 1)) if rng.random() < 0.6 else n for s, n in zip(start, shape, strict=True)]
        op = Slice((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))
        value = Value("x", shape, random_type(rng, int(rng.integers(1, 10))))
        folded = random_fold(SliceUnit.lower(op, (value,)), rng)
        if folded.ideal <= MOST_BEATS:
            return folded
