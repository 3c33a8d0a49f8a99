"""Width converter: any two lane counts, frames that do not fill their last beat."""

from __future__ import annotations

from math import lcm

import numpy as np

from hwgen.ir.graph import Value
from hwgen.kernels.width_converter import WidthConverter
from sim.bench_threshold import random_type

RATIOS = [(1, 1), (1, 4), (4, 1), (2, 3), (3, 2), (7, 4), (4, 7), (16, 49), (64, 49), (3, 8), (8, 10), (10, 64), (5, 1)]


def random_kernel(rng: np.random.Generator) -> WidthConverter:
    """A ratio of the list or any other; half of the frames divide by both sides, the others by what they like."""
    source, sink = rng.choice(RATIOS) if rng.random() < 0.5 else rng.integers(1, 13, 2)
    whole = lcm(int(source), int(sink)) * int(rng.integers(1, 4))
    elements = whole if rng.random() < 0.5 else int(rng.integers(1, max(2 * source, 2 * sink, 40)))
    value = Value("x", (elements,), random_type(rng, int(rng.integers(1, 6))))
    return WidthConverter.between(value, int(source), int(sink))
