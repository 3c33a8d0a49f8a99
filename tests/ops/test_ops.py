"""The integer ops against their definitions, in Python integers."""

from __future__ import annotations

import numpy as np
import pytest

from hwgen.ir.graph import Value
from hwgen.ir.tensor import Tensor
from hwgen.ir.types import BIPOLAR, IntType, full_range
from hwgen.ops.argmax import ArgMax
from hwgen.ops.identity import Identity
from hwgen.ops.integer import int_type
from hwgen.ops.matmul import MatMul
from hwgen.ops.threshold import Threshold


@pytest.mark.parametrize("bits", [2, 8, 30, 60])
def test_matmul_is_exact_at_any_width(seed: int, bits: int) -> None:
    rng = np.random.default_rng(seed)
    kind = full_range(bits, True)
    weights = rng.integers(kind.lo, kind.hi, (5, 7), endpoint=True)
    x = rng.integers(kind.lo, kind.hi, (4, 7), endpoint=True)
    op = MatMul(Tensor(weights), kind)
    expected = [[sum(int(w) * int(v) for w, v in zip(row, frame, strict=True)) for row in weights] for frame in x]
    value = Value("x", (7,), kind)
    assert op.run(x)[0].tolist() == expected
    assert op.compiled([value])(x).astype(object).tolist() == expected


def test_accumulator_type_is_reached_at_both_ends(seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights = rng.integers(-3, 4, (4, 6))
    weights[0, 0], weights[1, 0] = 3, -3
    x = Value("x", (6,), IntType(-2, 5))
    op = MatMul(Tensor(weights), full_range(3, True))
    kind = int_type(Value("acc", *op.infer([x])[0]))
    highest = max(int(op.run(np.where(w > 0, 5, -2)[None])[0].max()) for w in weights)
    lowest = min(int(op.run(np.where(w > 0, -2, 5)[None])[0].min()) for w in weights)
    assert (kind.lo, kind.hi) == (lowest, highest)


@pytest.mark.parametrize("kind", [BIPOLAR, full_range(3, True), full_range(2, False)])
def test_threshold_counts(seed: int, kind: IntType) -> None:
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.integers(-20, 22, (4, kind.levels - 1)), axis=1)
    down = rng.integers(0, 2, 4).astype(bool)
    op = Threshold(Tensor(rows), Tensor(down), kind)
    value = Value("a", (4,), IntType(-20, 20))
    a = rng.integers(-20, 21, (50, 4))
    counts = (a[:, :, None] >= rows[None]).sum(axis=2)
    codes = np.where(down, kind.levels - 1 - counts, counts)
    expected = 2 * codes - 1 if kind == BIPOLAR else codes + kind.lo
    np.testing.assert_array_equal(op.run(a)[0], expected)
    np.testing.assert_array_equal(op.compiled([value])(a), expected)
    narrow = op.narrowed([value])
    np.testing.assert_array_equal(narrow.run(a)[0], expected)


def test_threshold_of_bipolar_values(seed: int) -> None:
    """Between -1 and +1 lies 0, which is no value: a table over the interval has three entries a channel."""
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.integers(-1, 3, (5, 3)), axis=1)
    op = Threshold(Tensor(rows), Tensor(np.zeros(5, bool)), full_range(2, False))
    a = 2 * rng.integers(0, 2, (20, 5)) - 1
    np.testing.assert_array_equal(op.compiled([Value("a", (5,), BIPOLAR)])(a), op.run(a)[0])


def test_argmax_takes_the_lowest_of_equal_scores() -> None:
    op = ArgMax(2, Tensor(np.array([0, 1, 0])))
    assert op.run(np.array([[3, 3, 3], [4, 3, 4], [1, 1, 2]]))[0].ravel().tolist() == [1, 0, 2]
    assert op.infer([Value("a", (3,), IntType(-4, 4))])[0] == ((1,), IntType(0, 2))


def test_shapes_that_do_not_fit_are_bugs() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        MatMul(Tensor(np.ones((2, 3))), BIPOLAR).infer([Value("x", (4,), BIPOLAR)])
    with pytest.raises(ValueError, match="does not fit"):
        Threshold(Tensor(np.zeros((2, 2))), Tensor(np.zeros(2)), BIPOLAR).infer([Value("x", (2,), BIPOLAR)])


def test_identity_moves_integers_in_any_dtype() -> None:
    a = np.array([[1.0, -2.0]], dtype=np.float32)
    assert Identity().compiled([Value("a", (2,), IntType(-4, 4))])(a) is a
