"""Identifiers: legal everywhere, unique, bounded, and free of anything that the model's author wrote."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwgen.names import MAX_LENGTH, Names
from hwgen.reserved_words import CPP, RESERVED_WORDS, SYSTEMVERILOG, TCL, VHDL

HOSTILE = ["", " ", '"; $finish; //', "a\nendmodule\nmodule b", "$::env(HOME)", "[exec rm -rf /]", "`include \"x\"",
           "../../etc/passwd", "naïve", "日本", "\udc80", "\x00", "a" * 5000, "{{ 7*7 }}", "9lives", "_", "__", "x\\",
           "'''"]

names = (st.text(max_size=60) | st.text("aA_/.0", max_size=60) | st.sampled_from(HOSTILE)
         | st.sampled_from(sorted(RESERVED_WORDS)))


@given(st.lists(names, max_size=30))
def test_identifiers_are_legal_and_unique(given_names: list[str]) -> None:
    made = Names()
    identifiers = [made.of(name) for name in given_names]
    for identifier in identifiers:
        assert re.fullmatch(r"[a-z](_?[a-z0-9])*", identifier)
        assert len(identifier) <= MAX_LENGTH
        assert identifier not in RESERVED_WORDS
        assert not re.match(r"(hwgen|s_axis|m_axis)(_|$)", identifier)
        assert not re.search(r"(^|_)top$", identifier)
    assert len({identifier.casefold() for identifier in identifiers}) == len(set(given_names))


@given(st.lists(names, max_size=30))
def test_the_map_is_what_was_given_out(given_names: list[str]) -> None:
    first, second = Names(), Names()
    identifiers = {name: first.of(name) for name in given_names}
    assert first.map == identifiers
    assert {name: second.of(name) for name in given_names} == identifiers
    assert {name: first.of(name) for name in reversed(given_names)} == identifiers


@pytest.mark.parametrize(("name", "identifier"), [
    ("fc1", "fc1"), ("/fc1/MatMul_output_0", "fc1_matmul_output_0"), ("onnx::Gemm.3", "onnx_gemm_3"), ("3", "n_3"),
    ("Reg", "reg_n"), ("process", "process_n"), ("namespace", "namespace_n"), ("puts", "puts_n"), ("aux", "aux_n"),
    ("hwgen_fifo", "n_hwgen_fifo"), ("s_axis_x", "n_s_axis_x"), ("desktop", "desktop"), ("model_top", "model_top_n"),
    ("", "n"), ("é", "n"),
])
def test_readable_names(name: str, identifier: str) -> None:
    assert Names().of(name) == identifier


def test_a_long_name_keeps_its_beginning_and_gets_a_hash() -> None:
    made = Names()
    first, second = made.of("layer_" * 20 + "a"), made.of("layer_" * 20 + "b")
    assert first != second
    assert first.startswith("layer_layer_layer")
    assert re.fullmatch(r"[a-z_]+_[0-9a-f]{8}", first)


def test_case_and_punctuation_do_not_merge_two_names() -> None:
    made = Names()
    assert made.of("Fc.1") == "fc_1"
    assert re.fullmatch(r"fc_1_[0-9a-f]{8}", made.of("fc/1"))


@given(names)
def test_an_identifier_is_its_own_identifier(name: str) -> None:
    identifier = Names().of(name)
    assert Names().of(identifier) == identifier


def test_systemverilog_words_are_those_of_slang() -> None:
    parsing = pytest.importorskip("pyslang.parsing")
    kinds = {name.removesuffix("Keyword").lower() for name in dir(parsing.TokenKind) if name.endswith("Keyword")}
    assert kinds == {word.replace("_", "") for word in SYSTEMVERILOG}


def test_every_language_is_covered() -> None:
    for words, some in ((SYSTEMVERILOG, "always_ff"), (VHDL, "architecture"), (CPP, "co_await"), (TCL, "upvar")):
        assert some in words
        assert words <= RESERVED_WORDS
