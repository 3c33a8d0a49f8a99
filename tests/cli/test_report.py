"""report.json has the documented form, and its check refuses any other; tables and console lines."""

from __future__ import annotations

import copy
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from hwgen.cli import run
from hwgen.errors import HwgenError
from hwgen.report import schema
from hwgen.report.console import Console, count, duration
from tests.conftest import ROOT

DIGITS = ROOT / "examples" / "digits_mlp.onnx"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build directory, up to emit."""
    out = tmp_path_factory.mktemp("report") / "build"
    assert run(["build", str(DIGITS), "--board", "pynq", "--fps", "200000", "--until", "emit", "--out", str(out)]) == 0
    return out


@pytest.fixture
def report(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return found


def test_the_report_has_the_form(report: dict[str, Any]) -> None:
    schema.check(report)
    assert report["model"] == "digits_mlp.onnx"
    assert (report["board"], report["part"], report["family"]) == ("pynq", "xc7z020clg400-1", "xc7")
    assert report["cycles_per_frame"]["model"] <= 500
    assert report["fps"] == pytest.approx(100e6 / report["cycles_per_frame"]["model"])


def test_every_mlp_layer_is_there_with_its_types(report: dict[str, Any]) -> None:
    layers = {layer["name"]: layer for layer in report["layers"]}
    dense = layers["dense1"]
    assert dense["kernel"] == "mvau"
    assert (dense["input_type"], dense["weight_type"]) == ("uint5", "int4{-7..7}")
    assert dense["accumulator_type"] == dense["output_type"] == "int13{-2945..2914}"
    assert layers["relu1"]["weight_type"] is None
    assert report["names"]["norm1"] == "relu1"
    assert report["names"]["dense3"] == "m_axis_dense3"


def test_the_page_describes_every_field() -> None:
    page = (ROOT / "docs" / "report.md").read_text()
    names = {*schema.REPORT, *schema.LAYER, *schema.VERIFICATION, *schema.REPORT["options"]}
    assert {name for name in names if not re.search(rf"`{name}(\[\])?`", page)} == set()


@pytest.mark.parametrize("change", [
    lambda report: report.pop("board"), lambda report: report.update(extra=1), lambda report: report.update(fps="fast"),
    lambda report: report["layers"][0].pop("pe"), lambda report: report["layers"][1].update(pe=1.5),
    lambda report: report["resources"]["estimate"].update(lut=None), lambda report: report.update(verification={}),
    lambda report: report.update(layers={}), lambda report: report["options"].update(seed=True),
    lambda report: report["names"].update(x=1),
])
def test_another_form_is_refused(report: dict[str, Any], change: Any) -> None:
    changed = copy.deepcopy(report)
    change(changed)
    with pytest.raises(ValueError, match="report"):
        schema.check(changed)


def test_a_build_can_be_inspected(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["inspect", str(folder)]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()][-2:] == ["fold", "size-fifos"]
    assert run(["inspect", str(folder), "--diff", "size-fifos"]) == 0
    assert re.search(r"(?m)^\+\w+_width: ", capsys.readouterr().out)


def test_the_written_folding_gives_the_same_design(folder: Path, tmp_path: Path, report: dict[str, Any]) -> None:
    out = tmp_path / "again"
    assert run(["build", str(DIGITS), "--board", "pynq", "--folding", str(folder / "folding.toml"), "--until", "emit",
                "--out", str(out)]) == 0
    again = json.loads((out / "report.json").read_text())
    assert again["layers"] == report["layers"]
    for path in (folder / "rtl").iterdir():
        assert (out / "rtl" / path.name).read_bytes() == path.read_bytes()


def test_counts_and_durations_are_english() -> None:
    assert [count(1, "boundary"), count(2, "boundary"), count(1200, "pass"), count(2, "mismatch")] == [
        "1 boundary", "2 boundaries", "1,200 passes", "2 mismatches"]
    assert [duration(t) for t in (0.034, 1.26, 12.3, 200.0)] == ["0.03 s", "1.3 s", "12 s", "3 min 20 s"]


def test_an_error_is_place_cause_and_way_out() -> None:
    out = io.StringIO()
    Console(out, out).error(HwgenError("a-code", "node x", "it is wrong", "Mend it."))
    assert out.getvalue() == "error[a-code]: node x: it is wrong\nhelp: Mend it.\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_goes_where_the_lines_go(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Not into the table of compare, whose lines go to the standard error."""
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    err = Terminal()
    with Console(err).progress("running", 2) as advance:
        advance(2)
    assert "running" in err.getvalue() and capsys.readouterr().out == ""
