"""Transcendental functions and products on balls, by integer series of their own (no code of hwgen.exact).

Each function is evaluated at both ends of a ball, in integers scaled by 2^WORK; it rises, so these are the ends of the
result. The rational values (0 and 1/2 at 0, e^0 = 1) are exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np

from hwgen.ops.quantized_curves import Curve
from hwgen.reference.ball import Ball, objects

WORK = 256
SLACK = 32
"""Bits of the radius in units of 2^-WORK, relative to values above one: a thousand times the largest error there is."""
ONE = 1 << WORK
Scaled = Callable[[int], int]


def curve(op: Curve, x: Ball) -> Ball:
    """The function of every element; equal elements are computed once."""
    function = FUNCTIONS[op.name]
    low, high = (x.n, x.n) if x.e is None else (x.n - x.e, x.n + x.e)
    known = {n: function((n << WORK) // x.d) for n in {*low.ravel().tolist(), *high.ravel().tolist()}}
    known_exactly = (low == 0) & (high == 0) & (op.name != "softplus")
    first, last = (objects([known[n] for n in end.ravel().tolist()], x.n.shape) for end in (low, high))
    middle = (first + last) // 2
    radius = np.where(known_exactly, 0, last - middle + (np.abs(last) >> (WORK - SLACK)) + (1 << SLACK))
    return Ball(middle, ONE, None if bool(known_exactly.all()) else np.asarray(radius, dtype=object))


def product(x: Ball, y: Ball) -> Ball:
    """x * y."""
    error = np.abs(x.n) * y.error + np.abs(y.n) * x.error + x.error * y.error
    exact = x.e is None and y.e is None
    return Ball(x.n * y.n, x.d * y.d, None if exact else np.asarray(error + np.zeros(x.n.shape, dtype=object)))


def exp(x: int) -> int:
    """e^x by halving x until it is small, its Taylor series, and squaring."""
    if x < -(WORK * ONE):
        return 0
    halvings = (abs(x) >> WORK).bit_length() + 8
    extra = 2 * halvings + 8 + (3 * max(x, 0) >> (WORK + 1))
    small, unit = (x << extra) >> halvings, ONE << extra
    total = term = unit
    n = 0
    while term not in (0, -1):
        n += 1
        term = term * small // (unit * n)
        total += term
    for _ in range(halvings):
        total = total * total // unit
    return total >> extra


def sigmoid(x: int) -> int:
    """1 / (1 + e^-x)."""
    if x < 0:
        return ONE - sigmoid(-x)
    return ONE * ONE // (ONE + exp(-x))


def tanh(x: int) -> int:
    """(1 - e^-2x) / (1 + e^-2x)."""
    if x < 0:
        return -tanh(-x)
    e = exp(-2 * x)
    return (ONE - e) * ONE // (ONE + e)


def softplus(x: int) -> int:
    """ln(1 + e^x): max(x, 0) + 2 artanh(e / (2 + e)) with e = e^-|x|."""
    e = exp(-abs(x))
    z = e * ONE // (2 * ONE + e)
    square, power, total, odd = z * z // ONE, z, z, 1
    while power:
        power, odd = power * square // ONE, odd + 2
        total += power // odd
    return max(x, 0) + 2 * total


def erf(x: int) -> int:
    """2 / sqrt(pi) times the alternating Maclaurin series, with more bits for its large terms."""
    if x < 0:
        return -erf(-x)
    if x > 14 * ONE:
        return ONE
    extra = 3 * ((x * x) >> (2 * WORK)) + 16
    unit, z = ONE << extra, x << extra
    square, term, total, n = z * z // unit, z, z, 0
    while term:
        n += 1
        term = term * square // (unit * n)
        total += (-term if n % 2 else term) // (2 * n + 1)
    return min((2 * total * ONE // root_of_pi()) >> extra, ONE)


def normal(x: int) -> int:
    """(1 + erf(x / sqrt 2)) / 2."""
    return (ONE + erf(x * ONE // math.isqrt(2 * ONE * ONE))) // 2


def gate(x: int) -> int:
    """(1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2."""
    cubic = x + 44715 * (x * x // ONE * x // ONE) // 1000000
    return (ONE + tanh(cubic * math.isqrt(2 * ONE * ONE) // root_of_pi())) // 2


@cache
def root_of_pi() -> int:
    """sqrt(pi) from Euler's arctan(1/2) + arctan(1/3) = pi / 4."""
    return math.isqrt(4 * (arctan(2) + arctan(3)) * ONE)


def arctan(n: int) -> int:
    """arctan(1 / n)."""
    power = total = ONE // n
    odd = 1
    while power:
        power, odd = power // (n * n), odd + 2
        total += power // odd if odd % 4 == 1 else -(power // odd)
    return total


FUNCTIONS: dict[str, Scaled] = {function.__name__: function for function in (
    exp, sigmoid, tanh, softplus, erf, normal, gate)}
