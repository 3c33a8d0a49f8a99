"""Quantizers directly on a float input: the table's cuts against the float32 formula, at and around every cut."""

from __future__ import annotations

from fractions import Fraction
from math import inf

import numpy as np
import pytest

from hwgen.exact.encode import encode_of
from hwgen.exact.expression import affine
from hwgen.exact.quantizer import UniformQuantizer
from hwgen.exact.single import decided_in_float32, of_ordered
from hwgen.exact.view import View
from hwgen.ir.graph import GraphBuilder, Level, Value
from hwgen.ir.tensor import Array, Tensor
from hwgen.ir.types import BIPOLAR, REAL, IntType, full_range
from hwgen.ops.quantized import Quant
from hwgen.reference import exact
from hwgen.rounding import Rounding

PIXELS = np.arange(256, dtype=np.float32) / np.float32(255) * np.float32(2) - np.float32(1)
STEP = float(np.float32(2 / 255))


def quantizer(scale: float, zero: float, kind: IntType, mode: Rounding, inside: bool) -> UniformQuantizer:
    return UniformQuantizer(kind, Tensor(Tensor(scale).fractions()), Tensor(Tensor(zero).fractions()), mode, inside)


def reference(scale: float, zero: float, kind: IntType, mode: Rounding, inside: bool, x: Array) -> Array:
    """The exact reference of one Quant on one element a frame."""
    builder = GraphBuilder("one", Level.QUANTIZED)
    builder.add_input(Value("x", (1,), REAL))
    builder.add("q", Quant(Tensor(scale), Tensor(zero), kind, mode, inside), ["x"], ["y"])
    return exact.run(builder.build(["y"]), {"x": x.reshape(-1, 1)}).integers["y"].ravel()


@pytest.mark.parametrize("mode", list(Rounding))
@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("zero", [0.0, 127.0, -3.0])
def test_table_equals_float32_at_and_around_every_cut(mode: Rounding, inside: bool, zero: float) -> None:
    """And on pixels of a 2/255 grid, which lie on ties; doubles between two floats count as the lower one."""
    kind = IntType(int(zero) - 60, int(zero) + 60)
    encode = encode_of(View("x", (1,), host=True), quantizer(STEP, zero, kind, mode, inside))
    cuts = encode.cuts.array.ravel().astype(np.float32)
    assert (cuts == encode.cuts.array.ravel()).all()
    around = [np.nextafter(cuts, np.float32(side)) for side in (-inf, inf)]
    doubles = np.nextafter(cuts.astype(np.float64), -inf)
    for x in (cuts, *around, PIXELS, doubles):
        expected = reference(STEP, zero, kind, mode, inside, x)
        np.testing.assert_array_equal(encode.run(x.reshape(-1, 1)).ravel(), expected)


def test_pixels_on_ties_are_brevitas(seed: int) -> None:
    """x / s + 127 = n + 1/2 for every even pixel: float32 rounds to even, the exact quotient would not."""
    kind = full_range(8, False)
    found = encode_of(View("x", (1,), host=True), quantizer(STEP, 127.0, kind, Rounding.HALF_EVEN, True)).run(
        PIXELS.reshape(-1, 1)).ravel()
    formula = np.clip(np.round(PIXELS / np.float32(STEP) + np.float32(127)), 0, 255)
    np.testing.assert_array_equal(found, formula)
    rational = [round(Fraction(float(x)) / Fraction(STEP) + 127) for x in PIXELS]
    assert (found != np.clip(rational, 0, 255)).sum() > 10


def test_where_float32_decides() -> None:
    """Only directly on the input, and only where scale and zero point are float32 numbers."""
    assert decided_in_float32(quantizer(STEP, 1.0, full_range(4, True), Rounding.FLOOR, True))
    assert not decided_in_float32(quantizer(1 / 255, 0.0, full_range(4, True), Rounding.FLOOR, True))
    assert not decided_in_float32(quantizer(STEP, 0.0, BIPOLAR, Rounding.FLOOR, True))
    direct, moved = (encode_of(view, quantizer(STEP, 0.0, full_range(8, True), Rounding.HALF_EVEN, True)).cuts.array
                     for view in (View("x", (1,), host=True),
                                  View("x", (1,), host=True).then(affine(Fraction(1), Fraction(1, 1024)))))
    assert (direct == direct.astype(np.float32)).all() and not (moved == moved.astype(np.float32)).all()


def test_order_of_floats() -> None:
    positions = np.array([-0x7F800000, -0x3F800000, -1, 0, 1, 0x3F800000, 0x7F800000])
    tiny = float(np.finfo(np.float32).smallest_subnormal)
    assert of_ordered(positions).tolist() == [-inf, -1.0, -tiny, 0.0, tiny, 1.0, inf]
