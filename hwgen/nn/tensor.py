"""IntQuantTensor: real values that lie on a grid of integers, and torch functions that keep them there."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from hwgen.errors import HwgenError
from hwgen.nn.functions import round_ste, straight_through

TOLERANCE = 0.2
"""How far value / scale + zero_point may be from an integer: float32 loses that much for wide accumulators."""

Scalar = Tensor | float
Axis = int


class _Fields(NamedTuple):
    value: Tensor
    scale: Tensor
    zero_point: Tensor
    bit_width: Tensor
    signed_t: Tensor
    training_t: Tensor


class IntQuantTensor(_Fields):
    """value = (integer - zero_point) * scale, integer in bit_width bits, signed or not.

    value: real, any shape; scale, zero_point: scalars, or broadcastable to value; training: whether the layer that
    made it was in training mode. Arithmetic keeps the quantization where it is exact; torch functions that only move
    or select values pass it through; all others see a plain tensor.
    """

    def __new__(cls, value: Tensor, scale: Scalar, zero_point: Scalar, bit_width: Scalar, signed: Tensor | bool,
                training: Tensor | bool) -> IntQuantTensor:
        """Numbers become tensors."""
        reals = (x if isinstance(x, Tensor) else torch.tensor(x, dtype=torch.float)
                 for x in (scale, zero_point, bit_width))
        flags = (x if isinstance(x, Tensor) else torch.tensor(x) for x in (signed, training))
        return super().__new__(cls, value, *reals, *flags)

    @property
    def signed(self) -> bool:
        """Whether the integers are signed."""
        return bool(self.signed_t)

    @property
    def training(self) -> bool:
        """Whether it was made in training mode."""
        return bool(self.training_t)

    @property
    def tensor(self) -> Tensor:
        """The value."""
        return self.value

    @property
    def shape(self) -> torch.Size:
        """The value's."""
        return self.value.shape

    @property
    def device(self) -> torch.device:
        """The value's."""
        return self.value.device

    @property
    def low(self) -> float:
        """The smallest integer of the type."""
        return -math.pow(2, float(self.bit_width) - 1) if self.signed else 0.0

    @property
    def high(self) -> float:
        """The largest integer of the type."""
        return math.pow(2, float(self.bit_width) - self.signed) - 1

    def set(self, **changed: Any) -> IntQuantTensor:
        """The same with some fields replaced."""
        return self._replace(**changed)

    def dim(self) -> int:
        """The value's."""
        return self.value.dim()

    def size(self, *args: Any) -> Any:
        """The value's."""
        return self.value.size(*args)

    def detach(self) -> IntQuantTensor:
        """All fields without their gradients."""
        return IntQuantTensor(*(x.detach() for x in self))

    def to(self, *args: Any, **kwargs: Any) -> IntQuantTensor:
        """All fields on another device."""
        return IntQuantTensor(*(x.to(*args, **kwargs) for x in self))

    def contiguous(self) -> IntQuantTensor:
        """The value in one piece."""
        return self.set(value=self.value.contiguous())

    def view(self, *args: Any, **kwargs: Any) -> IntQuantTensor:
        """Another shape."""
        return self.set(value=self.value.view(*args, **kwargs))

    def reshape(self, *args: Any, **kwargs: Any) -> IntQuantTensor:
        """Another shape."""
        return self.set(value=self.value.reshape(*args, **kwargs))

    def flatten(self, *args: Any, **kwargs: Any) -> IntQuantTensor:
        """Another shape."""
        return self.set(value=self.value.flatten(*args, **kwargs))

    def transpose(self, *args: Any, **kwargs: Any) -> IntQuantTensor:
        """Two axes swapped; those of a scale or zero point per channel too."""
        return self._moved(lambda x: x.transpose(*args, **kwargs))

    def permute(self, *args: Any, **kwargs: Any) -> IntQuantTensor:
        """Axes in another order; those of a scale or zero point per channel too."""
        return self._moved(lambda x: x.permute(*args, **kwargs))

    def _moved(self, move: Callable[[Tensor], Tensor]) -> IntQuantTensor:
        rank = self.value.dim()
        scale, zero = (move(x) if x.dim() == rank else x for x in (self.scale, self.zero_point))
        return self.set(value=move(self.value), scale=scale, zero_point=zero)

    @property
    def _pre_round_int_value(self) -> Tensor:
        return self.value / self.scale + self.zero_point

    @property
    def is_valid(self) -> bool:
        """Whether the values are integers of the type, within float32's error."""
        with torch.no_grad():
            exact = self._pre_round_int_value
            integers = exact.round()
            if float(self.bit_width) < 2:
                near = bool((exact - integers).abs().max() < TOLERANCE)
                return near and len(torch.unique(integers)) <= 2 and bool((integers < 0).any()) <= self.signed
            near = bool((exact - integers).abs().max() < TOLERANCE)
            return near and bool((integers >= self.low).all() and (integers <= self.high).all())

    def int(self, float_datatype: bool = False) -> Tensor:
        """The integers: in float32 (with gradients), or in int8, uint8 or int32.

        HwgenError: "invalid-tensor" where the values are not integers of the declared type.
        """
        if not self.is_valid:
            raise HwgenError("invalid-tensor", "IntQuantTensor.int()", "its values are no integers of "
                             f"{float(self.bit_width):g} bits on its grid",
                             "Check its scale, zero point and bit width.")
        integers = round_ste(self._pre_round_int_value)
        if float_datatype:
            return integers
        if float(self.bit_width) <= 8:
            return integers.to(torch.int8 if self.signed else torch.uint8)
        return integers.to(torch.int32)

    @classmethod
    def __torch_function__(cls, function: Callable[..., Any], types: Sequence[type], args: Sequence[Any] = (),
                           kwargs: Mapping[str, Any] | None = None) -> Any:
        kwargs = kwargs or {}
        if function in _SAME_GRID and isinstance(args[0], IntQuantTensor):
            return args[0].set(value=function(args[0].value, *args[1:], **kwargs))
        handler = _HANDLERS.get(function)
        if handler is not None:
            return handler(*args, **kwargs)
        return function(*unpacked(args), **unpacked(kwargs))

    def __neg__(self) -> IntQuantTensor:
        if self.signed:
            return self.set(value=-self.value, zero_point=-self.zero_point)
        return self.set(value=-self.value, zero_point=-self.zero_point, bit_width=self.bit_width + 1,
                        signed_t=torch.tensor(True))

    def __pos__(self) -> IntQuantTensor:
        return self

    def __add__(self, other: Any) -> Any:
        """The sum on the same grid. HwgenError: "unequal-grids" where the scales differ (outside training)."""
        if not isinstance(other, IntQuantTensor):
            other = unpacked(other)
            return self.set(value=self.value + other, zero_point=self.zero_point - other / self.scale)
        _same("scale", [self, other])
        span = torch.tensor(self.high + other.high - self.low - other.low)
        return IntQuantTensor(self.value + other.value, (self.scale + other.scale) / 2,
                              self.zero_point + other.zero_point, torch.ceil(torch.log2(span)),
                              self.signed or other.signed, self.training or other.training)

    def __radd__(self, other: Any) -> Any:
        return self + other

    def add(self, other: Any) -> Any:
        """self + other."""
        return self + other

    def __sub__(self, other: Any) -> Any:
        return self + (-other)

    def __mul__(self, other: Any) -> Any:
        """The product, quantized where both factors are and have no zero point."""
        if not isinstance(other, IntQuantTensor):
            return self.value * unpacked(other)
        if bool((self.zero_point != 0).any()) or bool((other.zero_point != 0).any()):
            return self.value * other.value
        return IntQuantTensor(self.value * other.value, self.scale * other.scale, self.zero_point * other.zero_point,
                              self.bit_width + other.bit_width, self.signed or other.signed,
                              self.training or other.training)

    def __rmul__(self, other: Any) -> Any:
        return self * other

    def __truediv__(self, other: Any) -> Tensor:
        return cast(Tensor, self.value / unpacked(other))

    def __abs__(self) -> Any:
        """|x|: on the same grid where that is exact."""
        if bool((self.zero_point != 0).any()):
            return self.value.abs()
        return self.set(value=self.value.abs(), signed_t=torch.tensor(False)) if self.signed else self

    def __str__(self) -> str:
        fields = ", ".join(f"{name}={value}" for name, value in zip(self._fields, self, strict=True))
        return f"IntQuantTensor({fields})"

    @staticmethod
    def cat(tensors: Sequence[Any], dim: Axis = 0) -> Any:
        """Tensors one after another. HwgenError: "unequal-grids" where scales, zero points, widths or signs differ."""
        if not all(isinstance(t, IntQuantTensor) for t in tensors):
            return torch.cat([unpacked(t) for t in tensors], dim=dim)
        for name in ("scale", "zero_point", "bit_width", "signed_t"):
            _same(name, tensors)
        first, training = tensors[0], any(t.training for t in tensors)
        value = torch.cat([t.value for t in tensors], dim=dim)
        if not training:
            return first.set(value=value)
        scale, zero, bits = (sum(getattr(t, n) for t in tensors) / len(tensors)
                             for n in ("scale", "zero_point", "bit_width"))
        return IntQuantTensor(value, scale, zero, bits, first.signed, training)


def unpacked(value: Any) -> Any:
    """Plain tensors, also within lists, tuples and dictionaries."""
    if isinstance(value, IntQuantTensor):
        return value.value
    if isinstance(value, dict):
        return {k: unpacked(v) for k, v in value.items()}
    return type(value)(unpacked(v) for v in value) if type(value) in (list, tuple) else value


def _same(name: str, tensors: Sequence[IntQuantTensor]) -> None:
    """In training scales still move and are averaged; else they must agree."""
    if name in ("scale", "zero_point") and tensors[0].training:
        return
    first = getattr(tensors[0], name).float()
    if not all(torch.allclose(first, getattr(t, name).float()) for t in tensors):
        raise HwgenError("unequal-grids", "IntQuantTensor", f"the {name.removesuffix('_t')} of the operands differs",
                         "Quantize them with one shared quantizer.")


_SAME_GRID: frozenset[Any] = frozenset({
    F.pad, F.relu, F.relu6, F.hardtanh, F.dropout, F.dropout1d, F.dropout2d, F.alpha_dropout, F.max_pool1d,
    F.max_pool2d, F.adaptive_max_pool1d, F.adaptive_max_pool2d, F.pixel_shuffle, F.pixel_unshuffle})
"""Functions that move or select values of one grid; relu's zero lies on it."""


_TRANSPOSED = (F.conv_transpose1d, F.conv_transpose2d)


def _product(function: Callable[..., Tensor], x: Any, weight: Any, bias: Any = None, *args: Any,
             **kwargs: Any) -> Any:
    """A convolution or linear layer: quantized where its input and weights are, and have no zero points."""
    y = function(unpacked(x), unpacked(weight), unpacked(bias), *args, **kwargs)
    if not (isinstance(x, IntQuantTensor) and isinstance(weight, IntQuantTensor)):
        return y
    repeats = kwargs.get("groups", 1) if function in _TRANSPOSED else 1
    scale = product_scale(x, weight, y.dim(), -1 if function is F.linear else 1, repeats)
    if scale is None or bool((x.zero_point != 0).any()) or bool((weight.zero_point != 0).any()):
        return y
    zero, bits = torch.zeros(1), _product_bits(function, x, weight, kwargs)
    if isinstance(bias, IntQuantTensor):
        bits = torch.maximum(bias.bit_width, bits) + 1
    if bias is not None and not (isinstance(bias, IntQuantTensor) and torch.allclose(bias.scale, scale.reshape(-1))):
        shape = _channel_shape(y.dim(), -1 if function is F.linear else 1)
        zero = -unpacked(bias).reshape(shape) / scale
    return IntQuantTensor(y, scale, zero, bits, x.signed or weight.signed, x.training or weight.training)


def product_scale(x: IntQuantTensor, weight: IntQuantTensor, rank: int, channel_axis: int,
                  repeats: int = 1) -> Tensor | None:
    """The accumulator's scale, one per channel where the weights have that; None where the input's is per channel.

    repeats: how many times the weights' scales go round (the groups of a transposed convolution share them).
    """
    if x.scale.numel() != 1:
        return None
    shape, scale = _channel_shape(rank, channel_axis), weight.scale.reshape(-1)
    scale = scale.repeat(repeats) if scale.numel() > 1 and repeats > 1 else scale
    return scale.reshape(shape) * x.scale.reshape(shape)


def _channel_shape(rank: int, axis: int) -> tuple[int, ...]:
    shape = [1] * rank
    shape[axis] = -1
    return tuple(shape)


def _product_bits(function: Callable[..., Tensor], x: IntQuantTensor, weight: IntQuantTensor,
                  kwargs: Mapping[str, Any]) -> Tensor:
    """Bits that every sum fits, whatever the weights are: what Brevitas reports."""
    terms = math.prod(weight.shape[1:])
    if function in _TRANSPOSED:
        steps = zip(kwargs["stride"], weight.shape[2:], strict=True)
        terms = weight.shape[1] * math.prod(max(math.ceil(k / s), 1) for s, k in steps)
    largest = (2**x.bit_width - 1) * (2**weight.bit_width - 1) * terms
    bits = torch.log2(largest)
    return straight_through(bits, bits.detach().ceil())


def _average(x: Any, kernel_size: Any, *args: Any, **kwargs: Any) -> Any:
    """An average pool: the sum on a finer grid."""
    if not isinstance(x, IntQuantTensor):
        return F.avg_pool2d(x, kernel_size, *args, **kwargs)
    taps = math.prod(kernel_size) if isinstance(kernel_size, tuple) else kernel_size**2
    largest = (2**x.bit_width - 1) * taps
    return x.set(value=F.avg_pool2d(x.value, kernel_size, *args, **kwargs), scale=x.scale / taps,
                 bit_width=torch.ceil(torch.log2(largest)))


def _interpolate(x: IntQuantTensor, *args: Any, **kwargs: Any) -> Any:
    """Nearest neighbours stay on the grid."""
    y = F.interpolate(x.value, *args, **kwargs)
    mode = kwargs.get("mode", args[2] if len(args) > 2 else "nearest")
    return x.set(value=y) if mode in ("nearest", "nearest-exact") else y


def _of(function: Callable[..., Tensor]) -> Callable[..., Any]:
    return lambda *args, **kwargs: _product(function, *args, **kwargs)


_HANDLERS: Mapping[Any, Callable[..., Any]] = {
    **{f: _of(f) for f in (F.linear, F.conv1d, F.conv2d, F.conv_transpose1d, F.conv_transpose2d)},
    torch.cat: IntQuantTensor.cat, F.avg_pool2d: _average, F.interpolate: _interpolate,
    torch.flatten: lambda x, *a, **k: x.flatten(*a, **k), torch.reshape: lambda x, *a, **k: x.reshape(*a, **k),
    torch.transpose: lambda x, *a, **k: x.transpose(*a, **k), torch.permute: lambda x, *a, **k: x.permute(*a, **k)}
