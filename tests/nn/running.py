"""A torch network and its IR, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from hwgen.ir.graph import Graph
from hwgen.ir.tensor import Array
from hwgen.model import IntegerModel
from hwgen.nn.quantizers import TensorQuant
from hwgen.nn.tensor import IntQuantTensor
from hwgen.nn.trace import to_ir
from hwgen.passes.pipeline import TO_INTEGERS, lower


def trained(model: Any, x: Any, steps: int = 3) -> Any:
    """A few steps of SGD, so that no parameter is where it began; in evaluation mode."""
    optimiser = torch.optim.SGD(model.parameters(), lr=0.02)
    for _ in range(steps):
        loss = model.train()(x).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return model.eval()


def integer_model(graph: Graph) -> IntegerModel:
    """The integer level of a quantized graph."""
    *_, (_, lowered) = lower(graph, TO_INTEGERS)
    return IntegerModel(lowered)


def integers_of(model: Any, x: Any) -> dict[str, Array]:
    """What every activation quantizer gave, by its layer's name as in the IR; a second call has _2 behind it."""
    found: dict[str, Array] = {}
    hooks = []
    for name, module in model.named_modules():
        if isinstance(module, TensorQuant) and not module.weights:
            layer = name.removesuffix(".tensor_quant").removesuffix(".act_quant")
            hooks.append(module.register_forward_hook(_keeper(found, layer)))
    with torch.no_grad():
        model(x)
    for hook in hooks:
        hook.remove()
    return found


def _keeper(found: dict[str, Array], layer: str) -> Any:
    def keep(module: Any, arguments: Any, output: Any) -> None:
        made = IntQuantTensor(*output, module.settings.signed, False)
        calls = sum(name.startswith(f"{layer}_") for name in found) + (layer in found)
        found[f"{layer}_{calls + 1}" if calls else layer] = made.int().numpy().astype(np.int64)
    return keep


def compared(model: Any, x: Any) -> tuple[int, int, float]:
    """Quantizers compared, integers that differ, and the largest difference of the first output."""
    graph = to_ir(model, (1, *x.shape[1:]))
    integer = integer_model(graph)
    encoded = integer.encode({graph.inputs[0]: x.numpy()})
    ours: Mapping[str, Array] = integer.activations(encoded)
    count = mismatches = 0
    for layer, theirs in integers_of(model, x).items():
        if layer in ours:
            mine = integer.graph.in_imported_order(layer, ours[layer])
            mismatches += int((mine != theirs.reshape(len(theirs), -1)).sum())
            count += 1
    outputs = integer.decode(integer.run(encoded))
    with torch.no_grad():
        expected = model(x)
    expected = expected.value if isinstance(expected, IntQuantTensor) else expected
    difference = float(np.abs(next(iter(outputs.values())) - expected.numpy()).max())
    return count, mismatches, difference
