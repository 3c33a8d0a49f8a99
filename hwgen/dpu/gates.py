"""Hard sigmoid and hard swish, recognised by what they compute however a model writes them.

A model has relu6(x + 3) / 6, clip(x / 6 + 1/2, 0, 1), or either times x, as a few nodes between two quantizers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from hwgen.dpu.arithmetic import GATE_POSITION, INT8, SIXTH, Activation
from hwgen.errors import HwgenError
from hwgen.ir.graph import Node
from hwgen.ops.quantized import Clip, Elementwise, Quant, Relu

SIXTHS = (Fraction(1, 6), Fraction(SIXTH[0], 1 << SIXTH[1]))
"""What a model and what a DPU has for 1/6."""
TOLERANCE = Fraction(1, 1 << 20)
"""Relative: constants are float32."""
ADVICE = "Use ReLU, ReLU6, LeakyReLU with a slope of 0.1, hard sigmoid or hard swish."


@dataclass(frozen=True)
class Gate:
    """min(max(scale * x + offset, low), high), and that times x; x: the int8 value `source`; name: of the layer.

    rounded: whether it is rounded to int8 at GATE_POSITION before the product, as a DPU does.
    """

    name: str
    source: str
    scale: Fraction = Fraction(1)
    offset: Fraction = Fraction(0)
    low: Fraction | None = None
    high: Fraction | None = None
    times: bool = False
    rounded: bool = False

    @classmethod
    def of(cls, node: Node, source: str) -> Gate:
        """x itself."""
        return cls(node.name, source)

    @property
    def is_multiple(self) -> bool:
        """Whether it is x times a positive number."""
        return self.offset == 0 and self.low is None and self.high is None and self.scale > 0 and not self.times

    def activation(self, node: Node) -> Activation:
        """Which function it is. HwgenError: "dpu-layer" where a DPU has none such."""
        if not any(self._is_gate(sixth) for sixth in SIXTHS) or (self.rounded and not self.times):
            raise HwgenError("dpu-layer", self.name, "a DPU has no such function of one value", ADVICE)
        return Activation.HARD_SWISH if self.times else Activation.HARD_SIGMOID

    def _is_gate(self, sixth: Fraction) -> bool:
        """Whether it is relu6(x + 3) times this number."""
        pairs = ((self.scale, 1), (self.offset, 3), (self.low, 0), (self.high, 6))
        return all(found is not None and abs(found - sixth * number) <= TOLERANCE for found, number in pairs)


def rounded_gate(node: Node, op: Quant, gate: Gate) -> Gate:
    """Behind the quantizer inside a DPU's hard swish. HwgenError: "dpu-layer" for another one."""
    if gate.times or gate.rounded or op.type != INT8 or np.any(op.zero_point.array != 0) or np.any(
            op.scale.array != 2.0**-GATE_POSITION):
        raise _no_function(node)
    return replace(gate, rounded=True, name=node.name)


def on_gate(node: Node, gate: Gate) -> Gate:
    """The function after one more clip, ReLU or constant."""
    op, named = node.op, replace(gate, name=node.name)
    if isinstance(op, Relu | Clip) and not (gate.times or gate.rounded):
        return _clipped(named, *((0.0, None) if isinstance(op, Relu) else (op.low, op.high)))
    if isinstance(op, Elementwise) and not gate.rounded:
        return _with_constant(node, named, op)
    raise _no_function(node)


def product(node: Node, one: Gate, other: Gate) -> Gate:
    """Of a gate and a multiple of the value that it is of. HwgenError: "dpu-layer"."""
    for gate, line in ((one, other), (other, one)):
        if gate.low is not None and gate.source == line.source and not gate.times and line.is_multiple and (
                line.scale == 1 or not gate.rounded):
            return replace(_scaled(gate, line.scale), times=True, name=node.name)
    raise HwgenError("dpu-layer", node.name, "a DPU multiplies a value by its own hard sigmoid only", "Use hard swish.")


def _no_function(node: Node) -> HwgenError:
    return HwgenError("dpu-layer", node.name, "a DPU has no such function of one value", ADVICE)


def _with_constant(node: Node, gate: Gate, op: Elementwise) -> Gate:
    constants = set(op.constant.fractions().ravel().tolist())
    if len(constants) != 1:
        raise HwgenError("dpu-layer", node.name, "its constants differ from channel to channel", ADVICE)
    (c,) = constants
    if op.kind in ("add", "sub") and not gate.times:
        return _moved(gate, c if op.kind == "add" else -c)
    if op.kind in ("mul", "div") and c > 0:
        return _scaled(gate, c if op.kind == "mul" else 1 / c)
    raise _no_function(node)


def _clipped(gate: Gate, low: float | None, high: float | None) -> Gate:
    """Both ends, where there are some, are clipped too."""
    def within(end: Fraction | None, otherwise: float | None) -> Fraction | None:
        if end is None:
            return None if otherwise is None else Fraction(otherwise)
        end = end if low is None else max(end, Fraction(low))
        return end if high is None else min(end, Fraction(high))

    return replace(gate, low=within(gate.low, low), high=within(gate.high, high))


def _moved(gate: Gate, c: Fraction) -> Gate:
    return replace(gate, offset=gate.offset + c, low=None if gate.low is None else gate.low + c,
                   high=None if gate.high is None else gate.high + c)


def _scaled(gate: Gate, c: Fraction) -> Gate:
    return replace(gate, scale=gate.scale * c, offset=gate.offset * c, low=None if gate.low is None else gate.low * c,
                   high=None if gate.high is None else gate.high * c)
