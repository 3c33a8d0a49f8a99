"""g++ for HLS C++: what it makes, what it refuses, and what is said when there is none."""

from __future__ import annotations

import ctypes
import shutil
from pathlib import Path

import pytest

from hwgen.errors import Exit, HwgenError
from hwgen.toolchain.cxx import cached_library, compile_cxx
from hwgen.toolchain.tools import program_version

SIX = '#include <ap_int.h>\nextern "C" int six() { return (ap_uint<3>(2) * ap_uint<3>(3)).to_int(); }\n'


def test_a_library_is_made_once_for_each_content(gxx: str, tmp_path: Path) -> None:
    source, header = tmp_path / "six.cpp", tmp_path / "more.hpp"
    source.write_text(SIX)
    header.write_text("")
    first = cached_library([source], [header])
    assert ctypes.CDLL(str(first)).six() == 6
    assert cached_library([source], [header]) == first
    header.write_text("// other\n")
    assert cached_library([source], [header]) != first


def test_what_the_compiler_refuses_is_shown(gxx: str, tmp_path: Path) -> None:
    source = tmp_path / "bad.cpp"
    source.write_text("int six() { return seven; }\n")
    with pytest.raises(HwgenError) as caught:
        compile_cxx([source], tmp_path / "bad.so", what="layer conv1")
    assert (caught.value.code, caught.value.where) == ("hls-compile", "layer conv1")
    assert "seven" in caught.value.why and caught.value.exit_code == Exit.INTERNAL


def test_warnings_are_errors(gxx: str, tmp_path: Path) -> None:
    source = tmp_path / "unused.cpp"
    source.write_text("int six(int unused) { return 6; }\n")
    with pytest.raises(HwgenError, match="unused"):
        compile_cxx([source], tmp_path / "unused.so")


def test_without_a_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    program_version.cache_clear()
    try:
        with pytest.raises(HwgenError) as caught:
            compile_cxx([tmp_path / "six.cpp"], tmp_path / "six.so")
    finally:
        program_version.cache_clear()
    assert (caught.value.code, caught.value.where) == ("tool-missing", "g++")
    assert caught.value.exit_code == Exit.STAGE_UNAVAILABLE
