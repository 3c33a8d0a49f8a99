"""The host's float64 tables and the ranking of class scores decide exactly as rationals do."""

from __future__ import annotations

from fractions import Fraction
from math import inf, nextafter

import numpy as np
import pytest

from hwgen.errors import HwgenError
from hwgen.exact import encode
from hwgen.exact.encode import encode_of, smallest_double
from hwgen.exact.expression import affine, expanded
from hwgen.exact.quantizer import UniformQuantizer
from hwgen.exact.ranking import rank_offsets
from hwgen.exact.surd import sqrt
from hwgen.exact.view import View
from hwgen.ir.tensor import Tensor
from hwgen.ir.types import BIPOLAR, IntType, full_range
from hwgen.rounding import Rounding


def uniform(kind: IntType, scale: float, mode: Rounding = Rounding.HALF_EVEN, zero: float = 0.0) -> UniformQuantizer:
    return UniformQuantizer(kind, *(Tensor(Tensor(v).fractions()) for v in (scale, zero)), mode)


def test_smallest_double() -> None:
    third = Fraction(1, 3)
    assert Fraction(nextafter(smallest_double(third, True), -inf)) < third <= Fraction(smallest_double(third, True))
    assert smallest_double(Fraction(1, 2), True) == 0.5
    assert smallest_double(Fraction(1, 2), False) == nextafter(0.5, inf)
    root = sqrt(Fraction(2))
    assert Fraction(smallest_double(root, True)) > root > Fraction(nextafter(smallest_double(root, True), -inf))


@pytest.mark.parametrize("mode", Rounding)
@pytest.mark.parametrize("slope", [Fraction(2), Fraction(-3, 7)])
def test_encode_equals_the_rational_definition_at_and_around_every_cut(mode: Rounding, slope: Fraction) -> None:
    view = View("x", (1,), host=True).then(affine(slope, Fraction(-1)))
    for kind in (full_range(4, True), full_range(3, False), BIPOLAR):
        quantizer = uniform(kind, float(np.float32(0.1)), mode)
        encode = encode_of(view, quantizer)
        cuts = encode.cuts.array.ravel()
        points = np.concatenate([cuts, np.nextafter(cuts, -inf), np.nextafter(cuts, inf), [-1e30, 1e30, 0.0]])
        exact = quantizer.mapped(expanded((1,)))
        expected = [exact.quantize(slope * Fraction(float(x)) - 1, 0) for x in points]
        assert encode.run(points[:, None]).ravel().tolist() == expected


def test_elements_of_equal_parameters_share_their_cuts(monkeypatch: pytest.MonkeyPatch) -> None:
    """(x - mean) / deviation of an image costs what its three channels cost."""
    slopes, offsets = (np.array([Fraction(n, 7) for n in numbers], dtype=object).reshape(3, 1, 1)
                       for numbers in ((3, -5, 3), (1, 2, 4)))
    view = View("x", (3, 4, 5), host=True).then(affine(slopes, offsets))
    computed: list[int] = []
    row = encode._row
    monkeypatch.setattr(encode, "_row", lambda *parts: (computed.append(parts[2]), row(*parts))[1])
    made = encode_of(view, uniform(full_range(4, True), 0.25))
    assert len(computed) == 3 and made.cuts.shape == (60, 15)
    stream = made.cuts.array.reshape(4, 5, 3, 15)
    for channel in range(3):
        alone = View("x", (1,), host=True).then(affine(slopes[channel, 0, 0], offsets[channel, 0, 0]))
        wanted = encode_of(alone, uniform(full_range(4, True), 0.25))
        assert (stream[:, :, channel] == wanted.cuts.array).all()


def test_nan_is_refused_and_infinities_clip() -> None:
    encode = encode_of(View("x", (1,), host=True), uniform(full_range(4, True), 0.5))
    assert encode.run(np.array([[inf], [-inf]])).ravel().tolist() == [7, -8]
    with pytest.raises(HwgenError, match="input-nan"):
        encode.run(np.array([[np.nan]]))


def test_raw_integers_are_checked_against_the_type() -> None:
    encode = encode_of(View("x", (2,), host=True), uniform(full_range(8, False), 1 / 255))
    assert encode.run(np.array([[0, 255]], dtype=np.uint8)).tolist() == [[0, 255]]
    with pytest.raises(HwgenError, match=r"input-range.*256 is not a value of uint8"):
        encode.run(np.array([[0, 256]]))


def test_ranked_scores_keep_the_order_and_the_ties(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(200):
        offsets = np.array([Fraction(int(n), 6) + (sqrt(Fraction(2)) if rng.random() < 0.3 else 0)
                            for n in rng.integers(-30, 30, 6)], dtype=object)
        multiplier, integers = rank_offsets(offsets)
        a = rng.integers(-5, 6, 6)
        exact = [int(n) + o for n, o in zip(a, offsets, strict=True)]
        scores = multiplier * a + integers.array
        for i in range(6):
            for j in range(6):
                assert (exact[i] < exact[j]) == (scores[i] < scores[j])
