"""The table kernel: random functions of random types, alone or as thresholds, and every input of short types."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hwgen.ir.graph import Value
from hwgen.ir.tensor import Tensor
from hwgen.kernels.table import TableUnit
from hwgen.ops.table import Table
from hwgen.ops.threshold import Threshold
from sim.bench_threshold import random_output, random_steps, random_type
from sim.kernel_bench import RTL, KernelTiming, check_kernel

__all__ = ["check", "random_table"]


def random_table(rng: np.random.Generator, lanes: int = 8) -> TableUnit:
    """A folding of a random table or step function."""
    channels, kind = int(rng.choice([1, 2, 3, 4, 6, 8])), random_type(rng, int(rng.integers(1, 8)))
    out = random_output(rng, int(rng.choice([1, 3, 5, 15, 200])))
    rows = 1 if rng.random() < 0.3 else channels
    values = rng.integers(out.lo, out.hi + 1, (rows, kind.hi - kind.lo + 1))
    values = np.where(values == 0, out.hi, values) if out.levels == 2 else values
    op: Table | Threshold = Table(Tensor(values), kind.lo, out)
    if rng.random() < 0.3:
        steps = random_steps(rng, kind, channels, int(out.levels - 1))
        op = Threshold(Tensor(steps), Tensor(rng.random(channels) < 0.5), out)
    leading = [(), (3,), (2, 2)][int(rng.integers(3))]
    lowered = TableUnit.lower(op, (Value("a", (*leading, channels), kind),))
    return lowered.folded(rng.choice([fold for fold in lowered.foldings() if fold.pe <= lanes]))


def check(kernel: TableUnit, *, seed: int, work: Path, simulator: str = "verilator",
          library: Sequence[Path] = (RTL,)) -> KernelTiming:
    """check_kernel on random frames."""
    return check_kernel(kernel, seed=seed, work=work, simulator=simulator, library=library)
