"""Rigorous ends of rising transcendental functions at rational points.

Each function takes a rational x and a number of bits and gives an Interval of a width of a few 2^-bits around the
value; rational values (sigmoid(0) = 1/2, tanh(0) = erf(0) = 0, exp(0) = 1) are exact points, and by Lindemann,
Weierstrass and Siegel there are no others at rational x, so every other end is open. Python's decimal rounds exp and ln
correctly (General Decimal Arithmetic Specification); the rest is integer arithmetic rounded outwards.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import MAX_EMAX, MIN_EMIN, ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from functools import cache
from math import isqrt

from hwgen.exact.interval import Interval

HALF = Fraction(1, 2)
ONE = Interval(Fraction(1), Fraction(1))
Rising = Callable[[Fraction, int], Interval]


def exp(x: Fraction, bits: int) -> Interval:
    """e^x."""
    if x == 0:
        return ONE
    if x < -bits:
        return Interval(Fraction(0), Fraction(1, 1 << bits), True, True)
    digits = bits * 302 // 1000 + max(int(x), 0) * 4344 // 10000 + 8
    return Interval(_end(x, digits, bits, ROUND_FLOOR), _end(x, digits, bits, ROUND_CEILING), True, True)


def _end(x: Fraction, digits: int, bits: int, way: str) -> Fraction:
    """A bound of e^x on one side, a multiple of 2^-(bits + 4)."""
    context = Context(prec=digits, rounding=way, Emax=MAX_EMAX, Emin=MIN_EMIN)
    argument = context.divide(Decimal(x.numerator), Decimal(x.denominator))
    context.rounding = ROUND_HALF_EVEN
    value = context.exp(argument)
    return _beside(value, context, bits, way == ROUND_CEILING)


def _beside(value: Decimal, context: Context, bits: int, up: bool) -> Fraction:
    """A bound of a positive number that rounds to `value`, a multiple of 2^-(bits + 4)."""
    if value.is_zero() or value.adjusted() < -bits:
        return Fraction(up, 1 << bits)
    return _dyadic(Fraction(context.next_plus(value) if up else context.next_minus(value)), bits + 4, up)


def _dyadic(x: Fraction, bits: int, up: bool) -> Fraction:
    n = x.numerator << bits
    return Fraction(-(-n // x.denominator) if up else n // x.denominator, 1 << bits)


def sigmoid(x: Fraction, bits: int) -> Interval:
    """1 / (1 + e^-x)."""
    if x == 0:
        return Interval(HALF, HALF)
    if x > 0:
        below = sigmoid(-x, bits)
        return Interval(1 - below.high, 1 - below.low, True, True)
    e = exp(x, bits)
    return _rounded(Interval(e.low / (1 + e.low), e.high / (1 + e.high), True, True), bits)


def tanh(x: Fraction, bits: int) -> Interval:
    """2 sigmoid(2x) - 1."""
    half = sigmoid(2 * x, bits + 1)
    return Interval(2 * half.low - 1, 2 * half.high - 1, half.open_low, half.open_high)


def softplus(x: Fraction, bits: int) -> Interval:
    """ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|)."""
    e = exp(-abs(x), bits)
    tail = Interval(_log1p(e.low, bits, ROUND_FLOOR), _log1p(e.high, bits, ROUND_CEILING), True, True)
    return tail.plus(Interval(max(x, Fraction(0)), max(x, Fraction(0))))


def _log1p(x: Fraction, bits: int, way: str) -> Fraction:
    """A bound of ln(1 + x) on one side."""
    context = Context(prec=bits * 302 // 1000 + 8, rounding=way, Emax=MAX_EMAX, Emin=MIN_EMIN)
    argument = context.divide(Decimal(x.numerator + x.denominator), Decimal(x.denominator))
    context.rounding = ROUND_HALF_EVEN
    value = context.ln(argument)
    return _beside(value, context, bits, way == ROUND_CEILING)


def erf(x: Fraction, bits: int) -> Interval:
    """The error function."""
    if x < 0:
        above = erf(-x, bits)
        return Interval(-above.high, -above.low, above.open_high, above.open_low)
    if x == 0:
        return Interval(Fraction(0), Fraction(0))
    return _error_function(x * x, x, x, bits)


def normal(x: Fraction, bits: int) -> Interval:
    """(1 + erf(x / sqrt 2)) / 2, the distribution function of the normal law: GELU(x) = x normal(x)."""
    if x < 0:
        above = normal(-x, bits)
        return Interval(1 - above.high, 1 - above.low, True, True)
    if x == 0:
        return Interval(HALF, HALF)
    root = isqrt((x.numerator * x.numerator << (2 * bits + 16)) // (2 * x.denominator * x.denominator))
    low, high = Fraction(root, 1 << (bits + 8)), Fraction(root + 1, 1 << (bits + 8))
    inner = _error_function(x * x / 2, low, high, bits)
    return Interval((1 + inner.low) / 2, (1 + inner.high) / 2, True, True)


def _error_function(square: Fraction, low: Fraction, high: Fraction, bits: int) -> Interval:
    """erf(z) for z > 0 with low <= z <= high and z^2 = square.

    erf(z) = 2 / sqrt(pi) e^(-z^2) z sum over n of (2 z^2)^n / (1 3 5 ... (2n + 1)) (Abramowitz and Stegun 7.1.6): all
    terms positive. From z^2 > bits on, 1 - erf(z) < e^(-z^2) < 2^-bits.
    """
    if square > bits:
        return Interval(1 - Fraction(1, 1 << bits), Fraction(1), True, True)
    work = bits + 24 + 3 * int(square) // 2
    lower, upper = _series(2 * square, work)
    decay, root = exp(-square, work), _root_of_pi(work)
    one = Interval(2 * decay.low * lower * low / root.high, 2 * decay.high * upper * high / root.low, True, True)
    made = _rounded(one, bits)
    return Interval(max(made.low, Fraction(0)), min(made.high, Fraction(1)), True, True)


def _series(x: Fraction, work: int) -> tuple[Fraction, Fraction]:
    """Bounds of the sum of x^n / (1 3 5 ... (2n + 1)); the rest after a term is less than the term once it halves."""
    unit = 1 << work
    low_x, high_x = x.numerator * unit // x.denominator, -(-x.numerator * unit // x.denominator)
    low = high = low_sum = high_sum = unit
    odd = 1
    while high > 1 or 2 * high_x > odd * unit:
        odd += 2
        low, high = low * low_x // (odd << work), -(-high * high_x // (odd << work))
        low_sum, high_sum = low_sum + low, high_sum + high
    return Fraction(low_sum, unit), Fraction(high_sum + high, unit)


@cache
def _root_of_pi(bits: int) -> Interval:
    """sqrt(pi) from Machin's formula: pi = 16 arctan(1/5) - 4 arctan(1/239)."""
    work = bits + 16
    pi = 16 * _arctan(5, work) - 4 * _arctan(239, work)
    slack = 1 << 12
    low, high = isqrt((pi - slack) << work), isqrt((pi + slack) << work) + 1
    return Interval(Fraction(low, 1 << work), Fraction(high, 1 << work), True, True)


def _arctan(n: int, work: int) -> int:
    """arctan(1 / n) 2^work, off by at most the number of terms, one for every two bits at most."""
    power = total = (1 << work) // n
    odd = 1
    while power:
        power //= n * n
        odd += 2
        total += -(power // odd) if odd % 4 == 3 else power // odd
    return total


def gate(x: Fraction, bits: int) -> Interval:
    """(1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2 = sigmoid(2 sqrt(2 / pi) (...)); GELU's tanh form: x gate(x)."""
    if x < 0:
        above = gate(-x, bits)
        return Interval(1 - above.high, 1 - above.low, True, True)
    if x == 0:
        return Interval(HALF, HALF)
    root = _root_of_pi(bits + 16)
    size = 2 * (x + Fraction(44715, 1000000) * x**3)
    two = Fraction(isqrt(2 << (2 * bits + 32)), 1 << (bits + 16))
    low, high = size * two / root.high, size * (two + Fraction(1, 1 << (bits + 16))) / root.low
    return Interval(sigmoid(low, bits).low, sigmoid(high, bits).high, True, True)


def _rounded(interval: Interval, bits: int) -> Interval:
    """Ends that are multiples of 2^-(bits + 4), outwards."""
    return Interval(_dyadic(interval.low, bits + 4, False), _dyadic(interval.high, bits + 4, True),
                    interval.open_low, interval.open_high)
