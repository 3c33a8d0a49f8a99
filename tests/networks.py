"""Small random quantized networks for tests, built directly as graphs of the quantized level."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from hwgen.ir.graph import Graph, GraphBuilder, Level, Value
from hwgen.ir.tensor import Array, Tensor
from hwgen.ir.types import BIPOLAR, REAL, IntType, full_range
from hwgen.ops.quantized import BatchNorm, Dense, Elementwise, Quant, Relu
from hwgen.rounding import Rounding


def quant(scale: float, kind: IntType, rounding: Rounding = Rounding.HALF_EVEN, zero: float = 0.0) -> Quant:
    """A per-tensor quantizer; bipolar ones have no zero point."""
    zero = 0.0 if kind == BIPOLAR else zero
    return Quant(Tensor(np.float64(scale)), Tensor(np.float64(zero)), kind, rounding)


def random_scale(rng: np.random.Generator, power_of_two: bool) -> float:
    """A float32 scale: power-of-two ones make exact ties frequent."""
    return float(2.0 ** rng.integers(-6, 2)) if power_of_two else float(np.float32(rng.uniform(0.02, 0.5)))


def random_kind(rng: np.random.Generator) -> IntType:
    """Bipolar, or 1 to 5 bits, signed or not."""
    if rng.random() < 0.2:
        return BIPOLAR
    bits = int(rng.integers(2, 6))
    return full_range(bits, bool(rng.integers(2)), bool(rng.integers(2)) and bits > 1)


def random_weights(rng: np.random.Generator, rows: int, columns: int, kind: IntType) -> Array:
    """Integers of the kind."""
    if kind == BIPOLAR:
        return 2 * rng.integers(0, 2, (rows, columns)) - 1
    return rng.integers(kind.lo, kind.hi + 1, (rows, columns))


def random_mlp(rng: np.random.Generator, sizes: tuple[int, ...] | None = None, *, power_of_two: bool | None = None,
               outputs: bool = True) -> Graph:
    """Input quantizer, then dense layers with bias, BatchNorm (negative slopes too), Relu and quantizers."""
    sizes = sizes or tuple(int(n) for n in rng.integers(1, 9, rng.integers(2, 5)))
    po2 = bool(rng.integers(2)) if power_of_two is None else power_of_two
    builder = GraphBuilder("mlp", Level.QUANTIZED)
    value = builder.add_input(Value("x", (sizes[0],), REAL)).name
    modes = list(Rounding)

    def add(name: str, op: object) -> None:
        nonlocal value
        (made,) = builder.add(name, op, [value], [f"{name}_out"])  # type: ignore[arg-type]
        value = made.name

    add("quant_in", quant(random_scale(rng, po2), random_kind(rng), modes[rng.integers(len(modes))]))
    for i, (columns, rows) in enumerate(pairwise(sizes)):
        last = i == len(sizes) - 2
        kind = random_kind(rng)
        per_channel = bool(rng.integers(2))
        scale = np.array([[random_scale(rng, po2)] for _ in range(rows if per_channel else 1)])
        bias = Tensor(rng.normal(size=rows).astype(np.float32)) if rng.integers(2) else None
        add(f"dense{i}", Dense(Tensor(random_weights(rng, rows, columns, kind)), Tensor(scale), Tensor(0.0), bias))
        if rng.integers(2):
            f32 = [rng.normal(size=rows).astype(np.float32) for _ in range(3)]
            variance = rng.uniform(0.1, 3, rows).astype(np.float32)
            add(f"bn{i}", BatchNorm(*(Tensor(a) for a in f32), Tensor(variance), 1e-5))
        if rng.integers(2):
            add(f"relu{i}", Relu())
        if rng.integers(3) == 0:
            add(f"mul{i}", Elementwise("mul", Tensor(np.float64(-1.5))))
        if not last or not outputs:
            add(f"quant{i}", quant(random_scale(rng, po2), random_kind(rng), modes[rng.integers(len(modes))],
                                   float(rng.integers(-2, 3))))
    return builder.build([value])
