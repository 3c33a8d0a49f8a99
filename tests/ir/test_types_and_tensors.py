"""Intervals, tensors by content, and the packing of streams."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwgen.errors import HwgenError
from hwgen.ir.tensor import Tensor
from hwgen.ir.types import BIPOLAR, IntType, full_range, parse_type
from hwgen.stream import Stream, from_codes, pack, to_codes, unpack

kinds = st.one_of(st.just(BIPOLAR), st.builds(lambda a, b: IntType(min(a, b), max(a, b)),
                                              st.integers(-(1 << 40), 1 << 40), st.integers(-(1 << 40), 1 << 40)))


@given(kinds)
def test_bits_are_enough_and_no_more(kind: IntType) -> None:
    if kind == BIPOLAR:
        assert kind.bits == 1
        return
    full = full_range(kind.bits, kind.signed)
    assert full.contains(kind)
    assert kind.bits == 1 or not full_range(kind.bits - 1, kind.signed).contains(kind)


@given(kinds)
def test_a_type_prints_as_it_is_read(kind: IntType) -> None:
    assert parse_type(str(kind)) == kind


@pytest.mark.parametrize("text", ["int0", "float32", "int", "int8{5..2}", "uint100", "int8 x", ""])
def test_text_that_is_no_type(text: str) -> None:
    with pytest.raises(HwgenError) as error:
        parse_type(text)
    assert str(error.value) == (f"bad-type: {text}: this is not an integer type. Write uint8, int16, bipolar, binary "
                                "or ternary.")


@given(kinds, st.integers(1, 7), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_packing_is_undone_by_unpacking(kind: IntType, lanes: int, elements: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    stream = Stream(kind, elements, lanes)
    frames = rng.integers(kind.lo, kind.hi, (3, elements), endpoint=True)
    frames = np.where(frames > 0, 1, -1) if kind == BIPOLAR else frames
    beats = pack(frames, stream)
    assert beats.shape == (3 * stream.beats, stream.beat_bytes)
    np.testing.assert_array_equal(unpack(beats, stream), frames)
    np.testing.assert_array_equal(from_codes(to_codes(frames, kind), kind), frames)


def test_element_zero_is_in_the_least_significant_bits() -> None:
    assert pack(np.array([[1, 2, 3]]), Stream(full_range(4, False), 3, 2)).tolist() == [[0x21], [0x03]]
    assert pack(np.array([[-1, 1, 1]]), Stream(BIPOLAR, 3, 3)).tolist() == [[0b110]]


def test_tensors_are_equal_by_content_and_read_only() -> None:
    a, b = Tensor(np.arange(4)), Tensor(np.arange(4).astype(np.int32))
    assert a == b and hash(a) == hash(b) and a != Tensor(np.arange(4.0))
    with pytest.raises(ValueError, match="read-only"):
        a.array[0] = 1


def test_integers_beyond_64_bits_stay_exact() -> None:
    wide = Tensor.of_ints([1 << 70, -1], (2,))
    assert wide.array.tolist() == [1 << 70, -1]
