"""A build whose RTL is wrong says so: exit code 1, the layer by name, and a complete build directory to replay."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import hwgen.backends
from hwgen.cli import run
from hwgen.emit.whole import emit_build
from hwgen.ir.graph import Graph
from hwgen.report import schema
from hwgen.simulate.design import Design
from tests.conftest import ROOT

DIGITS = ROOT / "examples" / "digits_mlp.onnx"


def sabotaged(graph: Graph, out: Path) -> Design:
    """The design with one bit flipped in the second layer's weights."""
    design = emit_build(graph, out)
    (path,) = (out / "mem").glob("dense2_weights*.mem")
    words = path.read_text().split()
    words[0] = f"{int(words[0], 16) ^ 1:0{len(words[0])}x}"
    path.write_text("\n".join(words) + "\n")
    return design


def test_wrong_rtl_fails_the_build_and_can_be_replayed(verilator: None, tmp_path: Path,
                                                       monkeypatch: pytest.MonkeyPatch,
                                                       capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(hwgen.backends, "emit_build", sabotaged)
    out = tmp_path / "build"
    assert run(["build", str(DIGITS), "--board", "pynq", "--fps", "100000", "--out", str(out)]) == 1
    text = capsys.readouterr().out
    found = re.search(rf"frame \d+, layer dense2, channel \d+ .*: expected -?\d+, actual -?\d+.*"
                      rf"(hwgen simulate {re.escape(str(out))} .*)", text)
    assert found, text
    report = json.loads((out / "report.json").read_text())
    schema.check(report)
    assert report["verification"]["rtl_vs_integer_mismatches"] > 0
    assert report["verification"]["integer_vs_exact_mismatches"] == 0
    replay = found[1].split()[1:]
    monkeypatch.chdir(tmp_path)
    assert run(replay) == 1
    assert "layer dense2" in capsys.readouterr().out
    assert (tmp_path / "waves.vcd").stat().st_size > 1000
