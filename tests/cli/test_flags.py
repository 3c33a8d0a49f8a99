"""Values on the command line: what they mean, and what is refused with which words."""

from __future__ import annotations

from fractions import Fraction

import pytest

from hwgen.errors import HwgenError
from hwgen.flags import files, import_options, named, parse_scale, parse_shape, parse_stalls
from hwgen.ir.types import IntType


@pytest.mark.parametrize("text, scale", [
    ("1/255", Fraction(1, 255)), ("0.25", Fraction(1, 4)), ("3", Fraction(3)), (".5", Fraction(1, 2)),
    ("1e-3", Fraction(1, 1000)), (" 1/1024 ", Fraction(1, 1024)),
])
def test_scales_are_exact(text: str, scale: Fraction) -> None:
    assert parse_scale(text) == scale


@pytest.mark.parametrize("text", ["", "0", "-1", "1/0", "nan", "inf", "1/2/3", "1e999999999", "2 / 3", "0/5"])
def test_other_scales_are_refused(text: str) -> None:
    with pytest.raises(HwgenError) as caught:
        parse_scale(text)
    assert caught.value.code == "bad-scale"


@pytest.mark.parametrize("text", ["1x3x32x32", "1,3,32,32", "1X3x32,32", " 1 x 3 x 32 x 32 "])
def test_shapes(text: str) -> None:
    assert parse_shape(text) == (1, 3, 32, 32)


@pytest.mark.parametrize("text", ["", "1x", "0x3", "-1x3", "1x9999999999", "axb", "1.5", "٣"])
def test_other_shapes_are_refused(text: str) -> None:
    with pytest.raises(HwgenError) as caught:
        parse_shape(text)
    assert caught.value.code == "bad-shape"


@pytest.mark.parametrize("text", ["0.5", "0,1", "1,0", "2,1", "a,b", "0.5,0.5,0.5", "nan,1", "-1,1"])
def test_other_stalls_are_refused(text: str) -> None:
    with pytest.raises(HwgenError) as caught:
        parse_stalls(text)
    assert caught.value.code == "bad-stalls"
    assert parse_stalls("0.5,1") == (0.5, 1.0)


def test_a_name_is_what_stands_before_the_first_equals_sign() -> None:
    assert [named(text) for text in ("x.npy", "in=x.npy", "in=a=b.npy")] == [
        (None, "x.npy"), ("in", "x.npy"), ("in", "a=b.npy")]


def test_the_same_port_twice_is_refused() -> None:
    with pytest.raises(HwgenError) as caught:
        files(("a.npy", "b.npy"))
    assert caught.value.code == "option-twice"


def test_type_and_scale_go_together() -> None:
    options = import_options(("uint8",), ("1/255",), ("1x784",), "brevitas")
    assert options.input_types == {None: (IntType(0, 255), Fraction(1, 255))}
    assert options.input_shapes == {None: (1, 784)}
    for types, scales in ((("uint8",), ()), ((), ("1/255",)), (("a=uint8",), ("b=1",))):
        with pytest.raises(HwgenError) as caught:
            import_options(types, scales, (), "brevitas")
        assert caught.value.code == "input-scale"
