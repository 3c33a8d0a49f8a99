"""Smooth activation functions, and functions made of several others: Sigmoid, Gelu, HardSwish, Elu, Abs, Max, Pow."""

from __future__ import annotations

import numpy as np
from onnx import NodeProto

from hwgen.exact.curves import CurveName
from hwgen.frontend import attributes
from hwgen.frontend.attributes import problem
from hwgen.frontend.context import Context, tensor
from hwgen.frontend.registry import handles
from hwgen.ir.graph import Value
from hwgen.ir.tensor import Tensor
from hwgen.ops.quantized import Clip, Elementwise, ElementwiseKind, LeakyRelu, Relu
from hwgen.ops.quantized_curves import Curve, Product
from hwgen.ops.quantized_maps import Join

MAX_POWER = 4
RISING: dict[str, CurveName] = {"Exp": "exp", "Sigmoid": "sigmoid", "Tanh": "tanh", "Erf": "erf",
                                "Softplus": "softplus"}


@handles("onnx", "Exp", "Sigmoid", "Tanh", "Erf", "Softplus", since=1)
def curve(context: Context, node: NodeProto) -> None:
    """A rising function of every element."""
    context.add(node, Curve(RISING[node.op_type]), context.real_value(node))


@handles("onnx", "Gelu", since=20)
def gelu(context: Context, node: NodeProto) -> None:
    """y = x * Phi(x) by the error function, or its tanh approximation."""
    names: dict[str, CurveName] = {"none": "normal", "tanh": "gate"}
    form = attributes.text(node, "approximate", "none")
    if form not in names:
        raise problem(node, "bad-attribute", f"its approximate is '{form}'", "Use none or tanh.")
    value = context.real_value(node)
    context.add(node, Product(), value, context.add_inner(node, Curve(names[form]), value, "gate"))


@handles("onnx", "Swish", since=24)
def swish(context: Context, node: NodeProto) -> None:
    """y = x * sigmoid(alpha * x)."""
    value = context.real_value(node)
    scaled = constant(context, node, "mul", finite(node, "alpha", 1.0), value, "scaled")
    context.add(node, Product(), value, context.add_inner(node, Curve("sigmoid"), scaled, "gate"))


@handles("onnx", "Mish", since=18)
def mish(context: Context, node: NodeProto) -> None:
    """y = x * tanh(softplus(x))."""
    value = context.real_value(node)
    soft = context.add_inner(node, Curve("softplus"), value, "softplus")
    context.add(node, Product(), value, context.add_inner(node, Curve("tanh"), soft, "gate"))


@handles("onnx", "HardSwish", since=14)
def hard_swish(context: Context, node: NodeProto) -> None:
    """y = x * max(0, min(1, x / 6 + 1 / 2)), as x * clip(x + 3, 0, 6) / 6: exact."""
    value = context.real_value(node)
    moved = constant(context, node, "add", 3.0, value, "moved")
    gate = context.add_inner(node, Clip(0.0, 6.0), moved, "gate")
    context.add(node, Elementwise("div", Tensor(6.0)), inner_join(context, node, Product(), value, gate, "product"))


@handles("onnx", "Elu", since=6)
def elu(context: Context, node: NodeProto) -> None:
    """y = x for x >= 0, alpha * (e^x - 1) below: max(x, 0) + alpha * (e^min(x, 0) - 1)."""
    exponential(context, node, finite(node, "alpha", 1.0), 1.0, None)


@handles("onnx", "Celu", since=12)
def celu(context: Context, node: NodeProto) -> None:
    """y = max(x, 0) + alpha * (e^(min(x, 0) / alpha) - 1)."""
    alpha = finite(node, "alpha", 1.0)
    if alpha == 0:
        raise problem(node, "bad-attribute", "its alpha is 0")
    exponential(context, node, alpha, 1.0, alpha)


@handles("onnx", "Selu", since=6)
def selu(context: Context, node: NodeProto) -> None:
    """y = gamma * (max(x, 0) + alpha * (e^min(x, 0) - 1))."""
    exponential(context, node, finite(node, "alpha", 1.67326319217681884765625),
                finite(node, "gamma", 1.05070102214813232421875), None)


def exponential(context: Context, node: NodeProto, alpha: float, gamma: float, divisor: float | None) -> None:
    """gamma * (max(x, 0) + alpha * (e^(min(x, 0) / divisor) - 1))."""
    value = context.real_value(node)
    low = context.add_inner(node, Clip(None, 0.0), value, "low")
    low = low if divisor is None else constant(context, node, "div", divisor, low, "divided")
    power = context.add_inner(node, Curve("exp"), low, "exp")
    bent = constant(context, node, "mul", alpha, constant(context, node, "sub", 1.0, power, "shifted"), "bent")
    joined = inner_join(context, node, Join(), context.add_inner(node, Relu(), value, "high"), bent, "sum")
    context.add(node, Elementwise("mul", Tensor(gamma)), joined)


@handles("onnx", "Abs", since=6)
def absolute(context: Context, node: NodeProto) -> None:
    """y = |x|: slope -1 below zero."""
    context.add(node, LeakyRelu(Tensor(-1.0)), context.real_value(node))


@handles("onnx", "Max", "Min", since=8)
def extreme(context: Context, node: NodeProto) -> None:
    """The larger (smaller) of a value and a constant c: c + max(x - c, 0)."""
    constants = [i for i, name in enumerate(node.input) if context.is_constant(name)]
    if len(node.input) != 2 or len(constants) != 1:
        raise problem(node, "unsupported-form", f"{node.op_type} joins computed values",
                      "Only a value and a constant are supported.")
    value = context.real_value(node, 1 - constants[0])
    limit = tensor(context.frame(node, context.exact(node, constants[0]), value))
    below = context.add_inner(node, Elementwise("sub", limit), value, "below")
    clip = Clip(0.0, None) if node.op_type == "Max" else Clip(None, 0.0)
    context.add(node, Elementwise("add", limit), context.add_inner(node, clip, below, "clipped"))


@handles("onnx", "Pow", since=7)
def power(context: Context, node: NodeProto) -> None:
    """x to a small positive whole exponent, as products."""
    value, exponent = context.real_value(node), context.scalar(node, 1)
    if exponent not in range(1, MAX_POWER + 1):
        raise problem(node, "unsupported-form", f"Pow of a value with the exponent {exponent:g}",
                      f"Exponents 1 to {MAX_POWER} are supported.")
    if exponent == 1:
        context.same(node, value)
        return
    made = value
    for factor in range(2, int(exponent)):
        made = inner_join(context, node, Product(), made, value, f"power{factor}")
    context.add(node, Product(), made, value)


def finite(node: NodeProto, name: str, default: float) -> float:
    """A finite attribute; its default is a float32."""
    found = attributes.real(node, name, float(np.float32(default)))
    if not np.isfinite(found):
        raise problem(node, "bad-attribute", f"its {name} is {found:g}")
    return found


def constant(context: Context, node: NodeProto, kind: ElementwiseKind, number: float, value: Value, role: str) -> Value:
    """Arithmetic with a number, before the node's own op."""
    return context.add_inner(node, Elementwise(kind, Tensor(number)), value, role)


def inner_join(context: Context, node: NodeProto, op: Product | Join, first: Value, second: Value, role: str) -> Value:
    """A join of two values before the node's own op."""
    return context.add_inner(node, op, (first, second), role)
