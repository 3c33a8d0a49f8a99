"""Constants of a requantization: equal to the thresholds for every value, or none."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from hwgen.exact.requantize import Requantize, Ties, first_of, mismatches, requantize_of, rounded
from hwgen.ir.tensor import Tensor
from hwgen.ir.types import IntType, full_range
from hwgen.ops.threshold import Threshold
from sim.bench_requantize import random_step, scaled


def wrong(form: Requantize, op: Threshold, kind: IntType) -> int:
    """Differences over every value of the range, in Python integers and rationals."""
    levels, count = op.thresholds.shape[1], 0
    (expected,) = op.run(np.arange(kind.lo, kind.hi + 1)[:, None].repeat(len(op.thresholds.array), axis=1))
    for channel, (m, b) in enumerate(zip(form.multipliers.array.tolist(), form.offsets.array.tolist(), strict=True)):
        for a, y in zip(range(kind.lo, kind.hi + 1), expected[:, channel].tolist(), strict=True):
            exact = Fraction(a * m + b, 1 << form.shift)
            code = exact.__floor__() if form.ties is Ties.FLOOR else _nearest(exact, int(form.ties is Ties.ODD))
            count += op.type.lo + min(max(code, 0), levels) != y
    return count


def _nearest(exact: Fraction, parity: int) -> int:
    return round(exact - parity) + parity


def test_every_value_of_the_range(seed: int) -> None:
    rng, found = np.random.default_rng(seed), set()
    for _ in range(60):
        op, kind = random_step(rng, int(rng.choice([1, 3])), int(rng.choice([7, 15, 31])))
        form = requantize_of(op, kind) if kind.levels <= 4096 else None
        if form is not None:
            found.add(form.ties)
            assert wrong(form, op, kind) == 0, f"seed {seed}"
    assert found == set(Ties), f"seed {seed}: only {found} were needed"


@pytest.mark.parametrize("parity", [0, 1])
def test_three_ties_leave_no_floor_but_need_no_multiplier(parity: int) -> None:
    kind = full_range(10, signed=True)
    form = requantize_of(scaled(31, kind, np.array([1, 1]), np.array([0, 8]), 4, parity), kind)
    assert form is not None and form.unit and (form.shift, form.ties) == (4, (Ties.EVEN, Ties.ODD)[parity])


def test_channels_that_descend_or_never_move() -> None:
    kind = full_range(10, signed=True)
    op = scaled(31, kind, np.array([9, -9, 3]), np.array([100, 1000, -1 << 20]), 6)
    assert bool((op.thresholds.array[2] == kind.hi + 1).all())
    form = requantize_of(op, kind)
    assert form is not None and wrong(form, op, kind) == 0
    assert form.multipliers.array[1] < 0 <= form.multipliers.array[2]


def test_one_multiplier_where_all_channels_can_share_it() -> None:
    kind = full_range(12, signed=True)
    form = requantize_of(scaled(255, kind, np.full(8, 77), np.arange(8) * 999, 10), kind)
    assert form is not None and len(set(form.multipliers.array.tolist())) == 1


def test_uneven_steps_have_none() -> None:
    kind = full_range(10, signed=True)
    assert requantize_of(Threshold(Tensor([[0, 1, 4, 9]]), Tensor([False]), IntType(0, 4)), kind) is None


def test_wide_inputs_are_not_searched() -> None:
    op = scaled(7, full_range(8, signed=True), np.array([5]), np.array([0]), 6)
    assert requantize_of(op, full_range(32, signed=True)) is not None
    assert requantize_of(op, full_range(33, signed=True)) is None


def test_the_widest_input_and_the_steepest_multiplier_do_not_overflow() -> None:
    kind = full_range(32, signed=True)
    op = scaled(255, kind, np.array([3, 1000001]), np.array([5, 9]), 27)
    form = requantize_of(op, kind)
    assert form is not None and mismatches(form, op, kind) == 0
    ends = [kind.lo, kind.hi]
    assert all(abs(a * m + b) < 1 << 62 for a in ends
               for m, b in zip(form.multipliers.array.tolist(), form.offsets.array.tolist(), strict=True))


@pytest.mark.parametrize("field", ["multipliers", "offsets"])
@pytest.mark.parametrize("by", [-1, 1])
def test_the_certificate_sees_a_constant_that_is_wrong_by_one(field: str, by: int) -> None:
    """Three ties leave one m and one b."""
    kind = full_range(10, signed=True)
    op = scaled(31, kind, np.array([1, 1]), np.array([0, 8]), 4)
    form = requantize_of(op, kind)
    assert form is not None and mismatches(form, op, kind) == 0
    values: Tensor = getattr(form, field)
    changed = replace(form, **{field: Tensor(values.array + np.array([0, by]))})
    assert mismatches(changed, op, kind) > 0


def test_the_certificate_sees_a_multiplier_of_the_wrong_sign() -> None:
    op = scaled(7, full_range(8, signed=True), np.array([5]), np.array([0]), 6)
    form = Requantize(Tensor([-5]), Tensor([32]), 6, Ties.FLOOR)
    assert mismatches(form, op, full_range(8, signed=True)) > 0


@pytest.mark.parametrize("ties", Ties)
def test_first_of_is_where_the_rounded_quotient_rises(ties: Ties) -> None:
    k = np.arange(1, 20)
    first = first_of(k, 3, ties)
    assert (rounded(first, 3, ties) >= k).all() and (rounded(first - 1, 3, ties) < k).all()
