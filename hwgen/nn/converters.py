"""Converters of torch functions and quantizers to ops of the quantized level."""

from __future__ import annotations

import operator
from fractions import Fraction
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from hwgen.exact.convolution import Geometry
from hwgen.ir.graph import Value
from hwgen.ir.tensor import Tensor
from hwgen.ir.types import BIPOLAR, IntType
from hwgen.nn.calls import Integers, Site, along_width, constant, converts, pair, refuse
from hwgen.nn.quantizers import TensorQuant, TruncQuant
from hwgen.nn.record import Call, Ref
from hwgen.nn.settings import QuantType, Settings
from hwgen.nn.tensor import IntQuantTensor
from hwgen.ops.quantized import (
    BatchNorm,
    Clip,
    Dense,
    Elementwise,
    LeakyRelu,
    Quant,
    Relu,
    Reshape,
    Transpose,
)
from hwgen.ops.quantized_curves import Product
from hwgen.ops.quantized_maps import AveragePool, Concat, Conv, Join, MaxPool, Trunc
from hwgen.rounding import Rounding


@converts(TensorQuant)
def quantizer(site: Site, call: Call) -> None:
    """The grid as the forward pass had it."""
    settings: Settings = call.function.settings
    made = site.grid(call)
    assert made is not None
    if settings.quant_type is QuantType.TERNARY:
        _ternary(site, call, made)
        return
    kind = BIPOLAR if settings.quant_type is QuantType.BINARY else IntType(int(settings.low), int(settings.high))
    op = Quant(constant(made.scale), constant(made.zero_point), kind, settings.float_to_int_impl_type)
    site.add(call, op, site.value(call))


def _ternary(site: Site, call: Call, made: IntQuantTensor) -> None:
    """Above a limit, below minus the limit, or between: round(x / (2 * limit)), halves towards zero.

    The limit is a float32 product, as in training. The step between the values is the scale.
    """
    limit = (call.function.settings.threshold * made.scale).detach()
    op = Quant(constant(2 * limit), Tensor(0), IntType(-1, 1), Rounding.HALF_TOWARD_ZERO)
    if torch.equal(2 * limit, made.scale):
        site.add(call, op, site.value(call))
        return
    steps = site.add_inner(call, op, site.value(call))
    ratio = Tensor(np.asarray(constant(made.scale).fractions() / constant(2 * limit).fractions(), dtype=object))
    site.values[call.output] = site.add_inner(call, Elementwise("mul", ratio), steps, role="scaled")


@converts(TruncQuant)
def truncation(site: Site, call: Call) -> None:
    """The dropped bits are a power of two; below 1 where there are fewer bits than asked for."""
    ref, made = site.arguments(call)["input"], site.grid(call)
    before = site.recording.tensors[ref.index]
    assert made is not None
    step = Fraction(2) ** int(before.bit_width - made.bit_width)
    op = Trunc(constant(before.scale), constant(before.zero_point), step,
               IntType(int(made.low), int(made.high)), constant(made.scale), constant(made.zero_point),
               call.function.settings.float_to_int_impl_type)
    site.add(call, op, site.value(call))


def weights_of(x: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Integers, scale and zero point; float weights have scale 1."""
    if not isinstance(x, IntQuantTensor):
        return constant(x), Tensor(1.0), Tensor(0)
    made = Integers.of(x)
    return Tensor(made.integers), Tensor(made.scale), Tensor(made.zero_point)


def bias_of(x: Any) -> Tensor | None:
    """What training adds: the float32 nearest to integer times scale."""
    return None if x is None else constant(x)


@converts(F.linear, takes="input weight bias")
def dense(site: Site, call: Call) -> None:
    """Rows of weights are outputs."""
    arguments = site.arguments(call)
    site.add(call, Dense(*weights_of(arguments["weight"]), bias_of(arguments.get("bias"))), site.value(call))


@converts(F.conv1d, F.conv2d, takes="input weight bias stride padding dilation groups")
def convolution(site: Site, call: Call) -> None:
    """A (C, L) map is a (C, 1, L) one with a kernel of height 1."""
    given, value = site.arguments(call), site.value(call)
    parts = [_kernel_of_rank_4(part) for part in weights_of(given["weight"])]
    kernel = parts[0].shape[2:]
    stride, dilation = (_pair(value, given.get(name, 1), 1) for name in ("stride", "dilation"))
    pads = _pads(value, given.get("padding", 0), kernel, dilation)
    geometry = Geometry((kernel[0], kernel[1]), stride, pads, dilation)
    bias, groups = bias_of(given.get("bias")), given.get("groups", 1)
    site.add(call, Conv(geometry, parts[0], parts[1], parts[2], bias, groups), value)


def _kernel_of_rank_4(part: Tensor) -> Tensor:
    return part if len(part.shape) != 3 else Tensor(part.array[:, :, None, :])


def _pair(value: Value, x: Any, rest: int) -> tuple[int, int]:
    return along_width(x, rest) if len(value.shape) == 2 else pair(x)


def _pads(value: Value, padding: Any, kernel: tuple[int, ...], dilation: tuple[int, int]) -> tuple[int, int, int, int]:
    if isinstance(padding, str):
        if padding == "valid":
            return (0, 0, 0, 0)
        spare = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        top, left = (s // 2 for s in spare)
        return (top, left, spare[0] - top, spare[1] - left)
    vertical, horizontal = _pair(value, padding, 0)
    return (vertical, horizontal, vertical, horizontal)


@converts(F.batch_norm, takes="input running_mean running_var weight bias training momentum eps")
def batch_norm(site: Site, call: Call) -> None:
    """In evaluation mode: running statistics."""
    given = site.arguments(call)
    if given.get("running_mean") is None:
        raise refuse(call, "it has no running statistics", "Set track_running_stats=True.")
    mean, variance = constant(given["running_mean"]), constant(given["running_var"])
    gamma = constant(torch.ones(mean.shape) if given.get("weight") is None else given["weight"])
    beta = constant(torch.zeros(mean.shape) if given.get("bias") is None else given["bias"])
    epsilon = float(np.float32(given.get("eps", 1e-5)))
    site.add(call, BatchNorm(gamma, beta, mean, variance, epsilon), site.value(call))


@converts(F.relu, torch.relu, torch.Tensor.relu, torch.relu_)
def relu(site: Site, call: Call) -> None:
    """max(x, 0)."""
    site.add(call, Relu(), site.value(call))


@converts(F.relu6)
def relu6(site: Site, call: Call) -> None:
    """x between 0 and 6."""
    site.add(call, Clip(0.0, 6.0), site.value(call))


@converts(F.hardtanh, takes="input min_val max_val")
def hardtanh(site: Site, call: Call) -> None:
    """x between two constants."""
    given = site.arguments(call)
    site.add(call, Clip(float(given.get("min_val", -1.0)), float(given.get("max_val", 1.0))), site.value(call))


@converts(torch.clamp, torch.Tensor.clamp, torch.clip, torch.Tensor.clip, takes="input min max")
def clamp(site: Site, call: Call) -> None:
    """x between two numbers; None is no limit."""
    low, high = (site.arguments(call).get(name) for name in ("min", "max"))
    site.add(call, Clip(*(None if x is None else float(x) for x in (low, high))), site.value(call))


@converts(F.leaky_relu, takes="input negative_slope")
def leaky_relu(site: Site, call: Call) -> None:
    """The slope is a float32, as training has it."""
    slope = site.arguments(call).get("negative_slope", 0.01)
    site.add(call, LeakyRelu(Tensor(float(np.float32(slope)))), site.value(call))


@converts(F.prelu, torch.prelu, takes="input weight")
def prelu(site: Site, call: Call) -> None:
    """One slope, or one for each channel."""
    value, slope = site.value(call), constant(site.arguments(call)["weight"]).array
    shaped = slope.reshape(-1) if slope.size == 1 else slope.reshape(-1, *(1,) * (len(value.shape) - 1))
    site.add(call, LeakyRelu(Tensor(shaped)), value)


_POOL = "input kernel_size stride padding"


@converts(F.max_pool2d, F.max_pool1d, torch.max_pool2d, takes=f"{_POOL} dilation ceil_mode return_indices")
def max_pool(site: Site, call: Call) -> None:
    """Floor mode."""
    given, value = site.arguments(call), site.value(call)
    if given.get("return_indices"):
        raise refuse(call, "it returns indices", "Only values are supported.")
    site.add(call, MaxPool(_pool_geometry(call, given, value)), value)


@converts(F.avg_pool2d, F.avg_pool1d, takes=f"{_POOL} ceil_mode count_include_pad divisor_override")
def average_pool(site: Site, call: Call) -> None:
    """A border counts."""
    given, value = site.arguments(call), site.value(call)
    geometry = _pool_geometry(call, given, value)
    if given.get("divisor_override") is not None or (any(geometry.pads) and not given.get("count_include_pad", True)):
        raise refuse(call, "its windows are not divided by the kernel's size",
                     "Use count_include_pad=True and no divisor_override.")
    site.add(call, AveragePool(geometry), value)


def _pool_geometry(call: Call, given: dict[str, Any], value: Value) -> Geometry:
    kernel = _pair(value, given["kernel_size"], 1)
    stride = given.get("stride")
    dilation = _pair(value, given.get("dilation", 1), 1)
    if given.get("ceil_mode"):
        raise refuse(call, "ceil_mode=True", "Use ceil_mode=False and padding.")
    steps = kernel if stride is None or stride == [] else _pair(value, stride, 1)
    return Geometry(kernel, steps, _pads(value, given.get("padding", 0), kernel, dilation), dilation)


@converts(F.adaptive_avg_pool2d, F.adaptive_avg_pool1d, torch.adaptive_avg_pool1d, takes="input output_size")
def adaptive_average_pool(site: Site, call: Call) -> None:
    """Equal windows only."""
    site.add(call, AveragePool(_equal_windows(site, call)), site.value(call))


@converts(F.adaptive_max_pool2d, F.adaptive_max_pool1d, takes="input output_size return_indices")
def adaptive_max_pool(site: Site, call: Call) -> None:
    """Equal windows only."""
    site.add(call, MaxPool(_equal_windows(site, call)), site.value(call))


def _equal_windows(site: Site, call: Call) -> Geometry:
    value = site.value(call)
    height, width = value.shape[1:] if len(value.shape) == 3 else (1, value.shape[1])
    rows, columns = call.shape[2:] if len(call.shape) == 4 else (1, call.shape[2])
    if height % rows or width % columns:
        raise refuse(call, f"{height}x{width} does not divide into {rows}x{columns} equal windows",
                     "Choose sizes that divide.")
    window = (height // rows, width // columns)
    return Geometry(window, window)


@converts(torch.mean, torch.Tensor.mean, takes="input dim keepdim")
def mean(site: Site, call: Call) -> None:
    """Over the whole map of each channel."""
    value, given = site.value(call), site.arguments(call)
    axes = given.get("dim")
    rank = len(value.shape) + 1
    reduced = sorted(a % rank for a in ((axes,) if isinstance(axes, int) else axes or range(rank)))
    if reduced != list(range(2, rank)):
        raise refuse(call, f"it takes the mean over axes {reduced}", "Only whole maps are averaged.")
    window = value.shape[1:] if rank == 4 else (1, value.shape[1])
    pooled = site.add_inner(call, AveragePool(Geometry((window[0], window[1]))), value, role="pool")
    _reshaped(site, call, pooled)


_RESHAPES = (torch.reshape, torch.Tensor.reshape, torch.Tensor.view, torch.flatten, torch.Tensor.flatten, torch.squeeze,
             torch.Tensor.squeeze, torch.unsqueeze, torch.Tensor.unsqueeze, torch.unflatten, torch.Tensor.unflatten)


@converts(*_RESHAPES)
def reshape(site: Site, call: Call) -> None:
    """The frame keeps its elements; the batch stays in front."""
    _reshaped(site, call, site.value(call))


def _reshaped(site: Site, call: Call, value: Value) -> None:
    if not call.shape or call.shape[0] != 1:
        raise refuse(call, f"it gives shape {call.shape}, without the batch in front", "Keep axis 0 as it is.")
    if call.shape[1:] == value.shape:
        site.same(call, value)
    else:
        site.add(call, Reshape(call.shape[1:]), value)


@converts(torch.transpose, torch.Tensor.transpose, takes="input dim0 dim1")
def transpose(site: Site, call: Call) -> None:
    """Two axes swapped."""
    given, rank = site.arguments(call), len(call.shape)
    axes = list(range(rank))
    first, second = given["dim0"] % rank, given["dim1"] % rank
    axes[first], axes[second] = axes[second], axes[first]
    _permuted(site, call, axes)


@converts(torch.permute, takes="input dims")
def permute(site: Site, call: Call) -> None:
    """Axes in another order."""
    _permuted(site, call, [axis % len(call.shape) for axis in site.arguments(call)["dims"]])


@converts(torch.Tensor.permute)
def permute_method(site: Site, call: Call) -> None:
    """Axes as one tuple, or one by one."""
    dims = call.arguments[1] if len(call.arguments) == 2 else call.arguments[1:]
    _permuted(site, call, [axis % len(call.shape) for axis in dims])


def _permuted(site: Site, call: Call, axes: list[int]) -> None:
    if axes[0] != 0:
        raise refuse(call, "it moves the batch", "Keep axis 0 as it is.")
    site.add(call, Transpose(tuple(axis - 1 for axis in axes[1:])), site.value(call))


_SAME = (torch.Tensor.contiguous, torch.Tensor.detach, torch.Tensor.clone, torch.clone, torch.Tensor.float, F.dropout,
         F.dropout1d, F.dropout2d, F.alpha_dropout, torch.Tensor.to, torch.Tensor.type_as, torch.Tensor.view_as)


@converts(*_SAME)
def same(site: Site, call: Call) -> None:
    """Nothing happens in evaluation mode."""
    site.same(call, site.value(call))


@converts(torch.cat, torch.concat, takes="tensors dim")
def concat(site: Site, call: Call) -> None:
    """Along the channels."""
    given = site.arguments(call)
    if given.get("dim", 0) % len(call.shape) != 1:
        raise refuse(call, f"it joins along axis {given.get('dim', 0)}", "Join along the channels, axis 1.")
    if not all(isinstance(ref, Ref) for ref in given["tensors"]):
        raise refuse(call, "one of its parts does not depend on the input", "Fold it into the next layer.")
    site.add(call, Concat(), *(site.values[ref.index] for ref in given["tensors"]))


def _arithmetic(kind: Any, reverse: Any) -> Any:
    def convert(site: Site, call: Call) -> None:
        given = site.arguments(call)
        left, right = given["input"], given["other"]
        if given.get("alpha", 1) != 1:
            raise refuse(call, "it scales an operand with alpha", "Multiply before.")
        if isinstance(left, Ref) and isinstance(right, Ref):
            if kind not in ("add", "sub", "mul"):
                raise refuse(call, f"it is the {kind} of two computed values",
                             "Only sums, differences and products are exact.")
            op = Product() if kind == "mul" else Join(kind == "sub")
            site.add(call, op, site.values[left.index], site.values[right.index])
        elif isinstance(left, Ref):
            value = site.values[left.index]
            site.add(call, Elementwise(kind, _frame(constant(right), value)), value)
        else:
            value = site.values[right.index]
            site.add(call, Elementwise(reverse, _frame(constant(left), value)), value)
    return convert


def _frame(number: Tensor, value: Value) -> Tensor:
    """A constant without its batch axis."""
    array = number.array
    return Tensor(array[0]) if array.ndim == len(value.shape) + 1 and array.shape[0] == 1 else number


for _functions, _kind, _reverse in (
        ((torch.add, torch.Tensor.add, torch.Tensor.__add__, torch.Tensor.__radd__, torch.Tensor.add_,
          torch.Tensor.__iadd__, operator.add), "add", "add"),
        ((torch.mul, torch.Tensor.mul, torch.Tensor.__mul__, torch.Tensor.__rmul__, torch.Tensor.mul_,
          torch.Tensor.__imul__), "mul", "mul"),
        ((torch.sub, torch.Tensor.sub, torch.Tensor.__sub__), "sub", "rsub"),
        ((torch.Tensor.__rsub__, torch.rsub), "rsub", "sub"),
        ((torch.div, torch.Tensor.div, torch.Tensor.__truediv__, torch.true_divide), "div", "rdiv")):
    converts(*_functions, takes="input other")(_arithmetic(_kind, _reverse))


@converts(torch.neg, torch.Tensor.neg, torch.Tensor.__neg__)
def negative(site: Site, call: Call) -> None:
    """0 - x."""
    site.add(call, Elementwise("mul", Tensor(-1.0)), site.value(call))
