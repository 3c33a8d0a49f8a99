"""Step functions as y = clip((a * m + b) >> s): integers that equal given thresholds for every input, or none.

With thresholds T_1 <= ... <= T_N, code k is reached from a = T_k on. Let D_k be the smallest v = a * m + b whose
rounded quotient by 2^s is at least k: k * 2^s for the floor, (2k - 1) * 2^(s - 1) for ties that round up, one more for
those that round down. Then m >= 0 and b are right for every a of the range if and only if

    T_k * m + b >= D_k             for each T_k in the range (for T_k below it, at its lowest value)
    (T_k - 1) * m + b <= D_k - 1   for each T_k in the range or beyond it.

For a given s and m that is an interval of b, whose length is a concave function of m; so the m that have a b are an
interval too, and its ends are found by Newton's iteration, exactly, in a few steps for all channels at once.
One shift serves all channels: where (m, b) exists at s, (2m, 2b) exists at s + 1, so a common s always exists, costs
the steep channels some bits of m, and saves a barrel shifter a lane.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from hwgen.ir.tensor import Array, Tensor
from hwgen.ir.types import IntType
from hwgen.ops.threshold import Threshold

INPUT_BITS = 32
"""Widest input that is searched: products and sums stay below 2^60."""
MULTIPLIER_BITS = 30
"""Bits of the largest |m| that is tried."""
_NONE = 1 << 61
_PRODUCT = 1 << 60


class Ties(IntEnum):
    """How the quotient is rounded: FLOOR, or to nearest with ties to the even code or to the odd one."""

    FLOOR = 0
    EVEN = 1
    ODD = 2


@dataclass(frozen=True)
class Requantize:
    """code = clip(round((a * multipliers[c] + offsets[c]) / 2^shift), 0, N), rounded as `ties` says.

    multipliers, offsets: int (C,); negative multipliers where a channel descends. shift >= 1 unless ties is FLOOR.
    """

    multipliers: Tensor
    offsets: Tensor
    shift: int
    ties: Ties

    def codes(self, a: Array, levels: int) -> Array:
        """Codes 0..levels of inputs (..., C)."""
        v = np.asarray(a, dtype=np.int64) * self.multipliers.array + self.offsets.array
        return rounded(v, self.shift, self.ties).clip(0, levels)

    @property
    def unit(self) -> bool:
        """Whether every multiplier is 1: no multiplication at all."""
        return bool((self.multipliers.array == 1).all())


def rounded(v: Array, shift: int, ties: Ties) -> Array:
    """v / 2^shift as an integer, by the rule of `ties`."""
    floor = v >> shift
    if ties is Ties.FLOOR:
        return floor
    half, rest = 1 << (shift - 1), v - (floor << shift)
    up = (floor & 1) == (1 if ties is Ties.EVEN else 0)
    return np.asarray(floor + ((rest > half) | ((rest == half) & up)))


def requantize_of(op: Threshold, kind: IntType) -> Requantize | None:
    """Constants that equal the thresholds for every value of `kind`, None where there are none (of moderate size).

    The floor first; the forms with ties where there is no floor, or where they need no multiplier. Certified.
    """
    if max(kind.bits, op.threshold_type.bits) > INPUT_BITS:
        return None
    points = _Points.of(op, kind)
    best: Requantize | None = None
    for ties in Ties:
        found = None if best is not None and best.unit else points.search(ties)
        if found is not None and (best is None or found.unit):
            best = found
    if best is not None and mismatches(best, op, kind):
        raise RuntimeError("the constants of a requantization are wrong")
    return best


def mismatches(form: Requantize, op: Threshold, kind: IntType) -> int:
    """Differences at both sides of every threshold and at the ends of the range.

    Both functions are monotone in a, in the same direction, so 0 proves that they are equal on the whole range.
    """
    rows = op.thresholds.array
    ends = np.broadcast_to(np.array([kind.lo, kind.hi]), (len(rows), 2))
    probes = np.concatenate([rows - 1, rows, ends], axis=1).clip(kind.lo, kind.hi).T
    codes = form.codes(probes, rows.shape[1])
    signs = np.where(op.descending.array, -1, 1)
    turned = int((form.multipliers.array * signs < 0).sum())
    return turned + int((op.values_of(codes) != op.run(probes)[0]).sum())


def ascending_points(op: Threshold, kind: IntType) -> tuple[Array, Array, Array, Array]:
    """Thresholds within the input's range (C, N), whether the range reaches each and goes below it, and signs (C,).

    Channels that descend in a ascend in -a: theirs are the thresholds of -a, and the sign is -1.
    """
    rows, down = op.thresholds.array, op.descending.array[:, None]
    low, high = np.where(down, -kind.hi, kind.lo), np.where(down, -kind.lo, kind.hi)
    at = np.clip(np.where(down, 1 - rows[:, ::-1], rows), low, high + 1)
    return at, (at <= high).astype(bool), (at > low).astype(bool), np.where(op.descending.array, -1, 1)


@dataclass(frozen=True)
class _Points:
    """What m and b have to keep, for channels that ascend: (C, N) points and whether they count."""

    at: Array
    reached: Array
    below: Array
    signs: Array

    @classmethod
    def of(cls, op: Threshold, kind: IntType) -> _Points:
        at, reached, below, signs = ascending_points(op, kind)
        return cls(at.astype(np.int64), reached, below, signs)

    def without(self, channels: Array) -> _Points:
        """The other channels."""
        return _Points(self.at[~channels], self.reached[~channels], self.below[~channels], self.signs[~channels])

    @property
    def limit(self) -> int:
        """The largest m that is tried."""
        return min((1 << MULTIPLIER_BITS) - 1, _PRODUCT // max(int(np.abs(self.at).max()) + 1, 1))

    def search(self, ties: Ties) -> Requantize | None:
        """Constants with the smallest shift that has some for every channel."""
        shift, left, last = int(ties is not Ties.FLOOR), self, 58 - self.at.shape[1].bit_length()
        while shift <= last:
            m, found = left.smallest(shift, ties)
            if bool((m > self.limit).any()):
                return None
            if bool(found.all()):
                return self._chosen(shift, ties)
            left, shift = left.without(found), shift + 1
        return None

    def _chosen(self, shift: int, ties: Ties) -> Requantize:
        """One multiplier for all channels where that is possible, a power of two if it can be."""
        smallest, _ = self.smallest(shift, ties)
        low, high = int(smallest.max()), int(self.largest(shift, ties).min())
        power = 1 << max(low - 1, 0).bit_length()
        m = smallest if low > high else np.full_like(smallest, power if power <= high else low)
        lows, highs, _, _ = self.offsets(m, shift, ties)
        b = _roundest(np.maximum(lows, highs - _PRODUCT), np.minimum(highs, lows + _PRODUCT))
        return Requantize(Tensor(m * self.signs), Tensor(b), shift, ties)

    def smallest(self, shift: int, ties: Ties) -> tuple[Array, Array]:
        """The smallest m >= 0 of each channel and whether it has a b; more than `limit` where it would be too large."""
        m = np.zeros(len(self.at), dtype=np.int64)
        while True:
            low, high, above, under = self.offsets(m, shift, ties)
            bad, slope = low > high, above - under
            move = bad & (slope > 0) & (m <= self.limit)
            if not move.any():
                return m, ~bad
            m = np.where(move, np.minimum(m - (high - low) // np.where(move, slope, 1), self.limit + 1), m)

    def largest(self, shift: int, ties: Ties) -> Array:
        """The largest m of each channel that has a b, at most `limit`; for channels that have one."""
        m = np.full(len(self.at), self.limit, dtype=np.int64)
        while True:
            low, high, above, under = self.offsets(m, shift, ties)
            bad, slope = low > high, under - above
            if not bad.any():
                return m
            m = np.where(bad, m + (high - low) // np.where(bad, slope, 1), m)

    def offsets(self, m: Array, shift: int, ties: Ties) -> tuple[Array, Array, Array, Array]:
        """The interval of b for each channel's m, and the points that bound it from below and from above."""
        k = np.arange(1, self.at.shape[1] + 1)
        starts = first_of(k, shift, ties)
        low = np.where(self.reached, starts - self.at * m[:, None], -_NONE)
        high = np.where(self.below, starts - 1 - (self.at - 1) * m[:, None], _NONE)
        lower, upper = low.argmax(axis=1)[:, None], high.argmin(axis=1)[:, None]
        return (np.take_along_axis(low, lower, 1)[:, 0], np.take_along_axis(high, upper, 1)[:, 0],
                np.take_along_axis(self.at, lower, 1)[:, 0], np.take_along_axis(self.at, upper, 1)[:, 0] - 1)


def first_of(k: Array, shift: int, ties: Ties) -> Array:
    """D_k: the smallest v whose rounded quotient by 2^shift is at least k."""
    if ties is Ties.FLOOR:
        return np.asarray(k << shift)
    return np.asarray((2 * k - 1 << (shift - 1)) + (k & 1 == (1 if ties is Ties.EVEN else 0)))


def _roundest(low: Array, high: Array) -> Array:
    """In each interval the integer with the most trailing zeros."""
    best = low
    for bits in range(62):
        step = 1 << bits
        up = -(-low // step) * step
        best = np.where(up <= high, up, best)
    return best
