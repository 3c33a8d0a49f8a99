"""Float constants equal thresholds on every integer, not only at the probes; and the certificate bites."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hwgen.export.requantization import Double, Single, double_of, single_of, wrong_channels
from hwgen.ir.tensor import Tensor
from hwgen.ir.types import BIPOLAR, IntType
from hwgen.ops.threshold import Threshold


def thresholds_of(slopes: np.ndarray, offsets: np.ndarray, out: IntType, kind: IntType) -> Threshold:
    """clip(round_half_even(slope * a + offset)) as thresholds; slopes and offsets are multiples of 2^-20: exact."""
    span = np.arange(kind.lo, kind.hi + 1)
    down = slopes < 0
    rows = []
    for slope, offset in zip(slopes, offsets, strict=True):
        y = np.rint(span * slope + offset).clip(out.lo, out.hi)
        levels = np.arange(out.lo + 1, out.hi + 1)
        if slope < 0:
            rows.append(sorted(int(kind.lo + (y >= level).sum()) for level in levels))
        else:
            rows.append([int(kind.lo + (y < level).sum()) for level in levels])
    return Threshold(Tensor(np.array(rows)), Tensor(down), out)


def random_case(rng: np.random.Generator) -> tuple[Threshold, IntType]:
    kind = IntType(-int(rng.integers(1, 3000)), int(rng.integers(1, 3000)))
    out = [IntType(0, 15), IntType(-8, 7), IntType(-3, 4), IntType(0, 1), IntType(-127, 127)][rng.integers(5)]
    count = int(rng.integers(2, 6))
    if rng.integers(2):
        slopes, offsets = 2.0 ** -rng.integers(0, 9, count), rng.integers(-8, 9, count) / 4
    else:
        slopes, offsets = rng.integers(1, 1 << 20, count) / 2**20, rng.integers(-9, 9, count) / 2
    return thresholds_of(slopes * rng.choice([-1, 1], count), offsets, out, kind), kind


def test_found_constants_are_right_for_every_integer(seed: int) -> None:
    rng = np.random.default_rng(seed)
    found = 0
    for _ in range(60):
        op, kind = random_case(rng)
        span = np.broadcast_to(np.arange(kind.lo, kind.hi + 1)[:, None], (kind.levels, len(op.thresholds.array)))
        single, double = single_of(op, kind), double_of(op, kind)
        for form in filter(None, (single, double)):
            found += 1
            assert np.array_equal(form.values(span), op.run(span)[0])
    assert found > 90


def test_power_of_two_ties_have_constants() -> None:
    """a / 4 with ties to even: only the slope 1/4 and an offset of 0 are right."""
    kind = IntType(-2000, 2000)
    op = thresholds_of(np.array([0.25, -0.25]), np.zeros(2), IntType(-128, 127), kind)
    single = single_of(op, kind)
    assert single is not None
    assert single.multipliers.tolist() == [0.25, -0.25] and single.offsets.tolist() == [0, 0]


@pytest.mark.parametrize("down", [False, True])
def test_bipolar_values(down: bool) -> None:
    kind = IntType(-50, 50)
    op = Threshold(Tensor([[7], [-50], [51]]), Tensor([down] * 3), BIPOLAR)
    single = single_of(op, kind)
    assert single is not None
    span = np.broadcast_to(np.arange(-50, 51)[:, None], (101, 3))
    assert np.array_equal(single.values(span), op.run(span)[0])


def test_the_certificate_sees_a_wrong_constant() -> None:
    kind = IntType(-2000, 2000)
    op = thresholds_of(np.array([0.25, 0.296875]), np.zeros(2), IntType(-128, 127), kind)
    single, double = single_of(op, kind), double_of(op, kind)
    assert isinstance(single, Single) and isinstance(double, Double)
    moved = np.array([0.01, 0], np.float32)
    assert wrong_channels(replace(single, offsets=single.offsets + moved), op, kind).tolist() == [True, False]
    assert wrong_channels(replace(double, multipliers=double.multipliers * 1.01), op, kind).all()
    assert wrong_channels(replace(single, multipliers=-single.multipliers), op, kind).all()


def test_thresholds_on_no_line_have_no_constants() -> None:
    kind = IntType(-100, 100)
    op = Threshold(Tensor([[-90, 0, 1, 2, 90]]), Tensor([False]), IntType(0, 5))
    assert single_of(op, kind) is None and double_of(op, kind) is None


def test_wide_accumulators_have_no_float32_constants() -> None:
    op = Threshold(Tensor([[5]]), Tensor([False]), IntType(0, 1))
    kind = IntType(-(1 << 24), 1 << 24)
    assert single_of(op, kind) is None and double_of(op, kind) is not None
