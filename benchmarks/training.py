"""How fast the low-precision LeNet trains in hwgen.nn and in Brevitas, in turns, on one thread. Figures, no test.

    python benchmarks/training.py
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

BATCH = 50
TURNS = 7


def lenet(library: Any, bias: Any) -> nn.Module:
    """The network of Brevitas' getting-started document, in either library."""
    layer = {"weight_bit_width": 3, "bias_quant": bias, "return_quant_tensor": True}

    class LeNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inp = library.QuantIdentity(bit_width=4, return_quant_tensor=True)
            self.convs = nn.ModuleList([library.QuantConv2d(3, 6, 5, **layer), library.QuantConv2d(6, 16, 5, **layer)])
            self.dense = nn.ModuleList([library.QuantLinear(400, 120, bias=True, **layer),
                                        library.QuantLinear(120, 84, bias=True, **layer)])
            self.acts = nn.ModuleList([library.QuantReLU(bit_width=4, return_quant_tensor=True) for _ in range(4)])
            self.out = library.QuantLinear(84, 10, bias=False, weight_bit_width=3)

        def forward(self, x: Any) -> Any:
            x = self.inp(x)
            for conv, act in zip(self.convs, self.acts[:2], strict=True):
                x = F.max_pool2d(act(conv(x)), 2)
            x = x.reshape(x.shape[0], -1)
            for dense, act in zip(self.dense, self.acts[2:], strict=True):
                x = act(dense(x))
            return self.out(x)

    torch.manual_seed(0)
    return LeNet()


def trainer(model: nn.Module, steps: int) -> Callable[[], float]:
    """Milliseconds a step, over some steps of SGD."""
    optimiser = torch.optim.SGD(model.train().parameters(), lr=0.01, momentum=0.9)
    x, labels = torch.rand(BATCH, 3, 32, 32) * 2 - 1, torch.randint(0, 10, (BATCH,))

    def run() -> float:
        started = time.perf_counter()
        for _ in range(steps):
            optimiser.zero_grad()
            F.cross_entropy(model(x), labels).backward()
            optimiser.step()
        return (time.perf_counter() - started) / steps * 1e3
    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=40, help="steps a turn")
    steps = parser.parse_args().steps
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    import brevitas.nn
    from brevitas.quant import Int8Bias as TheirBias

    import hwgen.nn
    from hwgen.nn.quant import Int8Bias

    ours, theirs = trainer(lenet(hwgen.nn, Int8Bias), steps), trainer(lenet(brevitas.nn, TheirBias), steps)
    ours(), theirs()
    pairs = [(ours(), theirs()) for _ in range(TURNS)]
    mine, other = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(a / b for a, b in pairs)
    print(f"LeNet W3A4, batches of {BATCH}: hwgen.nn {mine:.1f} ms a step, Brevitas {other:.1f} ms, ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
