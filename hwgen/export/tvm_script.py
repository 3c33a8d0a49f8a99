"""What an exported `compile.py` does: its text follows the docstring and imports here, so it needs nothing of hwgen.

templates/tvm/compile.py.j2 adds the network's inputs and outputs. numpy, onnx and TVM are imported where they are used,
so that --help and the messages about missing packages need none of them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

PACKAGES = {"numpy": "numpy", "onnx": "onnx", "tvm": "apache-tvm"}
"""By module, the name under which pip knows it."""
FRAMES = 64
"""Computed at once: what lies between the layers is in memory for all of them."""
Shapes = Mapping[str, tuple[int, ...]]
"""Of a frame, by name of the input."""


class UserError(Exception):
    """What is wrong with the command line; of another error's text the first line only."""

    def __init__(self, message: object) -> None:
        super().__init__(str(message).strip().splitlines()[0])


def parser_of(inputs: Shapes, outputs: Sequence[str]) -> argparse.ArgumentParser:
    """The command line."""
    frames = ", ".join(f"{name} (frames, {', '.join(map(str, shape))})" for name, shape in inputs.items())
    parser = argparse.ArgumentParser(description="Compile model.onnx with TVM and run it.",
                                     epilog=f"inputs: {frames}; outputs: {', '.join(outputs)}".replace("%", "%%"))
    parser.add_argument("--input", action="append", default=[], metavar="[NAME=]X.npy", help="an input, frames first")
    parser.add_argument("--output", action="append", default=[], metavar="[NAME=]Y.npy", help="where an output goes")
    parser.add_argument("--library", type=Path, metavar="Z.so", help="save the compiled network; needs a C++ compiler")
    parser.add_argument("--target", default="llvm", help='llvm, or as {"kind": "llvm", "mcpu": "x86-64-v3"}')
    return parser


def files(texts: Sequence[str], names: Sequence[str], option: str) -> dict[str, Path]:
    """Paths by name, of texts `NAME=PATH`, or `PATH` where there is one name only."""
    found: dict[str, Path] = {}
    for text in texts:
        name = next((name for name in names if text.startswith(f"{name}=")), None)
        if name is None and len(names) > 1:
            raise UserError(f"{option} {text}: write NAME=PATH with one of the names {', '.join(names)}")
        name, path = (names[0], text) if name is None else (name, text[len(name) + 1 :])
        if name in found:
            raise UserError(f"{option}: {name} is given twice")
        found[name] = Path(path)
    return found


def loaded(paths: Mapping[str, Path], inputs: Shapes) -> dict[str, Any]:
    """Float32 arrays by name, in the order of the network's inputs, of as many frames each."""
    missing = [name for name in inputs if name not in paths]
    if missing:
        raise UserError(f"no --input for {', '.join(missing)}")
    arrays = {name: array_of(paths[name], name, shape) for name, shape in inputs.items()}
    counts = {name: len(x) for name, x in arrays.items()}
    if len(set(counts.values())) > 1:
        raise UserError(f"the inputs have different numbers of frames: {counts}")
    return arrays


def array_of(path: Path, name: str, shape: tuple[int, ...]) -> Any:
    """The frames of one input."""
    import numpy as np

    try:
        made = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"{path} cannot be read as an .npy file: {error}") from None
    if not isinstance(made, np.ndarray) or made.dtype.kind not in "fiub":
        raise UserError(f"{path} holds no numbers")
    if made.shape[1:] != shape or not len(made):
        raise UserError(f"{name} is due as (frames, {', '.join(map(str, shape))}), {path} has shape {made.shape}")
    return np.ascontiguousarray(made, dtype=np.float32)


def compiled(target: str, path: Path) -> Any:
    """An executable of TVM's virtual machine, whose function `main` takes and gives tensors of any number of frames.

    path: of the ONNX model.
    """
    import onnx
    import tvm
    from tvm.relax.frontend.onnx import from_onnx

    try:
        wanted = tvm.target.Target(target)
    except (ValueError, TypeError) as error:
        raise UserError(f"--target {target}: {error}") from None
    try:
        model = onnx.load(path)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None
    return tvm.compile(from_onnx(model, keep_params_in_input=False), target=wanted)


def outputs_of(executable: Any, arrays: Mapping[str, Any], outputs: Sequence[str]) -> dict[str, Any]:
    """Arrays by name."""
    import numpy as np
    import tvm
    from tvm import relax

    main = relax.VirtualMachine(executable, tvm.cpu())["main"]
    parts = []
    for start in range(0, len(next(iter(arrays.values()))), FRAMES):
        made = main(*(tvm.runtime.tensor(x[start : start + FRAMES]) for x in arrays.values()))
        parts.append([made] if isinstance(made, tvm.runtime.Tensor) else list(made))
    return {name: np.concatenate([y.numpy() for y in tensors]) for name, *tensors in zip(outputs, *parts, strict=True)}


def saved(path: Path, write: Callable[[], None]) -> None:
    """Write a file; path: as the user gave it."""
    try:
        write()
    except (OSError, RuntimeError) as error:
        raise UserError(f"{path} cannot be written: {error}") from None
    print(f"wrote {path}")


def write_array(path: Path, y: Any) -> None:
    """As .npy under exactly this name."""
    import numpy as np

    with path.open("wb") as file:
        np.save(file, y)


def execute(options: argparse.Namespace, inputs: Shapes, outputs: Sequence[str], model: Path) -> None:
    """What the command line asks for. UserError: what is wrong with it."""
    sources = files(options.input, list(inputs), "--input")
    places = files(options.output, outputs, "--output")
    if bool(sources) != bool(places):
        raise UserError("--input and --output need each other")
    for path in (*places.values(), *([options.library] if options.library else [])):
        if not path.absolute().parent.is_dir():
            raise UserError(f"{path}: there is no such folder")
    arrays = loaded(sources, inputs) if sources else {}
    executable = compiled(options.target, model)
    print(f"compiled for {options.target}")
    if options.library:
        saved(options.library, lambda: executable.export_library(str(options.library)))
    found = outputs_of(executable, arrays, outputs) if arrays else {}
    for name, path in places.items():
        saved(path, lambda path=path, name=name: write_array(path, found[name]))  # type: ignore[misc]


def main(inputs: Shapes, outputs: Sequence[str], model: Path) -> None:
    """Exit codes: 0, 2 for the user's input, 3 where a package is missing."""
    parser = parser_of(inputs, outputs)
    options = parser.parse_args()
    missing = [name for module, name in PACKAGES.items() if find_spec(module) is None]
    if missing:
        parser.exit(3, f"compile.py needs: pip install {' '.join(missing)}\n")
    try:
        execute(options, inputs, outputs, model)
    except UserError as error:
        parser.error(str(error))
