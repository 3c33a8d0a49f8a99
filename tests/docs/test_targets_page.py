"""What the pages, --help and doctor say of the targets has all of them; the report of an export is documented."""

from __future__ import annotations

import re

import numpy as np
import pytest

from hwgen.cli import run
from hwgen.export import TARGETS, ExportOptions
from hwgen.export.targets import report_of
from hwgen.ir.tensor import Tensor
from hwgen.ops.quantized import Dense
from hwgen.toolchain import doctor
from tests.conftest import ROOT
from tests.dpu.networks import Net, int8
from tests.export.matrix import MATRIX

TARGETS_PAGE, REPORT_PAGE = ((ROOT / "docs" / name).read_text() for name in ("targets.md", "report.md"))


def test_the_table_has_every_target() -> None:
    table = TARGETS_PAGE[TARGETS_PAGE.index("| target | what is written"):].partition("\n\n")[0]
    assert re.findall(r"(?m)^\| `(\w+)`", table) == list(TARGETS)
    assert {*MATRIX["targets"], "dpu"} == set(TARGETS)


def test_help_names_every_target(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["export", "--help"]) == 0
    assert f"{', '.join(list(TARGETS)[:-1])} or dpu" in " ".join(capsys.readouterr().out.split())


def test_doctor_knows_what_runs_them() -> None:
    assert {name for target in TARGETS.values() for name in target.runs} <= {name for name, *_ in doctor()}


@pytest.mark.parametrize("target", ["tvm", "dpu"])
def test_every_field_of_the_report_is_documented(target: str) -> None:
    net = Net((2,))
    net.chain([Dense(Tensor(np.array([[3, 4], [1, 1]])), Tensor(0.5), Tensor(0), None), int8(9)])
    report = report_of(TARGETS[target], TARGETS[target].write(net.build(), ExportOptions()))
    section = REPORT_PAGE[REPORT_PAGE.index("## Of an export"):]
    fields = {*report, *(key for row in report.get("adjustments", []) for key in row),
              *(key for row in report.get("flips", {}).values() for key in row)}
    assert fields <= set(re.findall(r"`(\w+)(?:\[\])?`", section))
    assert target == "tvm" or (report["adjustments"] and report["flips"])
