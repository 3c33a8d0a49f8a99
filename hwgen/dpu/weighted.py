"""The layers of a DPU that have weights: fully connected ones, convolutions and transposed convolutions."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod

import numpy as np

from hwgen.dpu import arithmetic
from hwgen.dpu.arithmetic import INT8, Activation
from hwgen.dpu.layers import Layer, Real, Shape, activation_ops, bordered, fix, step_at
from hwgen.dpu.refusals import no_counterpart
from hwgen.exact.convolution import Geometry
from hwgen.ir.graph import Node, Op
from hwgen.ir.tensor import Array, Tensor
from hwgen.ops import quantized as q
from hwgen.ops import quantized_maps as maps
from hwgen.ops.depthwise import Depthwise
from hwgen.ops.matmul import MatMul
from hwgen.ops.quantized_layout import ConvTranspose
from hwgen.rounding import Rounding

NO_ZERO_POINT = Tensor(0)


@dataclass(frozen=True)
class Weighted(Layer):
    """Products with constants, a bias and an activation.

    weight: int8 (M, ...); bias: int8 (M,) or None; each at a position of its own.
    """

    weight: Tensor
    weight_position: int
    bias: Tensor | None
    bias_position: int | None
    activation: Activation

    @property
    @abstractmethod
    def taps(self) -> int:
        """Most weights that one input channel has in one output."""

    @abstractmethod
    def products(self, x: Array) -> Array:
        """(frames, ..., C) int64 to the exact sums of products (frames, ..., M), channels last."""

    @abstractmethod
    def real_op(self, scale: Tensor, bias: Tensor | None) -> Op:
        """The same in real arithmetic. scale: of the weights; bias: exact real (M,)."""

    def shifts(self, positions: Sequence[int]) -> dict[str, int]:
        grid = positions[0] + self.weight_position
        found = {"shift_cut": grid - self.position}
        return found if self.bias_position is None else {**found, "shift_bias": grid - self.bias_position}

    def accumulate(self, x: Array, positions: Sequence[int]) -> Array:
        """(frames, *shape): the products' sums and the bias, on the grid of input times weight."""
        products = self.products(np.moveaxis(x, 1, -1))
        if self.bias is not None:
            products = products + arithmetic.aligned_bias(self.bias.array, self.shifts(positions)["shift_bias"])
        return np.moveaxis(products, -1, 1)

    def run(self, inputs: Sequence[Array], positions: Sequence[int], mode: Rounding) -> Array:
        places = self.shifts(positions)["shift_cut"]
        return arithmetic.activated(self.accumulate(inputs[0], positions), places, self.activation, self.position, mode)

    def real(self, positions: Sequence[int]) -> list[Real]:
        bias = None
        if self.bias is not None:
            grid = Fraction(1, 2) ** (positions[0] + self.weight_position)
            aligned = arithmetic.aligned_bias(self.bias.array, self.shifts(positions)["shift_bias"])
            bias = Tensor(np.array([int(b) * grid for b in aligned], dtype=object))
        op = self.real_op(Tensor(step_at(self.weight_position)), bias)
        return [Real(op), *activation_ops(self.activation), Real(fix(self.position))]


@dataclass(frozen=True)
class FullyConnected(Weighted):
    """weight: (M, K)."""

    kind = "fc"

    @property
    def taps(self) -> int:
        return 1

    def products(self, x: Array) -> Array:
        return MatMul(self.weight, INT8).run(x)[0]

    def real_op(self, scale: Tensor, bias: Tensor | None) -> Op:
        return q.Dense(self.weight, scale, NO_ZERO_POINT, bias)


@dataclass(frozen=True)
class Filter(Weighted):
    """A kernel on a map. weight: (M, C / groups, KH, KW); groups: 1, or one a channel."""

    geometry: Geometry
    groups: int

    @property
    def depthwise(self) -> bool:
        """Whether each channel has a kernel of its own."""
        return self.groups > 1


@dataclass(frozen=True)
class Convolution(Filter):
    """The kernel moves over the map."""

    @property
    def kind(self) -> str:  # type: ignore[override]
        return "depthwise" if self.depthwise else "conv"

    @property
    def taps(self) -> int:
        return prod(self.geometry.kernel)

    def products(self, x: Array) -> Array:
        return convolved(x, self.weight.array, self.geometry, self.depthwise)

    def real_op(self, scale: Tensor, bias: Tensor | None) -> Op:
        return maps.Conv(self.geometry, self.weight, scale, NO_ZERO_POINT, bias, self.groups)


@dataclass(frozen=True)
class Transposed(Filter):
    """Each pixel times the kernel is added to the output, `stride` apart; `pads` are cut off the result.

    geometry: so that of the convolution that takes a map like the output to one like the input. Pads are smaller than
    the kernel, there is no dilation.
    """

    @property
    def kind(self) -> str:  # type: ignore[override]
        return "transposed_depthwise" if self.depthwise else "transposed"

    @property
    def taps(self) -> int:
        return prod(-(-k // s) for k, s in zip(self.geometry.kernel, self.geometry.stride, strict=True))

    def products(self, x: Array) -> Array:
        """As a convolution: zeros between the pixels and around them, the kernel flipped."""
        (height, width), (top, left, bottom, right) = self.geometry.kernel, self.geometry.pads
        border = (height - 1 - top, width - 1 - left, height - 1 - bottom, width - 1 - right)
        geometry = Geometry(self.geometry.kernel, pads=border)
        return convolved(spread(x, self.geometry.stride), flipped(self.weight.array), geometry, self.depthwise)

    def real_op(self, scale: Tensor, bias: Tensor | None) -> Op:
        (top, left, *_), (_, rows, columns) = self.geometry.pads, self.shape
        return ConvTranspose(self.weight, scale, NO_ZERO_POINT, bias, self.geometry.stride, (top, left),
                             (rows, columns), self.groups)


def convolved(x: Array, weight: Array, geometry: Geometry, depthwise: bool) -> Array:
    """A map (frames, H, W, C) by kernels (M, C, KH, KW), depthwise (C, 1, KH, KW): (frames, OH, OW, M)."""
    windows = geometry.window.run(bordered(x, geometry, 0))[0]
    if depthwise:
        return Depthwise(Tensor(weight.reshape(len(weight), -1)), INT8).run(windows)[0]
    return MatMul(Tensor(weight.transpose(0, 2, 3, 1).reshape(len(weight), -1)), INT8).run(windows)[0]


def spread(x: Array, stride: tuple[int, int]) -> Array:
    """A map (frames, H, W, C) with stride - 1 zeros between its pixels."""
    (frames, height, width, channels), (down, right) = x.shape, stride
    made = np.zeros((frames, (height - 1) * down + 1, (width - 1) * right + 1, channels), x.dtype)
    made[:, ::down, ::right] = x
    return made


def flipped(weight: Array) -> Array:
    """Kernels (..., KH, KW) upside down and back to front."""
    return np.ascontiguousarray(weight[..., ::-1, ::-1])


def transposed_geometry(node: Node, op: ConvTranspose, shape: Shape) -> Geometry:
    """Of a Transposed on a map of this shape (C, H, W). HwgenError: "dpu-layer" where its pads are none of XIR's."""
    kernel = (op.weight.array.shape[2], op.weight.array.shape[3])
    bottom, right = ((n - 1) * s + k - before - out for n, s, k, before, out in
                     zip(shape[1:], op.stride, kernel, op.before, op.outputs, strict=True))
    if min(bottom, right) < 0:
        raise no_counterpart(node, "its output is larger than what its kernel reaches", "Use an output padding that is "
                             "not larger than the padding.")
    (top, left), (height, width) = op.before, kernel
    if max(top, bottom) >= height or max(left, right) >= width:
        raise no_counterpart(node, f"its padding ({top}, {left}, {bottom}, {right}) is not smaller than its kernel of "
                             f"{height}x{width}", "Use a smaller padding.")
    return Geometry(kernel, op.stride, (top, left, bottom, right))
