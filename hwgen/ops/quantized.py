"""Ops of the quantized level: the imported graph with its real scales, constants already folded.

They carry no run(): the exact reference and the float32 replay (hwgen.reference) execute them, each in its own way.
Shapes have no batch dimension; axis numbers of the foreign graph are already shifted by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from hwgen.errors import HwgenError
from hwgen.ir.graph import Level, Op, Value
from hwgen.ir.tensor import Tensor
from hwgen.ir.types import REAL, IntType, Type
from hwgen.rounding import Rounding

Inferred = tuple[tuple[tuple[int, ...], Type], ...]
ElementwiseKind = Literal["add", "sub", "mul", "div", "rsub", "rdiv"]


@dataclass(frozen=True)
class QuantizedOp(Op):
    """Base: real in, real out, same shape unless a subclass says otherwise."""

    level: ClassVar[Level] = Level.QUANTIZED

    def infer(self, inputs: Sequence[Value]) -> Inferred:
        return ((inputs[0].shape, REAL),)


@dataclass(frozen=True)
class Quant(QuantizedOp):
    """y = (clip(round(x / scale + zero_point), type) - zero_point) * scale, all exact.

    scale, zero_point: scalar or broadcastable to the value's shape. With type BIPOLAR: y = scale * (+1 if x >= 0
    else -1). zero_point_inside: whether the zero point is added before the rounding (QONNX) or after (ONNX
    QuantizeLinear). source: where the numbers come from in the file, for messages.
    """

    scale: Tensor
    zero_point: Tensor
    type: IntType
    rounding: Rounding = Rounding.HALF_EVEN
    zero_point_inside: bool = True


@dataclass(frozen=True)
class MultiThreshold(QuantizedOp):
    """y = out_scale * #(x >= thresholds[c, :]) + out_bias; thresholds is (1 or C, N) and ascending, exact."""

    thresholds: Tensor
    out_scale: Tensor
    out_bias: Tensor
    type: IntType


@dataclass(frozen=True)
class Dense(QuantizedOp):
    """y = x @ W^T (+ bias), W = (weight - zero_point) * scale.

    weight: int (M, K); scale, zero_point: scalar or (M, 1) or (1, K) or (M, K); bias: None or real (M,). The product runs over
    the last axis of x.
    """

    weight: Tensor
    scale: Tensor
    zero_point: Tensor
    bias: Tensor | None = None

    def infer(self, inputs: Sequence[Value]) -> Inferred:
        rows, columns = self.weight.shape
        if not inputs[0].shape or inputs[0].shape[-1] != columns:
            raise HwgenError("shape-mismatch", inputs[0].name,
                             f"shape {inputs[0].shape} does not end in the {columns} inputs of the weight matrix",
                             "Check the exported model with onnx.checker.")
        return (((*inputs[0].shape[:-1], rows), REAL),)


@dataclass(frozen=True)
class Elementwise(QuantizedOp):
    """One arithmetic op with a constant; rsub and rdiv have the constant on the left."""

    kind: ElementwiseKind
    constant: Tensor

    def infer(self, inputs: Sequence[Value]) -> Inferred:
        shape = np.broadcast_shapes(inputs[0].shape, self.constant.shape)
        if shape != inputs[0].shape:
            raise HwgenError("broadcast", inputs[0].name, f"the constant of shape {self.constant.shape} enlarges "
                             f"a value of shape {inputs[0].shape}", "Give the constant the shape of the value.")
        return ((shape, REAL),)

    @property
    def label(self) -> str:
        return self.kind.capitalize()


@dataclass(frozen=True)
class BatchNorm(QuantizedOp):
    """y = (x - mean) / sqrt(variance + epsilon) * gamma + beta, per channel of `axis` (0 after the batch)."""

    gamma: Tensor
    beta: Tensor
    mean: Tensor
    variance: Tensor
    epsilon: float
    axis: int = 0


@dataclass(frozen=True)
class Relu(QuantizedOp):
    """y = max(x, 0)."""


@dataclass(frozen=True)
class Reshape(QuantizedOp):
    """The same elements in the same memory order under another shape (Flatten, Squeeze and Unsqueeze too)."""

    shape: tuple[int, ...]

    def infer(self, inputs: Sequence[Value]) -> Inferred:
        return ((self.shape, REAL),)


@dataclass(frozen=True)
class Transpose(QuantizedOp):
    """Axes permuted as numpy.transpose does; axis 0 is the first after the batch."""

    permutation: tuple[int, ...]

    def infer(self, inputs: Sequence[Value]) -> Inferred:
        return ((tuple(inputs[0].shape[i] for i in self.permutation), REAL),)


@dataclass(frozen=True)
class Softmax(QuantizedOp):
    """Along the last axis; only at the end, on the host."""


@dataclass(frozen=True)
class TopK(QuantizedOp):
    """Indices of the k largest along the last axis, lowest index first among equals (ArgMax is k = 1).

    keepdims: whether the axis stays with size k (TopK always; ArgMax may drop it).
    """

    k: int
    keepdims: bool = True

    def infer(self, inputs: Sequence[Value]) -> Inferred:
        tail = (self.k,) if self.keepdims else ()
        return (((*inputs[0].shape[:-1], *tail), IntType(0, max(inputs[0].shape[-1] - 1, 1))),)
