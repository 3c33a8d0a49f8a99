"""Foreign graphs in: ONNX files with the QONNX and FINN dialects become graphs of the quantized level."""

from __future__ import annotations

from hwgen.frontend.importer import load
from hwgen.frontend.options import Imported, ImportOptions

__all__ = ["ImportOptions", "Imported", "load"]
