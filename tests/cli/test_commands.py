"""The command line: exit codes, what is printed, and that bad input gets words instead of a traceback."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import hwgen.backends
import hwgen.build
from hwgen.cli import run
from hwgen.errors import Exit, HwgenError
from hwgen.report import schema
from tests.conftest import ROOT

DIGITS = ROOT / "examples" / "digits_mlp.onnx"
IMAGES = ROOT / "examples" / "digits_mlp_inputs.npy"


@pytest.mark.parametrize("words", [[], ["--help"], ["build", "--help"], ["run", "--help"], ["inspect", "-h"],
                                   ["simulate", "--help"], ["--version"], ["kernels"], ["boards"], ["doctor"]])
def test_commands_that_only_tell_exit_with_0(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words) in ((0,) if words else (0, 2))
    assert capsys.readouterr().out.strip() or not words


@pytest.mark.parametrize("words", [["nothing"], ["build"], ["build", "x.onnx", "--fps", "fast"], ["run", "x"],
                                   ["build", "x", "--until", "x"], ["build", "x", "--frames", "0"], ["simulate"]])
def test_wrong_usage_exits_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words) == Exit.USER_INPUT
    assert "Error" in capsys.readouterr().err


def failing(words: list[str], capsys: pytest.CaptureFixture[str], code: int = Exit.USER_INPUT) -> str:
    """The error text of a command that must fail with that exit code, without a traceback."""
    assert run(words) == code
    text = capsys.readouterr().err
    assert "Traceback" not in text
    return text


def build_words(*words: str, out: Path) -> list[str]:
    return ["build", *words, "--out", str(out / "build")]


@pytest.mark.parametrize("flags, code", [
    (["--board", "pynk"], "unknown-board"), ([], "no-board"), (["--part", "xyz"], "unknown-part"),
    (["--board", "pynq", "--fps", "1e12"], "fps-unreachable"),
    (["--board", "pynq", "--fps", "10", "--folding", "f.toml"], "fps-and-folding"),
    (["--board", "pynq", "--folding", "absent.toml"], "bad-folding"),
    (["--board", "pynq", "--input", "absent.npy"], "input-file"),
    (["--board", "pynq", "--input", f"nobody={IMAGES}"], "input-name"),
    (["--board", "pynq", "--until", "lower", "--synth"], "until-and-synth"),
    (["--board", "pynq", "--input-type", "uint8"], "input-scale"),
    (["--board", "pynq", "--input-type", "float8", "--input-scale", "1"], "bad-type"),
])
def test_bad_options_name_the_cause_and_leave_nothing(flags: list[str], code: str, tmp_path: Path,
                                                      capsys: pytest.CaptureFixture[str]) -> None:
    text = failing(build_words(str(DIGITS), *flags, out=tmp_path), capsys)
    assert f"error[{code}]" in text
    assert "help: " in text
    assert not any(tmp_path.iterdir())


def test_an_unknown_board_gets_a_suggestion(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "Did you mean pynq?" in failing(build_words(str(DIGITS), "--board", "pynk", out=tmp_path), capsys)


@pytest.mark.parametrize("data", [None, b"", b"not onnx", DIGITS.read_bytes()[:5000], bytes(range(256)) * 8])
def test_bad_files_leave_nothing(data: bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = tmp_path / "in" / "m.onnx"
    model.parent.mkdir()
    if data is not None:
        model.write_bytes(data)
    text = failing(build_words(str(model), "--board", "pynq", out=tmp_path), capsys)
    assert str(model) in text
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_folder_of_the_user_is_never_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "thesis.txt").write_text("mine")
    failing(build_words(str(DIGITS), "--board", "pynq", "--until", "fold", out=tmp_path), capsys)
    assert (tmp_path / "build" / "thesis.txt").read_text() == "mine"


def test_a_bug_of_ours_is_a_short_message(tmp_path: Path, capsys: pytest.CaptureFixture[str],
                                          monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(hwgen.build, "fitted", broken)
    words = build_words(str(DIGITS), "--board", "pynq", out=tmp_path)
    text = failing(words, capsys, Exit.INTERNAL)
    assert "error[internal]: ZeroDivisionError at test_commands.py" in text
    assert "--debug" in text
    assert not any(tmp_path.iterdir())
    with pytest.raises(ZeroDivisionError):
        run([*words, "--debug"])


@pytest.mark.parametrize(("words", "code"), [
    (["export", "{}", "--to", "qdq"], "file-unreadable"), (["inspect", "{}"], "file-unreadable"),
    (["build", "{}", "--board", "pynq"], "file-unreadable"), (["export", "{}.py:f", "--to", "qdq"], "bad-program"),
    (["compare", str(DIGITS), "--input", "{}"], "input-file"),
    (["export", str(DIGITS), "--to", "qdq", "--out", "{}"], "output-file"),
    (["export", str(DIGITS), "--to", "tvm", "--out", "{}"], "output-folder")])
def test_what_the_system_refuses_is_said(words: list[str], code: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Even that a file exists: here of a name too long, as in a folder that may not be entered."""
    name = "n" * 300
    text = failing([word.replace("{}", name) for word in words], capsys)
    assert text.startswith(f"error[{code}]: {name}") and "File name too long" in text


def process(*words: str | bytes, shell: str = "", **variables: str) -> subprocess.CompletedProcess[bytes]:
    """The command as a process of its own; shell: what follows it, a redirection or a pipe."""
    line = f'"$@" {shell}; exit ${{PIPESTATUS[0]}}'
    return subprocess.run(["bash", "-c", line, "bash", sys.executable, "-m", "hwgen.cli", *words], capture_output=True,
                          check=False, env={**os.environ, "PYTHONPATH": str(ROOT), **variables})


BUILD = ("build", str(DIGITS), "--board", "pynq", "--until", "fold", "--out")


@pytest.mark.parametrize(("shell", "code", "text"), [
    ("| head -n 1", 141, b""), (">&-", 0, b""), (">&- 2>&-", 0, b""),
    ("> /dev/full", 2, b"error[no-space]: output: there is no space left on the device\n")])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_outputs_that_take_nothing(shell: str, code: int, text: bytes, unbuffered: str, tmp_path: Path) -> None:
    done = process(*BUILD, str(tmp_path / "out"), shell=shell, PYTHONUNBUFFERED=unbuffered)
    assert (done.returncode, done.stderr[: len(text)], b"internal" in done.stderr) == (code, text, False)


def test_names_that_the_terminal_or_utf8_has_not(tmp_path: Path) -> None:
    model = os.fsencode(tmp_path) + b"/m\xff.onnx"
    Path(os.fsdecode(model)).write_bytes(DIGITS.read_bytes())
    for words in ((b"build", model, b"--board", b"pynq", b"--until", b"emit", b"--out"),
                  (b"export", model, b"--to", b"qdq", b"--out")):
        out = tmp_path / "\xfc out"
        done = process(*words, str(out), PYTHONIOENCODING="ascii")
        assert (done.returncode, done.stderr) == (0, b"")
        assert b"\\xfc out" in done.stdout
        shutil.rmtree(out) if out.is_dir() else out.unlink()


def test_a_stage_that_lacks_its_tool_gives_exit_3_and_no_verification(
        tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*_: object, **__: object) -> None:
        raise HwgenError("tool-missing", "verilator", "it is not installed", "Install it.",
                         exit_code=Exit.STAGE_UNAVAILABLE)

    monkeypatch.setattr(hwgen.backends, "simulate", absent)
    text = failing(build_words(str(DIGITS), "--board", "pynq", out=tmp_path), capsys, Exit.STAGE_UNAVAILABLE)
    assert "simulate could not run: verilator: it is not installed. Install it." in text
    report = json.loads((tmp_path / "build" / "report.json").read_text())
    assert report["verification"] is None
    assert report["cycles_per_frame"]["measured"] is None
    assert report["stages"]["simulate"] == "verilator: it is not installed"


def test_until_stops_early_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stages = ["import", "lower", "fold", "emit"]
    for number, stage in enumerate(stages, 1):
        assert run(build_words(str(DIGITS), "--board", "pynq", "--until", stage, out=tmp_path)) == 0
        report = json.loads((tmp_path / "build" / "report.json").read_text())
        schema.check(report)
        done = [name for name, state in report["stages"].items() if state == "done"]
        assert done == stages[:number]
        assert report["verification"] is None
        assert (tmp_path / "build" / "rtl").exists() == (stage == "emit")


def test_lines_are_plain_where_there_is_no_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(build_words(str(DIGITS), "--board", "pynq", "--until", "fold", out=tmp_path)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if line[:12].strip()] == ["Imported", "Lowered", "Folded", "Finished"]
    assert [line.split()[0] for line in lines if not line[:12].strip()][0::8] == ["layer", "network"]
    assert not any("\x1b" in line for line in lines)


def test_check_executes_every_pass(tmp_path: Path, capsys: pytest.CaptureFixture[str],
                                   monkeypatch: pytest.MonkeyPatch) -> None:
    words = build_words(str(DIGITS), "--board", "pynq", "--until", "lower", "--check", out=tmp_path)
    assert run(words) == 0
    assert "8 checked by execution" in capsys.readouterr().out


def test_check_names_the_pass_that_changed_an_integer(tmp_path: Path, capsys: pytest.CaptureFixture[str],
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from hwgen.ir.graph import Graph
    from hwgen.ir.tensor import Tensor
    from hwgen.ops.threshold import Threshold
    from hwgen.passes import pipeline

    def off_by_one(graph: Graph) -> Graph:
        def shifted(op: object) -> object:
            return replace(op, thresholds=Tensor(op.thresholds.array + 1)) if isinstance(op, Threshold) else op

        return graph.replaced(nodes=tuple(replace(node, op=shifted(node.op)) for node in graph.nodes))

    passes = [(name, off_by_one if name == "narrow-types" else call) for name, call in pipeline.PASSES]
    monkeypatch.setattr(pipeline, "PASSES", tuple(passes))
    text = failing(build_words(str(DIGITS), "--board", "pynq", "--check", out=tmp_path), capsys, Exit.INTERNAL)
    assert "error[pass-changed-result]: pass narrow-types, value relu1: frame" in text


@pytest.mark.parametrize("name", ["x.npy", "m.onnx", "link"])
def test_run_never_replaces_what_it_reads(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(DIGITS, tmp_path / "m.onnx")
    shutil.copy(IMAGES, tmp_path / "x.npy")
    (tmp_path / "link").symlink_to("x.npy")
    text = failing(["run", str(tmp_path / "m.onnx"), "--input", str(tmp_path / "x.npy"), "--output",
                    str(tmp_path / name)], capsys)
    assert text.startswith(f"error[output-file]: {tmp_path / name}: the run reads this file, or writes another output")
    assert (tmp_path / "x.npy").read_bytes() == IMAGES.read_bytes()


def test_run_writes_outputs_and_activations(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scores = tmp_path / "deep" / "y.npy"
    assert run(["run", str(DIGITS), "--input", str(IMAGES), "--output", str(scores), "--activations",
                str(tmp_path / "acts")]) == 0
    labels = np.load(ROOT / "examples" / "digits_mlp_labels.npy")
    assert (np.load(scores).argmax(axis=1) == labels).mean() >= 0.95
    names = dict(line.split("\t") for line in (tmp_path / "acts" / "names.txt").read_text().splitlines())
    for identifier in names:
        assert np.load(tmp_path / "acts" / f"{identifier}.npy").shape[0] == len(labels)
    assert sorted(path.suffix for path in (tmp_path / "acts").iterdir()) == [".npy"] * len(names) + [".txt"]


def test_inspect_shows_passes_diffs_and_nodes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def shown(*words: str) -> str:
        assert run(["inspect", str(DIGITS), *words]) == 0
        return capsys.readouterr().out

    assert [line.split()[0] for line in shown().splitlines()] == [
        "import", "canonicalise", "fold-scales", "thresholds", "narrow-types", "split-products", "narrow-joins",
        "map-kernels"]
    assert shown("--after", "thresholds").count("= Threshold(") == 2
    assert shown("--diff", "thresholds").count("\n+relu") == 2
    assert "fold-scales:" in shown("--node", "norm1")
    assert "Did you mean thresholds?" in failing(["inspect", str(DIGITS), "--after", "threshold"], capsys)
    assert "unknown-node" in failing(["inspect", str(DIGITS), "--node", "nobody"], capsys)
    assert "not-a-build" in failing(["inspect", str(tmp_path)], capsys)


def test_help_imports_nothing_heavy() -> None:
    code = ("import sys; from hwgen.cli import run; run(['--help']); "
            "print(sorted({'numpy', 'onnx', 'rich', 'jinja2', 'cocotb'} & set(sys.modules)))")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=os.sep)
    assert done.stdout.splitlines()[-1] == "[]"
