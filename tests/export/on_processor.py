"""Runs exported models on another processor than this machine's: a process in qemu's user mode, which takes many.

As that process: on_processor.py ENGINE reads names of folders, each with model.onnx, inputs.npz and tensors.txt, from
its standard input, and answers each with a line when outputs.npz is there.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx

from hwgen.export import engines, torch_engine
from hwgen.ir.tensor import Array

ENGINES = {"onnxruntime": engines.onnxruntime, "torch": torch_engine.run}
ROOT = Path(__file__).resolve().parent.parent.parent
DONE = "done\n"


@contextmanager
def processor(qemu: str, name: str, engine: str) -> Iterator[Callable[..., dict[str, Array]]]:
    """run(model, inputs, tensors) in one of ENGINES on a processor of `qemu-x86_64 -cpu help`."""
    command = [qemu, "-cpu", name, sys.executable, "-m", "tests.export.on_processor", engine]
    with subprocess.Popen(command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL) as process:
        def run(model: onnx.ModelProto, inputs: Mapping[str, Array], tensors: Iterable[str] = ()) -> dict[str, Array]:
            assert process.stdin is not None and process.stdout is not None
            with tempfile.TemporaryDirectory() as made:
                folder = Path(made)
                onnx.save(model, folder / "model.onnx")
                np.savez(folder / "inputs.npz", **inputs)  # type: ignore[arg-type]
                (folder / "tensors.txt").write_text("\n".join(tensors))
                print(folder, file=process.stdin, flush=True)
                assert process.stdout.readline() == DONE, f"{engine} on {name} ended: {process.wait()}"
                with np.load(folder / "outputs.npz") as outputs:
                    return {output: outputs[output] for output in outputs.files}

        yield run


def main(engine: str) -> None:
    """The process inside qemu."""
    for line in sys.stdin:
        folder = Path(line.rstrip("\n"))
        with np.load(folder / "inputs.npz") as inputs:
            tensors = (folder / "tensors.txt").read_text().splitlines()
            found = ENGINES[engine](onnx.load(folder / "model.onnx"), dict(inputs), tensors)
        np.savez(folder / "outputs.npz", **found)  # type: ignore[arg-type]
        print(DONE, end="", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
