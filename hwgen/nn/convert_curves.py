"""Converters of smooth activation functions, and of functions made of several others."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from hwgen.exact.curves import CurveName
from hwgen.ir.graph import Value
from hwgen.ir.tensor import Tensor
from hwgen.nn.calls import Site, converts, refuse
from hwgen.nn.record import Call
from hwgen.ops.quantized import Clip, Elementwise, ElementwiseKind, LeakyRelu, Relu
from hwgen.ops.quantized_curves import Curve, Product
from hwgen.ops.quantized_maps import Join

MAX_POWER = 4
SOFTPLUS_THRESHOLD = 20
"""From there on torch gives x for ln(1 + e^x): the same float32."""
RISING: dict[CurveName, tuple[Any, ...]] = {
    "exp": (torch.exp, torch.Tensor.exp), "sigmoid": (torch.sigmoid, torch.Tensor.sigmoid, F.sigmoid),
    "tanh": (torch.tanh, torch.Tensor.tanh, F.tanh), "erf": (torch.erf, torch.Tensor.erf)}


def _rising(name: CurveName) -> Any:
    def convert(site: Site, call: Call) -> None:
        site.add(call, Curve(name), site.value(call))
    return convert


for _name, _functions in RISING.items():
    converts(*_functions)(_rising(_name))


@converts(F.softplus, takes="input beta threshold")
def softplus(site: Site, call: Call) -> None:
    """ln(1 + e^x)."""
    given = site.arguments(call)
    if given.get("beta", 1) != 1 or given.get("threshold", SOFTPLUS_THRESHOLD) < SOFTPLUS_THRESHOLD:
        raise refuse(call, "it has a beta or a low threshold of its own", "Use softplus with beta=1, threshold=20.")
    site.add(call, Curve("softplus"), site.value(call))


@converts(F.logsigmoid)
def log_sigmoid(site: Site, call: Call) -> None:
    """-ln(1 + e^-x)."""
    soft = site.add_inner(call, Curve("softplus"), _constant(site, call, "mul", -1.0, site.value(call), "negative"),
                          role="softplus")
    site.add(call, Elementwise("mul", Tensor(-1.0)), soft)


@converts(F.gelu)
def gelu(site: Site, call: Call) -> None:
    """x * Phi(x), by the error function or its tanh approximation."""
    form = site.arguments(call).get("approximate", "none")
    _gated(site, call, Curve("normal" if form == "none" else "gate"))


@converts(F.silu)
def silu(site: Site, call: Call) -> None:
    """x * sigmoid(x)."""
    _gated(site, call, Curve("sigmoid"))


@converts(F.mish)
def mish(site: Site, call: Call) -> None:
    """x * tanh(softplus(x))."""
    value = site.value(call)
    soft = site.add_inner(call, Curve("softplus"), value, role="softplus")
    site.add(call, Product(), value, site.add_inner(call, Curve("tanh"), soft, role="gate"))


def _gated(site: Site, call: Call, gate: Curve) -> None:
    value = site.value(call)
    site.add(call, Product(), value, site.add_inner(call, gate, value, role="gate"))


@converts(F.hardsigmoid)
def hard_sigmoid(site: Site, call: Call) -> None:
    """x + 3 between 0 and 6, by 6."""
    site.add(call, Elementwise("div", Tensor(6.0)), _moved_and_clipped(site, call, site.value(call)))


@converts(F.hardswish)
def hard_swish(site: Site, call: Call) -> None:
    """x times (x + 3 between 0 and 6), by 6."""
    value = site.value(call)
    product = site.add_inner(call, Product(), value, _moved_and_clipped(site, call, value), role="product")
    site.add(call, Elementwise("div", Tensor(6.0)), product)


def _moved_and_clipped(site: Site, call: Call, value: Value) -> Value:
    moved = _constant(site, call, "add", 3.0, value, "moved")
    return site.add_inner(call, Clip(0.0, 6.0), moved, role="gate")


@converts(F.elu, takes="input alpha")
def elu(site: Site, call: Call) -> None:
    """x for x >= 0, alpha * (e^x - 1) below."""
    _exponential(site, call, site.arguments(call).get("alpha", 1.0), 1.0)


@converts(F.celu, torch.celu, takes="input alpha")
def celu(site: Site, call: Call) -> None:
    """x for x >= 0, alpha * (e^(x / alpha) - 1) below."""
    alpha = site.arguments(call).get("alpha", 1.0)
    _exponential(site, call, alpha, 1.0, divisor=alpha)


@converts(F.selu, torch.selu)
def selu(site: Site, call: Call) -> None:
    """ELU times a constant."""
    _exponential(site, call, 1.6732632423543772848170429916717, 1.0507009873554804934193349852946)


def _exponential(site: Site, call: Call, alpha: float, factor: float, divisor: float = 1.0) -> None:
    """factor * (max(x, 0) + alpha * (e^(min(x, 0) / divisor) - 1))."""
    value = site.value(call)
    low = site.add_inner(call, Clip(None, 0.0), value, role="low")
    low = low if divisor == 1.0 else _constant(site, call, "div", divisor, low, "divided")
    below = _constant(site, call, "sub", 1.0, site.add_inner(call, Curve("exp"), low, role="exp"), "shifted")
    bent = _constant(site, call, "mul", alpha, below, "bent")
    high = site.add_inner(call, Relu(), value, role="high")
    if factor == 1.0:
        site.add(call, Join(), high, bent)
    else:
        site.add(call, Elementwise("mul", _float32(factor)), site.add_inner(call, Join(), high, bent, role="sum"))


@converts(torch.abs, torch.Tensor.abs, torch.Tensor.__abs__)
def absolute(site: Site, call: Call) -> None:
    """Slope -1 below 0."""
    site.add(call, LeakyRelu(Tensor(-1.0)), site.value(call))


@converts(torch.square, torch.Tensor.square)
def square(site: Site, call: Call) -> None:
    """x * x."""
    site.add(call, Product(), site.value(call), site.value(call))


@converts(torch.pow, torch.Tensor.pow, torch.Tensor.__pow__, takes="input exponent")
def power(site: Site, call: Call) -> None:
    """A small positive whole exponent, as products."""
    value, exponent = site.value(call), site.arguments(call)["exponent"]
    if not isinstance(exponent, int | float) or exponent not in range(2, MAX_POWER + 1):
        raise refuse(call, f"its exponent is {exponent}", f"Exponents 2 to {MAX_POWER} are supported.")
    made = value
    for factor in range(2, int(exponent)):
        made = site.add_inner(call, Product(), made, value, role=f"power{factor}")
    site.add(call, Product(), made, value)


@converts(torch.clamp_min, torch.Tensor.clamp_min, takes="input min")
def clamp_min(site: Site, call: Call) -> None:
    """Not below a number."""
    site.add(call, Clip(_limit(site, call, "min"), None), site.value(call))


@converts(torch.clamp_max, torch.Tensor.clamp_max, takes="input max")
def clamp_max(site: Site, call: Call) -> None:
    """Not above a number."""
    site.add(call, Clip(None, _limit(site, call, "max")), site.value(call))


def _limit(site: Site, call: Call, name: str) -> float:
    return float(site.arguments(call)[name])


def _constant(site: Site, call: Call, kind: ElementwiseKind, number: float, value: Value, role: str) -> Value:
    """Arithmetic with a number on the way to the call's result."""
    return site.add_inner(call, Elementwise(kind, _float32(number)), value, role=role)


def _float32(number: float) -> Tensor:
    """A number as training has it."""
    return Tensor(float(np.float32(number)))
