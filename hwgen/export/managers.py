"""The export managers of Brevitas' older releases, by their names, for modules of hwgen.nn.

    from hwgen.export import FINNManager
    FINNManager.export(model, input_shape=(1, 3, 32, 32), export_path="finn_lenet.onnx")

Each writes what `hwgen export --to` of its target writes, and returns it loaded. input_shape has a batch of 1 in
front; export_path may be left out. What the command line prints as a warning is one of Python's. HwgenError: those of
hwgen.export.export_network.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import onnx

from hwgen.export.engines import need
from hwgen.export.targets import target_named
from hwgen.export.written import ExportOptions, Written
from hwgen.frontend import ImportOptions
from hwgen.run import write_bytes
from hwgen.source import network_of

if TYPE_CHECKING:
    from torch import nn


class OnnxManager:
    """One ONNX file: `file` of what the target writes, "" where that is a file itself."""

    target: ClassVar[str]
    file: ClassVar[str] = ""

    @classmethod
    def export(cls, model: nn.Module, input_shape: Sequence[int],
               export_path: str | Path | None = None) -> onnx.ModelProto:
        """The exported model."""
        return onnx.load_model_from_string(_written(cls.target, cls.file, model, input_shape, export_path))


class FINNManager(OnnxManager):
    """FINN-ONNX: integer weights, MultiThreshold, datatype annotations."""

    target = "finn"


class StdQOpONNXManager(OnnxManager):
    """ONNX's integer operators."""

    target = "qop"


class PyXIRManager(OnnxManager):
    """ONNX for PyXIR, a network in a DPU's fixed point; `hwgen export --to dpu` writes the other files too."""

    target, file = "dpu", "pyxir.onnx"


class PytorchQuantManager:
    """TorchScript with torch's quantized operators."""

    @classmethod
    def export(cls, model: nn.Module, input_shape: Sequence[int], export_path: str | Path | None = None) -> Any:
        """The torch.jit.ScriptModule."""
        data = _written("pytorch", "", model, input_shape, export_path)
        return need("torch", "pytorch").jit.load(io.BytesIO(data))


def _written(target: str, file: str, model: nn.Module, input_shape: Sequence[int],
             export_path: str | Path | None) -> bytes:
    imported = network_of(model, ImportOptions(input_shapes={None: tuple(input_shape)}))
    written: Written = target_named(target).write(imported.graph, ExportOptions())
    for text in (*imported.warnings, *written.warnings):
        warnings.warn(text, stacklevel=3)
    if export_path is not None:
        write_bytes(Path(export_path), written.files[file])
    return written.files[file]
