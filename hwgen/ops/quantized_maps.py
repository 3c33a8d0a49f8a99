"""Ops of the quantized level on maps (C, H, W) and (C, L), and joins. See hwgen.ops.quantized."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from hwgen.errors import HwgenError
from hwgen.exact.channels import per_channel
from hwgen.exact.convolution import Filters, Geometry, fold_average_pool, fold_conv, fold_max_pool
from hwgen.exact.expression import affine
from hwgen.exact.joins import fold_add, fold_concat
from hwgen.exact.truncation import TruncQuantizer
from hwgen.exact.view import Site, View
from hwgen.host import Argument, HostStep
from hwgen.ir.graph import Value
from hwgen.ir.tensor import Tensor
from hwgen.ir.types import REAL, IntType
from hwgen.ops.quantized import Inferred, QuantizedOp, close, real_bias, real_weights
from hwgen.rounding import NEAREST, Rounding


@dataclass(frozen=True)
class MapOp(QuantizedOp):
    """An op with a kernel that moves over a map; a (C, L) map is (C, 1, L) with a kernel of height 1."""

    geometry: Geometry

    def infer(self, inputs: Sequence[Value]) -> Inferred:
        return ((self._shape(inputs[0], inputs[0].shape[0]), REAL),)

    def _shape(self, x: Value, channels: int) -> tuple[int, ...]:
        height, width = (1, x.shape[1]) if len(x.shape) == 2 else x.shape[1:]
        try:
            rows, columns = self.geometry.output(height, width)
        except ValueError as error:
            raise HwgenError("shape-mismatch", x.name, str(error), "Give a larger --input-shape.") from error
        return (channels, columns) if len(x.shape) == 2 else (channels, rows, columns)

    def _host_map(self, function: str, view: View, site: Site, **arguments: Argument) -> View:
        geometry = self.geometry
        step = HostStep.of(function, kernel=geometry.kernel, stride=geometry.stride, pads=geometry.pads,
                           dilation=geometry.dilation, **arguments)
        return self._host(step, [view], site)

    def _made(self, view: View, folded: View) -> View:
        return folded if len(view.shape) == 3 else folded.reshaped((folded.shape[0], folded.shape[2]))


@dataclass(frozen=True)
class Conv(MapOp):
    """Cross-correlation with (weight - zero_point) * scale, weight: int (M, C / groups, KH, KW), plus bias (M,).

    scale, zero_point: scalar or (M, 1, 1, 1). The border is zero. Weights may be floats behind the last quantizer.
    """

    weight: Tensor
    scale: Tensor
    zero_point: Tensor
    bias: Tensor | None = None
    groups: int = 1

    def infer(self, inputs: Sequence[Value]) -> Inferred:
        return ((self._shape(inputs[0], self.weight.shape[0]), REAL),)

    def fold(self, view: View, site: Site) -> View:
        if view.tail or self.weight.is_float:
            weight = real_weights(self.weight, self.scale, self.zero_point)
            return self._host_map("conv", view, site, weight=weight, bias=real_bias(self.bias), groups=self.groups)
        filters = Filters(self.weight, self.scale, self.zero_point, self.bias, self.groups)
        return self._made(view, fold_conv(filters, self.geometry, view, site))


@dataclass(frozen=True)
class MaxPool(MapOp):
    """The largest element under the kernel; the border never wins."""

    def fold(self, view: View, site: Site) -> View:
        if view.tail:
            return self._host_map("max_pool", view, site)
        return self._made(view, fold_max_pool(self.geometry, view, site))


@dataclass(frozen=True)
class AveragePool(MapOp):
    """The mean under the kernel, a border of zeros included (GlobalAveragePool and ReduceMean: the whole map)."""

    def fold(self, view: View, site: Site) -> View:
        if view.tail:
            return self._host_map("average_pool", view, site)
        return self._made(view, fold_average_pool(self.geometry, view, site))


@dataclass(frozen=True)
class Join(QuantizedOp):
    """y = a + b, or a - b where `subtract`; equal shapes."""

    subtract: bool = False

    def infer(self, inputs: Sequence[Value]) -> Inferred:
        first, second = inputs
        if first.shape != second.shape:
            raise HwgenError("broadcast", f"{first.name}, {second.name}", f"shapes {first.shape} and {second.shape} "
                             "differ", "Join values of equal shape.")
        return ((first.shape, REAL),)

    def fold_all(self, views: Sequence[View], site: Site) -> View:
        if any(view.tail for view in views):
            return self._host(HostStep.of("join", sign=-1 if self.subtract else 1), views, site)
        return fold_add(views[0], views[1], -1 if self.subtract else 1, site)


@dataclass(frozen=True)
class Concat(QuantizedOp):
    """Values of equal maps one after another along the channels, axis 0 after the batch."""

    def infer(self, inputs: Sequence[Value]) -> Inferred:
        if len({x.shape[1:] for x in inputs}) != 1:
            raise HwgenError("shape-mismatch", ", ".join(x.name for x in inputs), "their maps differ in size",
                             "Join maps of equal height and width.")
        return (((sum(x.shape[0] for x in inputs), *inputs[0].shape[1:]), REAL),)

    def fold_all(self, views: Sequence[View], site: Site) -> View:
        if any(view.tail for view in views):
            return self._host(HostStep.of("concat"), views, site)
        return fold_concat(views, site)


@dataclass(frozen=True)
class Trunc(QuantizedOp):
    """y = (q - out_zero_point) * out_scale, q = clip(round(c / divisor), type), c = round_half_even(x / scale + zero).

    scale and zero points: scalar or broadcastable to the value's shape; divisor: a power of two. Where `clips` is
    False the foreign op has no clip (QONNX Trunc version 1): the type only bounds what hwgen proves.
    """

    scale: Tensor
    zero_point: Tensor
    divisor: Fraction
    type: IntType
    out_scale: Tensor
    out_zero_point: Tensor
    rounding: Rounding = Rounding.FLOOR
    clips: bool = True

    quantizes = True

    def rounded(self, mode: Rounding) -> Trunc:
        return replace(self, rounding=mode) if self.rounding in NEAREST else self

    def fold(self, view: View, site: Site) -> View:
        quantizer = TruncQuantizer(self.type, Tensor(self.scale.fractions()), Tensor(self.zero_point.fractions()),
                                   self.divisor, self.rounding)
        if not self.clips and not view.host:
            self._prove_range(quantizer, view, site)
        scale = self.out_scale.fractions()
        return close(view, quantizer, site).then(affine(scale, -self.out_zero_point.fractions() * scale))

    def _prove_range(self, quantizer: TruncQuantizer, view: View, site: Site) -> None:
        """The stages and the rounding are monotone, so the ends of the source's range decide."""
        expression, local = per_channel(view, quantizer, site)
        assert isinstance(local, TruncQuantizer)
        for channel in range(site.channels(view.source)):
            for end in site.range(view.source):
                if not self.type.lo <= local.level(expression.evaluate(end, channel), channel) <= self.type.hi:
                    raise HwgenError("trunc-range", site.name, "its input can exceed its declared bit width, and "
                                     "version 1 of Trunc does not clip", "Export with Trunc version 2 (Brevitas 0.11).")
