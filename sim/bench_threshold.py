"""Both threshold kernels: random step functions, and inputs at every threshold and on either side of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hwgen.ir.graph import Value
from hwgen.ir.tensor import Array, Tensor
from hwgen.ir.types import BIPOLAR, IntType, full_range
from hwgen.kernels.step import StepKernel
from hwgen.ops.threshold import Threshold
from sim.kernel_bench import RTL, KernelTiming, check_kernel, random_frames

WIDEST = 40


def random_type(rng: np.random.Generator, bits: int) -> IntType:
    """Signed, unsigned or odd intervals of at most `bits` bits; bipolar now and then."""
    if bits == 1 or rng.random() < 0.05:
        return BIPOLAR
    full = full_range(bits, bool(rng.integers(2)))
    if rng.random() < 0.6:
        return full
    lo = int(rng.integers(full.lo, full.hi))
    return IntType(lo, int(rng.integers(lo + 1, full.hi, endpoint=True)))


def random_output(rng: np.random.Generator, levels: int) -> IntType:
    """A type of levels + 1 values."""
    if levels == 1 and rng.random() < 0.5:
        return BIPOLAR
    lo = int(rng.choice([0, -(levels + 1) // 2, 1 - (levels + 1) // 2, 3, -levels - 5]))
    return IntType(lo, lo + levels)


def random_steps(rng: np.random.Generator, kind: IntType, channels: int, levels: int) -> Array:
    """(channels, levels) ascending in [lo, hi + 1]: spread, crowded, or with values that are never reached."""
    low, high = kind.lo, kind.hi + 1
    if rng.random() < 0.3:
        middle = int(rng.integers(low, high, endpoint=True))
        low, high = max(low, middle - levels), min(high, middle + levels)
    rows = np.sort(rng.integers(low, high, (channels, levels), endpoint=True), axis=1)
    if rng.random() < 0.3:
        rows[rng.integers(channels), rng.integers(levels):] = kind.hi + 1
    return rows[:1].repeat(channels, axis=0) if rng.random() < 0.15 else rows


def random_kernel(kernel: type[StepKernel], rng: np.random.Generator, levels: Sequence[int],
                  channels: Sequence[int] = (1, 2, 3, 4, 6, 8, 12, 16), lanes: int = 16) -> StepKernel:
    """A folding of at most `lanes` lanes of a random step function with one of the given numbers of thresholds."""
    count, steps = int(rng.choice(channels)), int(rng.choice(levels))
    kind = random_type(rng, int(rng.integers(2, 14) if rng.random() < 0.8 else rng.integers(14, WIDEST, endpoint=True)))
    down = (rng.random(count) < rng.choice([0, 0, 0.5, 1])).astype(bool)
    op = Threshold(Tensor(random_steps(rng, kind, count, steps)), Tensor(down), random_output(rng, steps))
    leading = [(), (3,), (2, 2)][int(rng.integers(3))]
    lowered = kernel.lower(op, (Value("a", (*leading, count), kind),))
    return lowered.folded(rng.choice([fold for fold in lowered.foldings() if fold.pe <= lanes]))


def frames_at_thresholds(kernel: StepKernel, count: int, rng: np.random.Generator) -> Array:
    """(count, *shape): random values, of which three quarters are a threshold of their channel, or one less or more."""
    kind = kernel.input_type
    values = random_frames(kind, kernel.inputs[0].shape, count, rng)
    if kind == BIPOLAR:
        return values
    rows = kernel.op.thresholds.array
    picked = rows[np.arange(rows.shape[0]), rng.integers(rows.shape[1], size=values.shape)]
    near = np.clip(picked + rng.integers(-1, 1, values.shape, endpoint=True), kind.lo, kind.hi)
    near[1:3] = values[1:3]
    return np.where(rng.random(values.shape) < 0.75, near, values)


def check(kernel: StepKernel, *, seed: int, work: Path, simulator: str = "verilator",
          library: Sequence[Path] = (RTL,)) -> KernelTiming:
    """check_kernel on 8 frames at the thresholds (more where a frame is short)."""
    count = max(8, min(64, 256 // kernel.input_stream().beats))
    values = frames_at_thresholds(kernel, count, np.random.default_rng(seed))
    return check_kernel(kernel, seed=seed, work=work, simulator=simulator, values=values, library=library)
