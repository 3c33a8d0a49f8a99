"""The exact reference against element-by-element rational arithmetic, and its refusal to guess."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from hwgen.frontend.rounding import round_exact
from hwgen.ir.graph import Graph, GraphBuilder, Level, Op, Value
from hwgen.ir.tensor import Tensor
from hwgen.ir.types import BIPOLAR, REAL, IntType
from hwgen.ops.quantized import BatchNorm, Dense, Elementwise, Quant, Relu, Softmax, TopK
from hwgen.reference import ball, exact, rounding
from hwgen.rounding import Rounding


def chain(shape: tuple[int, ...], *ops: Op) -> Graph:
    """Ops one after the other; values v0, v1, ..."""
    builder = GraphBuilder("chain", Level.QUANTIZED)
    builder.add_input(Value("x", shape, REAL))
    last = "x"
    for i, op in enumerate(ops):
        builder.add(f"n{i}", op, [last], [f"v{i}"])
        last = f"v{i}"
    return builder.build([last])


def quant(
    scale: Any, kind: IntType, mode: Rounding = Rounding.HALF_EVEN, zero: Any = 0.0, inside: bool = True
) -> Quant:
    return Quant(Tensor(scale), Tensor(zero), kind, mode, inside)


@pytest.mark.parametrize("mode", list(Rounding))
def test_round_ratio_equals_rational_rounding(mode: Rounding) -> None:
    numerators = np.arange(-60, 61).astype(object)
    for d in (1, 2, 3, 8, 12):
        found = rounding.round_ratio(numerators, d, mode).tolist()
        assert found == [round_exact(Fraction(n, d), mode) for n in numerators]


@pytest.mark.parametrize("mode", list(Rounding))
@pytest.mark.parametrize("inside", [True, False])
def test_quantizer_equals_rational_arithmetic(mode: Rounding, inside: bool, seed: int) -> None:
    """Random scales, zero points and ties, per channel."""
    rng = np.random.default_rng(seed)
    scale = rng.integers(1, 99, 5).astype(np.float32) / np.float32(7)
    zero = np.array([0.0, 3.0, -1.0, 0.0, 2.0])
    x = rng.choice([0.5, 1.0, 1.5, 0.25, -2.5, 3.7], (40, 5)) * scale.astype(np.float64)
    kind = IntType(-3, 4)
    rationals = x.astype(object)
    found = exact.run(chain((5,), quant(scale, kind, mode, zero, inside)), {"x": rationals}).integers["v0"]
    for row, got in zip(x, found, strict=True):
        for value, s, z, q in zip(row, scale, zero, got, strict=True):
            ratio, shift = Fraction(float(value)) / Fraction(float(s)), int(z)
            real = round_exact(ratio + shift, mode) if inside else round_exact(ratio, mode) + shift
            assert q == min(max(real, kind.lo), kind.hi)


def naive_batch_norm_sign(x: int, mean: Any, gamma: Any, beta: Any, radicand: Fraction) -> int:
    """Sign of (x - mean) * gamma / sqrt(radicand) + beta by comparing squares."""
    a, b = (x - Fraction(float(mean))) * Fraction(float(gamma)), Fraction(float(beta))
    if a == 0 or (a > 0) == (b > 0) or b == 0:
        total = a if b == 0 else b if a == 0 else a
    else:
        total = a if a * a > b * b * radicand else b if a * a < b * b * radicand else Fraction(0)
    return 1 if total >= 0 else -1


def test_batch_norm_sign_by_squares(seed: int) -> None:
    """Roots, rational roots and algebraic zeros alike."""
    rng = np.random.default_rng(seed)
    mean, gamma = rng.integers(-4, 5, 20).astype(float), rng.normal(size=20).astype(np.float32).astype(float)
    variance = rng.choice([0.0, 0.75, 2.0, 3.75, 1.2], 20)
    beta = rng.choice([0.0, 0.5, -1.0, 0.3], 20)
    op = BatchNorm(Tensor(gamma), Tensor(beta), Tensor(mean), Tensor(variance), 0.25)
    x = rng.integers(-6, 7, (50, 20))
    found = exact.run(chain((20,), op, quant(1.0, BIPOLAR)), {"x": x}).integers["v1"]
    for row, got in zip(x, found, strict=True):
        for c in range(20):
            radicand = Fraction(float(variance[c])) + Fraction(1, 4)
            assert got[c] == naive_batch_norm_sign(int(row[c]), mean[c], gamma[c], beta[c], radicand)


def test_root_that_cancels_is_decided(seed: int) -> None:
    """x = mean and beta on a tie: the ball's radius is zero there, so the tie is seen as one."""
    op = BatchNorm(Tensor([1.0]), Tensor([0.5]), Tensor([3.0]), Tensor([2.0]), 0.0)
    result = exact.run(chain((1,), op, quant(1.0, IntType(-8, 7))), {"x": np.array([[3]])})
    assert result.integers["v1"].tolist() == [[0]]


def test_refuses_to_guess(monkeypatch: pytest.MonkeyPatch) -> None:
    """With too few fraction bits a close decision is an error, not an answer."""
    op = BatchNorm(Tensor([1.0]), Tensor([0.0]), Tensor([0.0]), Tensor([2.0]), 0.0)
    graph = chain((1,), op, quant(2.0**-20, IntType(-(2**40), 2**40)))
    x = {"x": np.array([[12345]])}
    assert exact.run(graph, x).integers["v1"].tolist() == [[round(12345 / 2**0.5 * 2**20)]]
    monkeypatch.setattr(ball, "FRACTION_BITS", 12)
    with pytest.raises(exact.UndecidedError):
        exact.run(graph, x)


@pytest.mark.parametrize("bits", [5, 30, 60, 200])
@pytest.mark.parametrize("weight_bits", [1, 8, 30])
def test_integer_matmul_equals_python_integers(bits: int, weight_bits: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = np.array([[int.from_bytes(rng.bytes(bits // 8 + 1), "little", signed=True) >> (-bits % 8) for _ in range(9)]
                  for _ in range(4)], dtype=object)
    w = rng.integers(-(1 << weight_bits), 1 << weight_bits, (7, 9))
    assert (ball.by_limbs(x, w, lambda a, b: a @ b.T) == x @ w.T.astype(object)).all()


@pytest.mark.parametrize("scale_shape", [(), (3, 1), (1, 4), (3, 4)])
@pytest.mark.parametrize("zero_shape", [(), (3, 1), (1, 4)])
def test_dense_equals_rational_arithmetic(scale_shape: Any, zero_shape: Any, seed: int) -> None:
    """Every shape of weight scale and zero point; the input has scales of its own, then a root."""
    rng = np.random.default_rng(seed)
    w, scale = rng.integers(-8, 8, (3, 4)), rng.random(scale_shape).astype(np.float32)
    zero, bias = rng.integers(-3, 3, zero_shape).astype(float), rng.random(3).astype(np.float32)
    x = rng.normal(size=(5, 4)).astype(np.float32)
    graph = chain((4,), Dense(Tensor(w), Tensor(scale), Tensor(zero), Tensor(bias)))
    for row, got in zip(x, exact.run(graph, {"x": x}).outputs["v0"], strict=True):
        for m in range(3):
            terms = [Fraction(float(row[k])) * Fraction(float(np.broadcast_to(w - zero, (3, 4))[m, k]))
                     * Fraction(float(np.broadcast_to(scale, (3, 4))[m, k])) for k in range(4)]
            assert got[m] == float(sum(terms, Fraction(float(bias[m]))))


def test_error_travels_through_dense_and_relu() -> None:
    """A root before a product without a quantizer: still decided, to 256 bits."""
    norm = BatchNorm(Tensor([1.0, 2.0]), Tensor([0.5, 0.0]), Tensor([0.0, 1.0]), Tensor([2.0, 3.0]), 0.0)
    layer = Dense(Tensor([[1, -1], [2, 3]]), Tensor(0.5), Tensor(0.0), Tensor([0.25, 0.0]))
    graph = chain((2,), norm, Relu(), layer, quant(0.125, IntType(-500, 500)))
    found = exact.run(graph, {"x": np.array([[3, 5]])}).integers["v3"]
    y = np.array([3 / 2**0.5 + 0.5, 8 / 3**0.5])
    expected = np.round((np.array([[1, -1], [2, 3]]) @ y * 0.5 + [0.25, 0]) / 0.125)
    assert found.tolist() == [expected.tolist()]


@pytest.mark.parametrize("softmax", [False, True])
def test_topk_takes_the_lowest_of_equals(softmax: bool) -> None:
    ops = [Softmax()] if softmax else []
    graph = chain((4,), *ops, TopK(3))
    result = exact.run(graph, {"x": np.array([[1.0, 5.0, 5.0, 1.0], [0.0, 0.0, 0.0, 0.0], [-1.0, 2.0, 3.0, 3.5]])})
    assert next(iter(result.integers.values())).tolist() == [[1, 2, 0], [0, 1, 2], [3, 2, 1]]


def test_equal_scores_behind_a_root_are_a_tie() -> None:
    norm = BatchNorm(Tensor([3.0, 3.0]), Tensor([0.1, 0.1]), Tensor([0.0, 0.0]), Tensor([2.0, 2.0]), 0.0)
    assert exact.run(chain((2,), norm, TopK(1)), {"x": np.array([[7, 7]])}).integers["v1"].tolist() == [[0]]


def test_inputs_are_taken_exactly() -> None:
    """Denormals, huge floats, Fractions and integers."""
    graph = chain((3,), Elementwise("mul", Tensor(3.0)))
    for x in (np.array([[5e-324, 1e300, -0.1]]), np.array([[Fraction(1, 3), Fraction(2, 7), Fraction(10**30)]]),
              np.array([[1, -2, 3]])):
        expected = [[float(Fraction(v) * 3) for v in row] for row in x.tolist()]
        assert exact.run(graph, {"x": x}).outputs["v0"].tolist() == expected


def test_elementwise_kinds() -> None:
    x, c = np.array([[0.7, -2.0, 3.0]]), np.array([0.3, -1.7, 7.0])
    for kind, formula in {"add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b,
                          "div": lambda a, b: a / b, "rsub": lambda a, b: b - a}.items():
        found = exact.run(chain((3,), Elementwise(kind, Tensor(c))), {"x": x}).outputs["v0"]  # type: ignore[arg-type]
        expected = [float(formula(Fraction(a), Fraction(b))) for a, b in zip(x[0].tolist(), c.tolist(), strict=True)]
        assert found.tolist() == [expected]


def test_nan_is_refused() -> None:
    with pytest.raises(ValueError, match="NaN"):
        exact.run(chain((1,), Relu()), {"x": np.array([[np.nan]])})
