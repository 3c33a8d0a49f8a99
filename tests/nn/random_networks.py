"""Random small networks in hwgen.nn: layers, quantizers, bit widths."""

from __future__ import annotations

import random
from typing import Any

import torch
from torch import nn

from hwgen import nn as qnn
from hwgen.nn import quant

ACTIVATIONS = (quant.Uint8ActPerTensorFloat, quant.ShiftedUint8ActPerTensorFloat, quant.Int8ActPerTensorFloat,
               quant.Uint8ActPerTensorFixedPoint, quant.Int8ActPerTensorFixedPoint)
WEIGHTS = (quant.Int8WeightPerTensorFloat, quant.Int8WeightPerChannelFloat, quant.Int8WeightPerTensorFixedPoint,
           quant.ShiftedUint8WeightPerTensorFloat, quant.SignedBinaryWeightPerTensorConst,
           quant.SignedTernaryWeightPerTensorConst)
BIASES = (None, quant.Int8Bias, quant.Int16Bias, quant.Int8BiasPerTensorFixedPointInternalScaling)


class Residual(nn.Module):
    """act(x + f(x)), both sides on one grid."""

    def __init__(self, draw: Draw, channels: int) -> None:
        super().__init__()
        self.conv = draw.convolution(channels, channels, 3, padding=1)
        self.norm = nn.BatchNorm2d(channels)
        self.add = qnn.QuantEltwiseAdd(input_bit_width=draw.bits(), output_bit_width=draw.bits(),
                                       return_quant_tensor=True)

    def forward(self, x: Any) -> Any:
        return self.add(x, self.norm(self.conv(x)))


class Draw:
    """Layers from one stream of random choices."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.kinds: list[str] = []

    def bits(self) -> int:
        return self.random.choice((2, 3, 4, 5, 8))

    def weights(self) -> dict[str, Any]:
        quantizer = self.random.choice(WEIGHTS)
        self.kinds.append(quantizer.__name__)
        fixed = "Signed" in quantizer.__name__
        return {"weight_quant": quantizer} | ({} if fixed else {"weight_bit_width": self.bits()})

    def activation(self, **options: Any) -> nn.Module:
        quantizer, layer = self.random.choice(ACTIVATIONS), self.random.choice((qnn.QuantReLU, qnn.QuantIdentity))
        self.kinds.append(quantizer.__name__)
        return layer(quantizer, bit_width=self.bits(), return_quant_tensor=True, **options)

    def bias(self, weights: dict[str, Any]) -> Any:
        shifted = "Shifted" in weights["weight_quant"].__name__
        return self.random.choice((None, BIASES[-1]) if shifted else BIASES)

    def convolution(self, inputs: int, outputs: int, kernel: int, **options: Any) -> nn.Module:
        weights = self.weights()
        return qnn.QuantConv2d(inputs, outputs, kernel, bias_quant=self.bias(weights), **weights, **options)

    def linear(self, inputs: int, outputs: int) -> nn.Module:
        weights = self.weights()
        return qnn.QuantLinear(inputs, outputs, bias_quant=self.bias(weights), **weights)


def random_network(seed: int) -> tuple[nn.Module, tuple[int, ...], list[str]]:
    """A network, the shape of its frames, and which quantizers it has."""
    draw = Draw(seed)
    choose = draw.random.choice
    channels, size = choose((1, 2, 3)), choose((7, 8, 9))
    shape = (channels, size, size)
    layers: list[nn.Module] = [draw.activation()]
    for _ in range(choose((1, 2))):
        outputs = choose((2, 3, 5, 7))
        layers += [draw.convolution(channels, outputs, choose((1, 2, 3)), padding=choose((0, 1)))]
        layers += [nn.BatchNorm2d(outputs)] * choose((0, 1)) + [draw.activation()]
        layers += [Residual(draw, outputs)] * choose((0, 0, 1)) + [nn.MaxPool2d(2)] * choose((0, 1))
        channels = outputs
        with torch.no_grad():
            if nn.Sequential(*layers).eval()(torch.zeros(1, *shape)).shape[-1] < 4:
                break
    body = nn.Sequential(*layers, nn.Flatten())
    with torch.no_grad():
        features = body.eval()(torch.zeros(1, *shape)).shape[1]
    return nn.Sequential(body, draw.linear(features, choose((2, 5)))), shape, draw.kinds
