"""The compiled harness on a design of two hand-written blocks: right values pass, every kind of wrong RTL is named."""

from __future__ import annotations

import re
import uuid
from pathlib import Path

import numpy as np
import pytest

from hwgen.errors import Exit, HwgenError
from hwgen.simulate import SimResult, read, simulate, simulate_build, write
from tests.sim.toy_build import DESIGN, toy_build, toy_vectors

FRAMES = 40
pytestmark = pytest.mark.usefixtures("verilator")


def run(build: Path, seed: int, stalls: tuple[float, float] | None = None, frames: int = FRAMES) -> SimResult:
    inputs, expected = toy_vectors(frames, seed)
    return simulate(build, DESIGN, inputs, expected, stalls=stalls, seed=seed)


def test_full_rate(tmp_path: Path, seed: int) -> None:
    result = run(toy_build(tmp_path / "b"), seed)
    assert result.ok
    assert (result.cycles_per_frame, result.latency) == (6, 7)
    assert [b.cycles for b in result.boundaries] == [6, 6]
    _, expected = toy_vectors(FRAMES, seed)
    assert all((result.values[name] == expected[name]).all() for name in ("highest", "y"))


@pytest.mark.parametrize("stalls", [(0.1, 0.9), (0.9, 0.1), (0.5, 0.5)])
def test_stalls_change_nothing_but_time(stalls: tuple[float, float], tmp_path: Path, seed: int) -> None:
    build = toy_build(tmp_path / "b")
    slow, fast = run(build, seed, stalls), run(build, seed)
    assert slow.ok
    assert slow.total_cycles > 1.5 * fast.total_cycles
    assert all((slow.values[name] == fast.values[name]).all() for name in ("highest", "y"))
    again = run(build, seed, stalls)
    assert again.total_cycles == slow.total_cycles


def test_flipped_memory_bit_names_the_layer(tmp_path: Path, seed: int) -> None:
    build = toy_build(tmp_path / "b", ("mem/toy_offset.mem", "1\ne\n3\n", "1\ne\n2\n"))
    result = run(build, seed)
    (mismatch,) = result.mismatches
    _, expected = toy_vectors(FRAMES, seed)
    assert (mismatch.frame, mismatch.layer, mismatch.channel, mismatch.count) == (0, "offset", 2, FRAMES)
    assert mismatch.expected == expected["y"][0, 2] == mismatch.actual + 1
    assert mismatch.replay == f"hwgen simulate {build} --frame 0 --seed {seed} --waves waves.vcd"


def test_wrong_values_name_the_first_layer(tmp_path: Path, seed: int) -> None:
    result = run(toy_build(tmp_path / "b", ("rtl/hwgen_toy_maximum.sv", "$signed(s_axis_tdata) >",
                                            "$signed(s_axis_tdata) <")), seed)
    assert [m.layer for m in result.mismatches] == ["maximum", "offset"]
    assert not result.problems


PROBLEMS = {
    "deadlock": ("rtl/hwgen_toy_offset.sv", "s_axis_tready = open", "s_axis_tready = open && index_q < 4",
                 r"deadlock: no beat moves any more after \d+ cycles; layer offset gives no output: m_axis_y stands at "
                 r"beat 4 of frame 0, tvalid 0, tready [01]\. Replay"),
    "drops-beats": ("rtl/hwgen_toy_maximum.sv", "m_axis_tvalid <= s_axis_tvalid;",
                    "m_axis_tvalid <= s_axis_tvalid && index_q != 3;",
                    r"deadlock: .* layer maximum gives no output: highest stands at"),
    "too-many-beats": ("rtl/toy_top.sv", ".m_axis_tready(highest_tready)", ".m_axis_tready(highest_tready && |beat_q)",
                       "layer maximum, highest: more beats than the frames have"),
    "wrong-tlast": ("rtl/toy_top.sv", "beat_q == 3'd5", "beat_q == 3'd4",
                    "m_axis_y: tlast is wrong, at beat 4 of frame 0"),
    "wrong-tkeep": ("rtl/toy_top.sv", "m_axis_y_tkeep = 1'b1", "m_axis_y_tkeep = 1'b0", "tkeep is not full"),
    "valid-falls": ("rtl/hwgen_toy_offset.sv", "end else if (open) begin",
                    "end else if (!open) m_axis_tvalid <= 1'b0;\n    else if (open) begin",
                    "m_axis_y: tvalid fell before tready"),
    "payload-moves": ("rtl/hwgen_toy_maximum.sv", "if (s_axis_tready && s_axis_tvalid && (", "if (s_axis_tvalid && (",
                      "highest: the payload changed while stalled"),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_wrong_rtl_is_a_named_problem(name: str, tmp_path: Path, seed: int) -> None:
    file, text, other, report = PROBLEMS[name]
    result = run(toy_build(tmp_path / "b", (file, text, other)), seed, (0.5, 0.5))
    assert not result.ok
    assert any(re.search(report, problem) for problem in result.problems), result.problems


def test_failed_rtl_check_is_a_problem(tmp_path: Path) -> None:
    inputs = {"x": np.full((4, 6), -8)}
    result = simulate(toy_build(tmp_path / "b"), DESIGN, inputs, {"highest": inputs["x"], "y": inputs["x"]})
    assert not result.ok
    assert "a check in the RTL failed: " in result.problems[0]
    assert re.search(r"hwgen_toy_offset\.sv:\d+: .*toy_top\.offset: value out of range", result.problems[0])


MEMORIES = {"missing": (None, r"\$readmem file not found"), "not-hexadecimal": ("1\ng\n", "syntax error"),
            "too-long": ("1\n" * 9, "address beyond bounds")}


@pytest.mark.parametrize("name", MEMORIES)
def test_bad_memory_file_is_refused(name: str, tmp_path: Path, seed: int, capfd: pytest.CaptureFixture[str]) -> None:
    text, report = MEMORIES[name]
    build = toy_build(tmp_path / "b")
    (build / "mem" / "toy_offset.mem").unlink()
    if text is not None:
        (build / "mem" / "toy_offset.mem").write_text(text)
    with pytest.raises(HwgenError, match=f"simulator-start: .*toy_offset.mem.*{report}") as caught:
        run(build, seed)
    assert caught.value.exit_code == Exit.VERIFICATION_FAILED
    assert "%" not in capfd.readouterr().out


def test_folders_with_spaces(tmp_path: Path, seed: int) -> None:
    inputs, expected = toy_vectors(4, seed)
    build = toy_build(tmp_path / "my first build")
    assert simulate(build, DESIGN, inputs, expected, cache=tmp_path / "my cache").ok


def test_time_limit(tmp_path: Path, seed: int) -> None:
    inputs, expected = toy_vectors(FRAMES, seed)
    result = simulate(toy_build(tmp_path / "b"), DESIGN, inputs, expected, max_cycles=50)
    assert "the time limit was reached after 50 cycles" in result.problems[0]


def test_build_directory_is_enough(tmp_path: Path, seed: int) -> None:
    build, (inputs, expected) = toy_build(tmp_path / "b"), toy_vectors(8, seed)
    write(build, DESIGN, inputs, expected)
    design, read_inputs, read_expected = read(build)
    assert design == DESIGN
    assert (read_inputs["x"] == inputs["x"]).all() and (read_expected["y"] == expected["y"]).all()
    result = simulate_build(build, waves=tmp_path / "w.vcd", frames=3)
    assert result.ok
    assert result.frames == 3
    assert result.cycles_per_frame is None
    assert "highest_tdata" in (tmp_path / "w.vcd").read_text()


def test_writing_twice_gives_the_same_bytes(tmp_path: Path, seed: int) -> None:
    inputs, expected = toy_vectors(8, seed)
    for name in "ab":
        write(tmp_path / name, DESIGN, inputs, expected)
    files = sorted(path.name for path in (tmp_path / "a" / "sim").iterdir())
    assert files == ["design.json", "drivers.py", "scoreboard.py", "test_top.py", "vectors.npz"]
    assert all((tmp_path / "a/sim" / f).read_bytes() == (tmp_path / "b/sim" / f).read_bytes() for f in files)


def test_no_build_directory(tmp_path: Path) -> None:
    with pytest.raises(HwgenError) as caught:
        simulate_build(tmp_path)
    assert str(caught.value) == (
        f"not-a-build: {tmp_path}: sim/design.json or sim/vectors.npz is missing or cannot be read. "
        "Give the directory that hwgen build wrote, built at least until the stage emit.")


def test_working_directory_is_kept(tmp_path: Path, seed: int) -> None:
    here = Path.cwd()
    run(toy_build(tmp_path / "b"), seed, frames=4)
    assert Path.cwd() == here


def test_compile_time_is_told_before_and_only_for_a_compile(tmp_path: Path, seed: int) -> None:
    fresh = ("rtl/toy_top.sv", "// Test design", f"// {uuid.uuid4()}")
    build, (inputs, expected), told = toy_build(tmp_path / "b", fresh), toy_vectors(4, seed), []
    for _ in range(2):
        simulate(build, DESIGN, inputs, expected, announce=told.append)
    (text,) = told
    assert "compiling the simulator" in text and text.endswith(" s")


def test_rtl_that_does_not_compile(tmp_path: Path, seed: int) -> None:
    build = toy_build(tmp_path / "b", ("rtl/toy_top.sv", "endmodule", "endmodul"))
    with pytest.raises(HwgenError, match="simulator-build: toy_top: the RTL could not be compiled") as caught:
        run(build, seed)
    assert caught.value.exit_code == Exit.INTERNAL
