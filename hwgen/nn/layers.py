"""Quantized layers: torch's own, with quantizers on their inputs, weights, biases and outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn
from torch.nn import functional as F

from hwgen.errors import HwgenError
from hwgen.nn.quant import Int8ActPerTensorFloat, Int8WeightPerTensorFloat, RoundTo8bit
from hwgen.nn.quantizers import ActQuant, BiasQuant, TruncQuant, WeightQuant, proxy_settings
from hwgen.nn.settings import Quantizer
from hwgen.nn.tensor import IntQuantTensor, unpacked

QuantizerClass = type[Quantizer] | None


class QuantLayer(nn.Module):
    """A layer with return_quant_tensor: whether it returns an IntQuantTensor or a plain tensor."""

    return_quant_tensor: bool

    def packed(self, y: Any) -> Any:
        """The output as the layer returns it. HwgenError: "not-quantized" where it has no grid to return."""
        if not self.return_quant_tensor:
            return unpacked(y)
        if not isinstance(y, IntQuantTensor):
            raise HwgenError("not-quantized", self.kind, "return_quant_tensor=True, and its output is on no grid",
                             "Quantize its input and its weights, or give it an output_quant.")
        return y

    @property
    def kind(self) -> str:
        """The class's name."""
        return type(self).__name__


def refuse_unknown(options: dict[str, Any], prefixes: Sequence[str], layer: str) -> None:
    """HwgenError "bad-argument" for a keyword argument that belongs to no quantizer of the layer."""
    for name in options:
        if not name.startswith(tuple(prefixes)):
            raise HwgenError("bad-argument", layer, f"it has no argument '{name}'",
                             f"Settings of its quantizers start with {', '.join(prefixes)}.")


class WeightLayer(QuantLayer):
    """A layer with weights: y = output_quant(f(input_quant(x), weight_quant(w), bias_quant(b)))."""

    weight: Any
    bias: Any
    output_channel_axis = 0
    channel_axis = 1

    def add_quantizers(self, weight_quant: QuantizerClass, bias_quant: QuantizerClass, input_quant: QuantizerClass,
                       output_quant: QuantizerClass, return_quant_tensor: bool, options: dict[str, Any]) -> None:
        """The quantizers, once torch's own layer is made. options: settings, by prefix."""
        kind = self.kind
        refuse_unknown(options, ("weight_", "bias_", "input_", "output_"), kind)
        self.return_quant_tensor = return_quant_tensor
        self.input_quant = ActQuant(proxy_settings(input_quant, "input_", options, kind))
        self.output_quant = ActQuant(proxy_settings(output_quant, "output_", options, kind))
        settings = proxy_settings(weight_quant, "weight_", options, kind)
        per_channel = settings is not None and settings.scaling_per_output_channel
        self.weight_quant = WeightQuant(settings, self._scale_shape() if per_channel else ())
        self.bias_quant = BiasQuant(proxy_settings(bias_quant, "bias_", options, kind), kind)

    def _scale_shape(self) -> tuple[int, ...]:
        axis = self.output_channel_axis
        return tuple(size if i == axis else 1 for i, size in enumerate(self.weight.shape))

    @property
    def scale_repeats(self) -> int:
        """How many groups of output channels share the weights' scales."""
        return 1

    def quant_weight(self) -> Any:
        """The quantized weights, an IntQuantTensor."""
        return self.weight_quant(self.weight)

    def quantized(self, x: Any) -> Any:
        """The whole layer on an input."""
        x, weight = self.input_quant(x), self.quant_weight()
        bias = self.bias
        if bias is not None:
            bias = self.bias_quant(bias, x, weight, x.dim(), self.channel_axis, self.scale_repeats)
        return self.packed(self.output_quant(self.computed(x, weight, bias)))

    def computed(self, x: Any, weight: Any, bias: Any) -> Any:
        """The layer's own function."""
        raise NotImplementedError

    def forward(self, input: Any) -> Any:
        return self.quantized(input)


class QuantLinear(WeightLayer, nn.Linear):
    """nn.Linear with quantizers."""

    channel_axis = -1

    def __init__(self, in_features: int, out_features: int, bias: bool = True, *,
                 weight_quant: QuantizerClass = Int8WeightPerTensorFloat, bias_quant: QuantizerClass = None,
                 input_quant: QuantizerClass = None, output_quant: QuantizerClass = None,
                 return_quant_tensor: bool = False, **options: Any) -> None:
        nn.Linear.__init__(self, in_features, out_features, bias)
        self.add_quantizers(weight_quant, bias_quant, input_quant, output_quant, return_quant_tensor, options)

    def computed(self, x: Any, weight: Any, bias: Any) -> Any:
        return F.linear(x, weight, bias)


class _Convolution(WeightLayer):
    """What the convolutions share. conv: torch's layer, function: its function."""

    conv: type[nn.Module]
    function: Any
    stride: Any
    padding: Any
    dilation: Any
    groups: int
    padding_mode: Any

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
                 dilation: Any = 1, groups: int = 1, bias: bool = True, padding_mode: str = "zeros", *,
                 weight_quant: QuantizerClass = Int8WeightPerTensorFloat, bias_quant: QuantizerClass = None,
                 input_quant: QuantizerClass = None, output_quant: QuantizerClass = None,
                 return_quant_tensor: bool = False, **options: Any) -> None:
        if padding_mode != "zeros":
            raise HwgenError("bad-argument", self.kind, f"padding_mode is {padding_mode!r}",
                             "Only zeros can be exact after quantization.")
        self.conv.__init__(self, in_channels, out_channels, kernel_size, stride, padding, dilation=dilation,
                           groups=groups, bias=bias)
        self.add_quantizers(weight_quant, bias_quant, input_quant, output_quant, return_quant_tensor, options)

    def computed(self, x: Any, weight: Any, bias: Any) -> Any:
        return type(self).function(x, weight, bias, self.stride, self.padding, self.dilation, self.groups)


class QuantConv1d(_Convolution, nn.Conv1d):
    """nn.Conv1d with quantizers."""

    conv, function = nn.Conv1d, staticmethod(F.conv1d)


class QuantConv2d(_Convolution, nn.Conv2d):
    """nn.Conv2d with quantizers."""

    conv, function = nn.Conv2d, staticmethod(F.conv2d)


class _Transposed(_Convolution):
    """What the transposed convolutions share."""

    output_channel_axis = 1
    output_padding: Any

    @property
    def scale_repeats(self) -> int:
        return self.groups

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
                 output_padding: Any = 0, groups: int = 1, bias: bool = True, dilation: Any = 1, *,
                 weight_quant: QuantizerClass = Int8WeightPerTensorFloat, bias_quant: QuantizerClass = None,
                 input_quant: QuantizerClass = None, output_quant: QuantizerClass = None,
                 return_quant_tensor: bool = False, **options: Any) -> None:
        self.conv.__init__(self, in_channels, out_channels, kernel_size, stride, padding, output_padding, groups,
                           bias, dilation)
        self.add_quantizers(weight_quant, bias_quant, input_quant, output_quant, return_quant_tensor, options)

    def computed(self, x: Any, weight: Any, bias: Any) -> Any:
        return type(self).function(x, weight, bias, stride=self.stride, padding=self.padding,
                                   output_padding=self.output_padding, groups=self.groups, dilation=self.dilation)

    def forward(self, input: Any, output_size: list[int] | None = None) -> Any:
        if output_size is not None:
            raise HwgenError("bad-argument", self.kind, "output_size is given", "Give output_padding to the layer.")
        return self.quantized(input)


class QuantConvTranspose1d(_Transposed, nn.ConvTranspose1d):
    """nn.ConvTranspose1d with quantizers."""

    conv, function = nn.ConvTranspose1d, staticmethod(F.conv_transpose1d)


class QuantConvTranspose2d(_Transposed, nn.ConvTranspose2d):
    """nn.ConvTranspose2d with quantizers."""

    conv, function = nn.ConvTranspose2d, staticmethod(F.conv_transpose2d)


class QuantMaxPool2d(QuantLayer, nn.MaxPool2d):
    """nn.MaxPool2d, which keeps the grid of its input."""

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
                 return_indices: bool = False, ceil_mode: bool = False, return_quant_tensor: bool = True) -> None:
        nn.MaxPool2d.__init__(self, kernel_size, stride, padding, dilation, return_indices, ceil_mode)
        self.return_quant_tensor = return_quant_tensor

    def forward(self, input: Any) -> Any:
        y = F.max_pool2d(input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode)
        return self.packed(y) if isinstance(input, IntQuantTensor) else y


class QuantAvgPool2d(QuantLayer, nn.AvgPool2d):
    """The sum of each window, truncated or rounded to bit_width bits by dropping low ones."""

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False, *,
                 trunc_quant: QuantizerClass = RoundTo8bit, return_quant_tensor: bool = True, **options: Any) -> None:
        nn.AvgPool2d.__init__(self, kernel_size, stride, padding, ceil_mode)
        self.return_quant_tensor = return_quant_tensor
        named = {name if name.startswith("trunc_") else f"trunc_{name}": value for name, value in options.items()}
        settings = proxy_settings(trunc_quant, "trunc_", named, self.kind)
        self.trunc_quant = None if settings is None else TruncQuant(settings)

    def forward(self, input: Any) -> Any:
        """HwgenError: "input-scale" where the input is on no grid."""
        y: Any = F.avg_pool2d(input, self.kernel_size, self.stride, self.padding, self.ceil_mode)
        if self.trunc_quant is None:
            return self.packed(y)
        if not isinstance(y, IntQuantTensor):
            raise HwgenError("input-scale", self.kind, "its input is a plain tensor", "Set return_quant_tensor=True on "
                             "the layer before it.")
        return self.packed(self.trunc_quant(y))


TruncAvgPool2d = QuantAvgPool2d
"""The name of QuantAvgPool2d in newer releases of Brevitas."""


class _Joining(QuantLayer):
    """What the joins share: one quantizer for all inputs, one for the output, or the same for both."""

    def __init__(self, input_quant: QuantizerClass = Int8ActPerTensorFloat,
                 output_quant: QuantizerClass = Int8ActPerTensorFloat, tie_input_output_quant: bool = False,
                 return_quant_tensor: bool = False, **options: Any) -> None:
        super().__init__()
        refuse_unknown(options, ("input_", "output_"), self.kind)
        self.return_quant_tensor = return_quant_tensor
        self.input_quant = ActQuant(proxy_settings(input_quant, "input_", options, self.kind))
        self.output_quant = ActQuant(proxy_settings(output_quant, "output_", options, self.kind))
        if tie_input_output_quant:
            self._tie()

    def _tie(self) -> None:
        if self.input_quant.is_quant_enabled and self.output_quant.is_quant_enabled:
            raise HwgenError("bad-argument", self.kind, "tie_input_output_quant=True with two quantizers",
                             "Give input_quant or output_quant, and None for the other.")
        shared = self.input_quant if self.input_quant.is_quant_enabled else self.output_quant
        self.input_quant = self.output_quant = shared


class QuantEltwiseAdd(_Joining):
    """The sum of two values quantized alike."""

    def forward(self, input: Any, other: Any) -> Any:
        return self.packed(self.output_quant(self.input_quant(input) + self.input_quant(other)))


class QuantCat(_Joining):
    """Values quantized alike, one after another."""

    def forward(self, tensor_list: Sequence[Any], dim: int = 1) -> Any:
        return self.packed(self.output_quant(IntQuantTensor.cat([self.input_quant(x) for x in tensor_list], dim=dim)))


class QuantUpsample(QuantLayer, nn.Upsample):
    """nn.Upsample by nearest neighbours, which keeps the grid of its input."""

    def __init__(self, size: Any = None, scale_factor: Any = None, mode: str = "nearest",
                 return_quant_tensor: bool = True) -> None:
        if mode != "nearest":
            raise HwgenError("bad-argument", "QuantUpsample", f"mode is {mode!r}", "Only 'nearest' keeps integers.")
        nn.Upsample.__init__(self, size, scale_factor, mode)
        self.return_quant_tensor = return_quant_tensor

    def forward(self, input: Any) -> Any:
        y = F.interpolate(input, self.size, self.scale_factor, self.mode)
        return self.packed(y) if isinstance(input, IntQuantTensor) else y


