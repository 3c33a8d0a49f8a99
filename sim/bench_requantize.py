"""The requantize kernel: random scales, also those that need ties, with inputs at every threshold."""

from __future__ import annotations

import numpy as np

from hwgen.ir.graph import Value
from hwgen.ir.tensor import Array, Tensor
from hwgen.ir.types import BIPOLAR, IntType, full_range
from hwgen.kernels.requantize import RequantizeUnit
from hwgen.ops.threshold import Threshold
from sim.bench_threshold import check

__all__ = ["check", "random_requantize", "random_step", "scaled"]

LEVELS = (7, 10, 15, 31, 100, 127, 255, 1000)


def scaled(levels: int, kind: IntType, numerators: Array, offsets: Array, shift: int, parity: int = 0) -> Threshold:
    """The thresholds of clip(round((a * numerator + offset) / 2^shift), 0, levels), ties to codes of that parity.

    numerators, offsets: int (C,); a negative numerator descends. T_k is the first a with a * n + o >= (2k - 1) 2^(s-1),
    beyond it where that is a tie and k has the other parity. Everything in Python integers.
    """
    rows = []
    for numerator, offset in zip(numerators.tolist(), offsets.tolist(), strict=True):
        size, row = abs(numerator), []
        for k in range(1, levels + 1):
            distance = ((2 * k - 1) << shift) - 2 * offset + int(k % 2 != parity)
            first = -(-distance // (2 * size))
            row.append(first if numerator > 0 else 1 - first)
        rows.append(np.clip(sorted(row), kind.lo, kind.hi + 1))
    return Threshold(Tensor(np.array(rows)), Tensor(numerators < 0), IntType(0, levels))


def random_step(rng: np.random.Generator, channels: int, levels: int) -> tuple[Threshold, IntType]:
    """A step with scales 2^-s or any; channels alike or not; offsets that leave some channels constant."""
    bits = int(rng.integers(4, 20))
    kind = BIPOLAR if rng.random() < 0.05 else full_range(bits, bool(rng.integers(2)))
    shift = int(rng.integers(1, 24))
    steep = max(int((levels << shift) * float(rng.choice([0.5, 1, 2, 20])) / kind.levels), 1)
    numerators = rng.integers(max(steep // 2, 1), 2 * steep, channels, endpoint=True)
    if rng.random() < 0.5:
        numerators = 1 << np.array([int(n).bit_length() - 1 for n in numerators])
    if rng.random() < 0.4:
        numerators[:] = numerators[0]
    numerators *= np.where(rng.random(channels) < rng.choice([0, 0, 0.5, 1]), -1, 1)
    offsets = rng.integers(-(levels << shift), 2 * levels << shift, channels)
    if rng.random() < 0.5:
        offsets = offsets >> (shift - 1) << (shift - 1)
    return scaled(levels, kind, numerators, offsets, shift, int(rng.integers(2))), kind


def random_requantize(rng: np.random.Generator, lanes: int = 6) -> RequantizeUnit:
    """A folding of at most `lanes` lanes of a step that has constants."""
    while True:
        channels, levels = int(rng.choice([1, 2, 3, 4, 6, 12])), int(rng.choice(LEVELS))
        op, kind = random_step(rng, channels, levels)
        value = Value("a", (*[(), (3,), (2, 2)][int(rng.integers(3))], channels), kind)
        if RequantizeUnit.accepts(op, [value]) is None:
            unit = RequantizeUnit.lower(op, (value,))
            return unit.folded(rng.choice([fold for fold in unit.foldings() if fold.pe <= lanes]))
