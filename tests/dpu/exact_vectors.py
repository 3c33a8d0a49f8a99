"""What a DPU's layers give, from their definitions in rational arithmetic: a program that imports nothing of hwgen.

    python tests/dpu/exact_vectors.py SEED > vectors.json

Every number is q * 2^-position with q of int8; a result is floor(value * 2^position + 1/2), clipped.
"""

from __future__ import annotations

import itertools
import json
import math
import random
import sys
from fractions import Fraction
from typing import Any

SIZES = {(3, 3): Fraction(9 * 7, 64), (5, 5): Fraction(25 * 10, 256), (6, 6): Fraction(36 * 7, 256),
         (3, 6): Fraction(36 * 7, 256), (6, 3): Fraction(36 * 7, 256), (7, 7): Fraction(49 * 21, 1024),
         (14, 14): Fraction(196 * 21, 4096)}
"""What a mean is multiplied by."""
EVERY = list(range(-128, 128))


def fixed(value: Fraction, position: int) -> int:
    """To int8 at a position, half up."""
    scaled = value * Fraction(2) ** position + Fraction(1, 2)
    return max(-128, min(127, scaled.numerator // scaled.denominator))


def real(q: int, position: int) -> Fraction:
    return q * Fraction(2) ** -position


def add(rng: random.Random) -> dict[str, Any]:
    a, b = (rng.randint(-2, 9) for _ in range(2))
    b = max(min(b, a + 7), a - 7)
    out, relu = min(a, b) - rng.randint(-6, 8), rng.random() < 0.5
    x, y = ([rng.randint(-128, 127) for _ in range(300)] for _ in range(2))
    sums = [real(p, a) + real(q, b) for p, q in zip(x, y, strict=True)]
    return {"positions": [a, b], "out": out, "relu": relu, "inputs": [x, y],
            "outputs": [fixed(max(s, Fraction(0)) if relu else s, out) for s in sums]}


def leaky_relu(rng: random.Random) -> dict[str, Any]:
    position, out = rng.randint(-2, 8), rng.randint(-2, 9)
    slope = Fraction(26, 256)
    return {"positions": [position], "out": out, "inputs": [EVERY],
            "outputs": [fixed(real(q, position) * (slope if q < 0 else 1), out) for q in EVERY]}


def gate(x: Fraction) -> Fraction:
    """relu6(x + 3) * 2731 / 2^14."""
    return min(max(x + 3, Fraction(0)), Fraction(6)) * Fraction(2731, 1 << 14)


def hard_sigmoid(rng: random.Random) -> dict[str, Any]:
    position = rng.randint(0, 12)
    out = rng.randint(7, min(12, 14 + position))
    return {"positions": [position], "out": out, "inputs": [EVERY],
            "outputs": [fixed(gate(real(q, position)), out) for q in EVERY]}


def hard_swish(rng: random.Random) -> dict[str, Any]:
    position = rng.randint(1, 12)
    out = min(position + 7 - rng.randint(0, 15), 12)
    return {"positions": [position], "out": out, "inputs": [EVERY],
            "outputs": [fixed(real(q, position) * real(fixed(gate(real(q, position)), 7), 7), out) for q in EVERY]}


def nearest(size: int) -> Fraction:
    """round(2^s / size) / 2^s nearest to 1 / size, of the s below the bits of 128 * size."""
    best = None
    shift = 0
    while 1 << shift < 128 * size:
        made = Fraction((2 * (1 << shift) + size) // (2 * size), 1 << shift)
        error = abs(made - Fraction(1, size))
        best = min((error, shift, made), best) if best else (error, shift, made)
        shift += 1
    assert best is not None
    return best[2]


def average_pool(rng: random.Random) -> dict[str, Any]:
    kernel = rng.choice([*SIZES, (2, 2), (1, 3), (4, 4), (2, 5), (11, 11), (8, 4)])
    position, out, size = rng.randint(0, 6), rng.randint(0, 8), kernel[0] * kernel[1]
    factor = SIZES[kernel] / size if kernel in SIZES else nearest(size)
    frames = [[rng.randint(-128, 127) for _ in range(size)] for _ in range(60)]
    frames += [[127] * size, [-128] * size, [1] * size]
    return {"positions": [position], "out": out, "kernel": list(kernel), "inputs": frames,
            "outputs": [fixed(sum(frame) * Fraction(2) ** -position * factor, out) for frame in frames]}


def product(rng: random.Random) -> dict[str, Any]:
    """One weight of each channel, a bias, and an activation."""
    case = weighted(rng)
    weights, biases = numbers(rng, 8), numbers(rng, 8)
    rows = [[finished(case, q * w, b) for q in EVERY] for w, b in zip(weights, biases, strict=True)]
    return {**case, "weights": weights, "biases": biases, "inputs": [EVERY], "outputs": rows}


def weighted(rng: random.Random) -> dict[str, Any]:
    """Positions and activation of a layer with weights."""
    position, weight, out = rng.randint(0, 6), rng.randint(2, 8), rng.randint(0, 6)
    out = max(min(out, position + weight), position + weight - 16)
    finest = min(12, position + weight + max(0, 16 - position - weight + out))
    bias = rng.randint(min(position + weight - 12, finest), finest)
    return {"positions": [position], "out": out, "weight_position": weight, "bias_position": bias,
            "activation": rng.choice(["NONE", "RELU", "RELU6", "LEAKYRELU"])}


def finished(case: dict[str, Any], total: int, bias: int) -> int:
    """A sum of products with the bias, which is cut to the products' grid, activated and rounded."""
    grid = Fraction(2) ** (case["positions"][0] + case["weight_position"])
    value = (total + math.floor(real(bias, case["bias_position"]) * grid)) / grid
    return fixed(activated(value, case["activation"]), case["out"])


def numbers(rng: random.Random, count: int) -> list[int]:
    return [rng.randint(-128, 127) for _ in range(count)]


def transposed(rng: random.Random) -> dict[str, Any]:
    """Maps by kernels: y[m][t] is the sum of x[c][i] * w[m][c][t + before - i * stride], depthwise of c = m alone."""
    depthwise = rng.random() < 0.5
    rows, channels = rng.randint(2, 3), rng.randint(1, 3)
    channels, share = (rows, 1) if depthwise else (channels, channels)
    size, stride, kernel = ([rng.randint(1, 4) for _ in range(2)] for _ in range(3))
    reach = [(n - 1) * s + k for n, s, k in zip(size, stride, kernel, strict=True)]
    before = [rng.randint(0, min(k, r) - 1) for k, r in zip(kernel, reach, strict=True)]
    after = [rng.randint(0, min(k - 1, r - 1 - b)) for k, r, b in zip(kernel, reach, before, strict=True)]
    outputs = [r - b - a for r, b, a in zip(reach, before, after, strict=True)]
    x = [[numbers(rng, size[1]) for _ in range(size[0])] for _ in range(channels)]
    w = [[[numbers(rng, kernel[1]) for _ in range(kernel[0])] for _ in range(share)] for _ in range(rows)]
    y = [[[0] * outputs[1] for _ in range(outputs[0])] for _ in range(rows)]
    for m, c, i, j, p, q in itertools.product(*map(range, (rows, share, *size, *kernel))):
        t, u = i * stride[0] + p - before[0], j * stride[1] + q - before[1]
        if 0 <= t < outputs[0] and 0 <= u < outputs[1]:
            y[m][t][u] += x[m if depthwise else c][i][j] * w[m][c][p][q]
    case, biases = weighted(rng), numbers(rng, rows)
    made = [[[finished(case, total, b) for total in row] for row in sums] for sums, b in zip(y, biases, strict=True)]
    return {**case, "weights": w, "biases": biases, "stride": stride, "pads": [*before, *after], "inputs": [x],
            "groups": channels if depthwise else 1, "outputs": made}


def activated(value: Fraction, name: str) -> Fraction:
    if name == "LEAKYRELU":
        return value * Fraction(26, 256) if value < 0 else value
    low = value if name == "NONE" else max(value, Fraction(0))
    return min(low, Fraction(6)) if name == "RELU6" else low


MAKERS = {f.__name__: f for f in (add, leaky_relu, hard_sigmoid, hard_swish, average_pool, product, transposed)}


def main() -> None:
    rng = random.Random(int(sys.argv[1]))
    json.dump({name: [make(rng) for _ in range(24)] for name, make in MAKERS.items()}, sys.stdout)


if __name__ == "__main__":
    main()
