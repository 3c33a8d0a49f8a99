"""What the user decides about an import, and what an import gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

from hwgen.errors import HwgenError, did_you_mean
from hwgen.ir.graph import Graph
from hwgen.ir.types import IntType

DIALECTS = ("brevitas", "spec")
ROUNDINGS = ("trained", "half_up", "dpu")
Choice = TypeVar("Choice")


@dataclass(frozen=True)
class ImportOptions:
    """How to read a model.

    dialect: what a BipolarQuant after a Relu means: `brevitas` {0, scale}, `spec` always +scale (doctrine item 7).
    input_types: integer type and scale of a graph input; the key None means every input.
    input_shapes: ONNX shape of a graph input, batch of 1 first; the key None means every input.
    weights: the checkpoint of a network that a Python file makes (hwgen.source).
    rounding: of activations: `trained` as in the model, `half_up` floor(x + 1/2) with inputs half away from zero, `dpu`
    the same with all constants and limits of a DPU (hwgen.dpu).
    """

    dialect: str = "brevitas"
    input_types: Mapping[str | None, tuple[IntType, Fraction]] = field(default_factory=dict)
    input_shapes: Mapping[str | None, tuple[int, ...]] = field(default_factory=dict)
    weights: Path | None = None
    rounding: str = "trained"

    def __post_init__(self) -> None:
        if self.rounding not in ROUNDINGS:
            raise HwgenError("unknown-rounding", self.rounding, "there is no such rounding",
                             did_you_mean(self.rounding, ROUNDINGS, "roundings"))
        if self.dialect not in DIALECTS:
            raise HwgenError("dialect", self.dialect, "this is no dialect of QONNX", "Use brevitas or spec.")


@dataclass(frozen=True)
class Imported:
    """A graph of the quantized level; names maps each name that the import made up to the ONNX name it stands for."""

    graph: Graph
    warnings: tuple[str, ...]
    names: Mapping[str, str]


def choice(choices: Mapping[str | None, Choice], name: str) -> Choice | None:
    """What the user said about this input, or about every input."""
    return choices.get(name, choices.get(None))
