"""Quantized activation functions: the function, then the quantizer."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import nn

from hwgen.nn.layers import QuantizerClass, QuantLayer
from hwgen.nn.quant import Int8ActPerTensorFloat, Int8ActPerTensorFloatMinMaxInit, Uint8ActPerTensorFloat
from hwgen.nn.quantizers import ActQuant, proxy_settings


class QuantActivation(QuantLayer):
    """y = act_quant(function(input_quant(x))). Settings of act_quant are arguments without a prefix."""

    activation: ClassVar[type[nn.Module] | None] = None
    passthrough: ClassVar[bool] = True
    default: ClassVar[QuantizerClass] = Int8ActPerTensorFloat

    def __init__(self, act_quant: Any = "default", input_quant: QuantizerClass = None,
                 return_quant_tensor: bool = False, **options: Any) -> None:
        super().__init__()
        kind, quantizer = self.kind, self.default if act_quant == "default" else act_quant
        self.return_quant_tensor = return_quant_tensor
        of_input = {name: value for name, value in options.items() if name.startswith("input_")}
        own = {name: value for name, value in options.items() if name not in of_input}
        self.input_quant = ActQuant(proxy_settings(input_quant, "input_", of_input, kind))
        self.act_quant = ActQuant(proxy_settings(quantizer, "", own, kind), self._function(own), self.passthrough)

    def _function(self, settings: dict[str, Any]) -> nn.Module | None:
        return None if self.activation is None else self.activation()

    def forward(self, input: Any) -> Any:
        return self.packed(self.act_quant(self.input_quant(input)))


class QuantIdentity(QuantActivation):
    """A quantizer alone."""


class QuantReLU(QuantActivation):
    """max(x, 0), by default in unsigned integers."""

    activation = nn.ReLU
    default = Uint8ActPerTensorFloat


class QuantSigmoid(QuantActivation):
    """The logistic function, by default in unsigned integers."""

    activation = nn.Sigmoid
    passthrough = False
    default = Uint8ActPerTensorFloat


class QuantTanh(QuantActivation):
    """The hyperbolic tangent."""

    activation = nn.Tanh
    passthrough = False


class QuantHardTanh(QuantActivation):
    """x between min_val and max_val; a quantizer's own range does the clipping."""

    activation = nn.Hardtanh
    default = Int8ActPerTensorFloatMinMaxInit

    def _function(self, settings: dict[str, Any]) -> nn.Module:
        return nn.Hardtanh(settings.get("min_val", -1.0), settings.get("max_val", 1.0))
