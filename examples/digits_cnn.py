"""A small residual CNN on scikit-learn's bundled digits: from training to verified RTL in less than a minute.

Weights and activations of 4 bits, a residual sum, an average pool that truncates, and SiLU behind the first layer:

    python examples/digits_cnn.py --weights build/digits_cnn.pt
    hwgen build examples/digits_cnn.py:make_model --weights build/digits_cnn.pt --board pynq
"""

from __future__ import annotations

from typing import Any

from torch import nn
from training import arguments, compare, digits

import hwgen.nn as qnn

EPOCHS, CHANNELS = 12, 12


class DigitsCNN(nn.Module):
    """8x8 pixels of 0 to 16 to ten scores."""

    input_shape = (1, 1, 8, 8)

    def __init__(self) -> None:
        super().__init__()
        weights = {"bias": False, "weight_bit_width": 4}
        self.pixels = qnn.QuantIdentity(scaling_impl_type="const", scaling_const=31.0, signed=False, bit_width=5,
                                        return_quant_tensor=True)
        self.conv1 = qnn.QuantConv2d(1, CHANNELS, 3, padding=1, **weights)
        self.norm1 = nn.BatchNorm2d(CHANNELS)
        self.silu = nn.SiLU()
        self.act1 = qnn.QuantIdentity(bit_width=4, return_quant_tensor=True)
        self.conv2 = qnn.QuantConv2d(CHANNELS, CHANNELS, 3, padding=1, **weights)
        self.norm2 = nn.BatchNorm2d(CHANNELS)
        self.add = qnn.QuantEltwiseAdd(input_bit_width=4, output_bit_width=4, return_quant_tensor=True)
        self.act2 = qnn.QuantReLU(bit_width=4, return_quant_tensor=True)
        self.pool = qnn.QuantAvgPool2d(4, bit_width=6)
        self.out = qnn.QuantLinear(4 * CHANNELS, 10, **weights)

    def forward(self, x: Any) -> Any:
        x = self.act1(self.silu(self.norm1(self.conv1(self.pixels(x)))))
        x = self.act2(self.add(self.norm2(self.conv2(x)), x))
        return self.out(self.pool(x).flatten(1))


class FloatCNN(nn.Module):
    """The same layers without quantizers."""

    def __init__(self) -> None:
        super().__init__()
        first, second = (nn.Conv2d(n, CHANNELS, 3, padding=1, bias=False) for n in (1, CHANNELS))
        self.first = nn.Sequential(first, nn.BatchNorm2d(CHANNELS), nn.SiLU())
        self.second = nn.Sequential(second, nn.BatchNorm2d(CHANNELS))
        self.tail = nn.Sequential(nn.ReLU(), nn.AvgPool2d(4), nn.Flatten(), nn.Linear(4 * CHANNELS, 10, bias=False))

    def forward(self, x: Any) -> Any:
        x = self.first(x)
        return self.tail(self.second(x) + x)


def make_model(quantized: bool = True) -> nn.Module:
    """What hwgen build takes."""
    return DigitsCNN() if quantized else FloatCNN()


def main() -> None:
    options = arguments(str(__doc__), EPOCHS, data=False)
    compare("Residual CNN W4A4 on digits", make_model, digits(flat=False), options, rate=1e-2)


if __name__ == "__main__":
    main()
