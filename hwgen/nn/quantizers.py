"""Quantizers as modules: of weights, activations, biases and average pools."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from hwgen.errors import HwgenError
from hwgen.nn.functions import clamp, clamp_ste, round_ste, sign, straight_through
from hwgen.nn.scaling import SCALES, CollectedZeroPoint, StatsZeroPoint, WeightScale
from hwgen.nn.settings import Quantizer, QuantType, ScalingImplType, Settings, ZeroPoint, settings_of
from hwgen.nn.tensor import IntQuantTensor, product_scale, unpacked

Parts = tuple[Tensor, Tensor, Tensor, Tensor]
"""Value, scale, zero point, bit width."""


class TensorQuant(nn.Module):
    """x -> the nearest value on a grid. weights: whether x is a parameter (gradients pass its clamp)."""

    zero: Tensor
    bits: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, settings: Settings, shape: tuple[int, ...], weights: bool) -> None:
        super().__init__()
        self.settings, self.weights = settings, weights
        numbers = {"zero": 0.0, "bits": settings.bit_width, "low": settings.low, "high": settings.high}
        for name, value in numbers.items():
            self.register_buffer(name, torch.tensor(float(value)), persistent=False)
        kind = SCALES[settings.scaling_impl_type]
        learned = settings.scaling_impl_type is ScalingImplType.PARAMETER_FROM_STATS
        self.scale = None if settings.requires_input_scale else (WeightScale if weights and learned else kind)(
            settings, shape)
        self.zero_point = _zero_point(settings, shape)

    def forward(self, x: Tensor, scale: Tensor | None = None) -> Parts:
        """scale: given from outside where the quantizer has none of its own."""
        if scale is None:
            assert self.scale is not None
            scale = self.scale(x)
        quantize = {QuantType.BINARY: self._binary, QuantType.TERNARY: self._ternary}
        return quantize.get(self.settings.quant_type, self._integers)(x, scale)

    def _integers(self, x: Tensor, scale: Tensor) -> Parts:
        zero = self.zero if self.zero_point is None else self.zero_point(x, scale)
        q = round_ste(x / scale + zero, self.settings.float_to_int_impl_type)
        q = self._clamped(q)
        return (q - zero) * scale, scale, zero, self.bits

    def _clamped(self, q: Tensor) -> Tensor:
        through = self.weights and self.settings.scaling_impl_type in (ScalingImplType.STATS, ScalingImplType.CONST)
        return (clamp_ste if through else clamp)(q, self.low, self.high)

    def _binary(self, x: Tensor, scale: Tensor) -> Parts:
        x = x if self.weights else clamp(x, -scale, scale)
        return straight_through(x, sign(x.detach())) * scale, scale, self.zero, self.bits

    def _ternary(self, x: Tensor, scale: Tensor) -> Parts:
        large = (x.abs() > self.settings.threshold * scale).float()
        return large * straight_through(x, x.detach().sign()) * scale, scale, self.zero, self.bits


def _zero_point(settings: Settings, shape: tuple[int, ...]) -> StatsZeroPoint | None:
    if settings.zero_point is ZeroPoint.NONE:
        return None
    return (StatsZeroPoint if settings.zero_point is ZeroPoint.STATS else CollectedZeroPoint)(settings, shape)


class _Proxy(nn.Module):
    """What the quantizers of a layer have in common: they may be off, and tell their settings."""

    def __init__(self, settings: Settings | None, shape: tuple[int, ...] = (), weights: bool = True) -> None:
        super().__init__()
        self.settings = None if settings is None or settings.quant_type is QuantType.FP else settings
        self.tensor_quant = None if self.settings is None else TensorQuant(self.settings, shape, weights)

    @property
    def is_quant_enabled(self) -> bool:
        """Whether it quantizes at all."""
        return self.tensor_quant is not None

    @property
    def is_signed(self) -> bool:
        """Whether its integers are signed."""
        return self.settings is not None and self.settings.signed

    def made(self, parts: Parts) -> IntQuantTensor:
        """The tensor of a quantizer's results."""
        return IntQuantTensor(*parts, self.is_signed, self.training)


class WeightQuant(_Proxy):
    """Quantizes a weight. shape: of the scale."""

    def forward(self, weight: Tensor) -> Any:
        return weight if self.tensor_quant is None else self.made(self.tensor_quant(weight))


class BiasQuant(_Proxy):
    """Quantizes a bias, on the accumulator's grid or its own. layer: the layer's kind, for the error."""

    def __init__(self, settings: Settings | None, layer: str) -> None:
        super().__init__(settings)
        self.layer = layer
        if self.tensor_quant is not None:
            self.tensor_quant.weights = not self.tensor_quant.settings.requires_input_scale

    def forward(self, bias: Tensor, x: Any, weight: Any, rank: int, channel_axis: int, repeats: int = 1) -> Any:
        """HwgenError: "input-scale" where the accumulator has no scale."""
        if self.tensor_quant is None:
            return bias
        if not self.tensor_quant.settings.requires_input_scale:
            return self.made(self.tensor_quant(bias))
        both = isinstance(x, IntQuantTensor) and isinstance(weight, IntQuantTensor)
        scale = product_scale(x, weight, rank, channel_axis, repeats) if both else None
        if scale is None:
            raise HwgenError("input-scale", self.layer, "its bias quantizer takes the scale of the accumulator, and "
                             "its input or its weights are not quantized", "Set return_quant_tensor=True on the layer "
                             "before it, or take a bias quantizer with a scale of its own.")
        return self.made(self.tensor_quant(bias, scale.reshape(-1)))


class ActQuant(_Proxy):
    """An activation function and its quantizer.

    passthrough: whether the function keeps a grid (relu, none), so that without a quantizer the input's stays.
    """

    def __init__(self, settings: Settings | None, activation: nn.Module | None = None,
                 passthrough: bool = True) -> None:
        super().__init__(settings, (), weights=False)
        clipped = self.is_quant_enabled and isinstance(activation, nn.Hardtanh)
        self.activation = None if clipped else activation
        self.passthrough = passthrough

    def forward(self, x: Any) -> Any:
        if self.tensor_quant is None and self.activation is None:
            return x
        value = unpacked(x)
        value = value if self.activation is None else self.activation(value)
        if self.tensor_quant is not None:
            return self.made(self.tensor_quant(value))
        return x.set(value=value) if self.passthrough and isinstance(x, IntQuantTensor) else value

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        _renamed(state_dict, prefix)
        super()._load_from_state_dict(state_dict, prefix, *args)


class TruncQuant(nn.Module):
    """The most significant bits of an accumulator: y = clip(round(q / 2^n)), n = its bits less bit_width."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings

    def forward(self, x: IntQuantTensor) -> IntQuantTensor:
        q = round_ste(x.value / x.scale + x.zero_point)
        step = 2 ** (x.bit_width - self.settings.bit_width)
        made = x.set(scale=x.scale * step, zero_point=x.zero_point / step,
                     bit_width=torch.tensor(float(self.settings.bit_width)), training_t=torch.tensor(self.training))
        low, high = (torch.tensor(v) for v in (made.low, made.high))
        y = clamp(round_ste(q / step, self.settings.float_to_int_impl_type), low, high)
        return made.set(value=(y - made.zero_point) * made.scale)


def proxy_settings(quantizer: type[Quantizer] | None, prefix: str, options: Mapping[str, object],
                   layer: str) -> Settings | None:
    """The settings of a layer's quantizer: those of its class, with the options that start with the prefix."""
    own = {name.removeprefix(prefix): value for name, value in options.items() if name.startswith(prefix)}
    if quantizer is None and own:
        raise HwgenError("bad-argument", layer, f"{prefix}{next(iter(own))} is given without {prefix}quant",
                         f"Give {prefix}quant, a quantizer of hwgen.nn.quant.")
    return None if quantizer is None else settings_of(quantizer, own, layer)


_BREVITAS_KEYS = {"fused_activation_quant_proxy.tensor_quant.scaling_impl.value": "tensor_quant.scale.value",
                  "fused_activation_quant_proxy.tensor_quant.zero_point_impl.value": "tensor_quant.zero_point.value"}


def _renamed(state_dict: dict[str, Any], prefix: str) -> None:
    """Brevitas' names of what a checkpoint holds, to ours."""
    for theirs, ours in _BREVITAS_KEYS.items():
        if prefix + theirs in state_dict:
            state_dict[prefix + ours] = state_dict.pop(prefix + theirs)
