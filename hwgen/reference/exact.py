"""The exact reference: executes a graph of the quantized level in rational arithmetic.

It judges the integer model and the RTL, so it shares no code with passes, thresholds or the integer level. The host's
tail (softmax, float weights and what follows them) is executed as in the float32 replay, but on float64.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import pairwise

import numpy as np

from hwgen.ir.graph import Graph, Node, Op
from hwgen.ir.tensor import Array, Tensor
from hwgen.ir.types import BipolarType
from hwgen.ops.quantized import (
    BatchNorm,
    Clip,
    Dense,
    Elementwise,
    LeakyRelu,
    MultiThreshold,
    Quant,
    Relu,
    Reshape,
    Softmax,
    TopK,
    Transpose,
)
from hwgen.ops.quantized_curves import Curve, Product
from hwgen.ops.quantized_layout import ConstantPad, ConvTranspose, MoveOp
from hwgen.ops.quantized_maps import Concat, Join, MapOp, Trunc
from hwgen.reference import float32, host, layout
from hwgen.reference.ball import Ball, rational
from hwgen.reference.exact_curves import curve, product
from hwgen.reference.exact_maps import bend, concat, on_map
from hwgen.reference.rounding import round_ratio
from hwgen.rounding import Rounding


class UndecidedError(ArithmeticError):
    """An error radius straddles a decision. Never guessed: more fraction bits are needed (a bug of ours)."""


@dataclass(frozen=True)
class ExactResult:
    """integers: int64 (frames, *shape) at every Quant, MultiThreshold, Trunc and TopK output, by value name.

    outputs: float64 at every graph output, the nearest double of the exact value.
    """

    integers: Mapping[str, Array]
    outputs: Mapping[str, Array]


@dataclass(frozen=True)
class Floats:
    """What the host's tail makes: float64 only; after a softmax the exact scores too, for what only compares."""

    values: Array
    scores: Ball | None = None

    def moved(self, move: Callable[[Array], Array]) -> Floats:
        """A reshape, transpose or the like."""
        return Floats(move(self.values), self.scores and self.scores.moved(move))

    def floats(self) -> Array:
        """The values."""
        return self.values


Result = Ball | Floats


def run(graph: Graph, inputs: Mapping[str, Array]) -> ExactResult:
    """Execute on arrays (frames, *shape) of floats, integers or Fractions, each taken as the real number it is.

    A quantizer directly on an input of floats is decided in float32, as it is in training (hwgen.reference.host).
    """
    values: dict[str, Result] = {name: Ball(*rational(inputs[name])) for name in graph.inputs}
    untouched = {name: np.asarray(inputs[name]) for name in graph.inputs}
    integers: dict[str, Array] = {}
    for node in graph.nodes:
        x, output = untouched.get(node.inputs[0]), node.outputs[0]
        if x is not None and isinstance(node.op, Reshape | Transpose | MoveOp):
            untouched[output] = move(node.op, x)
        if x is not None and isinstance(node.op, Quant) and host.decides_in_float32(node.op, x):
            integers[output] = host.quantize(node.op, x)
            values[output] = dequantize(node.op, integers[output])
        else:
            values[output] = step(node, [values[name] for name in node.inputs], integers)
    return ExactResult(integers, {name: values[name].floats() for name in graph.outputs})


def step(node: Node, inputs: list[Result], integers: dict[str, Array]) -> Result:
    """The value of one node; integers are noted where they exist."""
    op, x = node.op, inputs[0]
    if isinstance(op, Reshape | Transpose | MoveOp):
        return x.moved(partial(move, op))
    if isinstance(op, TopK):
        scores = x.scores if isinstance(x, Floats) else x
        found = top(op, scores) if scores is not None else float32.top(op, x.floats())
        integers[node.outputs[0]] = found
        return Ball(found.astype(object), 1)
    if isinstance(op, Softmax):
        return Floats(float32.softmax(op, x.floats()), None if isinstance(x, Floats) else x)
    if any(isinstance(value, Floats) for value in inputs) or float32.has_float_weights(op):
        return Floats(float32.execute(node, [value.floats() for value in inputs]))
    if isinstance(op, Join | Product | Concat):
        return join(op, [ball for ball in inputs if isinstance(ball, Ball)])
    if not isinstance(x, Ball):
        raise TypeError(f"{node.name}: {op.label} of floats")
    if isinstance(op, Quant | MultiThreshold | Trunc):
        integers[node.outputs[0]] = q = decide(op, x)
        return dequantize(op, q)
    return real(op, x)


def join(op: Join | Product | Concat, balls: list[Ball]) -> Ball:
    """Ops of several inputs."""
    if isinstance(op, Concat):
        return concat(balls)
    first, second = balls
    if isinstance(op, Product):
        return product(first, second)
    return first.joined(second.negated() if op.subtract else second)


def move(op: Reshape | Transpose | MoveOp, array: Array) -> Array:
    """A reshape or transpose of every frame, or the like."""
    if isinstance(op, MoveOp):
        return layout.moved(op, array)
    if isinstance(op, Reshape):
        return array.reshape(array.shape[0], *op.shape)
    return array.transpose(0, *(axis + 1 for axis in op.permutation))


def real(op: Op, x: Ball) -> Ball:
    """Ops between quantizers."""
    if isinstance(op, Relu):
        return x.clipped(Fraction(0), None)
    if isinstance(op, Elementwise):
        return elementwise(op, x)
    if isinstance(op, BatchNorm):
        return batch_norm(op, x)
    if isinstance(op, Dense):
        return dense(op, x)
    if isinstance(op, MapOp):
        return on_map(op, x)
    if isinstance(op, Clip | LeakyRelu):
        return bend(op, x)
    if isinstance(op, Curve):
        return curve(op, x)
    if isinstance(op, ConstantPad):
        return layout.exact_padded(op, x)
    if isinstance(op, ConvTranspose):
        return layout.exact_conv_transpose(op, x)
    raise TypeError(f"no exact semantics for {op.label}")


def elementwise(op: Elementwise, x: Ball) -> Ball:
    """One arithmetic op with a constant."""
    c = op.constant.array
    if op.kind == "add":
        return x.plus(c)
    if op.kind == "sub":
        return x.plus(-c)
    if op.kind == "rsub":
        return x.negated().plus(c)
    if op.kind == "mul":
        return x.times(c)
    if op.kind == "div":
        return x.over(c)
    raise TypeError("a constant divided by a value has no exact semantics")


def batch_norm(op: BatchNorm, x: Ball) -> Ball:
    """(x - mean) * gamma / sqrt(variance + epsilon) + beta."""
    shape = (-1, *[1] * (x.n.ndim - 2 - op.axis))
    gamma, beta, mean = (t.fractions().reshape(shape) for t in (op.gamma, op.beta, op.mean))
    radicand = (op.variance.fractions() + Fraction(op.epsilon)).reshape(shape)
    return x.plus(-mean).times(gamma).over_root(radicand).plus(beta)


def dense(op: Dense, x: Ball) -> Ball:
    """x @ ((w - zero_point) * scale)^T + bias; scales leave the product where their shape allows."""
    scale, zero = op.scale.array, op.zero_point.array
    w = op.weight.array if not np.any(zero) else op.weight.array - zero
    if scale.ndim == 2 and scale.shape[1] > 1:
        wn, wd = rational(Tensor(w).fractions() * op.scale.fractions())
        y = Ball(x.n @ wn.T, x.d * wd, None if x.e is None else x.e @ np.abs(wn).T)
    else:
        wn, wd = rational(w)
        y = x.matmul(wn.astype(np.int64)).times(scale.reshape(-1) if scale.ndim else scale)
        y = Ball(y.n, y.d * wd, y.e)
    return y if op.bias is None else y.plus(op.bias.array)


def decide(op: Quant | MultiThreshold | Trunc, x: Ball) -> Array:
    """The integers of any quantizer."""
    if isinstance(op, Quant):
        return quantize(op, x)
    return truncate(op, x) if isinstance(op, Trunc) else count(op, x)


def quantize(op: Quant, x: Ball) -> Array:
    """The integers of a quantizer, each decided exactly: both ends of the error ball must round alike."""
    if isinstance(op.type, BipolarType):
        return agreed(x, lambda n: np.where(n >= 0, 1, -1))
    sn, sd = rational(op.scale.array)
    zn, zd = rational(op.zero_point.array)
    inside = op.zero_point_inside
    den = sn * x.d * zd
    shift = zn * sn * x.d if inside else 0

    def decide(n: Array) -> Array:
        rounded = round_ratio(n * (sd * zd) + shift, den, op.rounding)
        return np.clip(rounded if inside else rounded + zn // zd, op.type.lo, op.type.hi)

    return agreed(x, decide)


def agreed(x: Ball, decide: Callable[[Array], Array]) -> Array:
    """decide(n) as int64, the same at both ends of every ball."""
    if x.e is None:
        return decide(x.n).astype(np.int64)
    low, high = decide(x.n - x.e), decide(x.n + x.e)
    if np.any(low != high):
        raise UndecidedError("an exact comparison needs more fraction bits")
    return low.astype(np.int64)


def truncate(op: Trunc, x: Ball) -> Array:
    """The integers of the sum to nearest even, then their quotient in the op's mode."""
    sn, sd = rational(op.scale.array)
    zn, zd = rational(op.zero_point.array)

    def divide(n: Array) -> Array:
        c = round_ratio(n * (sd * zd) + zn * sn * x.d, sn * x.d * zd, Rounding.HALF_EVEN)
        q = round_ratio(c * op.divisor.denominator, op.divisor.numerator, op.rounding)
        return np.clip(q, op.type.lo, op.type.hi) if op.clips else q

    return agreed(x, divide)


def count(op: MultiThreshold, x: Ball) -> Array:
    """type.lo + number of thresholds reached (bipolar: 2 * number - 1), a row of thresholds for each channel."""
    tn, td = rational(op.thresholds.array)
    axes = (-1, *[1] * (x.n.ndim - 2))

    def decide(n: Array) -> Array:
        scaled = n * td
        reached = np.zeros(n.shape, dtype=np.int64)
        for level in range(tn.shape[1]):
            reached += (scaled >= (tn[:, level] * x.d).reshape(axes)).astype(np.int64)
        return 2 * reached - 1 if isinstance(op.type, BipolarType) else reached + op.type.lo

    return agreed(x, decide)


def dequantize(op: Quant | MultiThreshold | Trunc, q: Array) -> Ball:
    """The real value that the integers stand for."""
    x = Ball(q.astype(object), 1)
    if isinstance(op, Trunc):
        return x.plus(-op.out_zero_point.array).times(op.out_scale.array)
    if isinstance(op, Quant):
        zero = op.zero_point.array
        return (x if not np.any(zero) else x.plus(-zero)).times(op.scale.array)
    reached = (q + 1) // 2 if isinstance(op.type, BipolarType) else q - op.type.lo
    return Ball(reached.astype(object), 1).times(op.out_scale.array).plus(op.out_bias.array)


def top(op: TopK, x: Ball) -> Array:
    """Indices of the k largest, lowest first among equals. Equal midpoints with equal radii are equal values."""
    rows = x.n.reshape(-1, x.n.shape[-1])
    errors = np.broadcast_to(x.error, x.n.shape).reshape(rows.shape)
    found = np.array([best(row, error, op.k) for row, error in zip(rows.tolist(), errors.tolist(), strict=True)])
    return found.reshape(*x.n.shape[:-1], *([op.k] if op.keepdims else [])).astype(np.int64)


def best(row: list[int], error: list[int], k: int) -> list[int]:
    """The order of one row's k largest."""
    order = sorted(range(len(row)), key=lambda i: -row[i])
    for i, j in pairwise(order[:k + 1]):
        gap, radius = row[i] - row[j], error[i] + error[j]
        if gap <= radius and radius and not (gap == 0 and error[i] == error[j]):
            raise UndecidedError("two class scores need more fraction bits")
    return order[:k]
