"""Channels to pixels: any block, both orders of channels; both memories, any rings that suffice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwgen.ir.graph import Value
from hwgen.kernels.depth_to_space import DepthToSpaceUnit
from hwgen.kernels.ram import Ram
from hwgen.ops.depth_to_space import DepthToSpace
from sim.bench_threshold import random_type
from sim.bench_window import pair, random_fold

MOST_BEATS = 150


@dataclass(frozen=True)
class TightDepthToSpace(DepthToSpaceUnit):
    """The fewest places, in the memory that is asked for."""

    block: bool = False

    @property
    def ram(self) -> Ram:
        return Ram(self.replay.depth, self.input_stream().width, self.block)


def tight(kernel: DepthToSpaceUnit, block: bool) -> TightDepthToSpace:
    """The same with the fewest places."""
    return TightDepthToSpace(kernel.op, kernel.inputs, kernel.fold, block)


def random_kernel(rng: np.random.Generator) -> DepthToSpaceUnit:
    """At most MOST_BEATS beats a frame on either side."""
    while True:
        op = DepthToSpace(pair(rng.integers(1, 4, 2)), bool(rng.integers(2)))
        channels = int(rng.choice([1, 2, 3, 4, 5, 6])) * op.block[0] * op.block[1]
        value = Value("x", (*pair(rng.integers(1, 5, 2)), channels), random_type(rng, int(rng.integers(1, 10))))
        folded = random_fold(DepthToSpaceUnit.lower(op, (value,)), rng)
        if folded.ideal <= MOST_BEATS:
            return folded if rng.random() < 0.4 else tight(folded, bool(rng.integers(2)))
