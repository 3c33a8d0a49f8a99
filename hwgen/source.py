"""Where a network comes from: an ONNX file, a function of a Python file that makes a torch module, or a module."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hwgen.dpu.arch import architecture
from hwgen.dpu.limits import fitted
from hwgen.dpu.read import read
from hwgen.errors import Exit, HwgenError
from hwgen.frontend import Imported, ImportOptions, load
from hwgen.passes.round_activations import round_activations
from hwgen.rounding import Rounding

if TYPE_CHECKING:
    from torch import nn


def network_of(source: Path | nn.Module, options: ImportOptions) -> Imported:
    """load_network, or the graph of a module itself. HwgenError: theirs."""
    if isinstance(source, Path):
        return load_network(source, options)
    from hwgen.nn.program import import_module

    return rounded(import_module(source, options), options.rounding)


def load_network(source: Path, options: ImportOptions) -> Imported:
    """The imported graph of `model.onnx` or `mynet.py:make_model`, with the roundings that the options ask for.

    HwgenError: "bad-program", "no-torch", "weights", those of the readers and those of hwgen.dpu.
    """
    return rounded(_read(source, options), options.rounding)


def rounded(imported: Imported, rounding: str) -> Imported:
    """The network with other roundings than those of its training. HwgenError: of hwgen.dpu."""
    if rounding == "half_up":
        return replace(imported, graph=round_activations(imported.graph, Rounding.HALF_UP, Rounding.HALF_AWAY))
    if rounding == "dpu":
        network, adjustments = fitted(read(imported.graph), architecture(None))
        return replace(imported, graph=network.as_graph(), warnings=(*imported.warnings, *map(str, adjustments)))
    return imported


def _read(source: Path, options: ImportOptions) -> Imported:
    if source.suffix == ".py":
        raise HwgenError("bad-program", str(source), "a Python file holds many things",
                         f"Name the function that makes the module: {source.name}:make_model.")
    if ".py:" not in source.name:
        if options.weights is not None:
            raise HwgenError("weights", str(options.weights), "--weights belongs to a network in a Python file",
                             "An ONNX file carries its own weights: leave the option out.")
        return load(source, options)
    try:
        from hwgen.nn.program import import_program
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise HwgenError("no-torch", str(source), "a network in a Python file needs torch",
                         "Install it: pip install 'hwgen[qat]'.", exit_code=Exit.STAGE_UNAVAILABLE) from None
    return import_program(source, options)


def digest(source: Path, options: ImportOptions) -> str:
    """SHA-256 of the model file; of a Python file followed by the checkpoint where there is one."""
    parts = [source.with_name(source.name.split(".py:")[0] + ".py") if ".py:" in source.name else source]
    parts += [options.weights] if options.weights is not None else []
    return hashlib.sha256(b"".join(part.read_bytes() for part in parts)).hexdigest()
