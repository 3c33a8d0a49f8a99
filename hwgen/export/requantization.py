"""Constants with which float arithmetic equals thresholds for every integer of their input's type, or none.

The forms are those that a runtime's operators compute, in the order in which they are tried:

- float32: y = clip(round((a + offset[c]) * multiplier[c])), each operation rounded to float32, ties to even;
- float64: y = clip(round(a * multiplier[c] + offset[c])), with the integers of hwgen.exact.requantize over 2^shift;
- comparisons: y = low + #(a >= threshold), for functions that are no straight line.

Every operation of a form is monotone in a, so a form is right on the whole range if it is right at both sides of each
threshold and at both ends: that is the certificate, computed in the runtime's own arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from hwgen.exact.requantize import Ties, ascending_points, requantize_of
from hwgen.ir.tensor import Array
from hwgen.ir.types import BipolarType, IntType
from hwgen.ops.threshold import Threshold

FLOAT32_EXACT = 1 << 24
FLOAT64_EXACT = 1 << 53
_STEPS = 160
"""Of a golden section search: the interval shrinks to 0.618^160, below float64's own resolution."""
_ULPS = (0, 1, -1, 2, -2, 3, -3)
_BIASES = 6
"""How far from the best offset integer ones are tried."""
_PLACES = (0.5, 0.25, 0.75, 0.05, 0.95)
"""Where in its interval an offset is tried."""


@dataclass(frozen=True)
class Single:
    """float32 (C,) each: y = clip(round_half_even((a + offsets) * multipliers), low, high)."""

    offsets: Array
    multipliers: Array
    low: int
    high: int

    def values(self, a: Array) -> Array:
        """Outputs of integers (..., C), by numpy's float32, which is IEEE's as every runtime's."""
        moved = a.astype(np.float32) + self.offsets
        return np.rint(moved * self.multipliers).clip(self.low, self.high).astype(np.int64)


@dataclass(frozen=True)
class Double:
    """float64 (C,) each: y = clip(r(a * multipliers + offsets), first, last) + shift, r the floor or half to even."""

    offsets: Array
    multipliers: Array
    floor: bool
    first: int
    last: int
    shift: int

    def values(self, a: Array) -> Array:
        """Outputs of integers (..., C), by numpy's float64."""
        moved = a.astype(np.float64) * self.multipliers + self.offsets
        rounded = np.floor(moved) if self.floor else np.rint(moved)
        return rounded.clip(self.first, self.last).astype(np.int64) + self.shift


def probes(op: Threshold, kind: IntType) -> Array:
    """(N, C) integers of the type: both sides of every threshold, and both ends of the range."""
    rows = op.thresholds.array
    ends = np.broadcast_to(np.array([kind.lo, kind.hi]), (len(rows), 2))
    return np.concatenate([rows - 1, rows, ends], axis=1).clip(kind.lo, kind.hi).T


def wrong_channels(form: Single | Double, op: Threshold, kind: IntType) -> Array:
    """Which channels differ anywhere on the type; needs multipliers of the channels' own directions."""
    points = probes(op, kind)
    turned = form.multipliers * np.where(op.descending.array, -1, 1) < 0
    return np.asarray(turned | (form.values(points) != op.run(points)[0]).any(axis=0))


def double_of(op: Threshold, kind: IntType) -> Double | None:
    """The float64 form, certified; None where the thresholds lie on no straight line or numbers pass 2^53."""
    found = requantize_of(op, kind)
    if found is None:
        return None
    bound = np.abs(found.multipliers.array).astype(object) * max(abs(kind.lo), abs(kind.hi), 1) + np.abs(
        found.offsets.array)
    if int(bound.max()) >= FLOAT64_EXACT >> 2:
        return None
    step, odd = 0.5**found.shift, int(found.ties is Ties.ODD)
    bipolar, levels = isinstance(op.type, BipolarType), op.thresholds.shape[1]
    if bipolar or found.shift > 1000:
        return None
    form = Double(found.offsets.array * step + odd, found.multipliers.array * step, found.ties is Ties.FLOOR, odd,
                  levels + odd, op.type.lo - odd)
    return None if wrong_channels(form, op, kind).any() else form


def single_of(op: Threshold, kind: IntType, *, whole: bool = False) -> Single | None:
    """The float32 form, certified for every value of the type; None where no constants near the best ones do.

    whole: with integer offsets, such as a bias is.
    """
    if max(abs(kind.lo), abs(kind.hi)) >= FLOAT32_EXACT >> 1:
        return None
    if isinstance(op.type, BipolarType):
        return None if whole else _bipolar(op, kind)
    best, left = None, np.arange(len(op.thresholds.array))
    for form in _candidates(op, kind, whole):
        wrong = wrong_channels(form, op, kind)
        best = form if best is None else _merged(best, form, left)
        left = left[wrong[left]]
        if not len(left):
            return best
    return None


def _merged(best: Single, form: Single, channels: Array) -> Single:
    """The form's constants in some channels."""
    offsets, multipliers = best.offsets.copy(), best.multipliers.copy()
    offsets[channels], multipliers[channels] = form.offsets[channels], form.multipliers[channels]
    return Single(offsets, multipliers, best.low, best.high)


def _bipolar(op: Threshold, kind: IntType) -> Single | None:
    """Odd numbers of the threshold's sign, clipped to -1 and +1."""
    signs = np.where(op.descending.array, -2, 2)
    form = Single((0.5 - op.thresholds.array[:, 0]).astype(np.float32), signs.astype(np.float32), -1, 1)
    return None if wrong_channels(form, op, kind).any() else form


def _candidates(op: Threshold, kind: IntType, whole: bool) -> Iterator[Single]:
    """Forms in the middle of what the thresholds leave, then units in the last place beside it."""
    line = Line.of(op, kind)
    middle = line.best().astype(np.float32)
    if whole:
        yield from line.with_biases(middle.astype(np.float64), op.type)
        return
    ulp = np.spacing(middle)
    for ulps, place in product(_ULPS, _PLACES):
        slopes = (middle + np.float32(ulps) * ulp).astype(np.float32)
        yield line.form(slopes, place, op.type)


@dataclass(frozen=True)
class Line:
    """Channels that ascend, a times signs: slope * a + b is at least k - 1/2 at `at` where reached, and at most that
    one before where below."""

    at: Array
    reached: Array
    below: Array
    signs: Array
    span: int

    @classmethod
    def of(cls, op: Threshold, kind: IntType) -> Line:
        at, reached, below, signs = ascending_points(op, kind)
        return cls(at.astype(np.float64), reached, below, signs.astype(np.float64), kind.levels)

    def offsets(self, slopes: Array) -> tuple[Array, Array]:
        """Lowest and highest b of each channel, in units of the output level."""
        level, m = np.arange(1, self.at.shape[1] + 1) - 0.5, slopes[:, None]
        low = np.where(self.reached, level - self.at * m, -np.inf).max(axis=1, initial=-np.inf)
        high = np.where(self.below, level - (self.at - 1) * m, np.inf).min(axis=1, initial=np.inf)
        low, high = np.where(np.isinf(low), high - 1, low), np.where(np.isinf(high), low + 1, high)
        return np.where(np.isinf(low), 0.0, low), np.where(np.isinf(high), 0.0, high)

    def best(self) -> Array:
        """The slope of each channel that leaves b the longest interval, which is concave in the slope."""
        left = np.full(len(self.at), 0.5 / self.span)
        right = np.full(len(self.at), self.at.shape[1] + 1.0)
        share = (5**0.5 - 1) / 2
        for _ in range(_STEPS):
            lower, upper = right - share * (right - left), left + share * (right - left)
            values = [high - low for low, high in map(self.offsets, (lower, upper))]
            rises = values[0] < values[1]
            left, right = np.where(rises, lower, left), np.where(rises, right, upper)
        return np.asarray((left + right) / 2)

    def form(self, slopes: Array, place: float, kind: IntType) -> Single:
        """The form with b at a place of its interval, as an offset of the input that float32 adds without rounding."""
        low, high = self.offsets(slopes.astype(np.float64))
        moved = (low + (high - low) * place + kind.lo) / slopes
        size = np.maximum(np.abs(self.at).max(axis=1, initial=1), 1) + np.abs(moved)
        grid = 2.0 ** (22 - np.ceil(np.log2(size)))
        offsets = np.rint(moved * grid) / grid * self.signs
        return Single(offsets.astype(np.float32), (slopes * self.signs).astype(np.float32), kind.lo, kind.hi)

    def with_biases(self, slopes: Array, kind: IntType) -> Iterator[Single]:
        """Forms of integer offsets near the best ones, each with a slope in the middle of what it leaves."""
        low, high = self.offsets(slopes)
        near = np.rint(((low + high) / 2 + kind.lo) / slopes)
        for moved in sorted(range(-_BIASES, _BIASES + 1), key=abs):
            bias = near + moved
            found = self.slopes(bias, kind.lo)
            multipliers = np.where(found > 0, found, slopes) * self.signs
            yield Single((bias * self.signs).astype(np.float32), multipliers.astype(np.float32), kind.lo, kind.hi)

    def slopes(self, bias: Array, low: int) -> Array:
        """The middle of each channel's slopes m with (at + bias) * m right; 0 where there is none."""
        level = np.arange(1, self.at.shape[1] + 1) - 0.5 + low
        inside, outside = self.at + bias[:, None], self.at - 1 + bias[:, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            bounds = level / inside, level / outside
        above = [np.where(kept, bound, 0.0) for kept, bound in (
            (self.reached & (inside > 0), bounds[0]), (self.below & (outside < 0), bounds[1]))]
        under = [np.where(kept, bound, np.inf) for kept, bound in (
            (self.reached & (inside < 0), bounds[0]), (self.below & (outside > 0), bounds[1]))]
        least = np.maximum(*(x.max(axis=1, initial=0) for x in above))
        most = np.minimum(*(x.min(axis=1, initial=np.inf) for x in under))
        return np.where(least <= most, np.where(np.isinf(most), 2 * least, (least + most) / 2), 0.0)
