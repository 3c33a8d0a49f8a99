"""`mynet.py:make_model`: a network as Python code that its user names on purpose, and its checkpoint."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from traceback import extract_tb
from typing import Any

import torch
from torch import nn

from hwgen.errors import HwgenError
from hwgen.frontend import host_tail
from hwgen.frontend.options import Imported, ImportOptions
from hwgen.names import readable
from hwgen.nn.trace import input_shape_of, to_ir


def import_program(source: Path, options: ImportOptions) -> Imported:
    """The graph of the module that a function of a Python file makes, with the checkpoint of options.weights.

    HwgenError: "bad-program", "bad-weights", "input-shape" and those of to_ir.
    """
    name, _, function = source.name.partition(":")
    path = source.with_name(name)
    model = made_by(path, function)
    if options.weights is not None:
        load_weights(model, options.weights)
    return import_module(model, options, readable(path.stem))


def import_module(model: nn.Module, options: ImportOptions, name: str = "") -> Imported:
    """The graph of a module; name: of the graph, by default the class's. HwgenError: "bad-argument", as to_ir."""
    if not isinstance(model, nn.Module):
        raise HwgenError("bad-argument", "model", f"it is {type(model).__name__} and no torch.nn.Module",
                         "Give the module itself; a file goes to hwgen.export.export_network.")
    graph = to_ir(model, _input_shapes(model, options), name)
    host_tail.refuse_without_quantizers(graph)
    layers = host_tail.host_layers(graph)
    return Imported(graph, (host_tail.warning(layers),) if layers else (), {})


def made_by(path: Path, function: str) -> nn.Module:
    """What a function of a Python file returns, called without arguments. It sees the file's folder on its path."""
    try:
        spec = importlib.util.spec_from_file_location(path.stem, path) if path.is_file() else None
    except OSError as error:
        raise HwgenError("bad-program", str(path), f"it cannot be read ({error.strerror})",
                         "Check its name, and the permissions of its folder.") from error
    if spec is None or spec.loader is None:
        raise HwgenError("bad-program", str(path), "there is no such Python file", "Write FILE.py:FUNCTION.")
    program = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.resolve().parent))
    try:
        with _users_code(path, "the file"):
            spec.loader.exec_module(program)
    finally:
        sys.path.pop(0)
    make = getattr(program, function, None)
    if not callable(make):
        raise HwgenError("bad-program", str(path), f"it has no function '{function}'",
                         "Name a function or class of the file that makes the module.")
    with _users_code(path, f"{function}()"):
        model = make()
    if not isinstance(model, nn.Module):
        raise HwgenError("bad-program", f"{path}:{function}", f"it made a {type(model).__name__}",
                         "Return a torch.nn.Module.")
    return model


@contextmanager
def _users_code(place: Path, what: str) -> Iterator[None]:
    """What the user's own code raises is the user's to mend, whatever it is; errors of ours pass."""
    try:
        yield
    except HwgenError:
        raise
    except (Exception, SystemExit) as error:
        raise HwgenError("bad-program", _where(place, error), f"{what} raised {type(error).__name__} ({_line(error)})",
                         "Mend the file.") from error


def _where(path: Path, error: BaseException) -> str:
    """The file, with the last of its lines that the error came through."""
    lines = [frame.lineno for frame in extract_tb(error.__traceback__) if Path(frame.filename) == path.resolve()]
    lines += [error.lineno] if isinstance(error, SyntaxError) else []
    return f"{path}:{lines[-1]}" if lines else str(path)


def load_weights(model: nn.Module, path: Path) -> None:
    """Load a state dict; nothing but tensors is unpickled."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # of bytes that are no checkpoint torch raises whatever its unpickler comes upon
        raise HwgenError("bad-weights", str(path), f"it cannot be read as a state dict ({_line(error)})",
                         "Save one: torch.save(model.state_dict(), 'w.pt').") from None
    if not isinstance(state, dict):
        raise HwgenError("bad-weights", str(path), f"it holds a {type(state).__name__}",
                         "Save a state dict: torch.save(model.state_dict(), 'w.pt').")
    _apply(model, state, path)


def _apply(model: nn.Module, state: dict[str, Any], path: Path) -> None:
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise HwgenError("bad-weights", str(path), f"it does not fit the network ({_line(error)})",
                         "Give the checkpoint of this network.") from None


def _line(error: BaseException) -> str:
    """An error's message in one line, short."""
    return " ".join(str(error).split())[:300]


def _input_shapes(model: nn.Module, options: ImportOptions) -> list[tuple[int, ...]]:
    """--input-shape, else the module's own attribute input_shape."""
    if options.input_shapes:
        return list(options.input_shapes.values())
    return [tuple(input_shape_of(model))]
