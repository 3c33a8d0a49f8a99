"""Constants with which torch's quantized products equal thresholds, in the arithmetic of each of its engines, or none.

A product of bytes with input and output scales of 1, weight scales m and a float32 bias b a channel gives for an
accumulator a, every operation rounded to float32 and ties to even:

- fbgemm:  clip(round((a + b / m) * m) + zero);
- onednn:  clip(round(a * m + b + zero)), the product rounded before the bias is added; in linear layers 1 / (1 / m) is
  what it takes for m;
- qnnpack: clip(round((a + round(b * (1 / m))) * m) + zero).

The engine x86 takes fbgemm for linear layers, and for convolutions the one or the other by processor and layer, so all
but qnnpack have to be right; constants that are right in qnnpack too are taken where there are any. Every operation is
monotone in a: constants are right if they are so at both sides of each threshold and at both ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from hwgen.export.requantization import FLOAT32_EXACT, Line, Single, probes, single_of
from hwgen.ir.tensor import Array
from hwgen.ir.types import BipolarType, IntType
from hwgen.ops.threshold import Threshold

_INT32 = 1 << 31
_ULPS = (0, 1, -1, 2, -2, 3, -3)
_PLACES = (0.5, 0.25, 0.75, 0.05, 0.95)


@dataclass(frozen=True)
class Fused:
    """(C,) each: float32 scales > 0 of the weights, float32 biases, and 1 or -1 by which the weights are multiplied.

    zero: the output's zero point; low, high: the ends of its type.
    """

    scales: Array
    biases: Array
    signs: Array
    zero: int
    low: int
    high: int

    @classmethod
    def of(cls, form: Single, zero: int) -> Fused:
        """The bias that is a form's offset, in units of the output."""
        signs = np.where(form.multipliers < 0, -1, 1)
        biases = (form.offsets.astype(np.float64) * form.multipliers).astype(np.float32)
        return cls(np.abs(form.multipliers), biases, signs, zero, form.low, form.high)


def fbgemm(form: Fused, a: Array) -> Array:
    """Integers before they are clipped, of float32 accumulators (..., C) that are multiplied by the signs."""
    return np.asarray(np.rint((a + form.biases / form.scales) * form.scales))


def onednn_conv(form: Fused, a: Array) -> Array:
    """The same; the zero point is added before the rounding."""
    zero = np.float32(form.zero)
    return np.asarray(np.rint(a * form.scales + form.biases + zero) - zero)


def onednn_linear(form: Fused, a: Array) -> Array:
    """The same with scales that were inverted twice."""
    return onednn_conv(replace(form, scales=1 / (1 / form.scales)), a)


def qnnpack(form: Fused, a: Array) -> Array:
    """The same; the bias is an integer of 32 bits."""
    whole = np.rint(form.biases * (1 / form.scales)).astype(np.float64)
    whole = np.where(np.abs(whole) < _INT32 >> 1, whole, np.nan)
    return np.asarray(np.rint((a + whole).astype(np.float32) * form.scales))


ARITHMETICS: Mapping[str, Callable[[Fused, Array], Array]] = {
    "fbgemm": fbgemm, "onednn_conv": onednn_conv, "onednn_linear": onednn_linear, "qnnpack": qnnpack}
QNNPACK = "qnnpack"
X86 = tuple(name for name in ARITHMETICS if name != QNNPACK)


def wrong_channels(form: Fused, op: Threshold, kind: IntType, arithmetics: Sequence[str] = X86) -> Array:
    """Which channels differ from the step function anywhere on the accumulator's type, in any of the arithmetics."""
    points = probes(op, kind)
    wanted, turned = op.run(points)[0], (points * form.signs).astype(np.float32)
    wrong = np.where(op.descending.array, -1, 1) != form.signs
    for name in arithmetics:
        y = ARITHMETICS[name](form, turned)
        wrong = wrong | (~(np.abs(y) < _INT32) | (y.clip(form.low, form.high) != wanted)).any(axis=0)
    return np.asarray(wrong)


def fused_of(op: Threshold, kind: IntType, zero: int) -> tuple[Fused, tuple[str, ...]] | None:
    """The constants and the arithmetics in which they are certified, all or those of x86; None where there are none."""
    if max(abs(kind.lo), abs(kind.hi)) >= FLOAT32_EXACT >> 1:
        return None
    best, left = None, np.arange(len(op.thresholds.array))
    for arithmetics in (tuple(ARITHMETICS), X86):
        for form in _candidates(op, kind, zero):
            best = form if best is None else _merged(best, form, left)
            left = left[wrong_channels(form, op, kind, arithmetics)[left]]
            if not len(left):
                return best, arithmetics
    return None


def _candidates(op: Threshold, kind: IntType, zero: int) -> Iterator[Fused]:
    """Integer offsets first, then any, each with slopes beside the middle of what the thresholds leave."""
    if isinstance(op.type, BipolarType):
        single = single_of(op, kind)
        yield from () if single is None else (Fused.of(single, zero),)
        return
    line = Line.of(op, kind)
    middle = line.best().astype(np.float32)
    for form in line.with_biases(middle.astype(np.float64), op.type):
        yield Fused.of(form, zero)
    for ulps, place in product(_ULPS, _PLACES):
        slopes = (middle + np.float32(ulps) * np.spacing(middle)).astype(np.float32)
        yield Fused.of(line.form(slopes, place, op.type), zero)


def _merged(best: Fused, form: Fused, channels: Array) -> Fused:
    """The form's constants in some channels."""
    parts = {role: getattr(best, role).copy() for role in ("scales", "biases", "signs")}
    for role, values in parts.items():
        values[channels] = getattr(form, role)[channels]
    return replace(best, **parts)
