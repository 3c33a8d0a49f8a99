"""Networks in Python files: the command line, checkpoints that are data and nothing else, and life without torch."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hwgen.cli import run
from hwgen.errors import Exit
from tests.conftest import ROOT

torch = pytest.importorskip("torch")

PROGRAM = '''
import torch
from torch import nn
import hwgen.nn as qnn

def make_model():
    """A network."""
    torch.manual_seed(0)
    return nn.Sequential(qnn.QuantIdentity(bit_width=4, return_quant_tensor=True), qnn.QuantLinear(6, 5, bias=False),
                         nn.BatchNorm1d(5), qnn.QuantReLU(bit_width=3, return_quant_tensor=True), qnn.QuantLinear(5, 3))

def shaped():
    model = make_model()
    model.input_shape = (1, 6)
    return model

def half_float():
    return nn.Sequential(make_model(), nn.ReLU(), nn.Linear(3, 2))

def no_module():
    return [1]

def broken():
    raise ValueError("no data")

number = 5
'''


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "mynet.py"
    path.write_text(PROGRAM)
    return path


@pytest.fixture
def weights(program: Path) -> Path:
    from hwgen.nn.program import made_by

    model = made_by(program, "make_model")
    model.train()(torch.linspace(-3, 3, 48).reshape(8, 6))
    path = program.with_name("w.pt")
    torch.save(model.state_dict(), path)
    return path


def words(command: str, source: str, folder: Path, *more: str) -> list[str]:
    return [command, f"{folder}/{source}", "--board", "pynq", *more]


def failing(arguments: list[str], capsys: pytest.CaptureFixture[str], code: int = Exit.USER_INPUT) -> str:
    """The error text, without a traceback."""
    assert run(arguments) == code
    text = capsys.readouterr().err
    assert "Traceback" not in text
    return text


def test_build_with_a_checkpoint(program: Path, weights: Path, tmp_path: Path) -> None:
    """The report has the module's names; other weights give another digest."""
    digests = []
    for index, more in enumerate(([], ["--weights", str(weights)])):
        out = tmp_path / f"build{index}"
        assert run(words("build", "mynet.py:make_model", tmp_path, "--input-shape", "1,6", "--until", "emit", "--out",
                         str(out), *more)) == Exit.OK
        report = json.loads((out / "report.json").read_text())
        digests.append(report["model_sha256"])
        assert {"1", "4"} <= {layer for row in report["layers"] for layer in row["origin"]}
    assert len(set(digests)) == 2


def test_run_gives_the_module_s_outputs(program: Path, weights: Path, tmp_path: Path) -> None:
    from hwgen.nn.program import load_weights, made_by

    x = np.random.default_rng(0).normal(size=(5, 6)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    assert run(["run", f"{program}:shaped", "--weights", str(weights), "--input", str(tmp_path / "x.npy"), "--output",
                str(tmp_path / "y.npy")]) == Exit.OK
    model = made_by(program, "shaped")
    load_weights(model, weights)
    with torch.no_grad():
        expected = model.eval()(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), expected, atol=1e-6)


def test_layers_of_the_host_are_named(program: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words("build", "mynet.py:half_float", tmp_path, "--input-shape", "1,6", "--until", "lower", "--out",
                     str(tmp_path / "b"))) == Exit.OK
    assert "the host computes 2 and what follows, in numpy" in capsys.readouterr().err


@pytest.mark.parametrize(("source", "more", "text"), [
    ("absent.py:make_model", [], "error[bad-program]: {0}/absent.py: there is no such Python file"),
    ("mynet.py:make", [], "error[bad-program]: {0}/mynet.py: it has no function 'make'"),
    ("mynet.py:number", [], "error[bad-program]: {0}/mynet.py: it has no function 'number'"),
    ("mynet.py:no_module", [], "error[bad-program]: {0}/mynet.py:no_module: it made a list"),
    ("mynet.py:make_model", [], "error[input-shape]: Sequential: the shape of its input is unknown"),
    ("mynet.py:make_model", ["--input-shape", "1,7"], "error[forward-failed]: 1: its forward pass fails: "),
    ("mynet.py:shaped", ["--weights", "absent.pt"], "error[bad-weights]: absent.pt: it cannot be read as a state dict"),
])
def test_what_is_wrong_is_named(program: Path, tmp_path: Path, source: str, more: list[str], text: str,
                                capsys: pytest.CaptureFixture[str]) -> None:
    assert text.format(tmp_path) in failing(words("build", source, tmp_path, *more), capsys)


class Bomb:
    """What a malicious checkpoint would run."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> object:
        return Path.touch, (Path(self.path),)


def test_a_checkpoint_is_never_code(program: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Pickles that call functions are refused, in torch's format and plain; so are other objects."""
    target = tmp_path / "touched"
    torch.save({"w": Bomb(str(target))}, tmp_path / "bomb.pt")
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Bomb(str(target))))
    (tmp_path / "text.pt").write_text("no checkpoint")
    torch.save([1, 2], tmp_path / "list.pt")
    torch.save({"other": torch.zeros(2)}, tmp_path / "other.pt")
    causes = {"bomb": "it cannot be read as a state dict", "plain": "it cannot be read as a state dict",
              "text": "it cannot be read as a state dict", "list": "it holds a list",
              "other": "it does not fit the network (Error(s) in loading state_dict"}
    for name, cause in causes.items():
        arguments = words("build", "mynet.py:shaped", tmp_path, "--weights", f"{tmp_path}/{name}.pt")
        assert f"error[bad-weights]: {tmp_path}/{name}.pt: {cause}" in failing(arguments, capsys), name
    assert not target.exists()


def test_bytes_that_are_no_checkpoint(program: Path, tmp_path: Path, seed: int,
                                      capsys: pytest.CaptureFixture[str]) -> None:
    """torch's unpickler has an exception of its own for none of them."""
    junk = np.random.default_rng(seed).bytes
    for data in (b"hello\n", b"", b"\x80\x02", b"PK\x03\x04", *(junk(size) for size in range(1, 40))):
        (tmp_path / "w.pt").write_bytes(data)
        text = failing(words("build", "mynet.py:shaped", tmp_path, "--weights", f"{tmp_path}/w.pt"), capsys)
        assert text.startswith(f"error[bad-weights]: {tmp_path}/w.pt: it cannot be read as a state dict ("), data


def test_weights_of_an_onnx_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = words("build", "digits_mlp.onnx", ROOT / "examples", "--weights", "w.pt")
    assert "error[weights]: w.pt: --weights belongs to a network in a Python file" in failing(arguments, capsys)


WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
import hwgen.cli
try:
    import hwgen.nn
except ModuleNotFoundError as error:
    print(error.name, error)
raise SystemExit(hwgen.cli.run(["build", sys.argv[1], "--board", "pynq"]))
"""


def test_without_torch(program: Path) -> None:
    """Importing says how to install it; the command line too, with the exit code of a missing tool."""
    done = subprocess.run([sys.executable, "-c", WITHOUT_TORCH, f"{program}:make_model"], capture_output=True,
                          text=True, cwd=ROOT, check=False)
    assert done.stdout == "torch hwgen.nn needs torch: pip install 'hwgen[qat]'\n"
    assert done.returncode == Exit.STAGE_UNAVAILABLE
    assert "error[no-torch]" in done.stderr and "pip install 'hwgen[qat]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_errors_of_the_users_own_code_are_the_users(program: Path, tmp_path: Path,
                                                    capsys: pytest.CaptureFixture[str]) -> None:
    """With the line, and not as a bug of hwgen."""
    line = PROGRAM.split("\n").index('    raise ValueError("no data")') + 1
    text = failing(words("build", "mynet.py:broken", tmp_path), capsys)
    assert text == (f"error[bad-program]: {program}:{line}: broken() raised ValueError (no data)\n"
                    "help: Mend the file.\n")
    (tmp_path / "typo.py").write_text("def make(:\n")
    text = failing(words("build", "typo.py:make", tmp_path), capsys)
    assert f"{tmp_path}/typo.py:1: the file raised SyntaxError" in text
    (tmp_path / "leave.py").write_text("raise SystemExit(0)\n")
    text = failing(words("build", "leave.py:make", tmp_path), capsys)
    assert f"{tmp_path}/leave.py:1: the file raised SystemExit (0)" in text
    text = failing(words("build", "mynet.py", tmp_path), capsys)
    assert "Name the function that makes the module: mynet.py:make_model." in text
