"""LeNet as a DPU wants it: 8 bits everywhere, all scales powers of two, outputs quantized before the ReLU.

    python examples/dpu_lenet.py --data FOLDER --weights build/dpu_lenet.pt
    hwgen build examples/dpu_lenet.py:make_model --weights build/dpu_lenet.pt --board pynq
"""

from __future__ import annotations

from typing import Any

from lenet import float_lenet
from torch import nn
from torch.nn import functional as F
from training import arguments, compare, mnist, padded_to_rgb

import hwgen.nn as qnn
from hwgen.nn.quant import Int8ActPerTensorFixedPoint as Act
from hwgen.nn.quant import Int8BiasPerTensorFixedPointInternalScaling as Bias
from hwgen.nn.quant import Int8WeightPerTensorFixedPoint as Weight

EPOCHS = 4


class DPULeNet(nn.Module):
    """A picture of 3x32x32 pixels to ten scores."""

    input_shape = (1, 3, 32, 32)

    def __init__(self) -> None:
        super().__init__()
        layer = {"weight_quant": Weight, "bias_quant": Bias, "output_quant": Act, "return_quant_tensor": True}
        self.conv1 = qnn.QuantConv2d(3, 6, 5, input_quant=Act, **layer)
        self.relu1 = nn.ReLU()
        self.conv2 = qnn.QuantConv2d(6, 16, 5, **layer)
        self.relu2 = nn.ReLU()
        self.fc1 = qnn.QuantLinear(16 * 5 * 5, 120, **layer)
        self.relu3 = nn.ReLU()
        self.fc2 = qnn.QuantLinear(120, 84, **layer)
        self.relu4 = nn.ReLU()
        self.fc3 = qnn.QuantLinear(84, 10, bias=False, weight_quant=Weight, output_quant=Act)

    def forward(self, x: Any) -> Any:
        out = F.max_pool2d(self.relu1(self.conv1(x)), 2)
        out = F.max_pool2d(self.relu2(self.conv2(out)), 2)
        out = out.reshape(out.shape[0], -1)
        return self.fc3(self.relu4(self.fc2(self.relu3(self.fc1(out)))))


def make_model(quantized: bool = True) -> nn.Module:
    """What hwgen build takes."""
    return DPULeNet() if quantized else float_lenet()


def main() -> None:
    options = arguments(str(__doc__), EPOCHS, data=True)
    compare("DPULeNet W8A8, powers of two", make_model, mnist(options, padded_to_rgb), options)


if __name__ == "__main__":
    main()
