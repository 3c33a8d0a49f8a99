"""Ops of the quantized level: the imported graph with its real scales, constants already folded.

They carry no run(): the exact reference and the float32 replay (hwgen.reference) execute them, each in its own way.
`fold` says what an op does to the exact view of its input (hwgen.exact.view): most only change the expression, Dense
and the quantizers make integer ops. Shapes have no batch dimension; axis numbers of the foreign graph are already
shifted by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import ClassVar, Literal

import numpy as np

from hwgen.errors import HwgenError
from hwgen.exact.activations import RELU, BendStage, ClipStage
from hwgen.exact.channels import per_channel
from hwgen.exact.dense import fold_dense
from hwgen.exact.expression import affine, float64
from hwgen.exact.inner import RoundStage
from hwgen.exact.quantizer import CountQuantizer, Quantizer, UniformQuantizer
from hwgen.exact.ranking import fold_top
from hwgen.exact.surd import reciprocal, sqrt
from hwgen.exact.tail import on_host
from hwgen.exact.view import Site, View, refuse_tail, without_dropped_channels
from hwgen.host import HostStep
from hwgen.ir.graph import Level, Op, Value
from hwgen.ir.tensor import Array, Tensor
from hwgen.ir.types import BIPOLAR, REAL, IntType, Type
from hwgen.ops.step import Step
from hwgen.rounding import NEAREST, Rounding

Inferred = tuple[tuple[tuple[int, ...], Type], ...]
ElementwiseKind = Literal["add", "sub", "mul", "div", "rsub", "rdiv"]


@dataclass(frozen=True)
class QuantizedOp(Op):
    """Base: real in, real out, same shape unless a subclass says otherwise."""

    level: ClassVar[Level] = Level.QUANTIZED
    quantizes: ClassVar[bool] = False
    """Whether its result lies on a grid, whatever its input is."""

    def infer(self, inputs: Sequence[Value]) -> Inferred:
        return ((inputs[0].shape, REAL),)

    def fold(self, view: View, site: Site) -> View:
        """The exact view of the output, given that of the only input."""
        raise NotImplementedError(self.label)

    def fold_all(self, views: Sequence[View], site: Site) -> View:
        """The exact view of the output, given those of all inputs: for ops that join."""
        return self.fold(views[0], site)

    def is_wire(self, value: Value) -> bool:
        """Whether the op gives this value back, element by element."""
        return False

    def rounded(self, mode: Rounding) -> QuantizedOp:
        """The op with this mode in the place of another one that rounds to nearest."""
        return self

    def _host(self, step: HostStep, views: Sequence[View], site: Site) -> View:
        """The view of the output where the host computes this op."""
        (shape, _), = self.infer([Value(view.source, view.shape, REAL) for view in views])
        return on_host(step, views, shape, site)


def real_weights(weight: Tensor, scale: Tensor, zero_point: Tensor) -> Tensor:
    """(weight - zero_point) * scale in float64, for the host."""
    return Tensor((weight.array - zero_point.array) * scale.array.astype(np.float64))


def real_bias(bias: Tensor | None) -> Tensor:
    """The bias in float64, 0 where there is none."""
    return Tensor(0.0) if bias is None else float64(bias)


def close(view: View, quantizer: Quantizer, site: Site) -> View:
    """Quantize the view: on the host where no integers exist yet, else by a Step on the integers."""
    if view.host:
        site.open_port(view, quantizer)
        return view.channels_last().quantized(site.output)
    refuse_tail(view, site)
    view = without_dropped_channels(view, site)
    site.emit(Step(*per_channel(view, quantizer, site)), view.source)
    return view.quantized(site.output)


@dataclass(frozen=True)
class Quant(QuantizedOp):
    """y = (clip(round(x / scale + zero_point), type) - zero_point) * scale, all exact.

    scale, zero_point: scalar or broadcastable to the value's shape. With type BIPOLAR: y = scale * (+1 if x >= 0
    else -1). zero_point_inside: whether the zero point is added before the rounding (QONNX) or after (ONNX
    QuantizeLinear). inner: it stays in the expression of the integer before it, for a product with that integer (one
    scale and zero point).
    """

    scale: Tensor
    zero_point: Tensor
    type: IntType
    rounding: Rounding = Rounding.HALF_EVEN
    zero_point_inside: bool = True
    inner: bool = False

    quantizes = True

    def rounded(self, mode: Rounding) -> Quant:
        return replace(self, rounding=mode) if self.rounding in NEAREST and self.type != BIPOLAR else self

    def fold(self, view: View, site: Site) -> View:
        scale, zero = self.scale.fractions(), self.zero_point.fractions()
        quantizer = UniformQuantizer(self.type, Tensor(scale), Tensor(zero), self.rounding, self.zero_point_inside)
        if self.inner:
            return view.then(RoundStage(quantizer))
        closed = close(view, quantizer, site)
        return closed.then(affine(scale, 0 * scale if self.type == BIPOLAR else -zero * scale))


@dataclass(frozen=True)
class MultiThreshold(QuantizedOp):
    """y = out_scale * #(x >= thresholds[c, :]) + out_bias; thresholds is (1 or C, N) and ascending, exact."""

    thresholds: Tensor
    out_scale: Tensor
    out_bias: Tensor
    type: IntType

    quantizes = True

    def fold(self, view: View, site: Site) -> View:
        closed = close(view, CountQuantizer.of(self.type, self.thresholds, len(view.shape)), site)
        scale, bias = self.out_scale.fractions(), self.out_bias.fractions()
        if self.type == BIPOLAR:
            return closed.then(affine(scale / 2, bias + scale / 2))
        return closed.then(affine(scale, bias - scale * self.type.lo))


@dataclass(frozen=True)
class Dense(QuantizedOp):
    """y = x @ W^T (+ bias), W = (weight - zero_point) * scale.

    weight: int (M, K); scale, zero_point: scalar or (M, 1) or (1, K) or (M, K); bias: None or real (M,).
    The product runs over the last axis of x. Weights may be floats behind the last quantizer: the host's.
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

    def fold(self, view: View, site: Site) -> View:
        if view.tail or self.weight.is_float:
            weight = real_weights(self.weight, self.scale, self.zero_point)
            return self._host(HostStep.of("dense", weight=weight, bias=real_bias(self.bias)), [view], site)
        return fold_dense(self.weight, self.scale, self.zero_point, self.bias, view, site)


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

    def fold(self, view: View, site: Site) -> View:
        c = self.constant.fractions()
        zero, one = Fraction(0), Fraction(1)
        match self.kind:
            case "add":
                return view.then(affine(one, c))
            case "sub":
                return view.then(affine(one, -c))
            case "rsub":
                return view.then(affine(-one, c))
            case "mul":
                return view.then(affine(c, zero))
            case "div" if all(c.ravel()):
                return view.then(affine(1 / c, zero))
        why = "it divides by zero" if self.kind == "div" else "it divides a constant by the value"
        raise HwgenError("division", site.name, why, "Only divisions of the value by a constant can be folded.")

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

    def fold(self, view: View, site: Site) -> View:
        variance = self.variance.fractions() + Fraction(self.epsilon)
        if min(variance) <= 0:
            raise HwgenError("bad-batchnorm", site.name, "variance + epsilon is not positive",
                             "Check the running variance in the checkpoint.")
        inverse = np.array([reciprocal(sqrt(v)) for v in variance], dtype=object)
        scale = np.asarray(self.gamma.fractions() * inverse, dtype=object)
        offset = self.beta.fractions() - self.mean.fractions() * scale
        return view.then(affine(self._aligned(scale, view), self._aligned(offset, view)))

    def _aligned(self, channels: Array, view: View) -> Array:
        return channels.reshape(-1, *(1,) * (len(view.shape) - self.axis - 1))


@dataclass(frozen=True)
class Relu(QuantizedOp):
    """y = max(x, 0)."""

    def fold(self, view: View, site: Site) -> View:
        return view.then(RELU)


@dataclass(frozen=True)
class Clip(QuantizedOp):
    """y = min(max(x, low), high); None is no limit (Clip, HardTanh, Relu6)."""

    low: float | None
    high: float | None

    def fold(self, view: View, site: Site) -> View:
        low, high = (None if limit is None else Fraction(limit) for limit in (self.low, self.high))
        if low is not None and high is not None and low > high:
            raise HwgenError("bad-clip", site.name, f"its lower limit {self.low} is above its upper limit {self.high}",
                             "Exchange the limits.")
        return view.then(ClipStage(low, high))


@dataclass(frozen=True)
class LeakyRelu(QuantizedOp):
    """y = x for x >= 0, slope * x below; slope is broadcastable to the value's shape (PRelu; -1 is Abs)."""

    slope: Tensor

    def fold(self, view: View, site: Site) -> View:
        return view.then(BendStage(Tensor(self.slope.fractions())))


@dataclass(frozen=True)
class Reshape(QuantizedOp):
    """The same elements in the same memory order under another shape (Flatten, Squeeze and Unsqueeze too)."""

    shape: tuple[int, ...]

    def infer(self, inputs: Sequence[Value]) -> Inferred:
        return ((self.shape, REAL),)

    def fold(self, view: View, site: Site) -> View:
        return view.reshaped(self.shape)

    def is_wire(self, value: Value) -> bool:
        return value.shape == self.shape


@dataclass(frozen=True)
class Transpose(QuantizedOp):
    """Axes permuted as numpy.transpose does; axis 0 is the first after the batch."""

    permutation: tuple[int, ...]

    def infer(self, inputs: Sequence[Value]) -> Inferred:
        return ((tuple(inputs[0].shape[i] for i in self.permutation), REAL),)

    def fold(self, view: View, site: Site) -> View:
        return view.transposed(self.permutation)

    def is_wire(self, value: Value) -> bool:
        return self.permutation == tuple(range(len(self.permutation)))


@dataclass(frozen=True)
class Softmax(QuantizedOp):
    """Along the last axis, or its logarithm; only at the end, on the host."""

    log: bool = False

    def fold(self, view: View, site: Site) -> View:
        step = HostStep.of("log_softmax" if self.log else "softmax")
        return replace(self._host(step, [view], site), scores=view)


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

    def fold(self, view: View, site: Site) -> View:
        return fold_top(view, self.k, self.keepdims, site)
