"""Upsampling by any whole factors; both memories, rings of 2^n and of as few places as suffice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwgen.ir.graph import Value
from hwgen.kernels.ram import Ram
from hwgen.kernels.upsample import UpsampleUnit
from hwgen.ops.upsample import Upsample
from sim.bench_threshold import random_type
from sim.bench_window import pair, random_fold

MOST_BEATS = 150


@dataclass(frozen=True)
class TightUpsample(UpsampleUnit):
    """The fewest places, in the memory that is asked for."""

    block: bool = False

    @property
    def ram(self) -> Ram:
        return Ram(self.replay.depth, self.input_stream().width, self.block)


def tight(kernel: UpsampleUnit, block: bool) -> TightUpsample:
    """The same with the fewest places."""
    return TightUpsample(kernel.op, kernel.inputs, kernel.fold, block)


def random_kernel(rng: np.random.Generator) -> UpsampleUnit:
    """At most MOST_BEATS beats a frame on either side."""
    while True:
        channels = int(rng.choice([1, 2, 3, 4, 5, 6, 7]))
        shape = (*pair(rng.integers(1, 6, 2)), channels)
        value = Value("x", shape, random_type(rng, int(rng.integers(1, 10))))
        folded = random_fold(UpsampleUnit.lower(Upsample(pair(rng.integers(1, 4, 2))), (value,)), rng)
        if folded.ideal <= MOST_BEATS:
            return folded if rng.random() < 0.4 else tight(folded, bool(rng.integers(2)))
