"""A 64-32-32-10 MLP on scikit-learn's bundled handwritten digits: from training to verified RTL in less than a minute.

Weights and activations have 4 bits, BatchNorm follows each hidden layer, and a 5-bit input quantizer of scale 1 takes
the pixels as they are, 0 to 16. Needs the `qat` extra (torch, scikit-learn):

    python examples/digits_mlp.py --weights build/digits_mlp.pt
    hwgen build examples/digits_mlp.py:make_model --weights build/digits_mlp.pt --board pynq

With --write FOLDER it leaves there what `make demo` takes: digits_mlp.onnx (QONNX, weights inside),
digits_mlp_inputs.npy (the held-out images, float32, 360 x 64) and digits_mlp_labels.npy (their classes).
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import numpy as np
import onnx
from torch import nn
from training import Data, arguments, compare, digits

import hwgen.nn as qnn
from hwgen.export.qonnx import export

EPOCHS, HIDDEN = 40, 32


def make_model(quantized: bool = True) -> nn.Module:
    """Real pixels in, ten class scores out."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    layers["pixels"] = qnn.QuantIdentity(scaling_impl_type="const", scaling_const=31.0, signed=False,
                                         bit_width=5) if quantized else nn.Identity()
    for index, inputs in enumerate((64, HIDDEN), 1):
        layers[f"dense{index}"] = dense(inputs, HIDDEN, quantized)
        layers[f"norm{index}"] = nn.BatchNorm1d(HIDDEN)
        layers[f"relu{index}"] = qnn.QuantReLU(bit_width=4) if quantized else nn.ReLU()
    layers["dense3"] = dense(HIDDEN, 10, quantized)
    model = nn.Sequential(layers)
    model.input_shape = (1, 64)  # type: ignore[assignment]
    return model


def dense(inputs: int, outputs: int, quantized: bool) -> nn.Module:
    """A dense layer, with 4-bit weights or floats."""
    if quantized:
        return qnn.QuantLinear(inputs, outputs, bias=False, weight_bit_width=4)
    return nn.Linear(inputs, outputs, bias=False)


def write(model: nn.Module, data: Data, folder: Path) -> None:
    """The network and the held-out images as files."""
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(export(qnn.to_ir(model, (1, 64), "digits_mlp")), folder / "digits_mlp.onnx")
    np.save(folder / "digits_mlp_inputs.npy", data.test.numpy())
    np.save(folder / "digits_mlp_labels.npy", data.test_labels.numpy().astype(np.int64))


def main() -> None:
    options = arguments(str(__doc__), EPOCHS, data=False, rtl_frames=100)
    data = digits(flat=True)
    model = compare("MLP W4A4 on digits", make_model, data, options, rate=1e-2)
    if options.write is not None:
        write(model, data, options.write)


if __name__ == "__main__":
    main()
