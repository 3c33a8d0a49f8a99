"""Transcendental functions and products of two computed values. See hwgen.ops.quantized."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hwgen.errors import HwgenError
from hwgen.exact.curves import CurveName, CurveStage
from hwgen.exact.joins import of_one_source
from hwgen.exact.tail import on_host
from hwgen.exact.view import Site, View
from hwgen.host import HostStep
from hwgen.ir.graph import Value
from hwgen.ir.types import REAL
from hwgen.ops.quantized import Inferred, QuantizedOp


@dataclass(frozen=True)
class Curve(QuantizedOp):
    """A rising function of every element.

    exp, sigmoid, tanh, erf; softplus: ln(1 + e^x); normal: (1 + erf(x / sqrt 2)) / 2;
    gate: (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2.
    """

    name: CurveName

    def fold(self, view: View, site: Site) -> View:
        return view.then(CurveStage(self.name))

    @property
    def label(self) -> str:
        return self.name.capitalize()


@dataclass(frozen=True)
class Product(QuantizedOp):
    """y = a * b, both computed; equal shapes. In hardware only of functions of the same integers."""

    def infer(self, inputs: Sequence[Value]) -> Inferred:
        first, second = inputs
        if first.shape != second.shape:
            raise HwgenError("broadcast", f"{first.name}, {second.name}", f"shapes {first.shape} and {second.shape} "
                             "differ", "Multiply values of equal shape.")
        return ((first.shape, REAL),)

    def fold_all(self, views: Sequence[View], site: Site) -> View:
        if any(view.tail for view in views):
            return on_host(HostStep.of("product"), views, views[0].shape, site)
        joined = of_one_source("mul", views[0], views[1])
        if joined is None:
            raise HwgenError("product", site.name, "it multiplies two values that are computed from different integers",
                             "Only functions of the same integers can be multiplied (x * sigmoid(x)): remove the gate.")
        return joined
