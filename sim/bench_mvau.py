"""Both matrix-vector units: random matrices, types and foldings, and the inputs that reach both ends of the sums."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hwgen.ir.graph import Value
from hwgen.ir.tensor import Array, Tensor
from hwgen.ir.types import BIPOLAR, IntType, full_range
from hwgen.kernels.mvau import Mvau
from hwgen.ops.matmul import MatMul
from sim.kernel_bench import RTL, KernelTiming, check_kernel, random_frames

SIZES = (1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 16, 18, 20, 23, 24, 30, 36, 37)


def random_type(rng: np.random.Generator, bits: int) -> IntType:
    """Bipolar, ternary, or an integer type of at most `bits` bits, some with an odd interval."""
    kind = rng.random()
    if kind < 0.2:
        return BIPOLAR
    if kind < 0.3:
        return IntType(-1, 1)
    full = full_range(int(rng.integers(1, bits, endpoint=True)), bool(rng.integers(2)))
    return full if kind < 0.8 else IntType(int(rng.integers(full.lo, min(full.hi, 0), endpoint=True)), full.hi)


def random_matrix(rng: np.random.Generator, kind: IntType, rows: int, columns: int) -> Array:
    """(rows, columns) weights; the first row is all the lowest, the last all the highest value."""
    matrix = random_frames(kind, (columns,), max(rows, 3), rng)[:rows]
    matrix[0], matrix[-1] = kind.lo, kind.hi
    return matrix


def random_kernel(kernel: type[Mvau], rng: np.random.Generator, *, widest: int = 8, lanes: int = 24,
                  types: tuple[IntType, IntType] | None = None, sizes: Sequence[int] = SIZES) -> Mvau:
    """A folding of at most `lanes` multiply-accumulates a cycle of a random matrix."""
    a, w = types or (random_type(rng, widest), random_type(rng, widest))
    rows, columns = int(rng.choice(sizes)), int(rng.choice(sizes))
    op = MatMul(Tensor(random_matrix(rng, w, rows, columns)), w)
    lowered = kernel.lower(op, (Value("x", (columns,), a),))
    return lowered.folded(rng.choice([fold for fold in lowered.foldings() if fold.pe * fold.simd <= lanes]))


def telling_frames(kernel: Mvau, frames: int, rng: np.random.Generator) -> Array:
    """Random frames, and those that drive the last rows' sums to their ends: each input follows its weight's sign."""
    given = random_frames(kernel.input_type, kernel.inputs[0].shape, max(frames, 6), rng)
    weights = kernel.op.weight.array[int(rng.integers(kernel.rows))]
    given[3] = np.where(weights > 0, kernel.input_type.hi, kernel.input_type.lo)
    given[4] = np.where(weights > 0, kernel.input_type.lo, kernel.input_type.hi)
    return given


def check(kernel: Mvau, *, seed: int, work: Path, simulator: str = "verilator", frames: int = 8,
          library: Sequence[Path] = (RTL,)) -> KernelTiming:
    """Simulate on telling frames: values under all stalls, cycles and the schedule exact."""
    values = telling_frames(kernel, frames, np.random.default_rng(seed))
    return check_kernel(kernel, seed=seed, work=work, simulator=simulator, values=values, library=library)
