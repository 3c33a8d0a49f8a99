"""run_bench: a failure, an RTL error or no test at all is never a pass; a replay repeats the run with waves."""

from __future__ import annotations

from multiprocessing import get_context
from pathlib import Path

import pytest

from hwgen.stream import Stream
from sim import runner
from sim.kernel_bench import port_vectors
from sim.runner import BenchResult, run_bench
from tests.sim.toy import RTL
from tests.sim.toy_build import NIBBLE, OFFSETS, SUM, toy_vectors

SOURCES = [RTL / "hwgen_toy_offset.sv"]
MEMORY = {"mem/toy.mem": "".join(f"{v & 15:x}\n" for v in OFFSETS)}


def config(seed: int, spoil: int = 0) -> dict[str, object]:
    """Vectors of the offset block for sim.bench_kernel; `spoil` is added to one expected beat."""
    _, values = toy_vectors(6, seed)
    given, made = (port_vectors(Stream(kind, 6, 1), values[name])
                   for kind, name in ((NIBBLE, "highest"), (SUM, "y")))
    made["beats"][7] = format(int(made["beats"][7], 16) ^ spoil, "x")
    return {"inputs": [{"name": "s_axis", **given}], "outputs": [{"name": "m_axis", **made}], "cycles": 6,
            "frames": 6, "slow_frames": 3}


def run(work: Path, simulator: str, seed: int, bench: str = "bench_kernel", spoil: int = 0,
        init_file: str = "mem/toy.mem", cache: Path | None = None) -> BenchResult:
    parameters: dict[str, int | str] = {"ELEMENTS": 6, "WIDTH": 4, "INIT_FILE": init_file}
    return run_bench(bench, "hwgen_toy_offset", SOURCES, parameters, simulator=simulator, seed=seed,
                     config=config(seed, spoil), memories=MEMORY, work=work, cache=cache)


@pytest.mark.parametrize("simulator", ["verilator", "icarus"])
def test_string_parameter_and_memory_file(simulator: str, request: pytest.FixtureRequest, tmp_path: Path,
                                          seed: int) -> None:
    request.getfixturevalue(simulator)
    result = run(tmp_path, simulator, seed)
    assert result.tests == 10
    assert [len(port) for port in result.measured["output_cycles"]] == [36]


def test_failure_names_frame_and_channel(icarus: str, tmp_path: Path, seed: int) -> None:
    with pytest.raises(AssertionError, match=r"frame 1, element 1 \(channel 1\): expected"):
        run(tmp_path, "icarus", seed, spoil=1)


def test_replay_repeats_the_failure_with_waves(icarus: str, tmp_path: Path, seed: int,
                                               capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(AssertionError):
        run(tmp_path, "icarus", seed, spoil=1)
    assert runner.main([str(tmp_path / "run.json"), "--waves"]) == 1
    assert "frame 1, element 1" in capsys.readouterr().out
    assert "$enddefinitions" in (tmp_path / "dump.vcd").read_text()


def test_verilator_replay_with_waves(verilator: None, tmp_path: Path, seed: int) -> None:
    run(tmp_path, "verilator", seed)
    assert runner.main([str(tmp_path / "run.json"), "--waves"]) == 0
    assert "$enddefinitions" in (tmp_path / "dump.vcd").read_text()


def test_no_tests_is_a_failure(icarus: str, tmp_path: Path, seed: int) -> None:
    with pytest.raises(AssertionError, match="0 of 0 tests failed"):
        run(tmp_path, "icarus", seed, bench="tests.sim.toy_empty_bench")


@pytest.mark.parametrize("simulator", ["verilator", "icarus"])
def test_rtl_error_is_a_failure(simulator: str, request: pytest.FixtureRequest, tmp_path: Path, seed: int) -> None:
    request.getfixturevalue(simulator)
    with pytest.raises(AssertionError, match=r"(?i)error: .*value out of range"):
        run(tmp_path, simulator, seed, bench="tests.sim.toy_range_bench")


def test_unknown_bits_are_a_failure(icarus: str, tmp_path: Path, seed: int) -> None:
    with pytest.raises(AssertionError, match="unknown bits"):
        run(tmp_path, "icarus", seed, init_file="")


def test_rtl_that_does_not_compile(icarus: str, tmp_path: Path, seed: int) -> None:
    (tmp_path / "broken.sv").write_text("module broken (input wire a;\nendmodule\n")
    with pytest.raises(AssertionError, match="building broken for icarus failed"):
        run_bench("bench_kernel", "broken", [tmp_path / "broken.sv"], {}, simulator="icarus", seed=seed,
                  work=tmp_path / "run")


def _run_in_cache(work: Path, cache: Path) -> None:
    assert run(work, "icarus", seed=1, cache=cache).tests == 10


def test_two_processes_build_the_same_at_once(icarus: str, tmp_path: Path) -> None:
    context = get_context("spawn")
    processes = [context.Process(target=_run_in_cache, args=(tmp_path / name, tmp_path / "cache")) for name in "ab"]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0]
    entries = [path for path in (tmp_path / "cache" / "benches").iterdir() if path.is_dir()]
    assert len(entries) == 1


def test_results_are_never_cached(icarus: str, tmp_path: Path, seed: int) -> None:
    """The same build with other vectors runs again and fails."""
    run(tmp_path / "a", "icarus", seed)
    with pytest.raises(AssertionError, match="frame 1, element 1"):
        run(tmp_path / "a", "icarus", seed, spoil=1)
