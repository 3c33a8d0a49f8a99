"""Argmax: scores with many ties, in all positions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hwgen.ir.graph import Value
from hwgen.ir.tensor import Array, Tensor
from hwgen.ir.types import BIPOLAR
from hwgen.kernels.argmax import ArgMaxUnit
from hwgen.ops.argmax import ArgMax
from sim.bench_threshold import random_type
from sim.kernel_bench import RTL, KernelTiming, check_kernel, random_frames


def random_kernel(rng: np.random.Generator) -> ArgMaxUnit:
    """Up to 24 classes, with and without factor and offsets."""
    classes = int(rng.choice([1, 2, 3, 5, 7, 9, 10, 12, 16, 24]))
    kind = random_type(rng, int(rng.integers(1, 12) if rng.random() < 0.8 else rng.integers(12, 41)))
    multiplier = int(rng.choice([1, 1, 3, 10, 12345, (1 << 31) - 1]))
    spread = min(int(rng.choice([0, 2, 100, 1 << 35])) * multiplier, 1 << 60)
    offset = rng.integers(-spread, spread, classes, endpoint=True)
    lowered = ArgMaxUnit.lower(ArgMax(multiplier, Tensor(offset)), (Value("a", (classes,), kind),))
    return lowered.folded(rng.choice(list(lowered.foldings())))


def frames_with_ties(kernel: ArgMaxUnit, count: int, rng: np.random.Generator) -> Array:
    """(count, C): random values, in half of the frames with several equal largest scores."""
    kind, offset = kernel.input_type, kernel.op.offset.array
    values = random_frames(kind, kernel.inputs[0].shape, count, rng)
    if kind == BIPOLAR:
        return values
    for frame in values[3::2]:
        # The same score at random classes, as far as the offsets are multiples of the factor.
        best = (frame * kernel.op.multiplier + offset).max()
        equal = np.clip((best - offset) // kernel.op.multiplier, kind.lo, kind.hi)
        chosen = rng.random(kernel.classes) < 0.5
        frame[chosen] = equal[chosen]
    return values


def check(kernel: ArgMaxUnit, *, seed: int, work: Path, simulator: str = "verilator",
          library: Sequence[Path] = (RTL,)) -> KernelTiming:
    """check_kernel on frames with ties."""
    count = max(8, min(64, 256 // kernel.input_stream().beats))
    values = frames_with_ties(kernel, count, np.random.default_rng(seed))
    return check_kernel(kernel, seed=seed, work=work, simulator=simulator, values=values, library=library)
