"""The CNN of TU Dresden's tutorial: binary weights and activations of one bit, or 8 bits of both.

Pixels are the integers -128 to 127, two convolutions with BatchNorm, pooling, two dense layers:

    python examples/tud_cnn.py --data FOLDER --weights build/tud_w1a1.pt
    hwgen build examples/tud_cnn.py:make_w1a1 --weights build/tud_w1a1.pt --board zcu104
"""

from __future__ import annotations

from torch import Tensor, nn
from training import arguments, compare, mnist

import hwgen.nn as qnn
from hwgen.nn import QuantType

EPOCHS = 6


def activation(bits: int | None) -> nn.Module:
    """A quantized ReLU, or a plain one."""
    return nn.ReLU() if bits is None else qnn.QuantReLU(bit_width=bits, return_quant_tensor=True)


def network(bits: int | None, channels: int, hidden: int) -> nn.Module:
    """bits: of weights and activations; None: floats."""
    weights = {"bias": False} if bits is None else {"bias": False, "weight_bit_width": bits, "weight_quant_type": (
        QuantType.BINARY if bits == 1 else QuantType.INT)}
    conv, linear = (nn.Conv2d, nn.Linear) if bits is None else (qnn.QuantConv2d, qnn.QuantLinear)
    pixels = nn.Identity() if bits is None else qnn.QuantIdentity(
        quant_type=QuantType.INT, scaling_impl_type="const", bit_width=8, min_val=-128.0, max_val=127.0,
        return_quant_tensor=True)
    made = nn.Sequential(
        pixels, conv(1, channels, 3, padding=1, **weights), nn.BatchNorm2d(channels), activation(bits), nn.MaxPool2d(2),
        conv(channels, channels, 3, padding=1, **weights), nn.BatchNorm2d(channels), activation(bits), nn.MaxPool2d(2),
        nn.Flatten(), linear(49 * channels, hidden, **weights), nn.BatchNorm1d(hidden), activation(bits),
        linear(hidden, 10, **weights))
    made.input_shape = (1, 1, 28, 28)  # type: ignore[assignment]
    return made


def make_w1a1(quantized: bool = True) -> nn.Module:
    """One bit: weights of plus and minus, activations of 0 and 1."""
    return network(1 if quantized else None, 64, 64)


def make_w8a8(quantized: bool = True) -> nn.Module:
    """8 bits, fewer channels."""
    return network(8 if quantized else None, 16, 32)


def pixels(images: Tensor) -> Tensor:
    """0 to 255 as -128 to 127."""
    return images.float() - 128


def main() -> None:
    options = arguments(str(__doc__), EPOCHS, data=True, rtl_frames=4)
    data = mnist(options, pixels)
    compare("The tutorial's CNN W1A1", make_w1a1, data, options)
    options.epochs, options.weights = max(options.epochs // 3, 1), None
    compare("The tutorial's CNN W8A8", make_w8a8, data, options)


if __name__ == "__main__":
    main()
