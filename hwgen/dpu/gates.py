"""Hard sigmoid and hard swish, recognised by what they compute however a model writes them.

A model has relu6(x + 3) / 6, clip(x / 6 + 1/2, 0, 1), or either times x, as a few nodes between two quantizers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

from hwgen.dpu.arithmetic import Activation
from hwgen.errors import HwgenError
from hwgen.ir.graph import Node
from hwgen.ops.quantized import Clip, Elementwise

TOLERANCE = Fraction(1, 1 << 20)
"""Relative: constants are float32."""
ADVICE = "Use ReLU, ReLU6, LeakyReLU with a slope of 0.1, hard sigmoid or hard swish."


@dataclass(frozen=True)
class Gate:
    """min(max(scale * x + offset, low), high), and that times x; x: the int8 value `source`; name: of the layer."""

    name: str
    source: str
    scale: Fraction = Fraction(1)
    offset: Fraction = Fraction(0)
    low: Fraction | None = None
    high: Fraction | None = None
    times: bool = False

    @classmethod
    def of(cls, node: Node, source: str) -> Gate:
        """x itself."""
        return cls(node.name, source)

    def activation(self, node: Node) -> Activation:
        """Which function it is. HwgenError: "dpu-layer" where a DPU has none such."""
        wanted = {"scale": Fraction(1, 6), "offset": Fraction(1, 2), "low": Fraction(0), "high": Fraction(1)}
        for name, number in wanted.items():
            found = getattr(self, name)
            if found is None or abs(found - number) > TOLERANCE:
                raise HwgenError("dpu-layer", self.name, "a DPU has no such function of one value", ADVICE)
        return Activation.HARD_SWISH if self.times else Activation.HARD_SIGMOID


def on_gate(node: Node, gate: Gate) -> Gate:
    """The function after one more clip or constant."""
    op = node.op
    named = replace(gate, name=node.name)
    if isinstance(op, Clip):
        return _clipped(node, named, op)
    assert isinstance(op, Elementwise)
    constants = set(op.constant.fractions().ravel().tolist())
    if len(constants) != 1:
        raise HwgenError("dpu-layer", node.name, "its constants differ from channel to channel", ADVICE)
    (c,) = constants
    if op.kind in ("add", "sub") and not gate.times:
        return _moved(named, c if op.kind == "add" else -c)
    if op.kind in ("mul", "div") and c > 0:
        return _scaled(named, c if op.kind == "mul" else 1 / c)
    raise HwgenError("dpu-layer", node.name, "a DPU has no such function of one value", ADVICE)


def _clipped(node: Node, gate: Gate, op: Clip) -> Gate:
    if gate.times or gate.low is not None or gate.high is not None or op.low is None or op.high is None:
        raise HwgenError("dpu-layer", node.name, "a DPU has no such function of one value", ADVICE)
    return replace(gate, low=Fraction(op.low), high=Fraction(op.high))


def _moved(gate: Gate, c: Fraction) -> Gate:
    return replace(gate, offset=gate.offset + c, low=None if gate.low is None else gate.low + c,
                   high=None if gate.high is None else gate.high + c)


def _scaled(gate: Gate, c: Fraction) -> Gate:
    return replace(gate, scale=gate.scale * c, offset=gate.offset * c, low=None if gate.low is None else gate.low * c,
                   high=None if gate.high is None else gate.high * c)
