"""TVM: the emitted script, compiled networks value by value, and TVM's operators against IEEE's."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from hwgen.cli import run
from hwgen.errors import Exit, HwgenError
from hwgen.export import TARGETS, engines, export_network, qdq, tvm
from hwgen.export.written import Results
from hwgen.frontend import ImportOptions, load
from hwgen.passes.pipeline import integers_of
from tests.conftest import ROOT, need_package
from tests.export.matrix import MATRIX, Network, named, parameters
from tests.export.running import differences, inputs_of

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

DIGITS, IMAGES = (ROOT / "examples" / name for name in ("digits_mlp.onnx", "digits_mlp_inputs.npy"))
FMA = '{"kind": "llvm", "mcpu": "x86-64-v3"}'
"""A processor with fused multiply-add, whose one rounding instead of two would show."""


def in_process(folder: Path, model: onnx.ModelProto, inputs: Mapping[str, Any], tensors: Iterable[str] = (), *,
               target: str = "llvm") -> Results:
    """The functions of the emitted script, without the start of a process for each network."""
    need_package("tvm")
    for name, data in tvm.files_of(engines.with_outputs(model, tensors)).items():
        (folder / name).write_bytes(data)
    spec = importlib.util.spec_from_file_location("compile_script", folder / "compile.py")
    assert spec is not None and spec.loader is not None
    script: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    arrays = {name: np.ascontiguousarray(inputs[name], dtype=np.float32) for name in script.INPUTS}
    return script.outputs_of(script.compiled(target, script.MODEL), arrays, script.OUTPUTS)  # type: ignore[no-any-return]


@pytest.mark.parametrize("network", parameters(MATRIX["compiled"]))
def test_every_value(network: Network, models: Path, tmp_path: Path, seed: int) -> None:
    graph = integers_of(network.graph(models))
    inputs = inputs_of(graph, 4, seed, network.inputs(models))
    assert differences(graph, qdq.export(graph), inputs, partial(in_process, tmp_path)) == {}
    assert network.verdicts["tvm"] == "exact"


def test_on_a_processor_with_fused_multiply_add(models: Path, tmp_path: Path, seed: int) -> None:
    graph = integers_of(named("lenet_mixed_onnx").graph(models))
    assert differences(graph, qdq.export(graph), inputs_of(graph, 6, seed),
                       partial(in_process, tmp_path, target=FMA)) == {}


def test_a_wrong_constant_is_seen(models: Path, tmp_path: Path, seed: int) -> None:
    """A mutant: the offset of one channel is 64 more."""
    graph = integers_of(named("mlp_bipolar_w1a1_const").graph(models))
    exported = qdq.export(graph)
    constant = next(c for c in exported.model.graph.initializer if c.name.endswith("_offset"))
    array = numpy_helper.to_array(constant).copy()
    array.flat[0] += 64
    constant.CopyFrom(numpy_helper.from_array(array, constant.name))
    assert differences(graph, exported, inputs_of(graph, 20, seed), partial(in_process, tmp_path)) != {}


SCALES = [np.float32(s) for s in (0.3, 0.1, 1 / 255, 0.0078125)]
WIDTHS = {"single": np.float32, "double": np.float64}


def decisions() -> np.ndarray:  # type: ignore[type-arg]
    """(N, 1) float32: the cuts of quantizers of these scales, the numbers beside them, and ties of Round."""
    cuts = [np.float32(s * (k - 0.5)) for s in SCALES for k in range(200)]
    beside = [np.nextafter(cut, np.float32(side)) for cut in cuts for side in (-np.inf, np.inf)]
    return np.concatenate([cuts, beside, np.arange(-40, 40) / 8]).astype(np.float32)[:, None]


def operators() -> tuple[list[onnx.NodeProto], dict[str, Any]]:
    """Nodes that compute `quantized N`, `round W`, `div W` and `add W` of x, and their constants."""
    nodes, constants = [], {"zero": np.uint8(0), **{f"scale {i}": s for i, s in enumerate(SCALES)}}
    for i in range(len(SCALES)):
        nodes += [helper.make_node("QuantizeLinear", ["x", f"scale {i}", "zero"], [f"code {i}"]),
                  helper.make_node("Cast", [f"code {i}"], [f"quantized {i}"], to=TensorProto.FLOAT)]
    for width, kind in WIDTHS.items():
        constants |= {f"a {width}": kind(1.1), f"b {width}": kind(0.3)}
        to = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
        nodes += [helper.make_node("Cast", ["x"], [f"x {width}"], to=to),
                  helper.make_node("Round", [f"x {width}"], [f"round {width}"]),
                  helper.make_node("Div", [f"x {width}", f"a {width}"], [f"div {width}"]),
                  helper.make_node("Mul", [f"x {width}", f"a {width}"], [f"mul {width}"]),
                  helper.make_node("Add", [f"mul {width}", f"b {width}"], [f"add {width}"])]
    return nodes, constants


def by_numpy(x: Any) -> dict[str, Any]:
    """The same outputs, each operation rounded once."""
    made = {f"quantized {i}": np.rint(x / s).clip(0, 255) for i, s in enumerate(SCALES)}
    for width, kind in WIDTHS.items():
        wide, a, b = x.astype(kind), kind(1.1), kind(0.3)
        made |= {f"round {width}": np.rint(wide), f"div {width}": wide / a, f"add {width}": wide * a + b}
    return made


def carelessly(x: Any) -> dict[str, Any]:
    """As a compiler that takes liberties would: by reciprocals, and with a product that is not rounded."""
    made = {f"quantized {i}": np.rint(x * (np.float32(1) / s)).clip(0, 255) for i, s in enumerate(SCALES[:3])}
    single = x.astype(np.float64) * np.float64(np.float32(1.1)) + np.float64(np.float32(0.3))
    return made | {"div double": x.astype(np.float64) * (1 / 1.1), "add single": single.astype(np.float32),
                   "round single": np.floor(x + np.float32(0.5))}


@pytest.mark.parametrize("target", ["llvm", FMA])
def test_operators_are_those_of_ieee(target: str, tmp_path: Path) -> None:
    """And the inputs would show another division, rounding or a fused multiply-add."""
    x, (nodes, constants) = decisions(), operators()
    wanted = by_numpy(x)
    outputs = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(y.dtype), ["N", 1])
               for name, y in wanted.items()]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 1])], outputs,
                              [numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    found = in_process(tmp_path, model, {"x": x}, target=target)
    assert [name for name, y in wanted.items() if (found[name] != y).any()] == []
    assert [name for name, y in carelessly(x).items() if (y == wanted[name]).all()] == []


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    need_package("tvm")
    out = tmp_path / "digits"
    assert run(["export", str(DIGITS), "--to", "tvm", "--out", str(out), "--run"]) == 0
    text = capsys.readouterr().out
    assert f"Exported {out} for TVM; runs on apache-tvm 0." in text
    assert "argmax equal in 20, 0 of 200 values differ" in text
    onnx.checker.check_model(onnx.load(out / "model.onnx"))
    report = json.loads((out / "report.json").read_text())
    assert report["target"] == "tvm" and report["forms"]["relu1"] == "float32"
    assert report["versions"].items() >= TARGETS["tvm"].versions.items()


def test_the_script_needs_no_hwgen() -> None:
    made = tvm.files_of(qdq.export(integers_of(load(DIGITS, ImportOptions()).graph)).model)
    nodes = list(ast.walk(ast.parse(made["compile.py"])))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in names} - sys.stdlib_module_names == {"numpy", "onnx", "tvm"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("exported") / "digits"
    export_network(DIGITS, "tvm", out)
    return out


def script(folder: Path, *words: str, flags: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *flags, str(folder / "compile.py"), *words], cwd=folder, text=True,
                          capture_output=True, check=False, env={**os.environ, "PYTHONPATH": ""})


LOADED = """
import sys
import numpy as np
import tvm
main = tvm.relax.VirtualMachine(tvm.runtime.load_module(sys.argv[1]), tvm.cpu())["main"]
np.save(sys.argv[3], main(tvm.runtime.tensor(np.load(sys.argv[2]).astype(np.float32))).numpy())
"""


def test_the_saved_library_computes_the_same(folder: Path, gxx: str, tmp_path: Path) -> None:
    need_package("tvm")
    done = script(folder, "--input", str(IMAGES), "--output", str(tmp_path / "y.npy"), "--library",
                  str(tmp_path / "digits.so"))
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"compiled for llvm\nwrote {tmp_path}/digits.so\nwrote {tmp_path}/y.npy\n"
    subprocess.run([sys.executable, "-c", LOADED, str(tmp_path / "digits.so"), str(IMAGES), str(tmp_path / "z.npy")],
                   check=True)
    assert np.array_equal(np.load(tmp_path / "y.npy"), np.load(tmp_path / "z.npy"))


BAD = [
    (("--input", "none.npy", "--output", "y.npy"), "none.npy cannot be read as an .npy file: [Errno 2] No such file"),
    (("--input", "compile.py", "--output", "y.npy"), "compile.py cannot be read as an .npy file: This file contains"),
    (("--input", "flat.npy", "--output", "y.npy"), "input is due as (frames, 64), flat.npy has shape (3, 8, 8)"),
    (("--input", "words.npy", "--output", "y.npy"), "words.npy holds no numbers"),
    (("--input", "x.npy", "--input", "input=x.npy", "--output", "y.npy"), "--input: input is given twice"),
    (("--input", "x.npy"), "--input and --output need each other"),
    (("--library", "none/x.so"), "none/x.so: there is no such folder")]


@pytest.mark.parametrize(("words", "message"), BAD, ids=lambda value: "")
def test_errors_of_the_script(words: tuple[str, ...], message: str, folder: Path) -> None:
    need_package("tvm")
    np.save(folder / "flat.npy", np.zeros((3, 8, 8)))
    np.save(folder / "words.npy", np.array(["a"]))
    np.save(folder / "x.npy", np.zeros((3, 64)))
    done = script(folder, *words)
    assert done.returncode == 2
    assert f"compile.py: error: {message}" in done.stderr.splitlines()[-1]


def test_an_unknown_target_of_the_script(folder: Path) -> None:
    need_package("tvm")
    done = script(folder, "--target", "abacus")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith('compile.py: error: --target abacus: Target kind "abacus"')


def test_the_script_names_missing_packages(folder: Path) -> None:
    done = script(folder, flags=("-S",))
    assert (done.returncode, done.stderr) == (3, "compile.py needs: pip install numpy onnx apache-tvm\n")
    assert "inputs: input (frames, 64); outputs: dense3" in script(folder, "--help", flags=("-S",)).stdout


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tvm, "find_spec", lambda name: None)
    with pytest.raises(HwgenError) as caught:
        tvm.executed({}, [], {})
    assert str(caught.value) == "no-package: tvm: it needs the package tvm. Install it: pip install apache-tvm."
    assert caught.value.exit_code is Exit.STAGE_UNAVAILABLE


def test_a_script_that_fails_is_told() -> None:
    need_package("tvm")
    with pytest.raises(HwgenError) as caught:
        tvm.executed({"compile.py": b"raise SystemExit('model.onnx: no such op')"}, [], {})
    assert str(caught.value) == ("target-failed: tvm: compile.py ended with an error: model.onnx: no such op. "
                                 "Run it in the exported folder to see the whole message.")
    assert caught.value.exit_code is Exit.VERIFICATION_FAILED
