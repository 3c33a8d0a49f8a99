"""The command line of export and compare, and what the targets refuse."""

from __future__ import annotations

import importlib
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
from hwgen.ir.graph import Graph, GraphBuilder, Level, Op, Value
from hwgen.ir.tensor import Tensor
from hwgen.ir.types import REAL, full_range
from hwgen.ops.integer import IntegerOp
from hwgen.ops.quantized import Dense, Elementwise, Softmax
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
    text = failing(["export", DIGITS, "--to", "qqd", "--out", str(tmp_path / "m.onnx")], capsys)
    assert text == ("error[unknown-target]: qqd: there is no target of this name\n"
                    f"help: Did you mean qdq? The targets are: {', '.join(sorted(TARGETS))}.\n")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(("names", "expected"), [
    ("integer,abc", "error[unknown-target]: abc: there is no target of this name\n"),
    ("qdq", "error[unknown-target]: --targets: two or more targets are compared\n")])
def test_compare_names_what_it_has(names: str, expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = failing(["compare", DIGITS, "--targets", names, "--input", IMAGES], capsys)
    assert text == expected + f"help: Name some of: integer, {', '.join(TARGETS)}, rtl.\n"


def test_compare_prints_one_row_a_pair(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    need_package("onnxruntime", "qonnx")
    few = tmp_path / "x.npy"
    np.save(few, np.load(IMAGES)[:20])
    assert run(["compare", DIGITS, "--targets", "integer,qdq,qop,finn", "--input", str(few)]) == 0
    head, *rows, versions = capsys.readouterr().out.splitlines()
    assert versions.startswith("onnxruntime 1.") and ", qonnx 1." in versions
    assert head.split() == ["targets", "argmax", "equal", "values", "differ", "largest", "difference"]
    assert len(rows) == 6
    assert all("20 of 20" in row and "0 of 200" in row for row in rows)


def test_compare_with_the_simulated_rtl(verilator: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = tmp_path / "x.npy"
    np.save(few, np.load(IMAGES)[:20])
    assert run(["compare", DIGITS, "--targets", "integer,rtl", "--input", str(few)]) == 0
    assert "integer rtl  20 of 20      0 of 200       0" in capsys.readouterr().out


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
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(HwgenError) as caught:
        engines.need("onnxruntime", "qdq")
    assert str(caught.value) == ("no-package: qdq: running it needs the package onnxruntime. "
                                 "Install it: pip install onnxruntime.")
    assert caught.value.exit_code is Exit.STAGE_UNAVAILABLE


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
    (qop.export, chain((4,), WIDE, dense(3, 4)),
     "not-exportable: n1: its inputs go from -32768 to 32767, an integer operator takes 8 bits. Use the target "
     "qdq, or fewer bits."),
    (qop.export, chain((4,), NARROW, dense(3, 4, 1000)),
     "not-exportable: n1: its weights go from -967 to 826, an integer operator takes 8 bits. Use the target qdq, "
     "or fewer bits."),
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
    "one channel": lambda: chain((7,), NARROW, dense(1, 7), quant(0.7, full_range(3, True)), dense(2, 1)),
    "elements": lambda: chain((2,), Elementwise("mul", Tensor(np.array([1.0, -2.0]))), NARROW, dense(3, 2))}


@pytest.mark.parametrize("name", WIDE_NETWORKS)
def test_wide_and_odd_networks_in_qdq(name: str, seed: int) -> None:
    need_package("onnxruntime")
    graph = WIDE_NETWORKS[name]()
    exported = qdq.export(graph)
    inputs = inputs_of(graph, 30, seed)
    for optimised in (True, False):
        assert differences(graph, exported, inputs, partial(engines.onnxruntime, optimised=optimised)) == {}
    kinds = {node.op_type for node in exported.model.graph.node}
    assert (name == "digits") == ("Conv" in kinds)




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
