"""Step functions of any expression: the pieces are those of a sweep, and hardware's forms of them say the same."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from hwgen.errors import HwgenError
from hwgen.exact.activations import BendStage, ClipStage
from hwgen.exact.curves import CurveName, CurveStage, JoinStage
from hwgen.exact.expression import Expression, Stage, affine
from hwgen.exact.ladder import ladder, monotone
from hwgen.exact.pieces import Decision, Pieces, level_at, pieces
from hwgen.exact.quantizer import UniformQuantizer
from hwgen.ir.graph import Value
from hwgen.ir.tensor import Array, Tensor
from hwgen.ir.types import BIPOLAR, IntType, full_range
from hwgen.ops.step import Step
from hwgen.ops.table import Table
from hwgen.ops.threshold import Threshold
from hwgen.passes.thresholds import certify, lowered_step
from hwgen.rounding import Rounding

LOW, HIGH = -90, 110
THREE, SIX = Fraction(3), Fraction(6)


def row(values: list[Fraction]) -> Array:
    made = np.empty(len(values), dtype=object)
    made[:] = values
    return made


def moved(channels: int, rng: np.random.Generator, power_of_two: bool) -> Expression:
    """Scale and offset per channel, negative scales too."""
    signs = rng.choice([-1, 1], channels)
    scales = [Fraction(float(s * (2.0 ** rng.integers(-5, -1) if power_of_two else rng.uniform(0.02, 0.3))))
              for s in signs]
    offsets = [Fraction(int(rng.integers(-4, 5)), 8) if power_of_two else Fraction(float(rng.normal()))
               for _ in range(channels)]
    return Expression((affine(row(scales), row(offsets)),))


def twice(kind: str, x: Expression, *stages: Stage) -> Expression:
    """x joined with a function of x."""
    other = x
    for stage in stages:
        other = other.then(stage)
    count = x.stages[0].parameters[0].array.size
    start = affine(row([Fraction(1)] * count), row([Fraction(0)] * count))
    return Expression((start, JoinStage(kind, x, other)))  # type: ignore[arg-type]


def function(name: str, x: Expression) -> Expression:
    """A named function of x."""
    count = x.stages[0].parameters[0].array.size

    def line(scale: Fraction, offset: Fraction) -> Stage:
        return affine(row([scale] * count), row([offset] * count))

    if name == "square":
        return twice("mul", x)
    if name == "hard_swish":
        return twice("mul", x, line(Fraction(1), THREE), ClipStage(Fraction(0), SIX), line(1 / SIX, Fraction(0)))
    if name == "bent":
        return x.then(BendStage(Tensor(row([Fraction(-1, 2)] * count))))
    if name in ("normal", "gate", "sigmoid"):
        return twice("mul", x, CurveStage(name))  # type: ignore[arg-type]
    if name == "elu":
        low = x.then(ClipStage(None, Fraction(0))).then(CurveStage("exp")).then(line(Fraction(1), Fraction(-1)))
        return Expression((line(Fraction(1), Fraction(0)), JoinStage("add", x.then(ClipStage(Fraction(0), None)), low)))
    curve: CurveName = "softplus" if name == "softplus" else "tanh"
    return x.then(CurveStage(curve))


NAMES = ("square", "hard_swish", "bent", "normal", "gate", "sigmoid", "elu", "softplus", "tanh")


def quantizer(channels: int, rng: np.random.Generator, power_of_two: bool) -> UniformQuantizer:
    kind = BIPOLAR if rng.random() < 0.1 else full_range(int(rng.integers(2, 6)), bool(rng.integers(2)))
    scale = Fraction(float(2.0 ** rng.integers(-4, 0) if power_of_two else rng.uniform(0.02, 0.6)))
    zero = Fraction(0) if kind == BIPOLAR else Fraction(int(rng.integers(-1, 2)))
    mode = list(Rounding)[rng.integers(len(Rounding))]
    return UniformQuantizer(kind, Tensor(row([scale] * channels)), Tensor(row([zero] * channels)), mode)


@pytest.mark.parametrize("power_of_two", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_pieces_are_those_of_an_exact_sweep(name: str, power_of_two: bool, seed: int) -> None:
    """Power-of-two scales put many values exactly on a decision."""
    rng = np.random.default_rng(seed)
    expression, levels = function(name, moved(3, rng, power_of_two)), quantizer(3, rng, power_of_two)
    step = Step(expression, levels)
    value = Value("a", (3,), IntType(LOW, HIGH))
    ops = lowered_step(step, value, "step")
    proof = certify(step, ops, value)
    assert proof.mismatches == 0 and proof.probes > 0
    span = np.broadcast_to(np.arange(LOW, HIGH + 1)[:, None], (HIGH - LOW + 1, 3))
    found = span
    for op in ops:
        (found,) = op.run(found)
    np.testing.assert_array_equal(found, step.run(span)[0])


def test_the_certificate_finds_a_moved_change_and_a_wrong_level(seed: int) -> None:
    rng = np.random.default_rng(seed)
    step = Step(function("normal", moved(1, rng, False)), UniformQuantizer(
        IntType(-8, 7), Tensor(row([Fraction(1, 32)])), Tensor(row([Fraction(0)])), Rounding.HALF_EVEN))
    value = Value("a", (1,), IntType(-20000, 20000))
    changes, table = lowered_step(step, value, "step")
    assert isinstance(changes, Threshold) and isinstance(table, Table)
    shifted = changes.thresholds.array - (np.arange(changes.thresholds.shape[1]) == 0)
    wrong = table.values.array + (np.arange(table.values.shape[1]) == 1)
    for broken in ((replace(changes, thresholds=Tensor(shifted)), table),
                   (changes, replace(table, values=Tensor(wrong)))):
        assert certify(step, broken, value).mismatches > 0
    assert certify(step, (changes, table), value).mismatches == 0


def test_wide_accumulators_need_no_sweep() -> None:
    """2^40 integers, and a saturation that meets the cut at 1 only in the limit."""
    x = Expression((affine(row([Fraction(1, 1 << 20)]), row([Fraction(0)])),)).then(CurveStage("sigmoid"))
    one = Tensor(row([Fraction(1)]))
    floor = UniformQuantizer(IntType(0, 3), one, Tensor(row([Fraction(0)])), Rounding.FLOOR)
    assert pieces(x, floor, 1, -(1 << 39), 1 << 39) == [Pieces((-(1 << 39),), (0,))]
    ceiling = UniformQuantizer(IntType(0, 3), one, Tensor(row([Fraction(0)])), Rounding.CEIL)
    assert pieces(x, ceiling, 1, -(1 << 39), 1 << 39) == [Pieces((-(1 << 39),), (1,))]
    half = UniformQuantizer(IntType(0, 3), one, Tensor(row([Fraction(0)])), Rounding.HALF_EVEN)
    assert pieces(x, half, 1, -(1 << 39), 1 << 39) == [Pieces((-(1 << 39), 1), (0, 1))], "1/2 itself goes to 0"


def test_what_no_precision_decides_is_refused() -> None:
    """sigmoid(x) + sigmoid(-x) is 1, which enclosures never learn."""
    x = Expression((affine(row([Fraction(1)]), row([Fraction(0)])),))
    turned = Expression((affine(row([Fraction(-1)]), row([Fraction(0)])),))
    both = Expression((*x.stages, JoinStage("add", x.then(CurveStage("sigmoid")), turned.then(CurveStage("sigmoid")))))
    levels = UniformQuantizer(IntType(0, 3), Tensor(row([Fraction(2)])), Tensor(row([Fraction(0)])), Rounding.HALF_EVEN)
    with pytest.raises(HwgenError) as raised:
        lowered_step(Step(both, levels), Value("a", (1,), IntType(1, 2)), "quant_7")
    assert (raised.value.code, raised.value.where) == ("undecided", "quant_7")


def test_levels_of_open_and_closed_ends() -> None:
    levels = UniformQuantizer(IntType(0, 3), Tensor(row([Fraction(1)])), Tensor(row([Fraction(0)])), Rounding.HALF_EVEN)
    x = Expression((affine(row([Fraction(1, 2)]), row([Fraction(0)])),))
    decision = Decision(levels, 0)
    assert [level_at(x, decision, a, 0) for a in range(-1, 7)] == [0, 0, 0, 1, 2, 2, 2, 3]


def test_a_gelu_is_a_ladder_whose_levels_all_channels_share() -> None:
    """Falling channels count down; one that skips the dip passes it at once."""
    rises, high = Pieces((-90, -20, -10, 5, 9), (4, 3, 2, 3, 4)), 100
    turned = Pieces((-90, -9, -5, 10, 20), (4, 3, 2, 3, 4))
    skips = Pieces((-90, 7), (3, 4))
    assert monotone([rises], 7, high) is None
    made = ladder([rises, turned, skips], high)
    assert made.levels.tolist() == [[4, 3, 2, 3, 4]] and not made.descending.any()
    assert made.changes.tolist() == [[-20, -10, 5, 9], [-9, -5, 10, 20], [-90, 7, 7, 7]]


def test_functions_without_a_common_ladder_have_levels_of_their_own() -> None:
    made = ladder([Pieces((0, 3, 5), (1, 2, 1)), Pieces((0, 4, 6), (5, 3, 4))], 9)
    assert made.levels.tolist() == [[1, 2, 1], [5, 3, 4]]
    assert made.changes.tolist() == [[3, 5], [4, 6]]


def test_forms_in_hardware() -> None:
    """Few inputs: a table. Many: changes passed and a table of their number. Monotone: thresholds."""
    x = Expression((affine(row([Fraction(1, 64)]), row([Fraction(0)])),))
    levels = UniformQuantizer(IntType(-8, 7), Tensor(row([Fraction(1, 16)])), Tensor(row([Fraction(0)])),
                              Rounding.HALF_EVEN)

    def forms(expression: Expression, reach: int) -> list[type]:
        value = Value("a", (1,), IntType(-reach, reach))
        return [type(op) for op in lowered_step(Step(expression, levels), value, "step")]

    assert forms(function("normal", x), 200) == [Table]
    assert forms(function("normal", x), 20000) == [Threshold, Table]
    assert forms(function("tanh", x), 20000) == [Threshold]
