"""Ops of the quantized level that change the size of a map: see hwgen.ops.quantized and hwgen.exact.layout."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from hwgen.errors import HwgenError
from hwgen.exact.convolution import Filters
from hwgen.exact.layout import Sides, fold_conv_transpose, fold_moves, fold_pad
from hwgen.exact.view import Site, View, map_shape, refuse_tail
from hwgen.ir.graph import Op, Value
from hwgen.ir.tensor import Tensor
from hwgen.ir.types import REAL
from hwgen.ops.depth_to_space import DepthToSpace
from hwgen.ops.quantized import Inferred, QuantizedOp
from hwgen.ops.slice import Slice
from hwgen.ops.upsample import Upsample
from hwgen.ops.window import Window

Pair = tuple[int, int]


@dataclass(frozen=True)
class MoveOp(QuantizedOp):
    """Elements of a map (C, H, W), or (C, L) with a height of 1, in other places, some never, some several times."""

    @abstractmethod
    def moves(self, shape: tuple[int, ...]) -> tuple[Op, ...]:
        """The same as ops of the integer level, on a map (H, W, C)."""

    def infer(self, inputs: Sequence[Value]) -> Inferred:
        value = Value("", map_shape(inputs[0].shape), REAL)
        for op in self.moves(value.shape):
            value = Value("", op.infer([value])[0][0], REAL)
        height, width, channels = value.shape
        return (((channels, *(height, width)[3 - len(inputs[0].shape) :]), REAL),)

    def fold(self, view: View, site: Site) -> View:
        ops = self.moves(map_shape(view.shape))
        return fold_moves(ops, view, site, [f"{i}" if i else "" for i in range(len(ops))])


@dataclass(frozen=True)
class Resize(MoveOp):
    """Nearest neighbour, whole factors (vertical, horizontal): pixel (i, j) is pixel (i // FH, j // FW)."""

    factors: Pair

    def moves(self, shape: tuple[int, ...]) -> tuple[Op, ...]:
        return (Upsample(self.factors),)


@dataclass(frozen=True)
class PixelShuffle(MoveOp):
    """Channels to blocks of pixels: ONNX's DepthToSpace, mode CRD where `interleaved`, else DCR."""

    block: Pair
    interleaved: bool

    def moves(self, shape: tuple[int, ...]) -> tuple[Op, ...]:
        return (DepthToSpace(self.block, self.interleaved),)


@dataclass(frozen=True)
class SpaceToDepth(MoveOp):
    """Blocks of pixels to channels: channel (p * BW + q) * C + c is channel c of pixel (p, q) of the block."""

    block: Pair

    def moves(self, shape: tuple[int, ...]) -> tuple[Op, ...]:
        return (Window(self.block, self.block, (1, 1)),)


@dataclass(frozen=True)
class Crop(MoveOp):
    """A box of the map: start, stop and step of channels, rows and columns, stop not included; channels by 1."""

    start: tuple[int, int, int]
    stop: tuple[int, int, int]
    step: Pair = (1, 1)

    def moves(self, shape: tuple[int, ...]) -> tuple[Op, ...]:
        start, stop = ((*place[1:], place[0]) for place in (self.start, self.stop))
        box: tuple[Op, ...] = () if (start, stop) == ((0, 0, 0), shape) else (Slice(start, stop),)
        return box if self.step == (1, 1) else (*box, Window((1, 1), self.step, (1, 1)))


@dataclass(frozen=True)
class ConstantPad(QuantizedOp):
    """A border (top, left, bottom, right) of one real value around a map."""

    sides: Sides
    value: Tensor

    def infer(self, inputs: Sequence[Value]) -> Inferred:
        channels, *size = inputs[0].shape
        grown = (self.sides[0] + self.sides[2], self.sides[1] + self.sides[3])[2 - len(size) :]
        return (((channels, *(n + more for n, more in zip(size, grown, strict=True))), REAL),)

    def fold(self, view: View, site: Site) -> View:
        refuse_tail(view, site)
        made = fold_pad(self.sides, self.value.fractions().item(), view, site)
        return made if len(view.shape) == 3 else made.reshaped((made.shape[0], made.shape[2]))


@dataclass(frozen=True)
class ConvTranspose(QuantizedOp):
    """y[m][t] = bias[m] + sum of x[c][i] * w[m][c][t + before - i * stride], w = (weight - zero_point) * scale.

    weight: int (M, C / groups, KH, KW), not as in ONNX; scale, zero_point: scalar or (M, 1, 1, 1); before: what is cut
    off at the top and the left; outputs: rows and columns. A (C, L) map has a height of 1.
    """

    weight: Tensor
    scale: Tensor
    zero_point: Tensor
    bias: Tensor | None
    stride: Pair
    before: Pair
    outputs: Pair
    groups: int = 1

    def infer(self, inputs: Sequence[Value]) -> Inferred:
        return (((self.weight.shape[0], *self.outputs[3 - len(inputs[0].shape) :]), REAL),)

    def fold(self, view: View, site: Site) -> View:
        refuse_tail(view, site)
        if self.weight.is_float:
            raise HwgenError("float-weights", site.name, "its weights are floats and have no quantizer",
                             "Quantize every layer in training, or use a post-training quantizer, before the export.")
        flat = len(view.shape) == 2
        view = view.reshaped((view.shape[0], 1, view.shape[1])) if flat else view
        filters = Filters(self.weight, self.scale, self.zero_point, self.bias, self.groups)
        made = fold_conv_transpose(filters, self.stride, self.before, self.outputs, view, site)
        return made.reshaped((made.shape[0], made.shape[2])) if flat else made
