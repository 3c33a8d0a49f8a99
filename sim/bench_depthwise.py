"""Depthwise unit: random weights, types and foldings, and the inputs that reach both ends of the sums."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hwgen.ir.graph import Value
from hwgen.ir.tensor import Array, Tensor
from hwgen.ir.types import IntType
from hwgen.kernels.base import Fold
from hwgen.kernels.depthwise import DepthwiseUnit
from hwgen.ops.depthwise import Depthwise
from sim.bench_mvau import random_type
from sim.bench_window import random_fold
from sim.kernel_bench import RTL, KernelTiming, check_kernel, random_frames

MOST_BEATS = 150


def unit(channels: int, taps: int, pe: int, a: IntType, w: IntType, *, seed: int = 0,
         positions: tuple[int, ...] = (2,)) -> DepthwiseUnit:
    """A kernel with random weights on windows at `positions`."""
    weights = random_frames(w, (taps,), channels + 3, np.random.default_rng(seed))[3:]
    weights[0, 0], weights[-1, -1] = w.lo, w.hi
    op = Depthwise(Tensor(weights), w)
    return DepthwiseUnit(op, (Value("x", (*positions, taps * channels), a),), Fold(pe))


def random_kernel(rng: np.random.Generator, *, widest: int = 8) -> DepthwiseUnit:
    """1 to 16 taps of up to 40 channels at up to 6 positions, at most MOST_BEATS beats a frame."""
    while True:
        channels, taps = int(rng.choice([1, 2, 3, 4, 6, 7, 12, 40])), int(rng.choice([1, 2, 3, 4, 9, 16]))
        positions = (int(rng.integers(1, 4)), int(rng.integers(1, 3)))
        a, w = random_type(rng, widest), random_type(rng, widest)
        kernel = unit(channels, taps, 1, a, w, seed=int(rng.integers(1 << 30)), positions=positions)
        kernel = random_fold(kernel, rng)
        if kernel.cycles <= MOST_BEATS:
            return kernel


def telling_frames(kernel: DepthwiseUnit, frames: int, rng: np.random.Generator) -> Array:
    """Random frames, and those that drive every channel's sums to their ends: each input follows its weight's sign."""
    given = random_frames(kernel.input_type, kernel.inputs[0].shape, max(frames, 6), rng)
    weights = kernel.op.weight.array.T.ravel()
    given[3] = np.where(weights > 0, kernel.input_type.hi, kernel.input_type.lo)
    given[4] = np.where(weights > 0, kernel.input_type.lo, kernel.input_type.hi)
    return given


def check(kernel: DepthwiseUnit, *, seed: int, work: Path, simulator: str = "verilator", frames: int = 6,
          library: Sequence[Path] = (RTL,)) -> KernelTiming:
    """Simulate on telling frames: values under all stalls, cycles and the schedule exact."""
    values = telling_frames(kernel, frames, np.random.default_rng(seed))
    return check_kernel(kernel, seed=seed, work=work, simulator=simulator, values=values, library=library)
