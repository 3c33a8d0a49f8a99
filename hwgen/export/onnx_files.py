"""Targets that are one ONNX file, each with its runtime."""

from __future__ import annotations

from functools import partial

from onnx import ModelProto

from hwgen.export import engines
from hwgen.export.sheet import Exported
from hwgen.export.written import Written


def serialized(model: ModelProto) -> bytes:
    """The file: equal models are equal bytes."""
    return bytes(model.SerializeToString(deterministic=True))


def for_onnxruntime(exported: Exported) -> Written:
    """A model of standard operators."""
    return Written({"": serialized(exported.model)}, partial(engines.onnxruntime, exported.model), exported.forms)


def for_qonnx(exported: Exported) -> Written:
    """A model with operators of qonnx."""
    return Written({"": serialized(exported.model)}, partial(engines.qonnx, exported.model), exported.forms)


def as_imported(model: ModelProto) -> Written:
    """A model of the quantized level, in which no layer has a form of its own."""
    return Written({"": serialized(model)}, partial(engines.qonnx, model))
