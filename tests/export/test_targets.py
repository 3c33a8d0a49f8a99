"""The command line of export and compare, and what the targets refuse."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from hwgen.cli import run
from hwgen.errors import Exit, HwgenError
from hwgen.exact.convolution import Geometry
from hwgen.export import TARGETS, engines, export_network, finn, qdq, qop
from hwgen.export import qonnx as qonnx_writer
from hwgen.export.integer_layers import WRITERS
from hwgen.export.sheet import Exported
from hwgen.export.written import ExportOptions
from hwgen.frontend import load
from hwgen.ir.graph import Graph, GraphBuilder, Level, Op, Value
from hwgen.ir.tensor import Tensor
from hwgen.ir.types import REAL, full_range
from hwgen.model import IntegerModel
from hwgen.ops.integer import IntegerOp
from hwgen.ops.quantized import Dense, Elementwise, LeakyRelu, Softmax
from hwgen.ops.quantized_maps import Conv
from hwgen.passes.pipeline import integers_of
from tests.conftest import ROOT, need_package
from tests.export.running import differences, inputs_of
from tests.networks import quant

DIGITS, IMAGES = (str(ROOT / "examples" / name) for name in ("digits_mlp.onnx", "digits_mlp_inputs.npy"))


@pytest.mark.parametrize("target", [name for name in TARGETS if name not in ("pytorch", "dpu")])
def test_export_writes_a_checked_model(target: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "deep" / "m.onnx"
    assert run(["export", DIGITS, "--to", target, "--out", str(out)]) == 0
    file = out / "model.onnx" if out.is_dir() else out
    model = onnx.load(file)
    onnx.checker.check_model(model)
    assert model.ir_version == 10
    assert f"Exported {out} for {TARGETS[target].reader}" in capsys.readouterr().out
    first = file.read_bytes()
    export_network(Path(DIGITS), target, out)
    assert file.read_bytes() == first


def failing(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert run(words) == Exit.USER_INPUT
    return capsys.readouterr().err


def test_an_unknown_target_gets_a_suggestion(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("qqd", "QDQ"):
        text = failing(["export", DIGITS, "--to", name, "--out", str(tmp_path / "m.onnx")], capsys)
        assert text == (f"error[unknown-target]: {name}: there is no target of this name\n"
                        f"help: Did you mean qdq? The targets are: {', '.join(sorted(TARGETS))}.\n")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(("names", "expected"), [
    ("integer,qqd", "error[unknown-target]: qqd: there is no target of this name\nhelp: Did you mean qdq? The "),
    ("integer,", "error[unknown-target]: --targets: there is no target of this name\nhelp: The targets are: "),
    ("qdq, qdq", "error[unknown-target]: --targets: two or more targets are compared\nhelp: Name some of: integer, ")])
def test_compare_names_what_it_has(names: str, expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = failing(["compare", DIGITS, "--targets", names, "--input", IMAGES], capsys)
    assert text.startswith(expected)
    assert all(target in text for target in ("integer", *TARGETS, "rtl"))


@pytest.mark.parametrize(("words", "text"), [
    (["--arch", "DPUCZDX8G_ISA1_B512"], "--arch DPUCZDX8G_ISA1_B512: the target qdq has no architectures\n"
                                        "help: Leave it out, or export to dpu.\n"),
    (["--input", IMAGES], "--input: what is written for qdq depends on no inputs\n"
                          "help: Add --run, which runs it on them, or leave it out.\n")])
def test_options_that_nothing_reads_are_refused(words: list[str], text: str, tmp_path: Path,
                                                capsys: pytest.CaptureFixture[str]) -> None:
    found = failing(["export", DIGITS, "--to", "qdq", "--out", str(tmp_path / "m.onnx"), *words], capsys)
    assert found == f"error[unused-option]: {text}"
    with pytest.raises(HwgenError, match="unused-option"):
        export_network(DIGITS, "qdq", tmp_path / "m.onnx", options=ExportOptions(arch="DPUCZDX8G_ISA1_B512"))
    assert not any(tmp_path.iterdir())


def test_inputs_are_read_before_anything_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "x.npy", np.full((2, 64), np.nan))
    text = failing(["export", DIGITS, "--to", "qdq", "--out", str(tmp_path / "m.onnx"), "--run", "--input",
                    str(tmp_path / "x.npy")], capsys)
    assert text.startswith(f"error[input-nan]: {tmp_path / 'x.npy'}: it holds NaN\n")
    assert not (tmp_path / "m.onnx").exists()


@pytest.mark.parametrize("target", ["qdq", "tvm"])
def test_a_model_is_never_replaced_by_its_export(target: str, tmp_path: Path,
                                                 capsys: pytest.CaptureFixture[str]) -> None:
    """Nor a folder of ours that it lies in."""
    export_network(DIGITS, "tvm", tmp_path / "made")
    model = tmp_path / "made" / "model.onnx"
    before, out = model.read_bytes(), model if target == "qdq" else tmp_path / "made"
    words = ["export", str(model), "--to", target, "--out", str(out)]
    assert failing(words, capsys).startswith(f"error[output-file]: {out}: the export would replace the model")
    with pytest.raises(HwgenError, match="would replace the model"):
        export_network(model, target, out)
    assert model.read_bytes() == before


@pytest.mark.parametrize(("out", "cause"), [("file/m.onnx", "a part of its path is a file"),
                                            ("folder", "Is a directory")])
def test_places_that_take_no_file(out: str, cause: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    text = failing(["export", DIGITS, "--to", "qdq", "--out", str(tmp_path / out)], capsys)
    assert text.startswith(f"error[output-file]: {tmp_path / out}: the file cannot be written: {cause}\n")


def test_a_pipe_is_written_into_and_a_link_followed(tmp_path: Path) -> None:
    """As root, a rename would put a file in the place of /dev/null."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link.onnx").symlink_to(tmp_path / "m.onnx")
    assert run(["export", DIGITS, "--to", "qdq", "--out", str(tmp_path / "link.onnx")]) == 0
    with subprocess.Popen(["cat", tmp_path / "pipe"], stdout=subprocess.PIPE) as reader:
        assert run(["export", DIGITS, "--to", "qdq", "--out", str(tmp_path / "pipe")]) == 0
        read, _ = reader.communicate(timeout=60)
    assert read == (tmp_path / "m.onnx").read_bytes()
    assert (tmp_path / "pipe").is_fifo() and (tmp_path / "link.onnx").is_symlink()


def test_doubles_are_compared_as_the_floats_that_targets_read(tmp_path: Path,
                                                              capsys: pytest.CaptureFixture[str]) -> None:
    """Just below a decision a double is one level lower than the float32 that it rounds to."""
    need_package("onnxruntime")
    (port,) = IntegerModel(integers_of(load(Path(DIGITS)).graph)).input_ports
    below = np.nextafter(port.encode.cuts.array[0, 10], 0)
    assert (port.run(np.full((1, 64), below)) != port.run(np.full((1, 64), np.float32(below)))).all()
    np.save(tmp_path / "x.npy", np.full((3, 64), below))
    np.save(tmp_path / "huge.npy", np.full((3, 64), 1e300))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in ("x.npy", "huge.npy"):
            assert run(["compare", DIGITS, "--input", str(tmp_path / name)]) == 0
            assert run(["export", DIGITS, "--to", "qdq", "--run", "--input", str(tmp_path / name), "--out",
                        str(tmp_path / "m.onnx")]) == 0
    assert "0 of 30 values differ" in capsys.readouterr().out


def test_compare_prints_one_row_a_pair(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    need_package("onnxruntime", "qonnx")
    few = tmp_path / "x.npy"
    np.save(few, np.load(IMAGES)[:20])
    assert run(["compare", DIGITS, "--targets", "integer,qdq,qop,finn", "--input", str(few)]) == 0
    printed = capsys.readouterr()
    head, *rows, versions = printed.out.splitlines()
    assert re.sub(r" \(.*", "", printed.err) == "".join(f"         Ran {name}: 20 frames\n" for name in (
        "integer", "qdq", "qop", "finn"))
    assert versions.startswith("onnxruntime 1.") and ", qonnx 1." in versions
    assert head.split() == ["targets", "argmax", "equal", "values", "differ", "largest", "difference"]
    assert len(rows) == 6
    assert all("20 of 20" in row and "0 of 200" in row for row in rows)


def test_a_runtime_that_is_too_old_is_no_bug_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                     capsys: pytest.CaptureFixture[str]) -> None:
    """What onnxruntime 1.17 says of our files."""
    need_package("onnxruntime")

    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("Failed to load model:\nUnsupported model IR version: 10, max supported IR version: 9")

    monkeypatch.setattr("onnxruntime.InferenceSession", refuse)
    assert run(["export", DIGITS, "--to", "qdq", "--run", "--out", str(tmp_path / "m.onnx")]) == 1
    text = capsys.readouterr().err
    assert text.startswith("error[target-failed]: qdq, qop: onnxruntime ")
    assert " refuses the file: Failed to load model: Unsupported model IR version: 10, max" in text


def test_frames_go_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                            capsys: pytest.CaptureFixture[str]) -> None:
    """Memory does not grow with them; TVM, which compiles at every call, gets them at once."""
    need_package("onnxruntime")
    calls: list[int] = []
    right = engines.onnxruntime

    def counting(model: Any, inputs: Any) -> dict[str, np.ndarray]:
        calls.append(len(inputs["input"]))
        return right(model, inputs)

    monkeypatch.setattr(engines, "onnxruntime", counting)
    monkeypatch.setattr("hwgen.compare.BATCH", 8)
    few = tmp_path / "x.npy"
    np.save(few, np.load(IMAGES)[:20])
    assert run(["compare", DIGITS, "--input", str(few)]) == 0
    assert "20 of 20      0 of 200" in capsys.readouterr().out
    assert run(["export", DIGITS, "--to", "qop", "--run", "--input", str(few), "--out", str(tmp_path / "m.onnx")]) == 0
    assert "argmax equal in 20, 0 of 200 values differ" in capsys.readouterr().out
    assert calls == [8, 8, 4] * 2
    assert [name for name, target in TARGETS.items() if target.at_once] == ["tvm"]


def test_compare_with_the_simulated_rtl(verilator: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = tmp_path / "x.npy"
    np.save(few, np.load(IMAGES)[:20])
    assert run(["compare", DIGITS, "--targets", "integer,rtl", "--input", str(few)]) == 0
    assert "integer rtl  20 of 20      0 of 200       0" in capsys.readouterr().out


def test_compare_refuses_before_it_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a target has not, and a board that is none."""
    np.save(tmp_path / "x.npy", np.load(IMAGES)[:2])
    for words, code in ((["--targets", "integer,dpu"], "dpu-bits"),
                        (["--targets", "integer,rtl", "--board", "pynk"], "unknown-board")):
        text = failing(["compare", DIGITS, *words, "--input", str(tmp_path / "x.npy")], capsys)
        assert text.startswith(f"error[{code}]")


def test_compare_finds_a_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                    capsys: pytest.CaptureFixture[str]) -> None:
    """A runtime that adds one to one score."""
    need_package("onnxruntime")

    right = engines.onnxruntime

    def wrong(model: Any, inputs: Any) -> dict[str, np.ndarray]:
        made = right(model, inputs)
        return {name: y + np.eye(1, y.shape[1], dtype=np.float32) * (np.arange(len(y)) == 3)[:, None]
                for name, y in made.items()}

    monkeypatch.setattr(engines, "onnxruntime", wrong)
    few = tmp_path / "x.npy"
    np.save(few, np.load(IMAGES)[:20])
    assert run(["compare", DIGITS, "--input", str(few)]) == Exit.VERIFICATION_FAILED
    assert "1 of 200" in capsys.readouterr().out


def test_a_missing_runtime_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(HwgenError) as caught:
        engines.need("onnxruntime", "qdq")
    assert str(caught.value) == ("no-package: qdq: it needs the package onnxruntime. "
                                 "Install it: pip install onnxruntime.")
    assert caught.value.exit_code is Exit.STAGE_UNAVAILABLE


@pytest.mark.parametrize(("text", "words"), [
    ("import flatpack.sub", "it needs the package flatpack. Install it: pip install flatpack."),
    ("raise ImportError('libx.so: cannot\\nopen')", "the package broken cannot be imported: libx.so: cannot open. "
                                                   "Install it again: pip install --force-reinstall broken."),
    ("raise OSError('libx.so')", "the package broken cannot be imported: libx.so. Install it again: pip install "
                                 "--force-reinstall broken.")])
def test_a_runtime_that_is_there_and_does_not_work(text: str, words: str, tmp_path: Path,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(HwgenError) as caught:
        engines.need("broken", "qdq")
    assert str(caught.value) == f"no-package: qdq: {words}"


@pytest.mark.parametrize(("target", "package", "distribution"), [
    ("qop", "onnxruntime", "onnxruntime"), ("finn", "qonnx", "qonnx"), ("tvm", "tvm", "apache-tvm")])
def test_a_missing_runtime_is_told_of_the_target_that_needs_it(
        target: str, package: str, distribution: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch) -> None:
    """After writing, which needs none; before compare runs the other targets."""
    monkeypatch.setattr(engines, "find_spec", lambda name: None)
    expected = (f"error[no-package]: {target}: it needs the package {package}\n"
                f"help: Install it: pip install {distribution}.\n")
    out = tmp_path / "out"
    assert run(["export", DIGITS, "--to", target, "--run", "--out", str(out)]) == Exit.STAGE_UNAVAILABLE
    assert capsys.readouterr().err == expected and out.exists()
    words = ["compare", DIGITS, "--targets", f"integer,{target}", "--input", IMAGES]
    assert run(words) == Exit.STAGE_UNAVAILABLE
    assert capsys.readouterr().err == expected


def chain(shape: tuple[int, ...], *ops: Op) -> Graph:
    """The integer graph of some ops one after another."""
    builder = GraphBuilder("chain", Level.QUANTIZED)
    name = builder.add_input(Value("x", shape, REAL)).name
    for index, op in enumerate(ops):
        (made,) = builder.add(f"n{index}", op, [name], [f"v{index}"])
        name = made.name
    return integers_of(builder.build([name]))


def dense(rows: int, columns: int, size: int = 3) -> Dense:
    weights = np.random.default_rng(0).integers(-size, size + 1, (rows, columns))
    return Dense(Tensor(weights), Tensor(np.float64(0.5)), Tensor(0.0), None)


WIDE = quant(2.0**-10, full_range(16, True))
NARROW = quant(0.25, full_range(4, False))
REFUSED: list[tuple[Callable[[Graph], Exported], Graph, str]] = [
    (finn.export, chain((4,), WIDE, dense(3, 4, 1000)),
     "not-exportable: v1_weight: its product passes 2^24, which float32 does not hold. Use fewer bits."),
    (finn.export, chain((2,), Elementwise("mul", Tensor(np.array([1.0, 2.0]))), NARROW, dense(3, 2)),
     "not-exportable: x: the thresholds of its quantizer differ from element to element. Quantize the input with one "
     "scale and zero point, and nothing before."),
    (qdq.export, chain((2,), quant(2.0**-30, full_range(16, True)), dense(3, 2, 1 << 40)),
     "not-exportable: n1: its integers pass 2^53. Use fewer bits.")]


@pytest.mark.parametrize(("export", "graph", "text"), REFUSED, ids=lambda value: "")
def test_refusals(export: Callable[[Graph], Exported], graph: Graph, text: str) -> None:
    with pytest.raises(HwgenError) as caught:
        export(graph)
    assert str(caught.value) == text


def test_every_integer_op_has_a_form() -> None:
    """But Step, which the passes leave nowhere, and Fork, which is of the hardware level."""
    def leaves(cls: type[IntegerOp]) -> set[type[IntegerOp]]:
        children = [child for child in cls.__subclasses__() if child.__module__.startswith("hwgen.ops.")]
        return {leaf for child in children for leaf in leaves(child)} if children else {cls}

    assert {cls.__name__ for cls in leaves(IntegerOp) - set(WRITERS)} <= {"Step", "Fork"}


WIDE_NETWORKS = {
    "dense in float64": lambda: chain((40,), WIDE, dense(5, 40, 2000), quant(16.0, full_range(8, True)), dense(3, 5)),
    "digits": lambda: chain((2, 6, 6), WIDE, Conv(
        Geometry((3, 3), pads=(1, 1, 1, 1)), Tensor(np.random.default_rng(0).integers(-3000, 3001, (4, 2, 3, 3))),
        Tensor(np.float64(0.125)), Tensor(0.0)), quant(3.0, full_range(12, True))),
    "wide weights": lambda: chain((4,), NARROW, dense(3, 4, 1000), quant(8.0, full_range(4, True)), dense(2, 3)),
    "wide sums": lambda: chain((280_000,), quant(0.25, full_range(8, False)), dense(2, 280_000, 127)),
    "one channel": lambda: chain((7,), NARROW, dense(1, 7), quant(0.7, full_range(3, True)), dense(2, 1)),
    "elements": lambda: chain((2,), Elementwise("mul", Tensor(np.array([1.0, -2.0]))), NARROW, dense(3, 2)),
    "windows": lambda: chain((2, 6, 6), WIDE, Conv(
        Geometry((3, 3), pads=(1, 1, 1, 1)), Tensor(np.random.default_rng(0).choice([-300, 301], (40, 2, 3, 3))),
        Tensor(np.float64(0.125)), Tensor(0.0)), Conv(
        Geometry((2, 2), stride=(2, 2)), Tensor(np.random.default_rng(0).integers(-3, 4, (3, 40, 2, 2))),
        Tensor(np.float64(0.125)), Tensor(0.0)), quant(3.0, full_range(12, True))),
    "mean and deviation": lambda: chain(
        (3, 4, 5), Elementwise("sub", Tensor(np.float32([.5, .4, .3]).reshape(3, 1, 1))),
        Elementwise("div", Tensor(np.float32([.2, .3, -.2]).reshape(3, 1, 1))), quant(0.02, full_range(8, True)), Conv(
        Geometry((3, 3)), Tensor(np.random.default_rng(0).integers(-9, 10, (4, 3, 3, 3))), Tensor(np.float64(0.125)),
        Tensor(0.0)), quant(3.0, full_range(8, True))),
    "search": lambda: chain((2, 5, 5), NARROW, Conv(
        Geometry((2, 3)), Tensor(np.random.default_rng(0).integers(-90, 91, (4, 2, 2, 3))), Tensor(np.float64(0.125)),
        Tensor(0.0)), Elementwise("mul", Tensor(np.array([1.0, -1.0, 0.3, -2.5]).reshape(4, 1, 1))),
        LeakyRelu(Tensor(np.float64(0.1))), quant(0.3, full_range(8, True)))}


MAPS = ("digits", "windows", "mean and deviation", "search")
"""Their convolutions are Conv, but one of "windows", whose sums no digits keep below 2^24."""


FLOATS = ("dense in float64", "digits", "windows", "wide weights", "wide sums")
"""Inputs, weights or accumulators that bytes and 32 bits do not hold."""


@pytest.mark.parametrize("name", WIDE_NETWORKS)
def test_wide_and_odd_networks_in_qop(name: str, seed: int) -> None:
    """What no byte holds is in floats."""
    need_package("onnxruntime")
    graph = WIDE_NETWORKS[name]()
    exported = qop.export(graph)
    for optimised in (True, False):
        assert differences(graph, exported, inputs_of(graph, 30, seed),
                           partial(engines.onnxruntime, optimised=optimised)) == {}
    assert ("floats" in exported.forms.values()) == (name in FLOATS)


@pytest.mark.parametrize("name", WIDE_NETWORKS)
def test_wide_and_odd_networks_in_qdq(name: str, seed: int) -> None:
    need_package("onnxruntime")
    graph = WIDE_NETWORKS[name]()
    exported = qdq.export(graph)
    inputs = inputs_of(graph, 30, seed)
    for optimised in (True, False):
        assert differences(graph, exported, inputs, partial(engines.onnxruntime, optimised=optimised)) == {}
    kinds = {node.op_type for node in exported.model.graph.node}
    assert (name in MAPS) == ("Conv" in kinds) and (name in MAPS) == ("search" in exported.forms.values())
    assert (name not in ("digits", "search", "mean and deviation")) == ("MatMul" in kinds)


def test_values_behind_a_softmax_may_round(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """finn's softmax is float32, the integer model's float64: not the integers differ."""
    need_package("qonnx")
    builder = GraphBuilder("soft", Level.QUANTIZED)
    builder.add_input(Value("x", (4,), REAL))
    for name, op, source in (("q", NARROW, "x"), ("d", dense(3, 4), "q"), ("s", Softmax(), "d")):
        builder.add(name, op, [source], [name])
    onnx.save(qonnx_writer.export(builder.build(["s"])), tmp_path / "m.onnx")
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(0, 1, (20, 4)))
    words = ["--targets", "integer,finn", "--input", str(tmp_path / "x.npy")]
    assert run(["compare", str(tmp_path / "m.onnx"), *words]) == 0
    row = capsys.readouterr().out.splitlines()[1]
    assert "0 of 60" in row and not row.rstrip().endswith(" 0")
