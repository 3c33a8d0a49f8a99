"""TVM: the QDQ model, and a script that compiles it through Relax and runs it.

TVM 0.27 computes the operators of the QDQ forms as IEEE says: a QuantizeLinear divides and rounds half to even, nothing
is contracted or reassociated where that changes a result, and the number of frames stays open. What it lacks are the
operators of the QOperator form. The script runs alone: it needs numpy, onnx and tvm, not hwgen.
"""

from __future__ import annotations

import inspect
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto

from hwgen.emit.render import render
from hwgen.errors import Exit, HwgenError
from hwgen.export import engines, tvm_script
from hwgen.export.onnx_files import serialized
from hwgen.export.sheet import Exported
from hwgen.export.written import Results, Written
from hwgen.ir.tensor import Array

MODEL, SCRIPT = "model.onnx", "compile.py"


@dataclass(frozen=True)
class CompileScript:
    """Context of tvm/compile.py.j2; the texts are Python."""

    script: str
    model: str
    inputs: str
    outputs: str


def written(exported: Exported) -> Written:
    """The folder."""
    files = files_of(exported.model)
    names = [value.name for value in exported.model.graph.output]
    return Written(files, lambda inputs: executed(files, names, inputs), exported.forms)


def files_of(model: ModelProto) -> dict[str, bytes]:
    """The model and its script."""
    shapes = {value.name: tuple(d.dim_value for d in value.type.tensor_type.shape.dim[1:])
              for value in model.graph.input}
    outputs = tuple(value.name for value in model.graph.output)
    context = CompileScript(_behaviour(), repr(MODEL), repr(shapes), repr(outputs))
    return {MODEL: serialized(model), SCRIPT: render("tvm/compile.py.j2", context).encode()}


def _behaviour() -> str:
    """The text of hwgen.export.tvm_script behind its docstring."""
    first = "from __future__"
    return first + inspect.getsource(tvm_script).partition(f"\n{first}")[2].rstrip()


def run(model: ModelProto, inputs: Mapping[str, Array], tensors: Iterable[str] = ()) -> Results:
    """Outputs by name, and the given tensors between, of (frames, *shape) float32 inputs."""
    wanted = engines.with_outputs(model, tensors)
    return executed(files_of(wanted), [value.name for value in wanted.graph.output], inputs)


def executed(files: Mapping[str, bytes], outputs: Iterable[str], inputs: Mapping[str, Array]) -> Results:
    """Outputs by name, of the script itself in a process of its own. HwgenError: "no-package", "target-failed"."""
    if find_spec("tvm") is None:
        raise engines.missing("tvm", "tvm", "apache-tvm")
    with tempfile.TemporaryDirectory(prefix="hwgen-tvm-") as name:
        folder = Path(name)
        for path, data in files.items():
            (folder / path).write_bytes(data)
        words = []
        for number, (port, array) in enumerate(inputs.items()):
            np.save(folder / f"x{number}.npy", np.asarray(array, dtype=np.float32))
            words += ["--input", f"{port}=x{number}.npy"]
        places = {port: folder / f"y{number}.npy" for number, port in enumerate(outputs)}
        words += [word for port, path in places.items() for word in ("--output", f"{port}={path.name}")]
        _script(folder, words)
        return {port: _loaded(path) for port, path in places.items()}


def _script(folder: Path, words: list[str]) -> None:
    """Run it. HwgenError: "target-failed" with its last line."""
    done = subprocess.run([sys.executable, SCRIPT, *words], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        *_, last = ["no message", *done.stderr.strip().splitlines()]
        raise HwgenError("target-failed", "tvm", f"{SCRIPT} ended with an error: {last}",
                         "Run it in the exported folder to see the whole message.", exit_code=Exit.VERIFICATION_FAILED)


def _loaded(path: Path) -> Array:
    made: Any = np.load(path, allow_pickle=False)
    return np.asarray(made)
