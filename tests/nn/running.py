"""A torch network and its IR, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from hwgen.ir.graph import Graph
from hwgen.ir.tensor import Array
from hwgen.model import IntegerModel
from hwgen.nn.quantizers import TensorQuant
from hwgen.nn.tensor import IntQuantTensor, unpacked
from hwgen.nn.trace import to_ir
from hwgen.ops.quantized import Dense, Quant, Relu, Reshape
from hwgen.ops.quantized_maps import Conv, Join, MaxPool
from hwgen.passes.pipeline import TO_INTEGERS, lower
from hwgen.reference import float32

NEAR = 1e-3
"""Of a quantizer's step."""


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


@dataclass(frozen=True)
class Compared:
    """How a module and its graph agree: quantizers and integers compared, those that differ, those of them that are
    allowed to (float32 training decides a near tie the other way), and the largest difference of the first output."""

    quantizers: int
    integers: int
    mismatches: int
    near_ties: int
    difference: float


def compared(model: Any, x: Any) -> Compared:
    """Frames that float32 has left at a near tie are not followed further."""
    graph = to_ir(model, (1, *x.shape[1:]))
    integer = integer_model(graph)
    encoded = integer.encode({graph.inputs[0]: x.numpy()})
    ours: Mapping[str, Array] = integer.activations(encoded)
    same, counts = np.ones(len(x), dtype=bool), [0, 0, 0, 0]
    for layer, theirs in integers_of(model, x).items():
        if layer in ours:
            mine = integer.graph.in_imported_order(layer, ours[layer])
            wrong = (mine != theirs.reshape(len(theirs), -1)) & same[:, None]
            near = near_ties(graph, x.numpy(), layer) if wrong.any() else wrong
            found = [1, wrong.size, int((wrong & ~near).sum()), int((wrong & near).sum())]
            counts = [a + b for a, b in zip(counts, found, strict=True)]
            same &= ~wrong.any(axis=1)
    outputs = integer.decode(integer.run(encoded))
    with torch.no_grad():
        expected = unpacked(model(x))
    difference = np.abs(next(iter(outputs.values())) - expected.numpy())[same]
    return Compared(*counts, float(difference.max(initial=0)))


def near_ties(graph: Graph, x: Array, layer: str) -> Array:
    """Where a quantizer decides within 1e-3 of a step of a tie; nowhere if float32 is exact in the whole network."""
    distances = float32.run(graph, {graph.inputs[0]: x}).distances[layer]
    return (distances.reshape(len(x), -1) <= NEAR) & (not is_exact_in_float32(graph))


def is_exact_in_float32(graph: Graph) -> bool:
    """Whether all scales are powers of two, and nothing stands between the layers and the quantizers."""
    scales = [node.op.scale.array for node in graph.nodes if isinstance(node.op, Quant | Dense | Conv)]
    plain = all(isinstance(node.op, Quant | Dense | Conv | Relu | MaxPool | Reshape | Join) for node in graph.nodes)
    return plain and all((np.frexp(np.asarray(scale, dtype=float))[0] == 0.5).all() for scale in scales)
