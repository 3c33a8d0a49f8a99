"""Train the network that the repository ships: a 64-32-32-10 MLP on scikit-learn's bundled handwritten digits.

Weights and activations have 4 bits, BatchNorm follows each hidden layer, and a 5-bit input quantizer of scale 1 takes
the pixels as they are, 0 to 16. Needs the `qat` extra (torch, Brevitas, scikit-learn) and less than a minute:

    python examples/digits_mlp.py

It writes digits_mlp.onnx (QONNX, weights inside), digits_mlp_inputs.npy (the held-out images, float32, 360 x 64) and
digits_mlp_labels.npy (their classes) next to itself. The same seed gives the same files on one machine.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import onnx
import torch
from brevitas.export import export_qonnx
from brevitas.inject.enum import ScalingImplType
from brevitas.nn import QuantIdentity, QuantLinear, QuantReLU
from brevitas.quant import Int8WeightPerTensorFloat, Uint8ActPerTensorFloat
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

HERE = Path(__file__).resolve().parent
SEED = 1
BITS = 4
EPOCHS = 120
HIDDEN = 32


def block(inputs: int, outputs: int) -> list[nn.Module]:
    """A dense layer with 4-bit weights, BatchNorm, and a 4-bit ReLU."""
    return [
        QuantLinear(inputs, outputs, bias=False, weight_quant=Int8WeightPerTensorFloat, weight_bit_width=BITS),
        nn.BatchNorm1d(outputs),
        QuantReLU(act_quant=Uint8ActPerTensorFloat, bit_width=BITS),
    ]


def network() -> nn.Sequential:
    """Real pixels in, ten class scores out."""
    return nn.Sequential(
        QuantIdentity(
            act_quant=Uint8ActPerTensorFloat, bit_width=5, scaling_impl_type=ScalingImplType.CONST, scaling_init=31.0
        ),
        *block(64, HIDDEN),
        *block(HIDDEN, HIDDEN),
        QuantLinear(HIDDEN, 10, bias=False, weight_quant=Int8WeightPerTensorFloat, weight_bit_width=BITS),
    )


def train(model: nn.Module, images: Tensor, labels: Tensor) -> None:
    """Cross entropy and Adam with a cosine schedule, batches of 64."""
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, EPOCHS)
    model.train()
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(images)).split(64):
            optimiser.zero_grad()
            nn.functional.cross_entropy(model(images[batch]), labels[batch]).backward()
            optimiser.step()
        schedule.step()
    model.eval()


def export(model: nn.Module, example: Tensor, path: Path) -> None:
    """QONNX in one file, without the exporter's stack traces, which hold paths of the machine."""
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / path.name
        export_qonnx(model, args=example, export_path=str(raw))
        proto = onnx.load(raw)
    del proto.metadata_props[:], proto.graph.metadata_props[:]
    for part in (*proto.graph.node, *proto.graph.input, *proto.graph.output, *proto.graph.value_info):
        del part.metadata_props[:]
    onnx.save(proto, path)


def main() -> None:
    torch.manual_seed(SEED)
    digits = load_digits()
    x_train, x_test, y_train, y_test = train_test_split(
        digits.data.astype(np.float32), digits.target, test_size=360, random_state=SEED, stratify=digits.target
    )
    model = network()
    train(model, torch.from_numpy(x_train), torch.from_numpy(y_train))
    with torch.no_grad():
        hits = (model(torch.from_numpy(x_test)).argmax(1).numpy() == y_test).sum()
    print(f"{hits} of {len(y_test)} held-out images are classified right ({hits / len(y_test):.1%})")
    export(model, torch.from_numpy(x_test[:1]), HERE / "digits_mlp.onnx")
    np.save(HERE / "digits_mlp_inputs.npy", x_test)
    np.save(HERE / "digits_mlp_labels.npy", y_test.astype(np.int64))


if __name__ == "__main__":
    main()
