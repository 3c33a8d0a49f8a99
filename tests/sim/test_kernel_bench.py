"""check_kernel accepts a right kernel in both simulators and rejects every mutant, naming what is wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hwgen.kernels.base import Schedule, one_port
from sim.kernel_bench import check_kernel, library_files
from tests.sim.toy import RTL, ToyMaximum, toy_maximum

# (text, other text, what the report must say)
MUTANTS = {
    "wrong-value": ("$signed(s_axis_tdata) > ", "$signed(s_axis_tdata) < ",
                    r"frame \d+, element \d+ \(channel \d+\): expected"),
    "drops-beats": ("s_axis_tready = !m_axis_tvalid || m_axis_tready", "s_axis_tready = 1'b1",
                    r"expected \d+ output beats|changed while stalled|expected -?\d+, actual"),
    "reset-keeps-count": ("m_axis_tvalid <= 1'b0;\n      index_q <= '0;", "m_axis_tvalid <= 1'b0;",
                          "10 tests failed.*reset in mid-frame"),
    "reset-keeps-output": ("m_axis_tvalid <= 1'b0;", "", "output before input"),
    "unstable-payload": ("if (s_axis_tready && s_axis_tvalid && (", "if (s_axis_tvalid && (",
                         "changed while stalled|expected"),
    "blocks": ("m_axis_tvalid <= s_axis_tvalid;", "m_axis_tvalid <= s_axis_tvalid && !m_axis_tvalid;",
               r"expected \d+ output beats|expected -?\d+, actual"),
}
POWER_UP = "initial begin index_q = '0; m_axis_tvalid = 1'b0; end\n  always_ff"


@pytest.mark.parametrize("simulator", ["verilator", "icarus"])
def test_right_kernel_passes(simulator: str, request: pytest.FixtureRequest, tmp_path: Path, seed: int) -> None:
    request.getfixturevalue(simulator)
    timing = check_kernel(toy_maximum(), seed=seed, work=tmp_path, simulator=simulator, library=(RTL,))
    assert (timing.cycles, timing.latency, timing.result.tests) == (5, 5, 10)


@pytest.mark.parametrize("mutant", MUTANTS)
def test_mutant_is_rejected(mutant: str, icarus: str, tmp_path: Path, seed: int) -> None:
    text, other, report = MUTANTS[mutant]
    source = (RTL / "hwgen_toy_maximum.sv").read_text()
    assert source.count(text) == 1
    (tmp_path / "hwgen_toy_maximum.sv").write_text(source.replace(text, other).replace("always_ff", POWER_UP))
    with pytest.raises(AssertionError, match=f"(?s){report}") as caught:
        check_kernel(toy_maximum(), seed=seed, work=tmp_path / "run", simulator="icarus", library=(tmp_path,))
    assert f"seed: {seed}" in str(caught.value)
    assert f"python -m sim.runner {tmp_path / 'run'}/run.json --waves" in str(caught.value)


def test_wrong_cycles_are_rejected(icarus: str, tmp_path: Path, seed: int) -> None:
    with pytest.raises(AssertionError, match=r"kernel\.cycles is 6, measured 5"):
        check_kernel(toy_maximum(claimed_cycles=6), seed=seed, work=tmp_path, simulator="icarus", library=(RTL,))


class _LateSchedule(ToyMaximum):
    def schedule(self) -> Schedule:
        return replace(super().schedule(), delay=2)


class _SlowSchedule(ToyMaximum):
    def schedule(self) -> Schedule:
        every = one_port((*[True] * 5, False))
        return Schedule(every, every, 1)


@pytest.mark.parametrize(("kind", "report"), [(_LateSchedule, "first output beat: .* 2 cycles .* the RTL 1"),
                                              (_SlowSchedule, "output beat 5: .* 6 cycles .* the RTL 5")])
def test_wrong_schedule_is_rejected(kind: type[ToyMaximum], report: str, icarus: str, tmp_path: Path,
                                    seed: int) -> None:
    right = toy_maximum()
    kernel = kind(right.op, right.inputs, right.fold)
    with pytest.raises(AssertionError, match=report):
        check_kernel(kernel, seed=seed, work=tmp_path, simulator="icarus", library=(RTL,))


def test_library_files_follow_instances(tmp_path: Path) -> None:
    for name, text in {"a": "hwgen_b one ();", "b": "module hwgen_b; hwgen_c two ();", "c": "", "d": ""}.items():
        (tmp_path / f"hwgen_{name}.sv").write_text(text)
    assert [p.stem for p in library_files("hwgen_a top ();", (tmp_path,))] == ["hwgen_a", "hwgen_b", "hwgen_c"]
