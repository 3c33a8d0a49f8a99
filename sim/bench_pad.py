"""Padding: any border on any side, one value or one a channel, types that widen, bipolar maps that become ternary."""

from __future__ import annotations

import numpy as np

from hwgen.ir.graph import Value
from hwgen.ir.tensor import Array, Tensor
from hwgen.ir.types import BIPOLAR, IntType
from hwgen.kernels.pad import PadUnit
from hwgen.ops.pad import Pad
from sim.bench_threshold import random_type
from sim.bench_window import random_fold

MOST_BEATS = 150


def random_border(rng: np.random.Generator, kind: IntType, channels: int) -> Array:
    """One value or one a channel: of the type, zero, or somewhat outside the type."""
    count = channels if rng.random() < 0.5 else 1
    choice = rng.random()
    if choice < 0.3:
        return np.zeros(count, np.int64)
    if kind == BIPOLAR and choice < 0.6:
        return np.asarray(2 * rng.integers(0, 2, count) - 1)
    widening = int(choice > 0.7) * int(rng.integers(1, 20))
    return np.asarray(rng.integers(kind.lo - widening, kind.hi + widening, count, endpoint=True))


def random_kernel(rng: np.random.Generator, kind: IntType | None = None) -> PadUnit:
    """At most MOST_BEATS beats a frame; a third of the sides have no border."""
    while True:
        kind = kind or random_type(rng, int(rng.integers(1, 10)))
        height, width = map(int, rng.integers(1, 6, 2))
        channels = int(rng.choice([1, 2, 3, 4, 5, 6, 7, 11, 13]))
        top, left, bottom, right = map(int, rng.choice([0, 0, 1, 1, 2, 3], 4))
        op = Pad(top, left, bottom, right, Tensor(random_border(rng, kind, channels)))
        lowered = PadUnit.lower(op, (Value("x", (height, width, channels), kind),))
        folded = random_fold(lowered, rng)
        if folded.ideal <= MOST_BEATS:
            return folded
