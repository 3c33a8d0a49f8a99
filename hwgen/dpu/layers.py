"""The layers of a network on a DPU: maps are (C, H, W), vectors (C,), all numbers int8 at a fix position.

Each layer says what it computes (run), which shifts it needs, and what that is in real arithmetic (real): ops of the
quantized level that give the same integers, so that everything that hwgen does with a graph it does with a DPU's too.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import prod
from typing import ClassVar, Literal

import numpy as np

from hwgen.dpu import arithmetic
from hwgen.dpu.arithmetic import INT8, Activation
from hwgen.exact.convolution import Geometry
from hwgen.ir.graph import Op
from hwgen.ir.tensor import Array, Tensor
from hwgen.ops import quantized as q
from hwgen.ops import quantized_layout as moves
from hwgen.ops import quantized_maps as maps
from hwgen.ops.pad import Pad as PadOp
from hwgen.ops.pool import Pool
from hwgen.ops.quantized_curves import Product as ProductOp
from hwgen.rounding import Rounding

Shape = tuple[int, ...]
ZERO = Tensor(0.0)
RISING = Tensor(np.array([False]))


def step_at(position: int) -> float:
    """2^-position."""
    return 2.0**-position


def fix(position: int, rounding: Rounding = Rounding.HALF_UP, *, inner: bool = False) -> q.Quant:
    """The quantizer of int8 at a fix position."""
    return q.Quant(Tensor(step_at(position)), ZERO, INT8, rounding, inner=inner)


@dataclass(frozen=True)
class Real:
    """An op of the quantized level, which takes the result before it, and the values named in `more`."""

    op: Op
    more: tuple[str, ...] = ()


@dataclass(frozen=True)
class Layer(ABC):
    """name: of the network's layer; output: its value; inputs: values; shape, position: of the output."""

    name: str
    output: str
    inputs: tuple[str, ...]
    shape: Shape
    position: int

    kind: ClassVar[str]
    tied: ClassVar[bool] = False
    """Whether it only moves or compares numbers, so that all inputs are at the output's position."""

    @abstractmethod
    def run(self, inputs: Sequence[Array], positions: Sequence[int], mode: Rounding) -> Array:
        """(frames, *shape) int64 at these positions to the output, which is at `position`."""

    @abstractmethod
    def real(self, positions: Sequence[int]) -> list[Real]:
        """The same in real arithmetic: the first op takes the inputs, a later one the result before it."""

    def shifts(self, positions: Sequence[int]) -> dict[str, int]:
        """The shifts by name, as Vitis AI calls them."""
        return {}


def bordered(x: Array, geometry: Geometry, value: int) -> Array:
    """A map (frames, H, W, C) with the geometry's border."""
    return PadOp(*geometry.pads, Tensor(np.array([value]))).run(x)[0] if any(geometry.pads) else x


def activation_ops(activation: Activation) -> list[Real]:
    """NONE, RELU, RELU6 or LEAKY_RELU on reals."""
    slope = Fraction(arithmetic.LEAKY_SLOPE[0], 1 << arithmetic.LEAKY_SLOPE[1])
    return [Real(op) for op in {
        Activation.NONE: (), Activation.RELU: (q.Relu(),), Activation.RELU6: (q.Clip(0.0, 6.0),),
        Activation.LEAKY_RELU: (q.LeakyRelu(Tensor(float(slope))),)}[activation]]


@dataclass(frozen=True)
class Sum(Layer):
    """Two maps, element by element."""

    activation: Activation

    kind = "add"

    def shifts(self, positions: Sequence[int]) -> dict[str, int]:
        return {"shift_read": max(positions) - min(positions), "shift_write": min(positions) - self.position}

    def run(self, inputs: Sequence[Array], positions: Sequence[int], mode: Rounding) -> Array:
        sums, finest = arithmetic.total(inputs, positions)
        return arithmetic.activated(sums, finest - self.position, self.activation, self.position, mode)

    def real(self, positions: Sequence[int]) -> list[Real]:
        return [Real(maps.Join(), self.inputs[1:]), *activation_ops(self.activation), Real(fix(self.position))]


@dataclass(frozen=True)
class AveragePool(Layer):
    """Sums under a kernel times the DPU's constant for its size; the border counts."""

    geometry: Geometry

    kind = "avgpool"

    def shifts(self, positions: Sequence[int]) -> dict[str, int]:
        factor, places = arithmetic.pool_factor(self.geometry.kernel)
        return {"factor": factor, "shift_cut": places + positions[0] - self.position}

    def run(self, inputs: Sequence[Array], positions: Sequence[int], mode: Rounding) -> Array:
        sums = pooled(inputs[0], self.geometry, "sum", 0)
        found = self.shifts(positions)
        return arithmetic.clipped(arithmetic.shifted(sums * found["factor"], found["shift_cut"], mode))

    def real(self, positions: Sequence[int]) -> list[Real]:
        return [Real(maps.AveragePool(self.geometry)), Real(q.Elementwise("mul", Tensor(float(self.correction)))),
                Real(fix(self.position))]

    @property
    def correction(self) -> Fraction:
        """The constant times the kernel's size: what a mean is multiplied by. A dyadic number, so a float has it."""
        factor, places = arithmetic.pool_factor(self.geometry.kernel)
        return Fraction(factor * prod(self.geometry.kernel), 1 << places)


def pooled(x: Array, geometry: Geometry, kind: Literal["max", "sum"], border: int) -> Array:
    """The sums or the largest numbers under a kernel of a map (frames, C, H, W)."""
    windows = geometry.window.run(bordered(np.moveaxis(x, 1, -1), geometry, border))[0]
    if geometry.kernel != (1, 1):
        (windows,) = Pool(kind, x.shape[1], RISING).run(windows)
    return np.moveaxis(windows, -1, 1)


@dataclass(frozen=True)
class MaxPool(Layer):
    """The largest number under a kernel; the border never wins."""

    geometry: Geometry

    kind, tied = "maxpool", True

    def run(self, inputs: Sequence[Array], positions: Sequence[int], mode: Rounding) -> Array:
        return pooled(inputs[0], self.geometry, "max", INT8.lo)

    def real(self, positions: Sequence[int]) -> list[Real]:
        return [Real(maps.MaxPool(self.geometry))]


@dataclass(frozen=True)
class Rectified(Layer):
    """RELU or RELU6 of numbers that have been rounded before."""

    activation: Activation

    kind, tied = "relu", True

    def run(self, inputs: Sequence[Array], positions: Sequence[int], mode: Rounding) -> Array:
        return arithmetic.activated(inputs[0], 0, self.activation, self.position, mode)

    def real(self, positions: Sequence[int]) -> list[Real]:
        # 6 is a number of the grid unless the position is negative, where it is rounded as the value would be.
        ops = activation_ops(self.activation)
        return ops if self.activation is Activation.RELU or self.position >= 0 else [*ops, Real(fix(self.position))]


@dataclass(frozen=True)
class Curve(Layer):
    """LEAKY_RELU, HARD_SIGMOID or HARD_SWISH of numbers that have been rounded before, with a position of its own."""

    activation: Activation

    @property
    def kind(self) -> str:  # type: ignore[override]
        return {Activation.LEAKY_RELU: "leakyrelu", Activation.HARD_SIGMOID: "hsigmoid",
                Activation.HARD_SWISH: "hswish"}[self.activation]

    def shifts(self, positions: Sequence[int]) -> dict[str, int]:
        (position,) = positions
        gate = arithmetic.SIXTH[1] + position
        return {Activation.LEAKY_RELU: {"shift_cut": position - self.position},
                Activation.HARD_SIGMOID: {"hsigmoid_in": position, "shift_hsigmoid": gate - self.position},
                Activation.HARD_SWISH: {
                    "hsigmoid_in": position, "shift_hsigmoid": gate - arithmetic.GATE_POSITION,
                    "shift_hswish": position + arithmetic.GATE_POSITION - self.position}}[self.activation]

    def run(self, inputs: Sequence[Array], positions: Sequence[int], mode: Rounding) -> Array:
        (x,), (position,) = inputs, positions
        if self.activation is Activation.LEAKY_RELU:
            return arithmetic.activated(x, position - self.position, self.activation, self.position, mode)
        function = arithmetic.hard_sigmoid if self.activation is Activation.HARD_SIGMOID else arithmetic.hard_swish
        return function(x, position, self.position, mode)

    def real(self, positions: Sequence[int]) -> list[Real]:
        if self.activation is Activation.LEAKY_RELU:
            return [*activation_ops(self.activation), Real(fix(self.position))]
        factor, places = arithmetic.SIXTH
        gate = [Real(q.Elementwise("add", Tensor(3.0))), Real(q.Clip(0.0, 6.0)),
                Real(q.Elementwise("mul", Tensor(factor * 0.5**places)))]
        if self.activation is Activation.HARD_SWISH:
            gate += [Real(fix(arithmetic.GATE_POSITION, inner=True)), Real(ProductOp(), self.inputs)]
        return [*gate, Real(fix(self.position))]


@dataclass(frozen=True)
class Concat(Layer):
    """Maps one after another along the channels. asked: the position of training's own quantizer behind it."""

    asked: int | None = None

    kind, tied = "concat", True

    def run(self, inputs: Sequence[Array], positions: Sequence[int], mode: Rounding) -> Array:
        return np.concatenate(inputs, axis=1)

    def real(self, positions: Sequence[int]) -> list[Real]:
        return [Real(maps.Concat(), self.inputs[1:])]


@dataclass(frozen=True)
class Reshape(Layer):
    """The same numbers in the same order, (C, H, W), under another shape."""

    kind, tied = "reshape", True

    def run(self, inputs: Sequence[Array], positions: Sequence[int], mode: Rounding) -> Array:
        return inputs[0].reshape(len(inputs[0]), *self.shape)

    def real(self, positions: Sequence[int]) -> list[Real]:
        return [Real(q.Reshape(self.shape))]


@dataclass(frozen=True)
class Border(Layer):
    """Zeros around a map: top, left, bottom, right."""

    sides: tuple[int, int, int, int]

    kind, tied = "pad", True

    def run(self, inputs: Sequence[Array], positions: Sequence[int], mode: Rounding) -> Array:
        top, left, bottom, right = self.sides
        return np.pad(inputs[0], ((0, 0), (0, 0), (top, bottom), (left, right)))

    def real(self, positions: Sequence[int]) -> list[Real]:
        return [Real(moves.ConstantPad(self.sides, ZERO))]


@dataclass(frozen=True)
class Upsampled(Layer):
    """Each pixel several times, (down, right)."""

    factors: tuple[int, int]

    kind, tied = "upsample", True

    def run(self, inputs: Sequence[Array], positions: Sequence[int], mode: Rounding) -> Array:
        return inputs[0].repeat(self.factors[0], axis=2).repeat(self.factors[1], axis=3)

    def real(self, positions: Sequence[int]) -> list[Real]:
        return [Real(moves.Resize(self.factors))]


def at(layer: Layer, position: int) -> Layer:
    """The layer with another position of its output."""
    return replace(layer, position=position)
