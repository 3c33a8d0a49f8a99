"""The low-precision LeNet of Brevitas' getting-started document: weights of 3 bits, activations of 4, biases of 8.

Trained on 8000 images of MNIST's t10k set, tested on the other 2000, in floats, in torch, in integers and as RTL:

    python examples/lenet.py --data FOLDER --weights build/lenet.pt
    hwgen build examples/lenet.py:make_model --weights build/lenet.pt --board pynq
"""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.nn import functional as F
from training import arguments, compare, mnist, padded_to_rgb

import hwgen.nn as qnn
from hwgen.nn.quant import Int8Bias

EPOCHS = 6


class LowPrecisionLeNet(nn.Module):
    """A picture of 3x32x32 pixels to ten scores."""

    input_shape = (1, 3, 32, 32)

    def __init__(self) -> None:
        super().__init__()
        layer = {"weight_bit_width": 3, "bias_quant": Int8Bias, "return_quant_tensor": True}
        self.quant_inp = qnn.QuantIdentity(bit_width=4, return_quant_tensor=True)
        self.conv1 = qnn.QuantConv2d(3, 6, 5, **layer)
        self.relu1 = qnn.QuantReLU(bit_width=4, return_quant_tensor=True)
        self.conv2 = qnn.QuantConv2d(6, 16, 5, **layer)
        self.relu2 = qnn.QuantReLU(bit_width=4, return_quant_tensor=True)
        self.fc1 = qnn.QuantLinear(16 * 5 * 5, 120, **layer)
        self.relu3 = qnn.QuantReLU(bit_width=4, return_quant_tensor=True)
        self.fc2 = qnn.QuantLinear(120, 84, **layer)
        self.relu4 = qnn.QuantReLU(bit_width=4, return_quant_tensor=True)
        self.fc3 = qnn.QuantLinear(84, 10, bias=False, weight_bit_width=3)

    def forward(self, x: Any) -> Any:
        out = F.max_pool2d(self.relu1(self.conv1(self.quant_inp(x))), 2)
        out = F.max_pool2d(self.relu2(self.conv2(out)), 2)
        out = out.reshape(out.shape[0], -1)
        return self.fc3(self.relu4(self.fc2(self.relu3(self.fc1(out)))))


def float_lenet() -> nn.Module:
    """The same layers without quantizers."""
    return nn.Sequential(
        nn.Conv2d(3, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10, bias=False))


def make_model(quantized: bool = True) -> nn.Module:
    """What hwgen build takes."""
    return LowPrecisionLeNet() if quantized else float_lenet()


def main() -> None:
    options = arguments(str(__doc__), EPOCHS, data=True)
    compare("LowPrecisionLeNet W3A4", make_model, mnist(options, padded_to_rgb), options)


if __name__ == "__main__":
    main()
