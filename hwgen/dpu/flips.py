"""Where a DPU's rounding and constants change what training computed, counted layer by layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hwgen.dpu import arithmetic
from hwgen.dpu.layers import Layer
from hwgen.dpu.network import DpuNetwork
from hwgen.ir.tensor import Array
from hwgen.reference import exact
from hwgen.rounding import Rounding


@dataclass(frozen=True)
class Flips:
    """One layer: of `values` numbers, how many differ from training's. alone: with training's own inputs."""

    layer: str
    values: int
    chained: int
    alone: int


def flips(trained: DpuNetwork, fitted: DpuNetwork, inputs: Mapping[str, Array]) -> tuple[Flips, ...]:
    """Layers that round. trained: with training's positions; fitted: with the DPU's; inputs: (frames, *shape) reals."""
    integers = exact.run(trained.imported, inputs).integers
    want = training_values(trained, integers)
    entries = {entry.value: _moved(want[entry.value], trained, fitted, entry.value) for entry in fitted.entries}
    chained = fitted.run(entries)
    found = []
    for layer in fitted.layers:
        if layer.tied:
            continue
        sources = [_moved(want[name], trained, fitted, name) for name in layer.inputs]
        alone = layer.run(sources, fitted.positions_in(layer), Rounding.HALF_UP)
        counts = [_different(want[layer.output], made, trained, fitted, layer)
                  for made in (chained[layer.output], alone)]
        found.append(Flips(layer.name, alone.size, *counts))
    return tuple(found)


def training_values(network: DpuNetwork, integers: Mapping[str, Array]) -> dict[str, Array]:
    """Every value as training has it: its quantizers' integers, and what is moved or compared of them.

    The layer before a pool that stands between it and its quantizer has no integers in training: there they are those
    of the DPU's layer, with ties to even.
    """
    values = {entry.value: integers[entry.value].reshape(-1, *entry.shape) for entry in network.entries}
    for layer in network.layers:
        known = integers.get(layer.output)
        values[layer.output] = known.reshape(-1, *layer.shape) if known is not None else layer.run(
            [values[name] for name in layer.inputs], network.positions_in(layer), Rounding.HALF_EVEN)
    return values


def _moved(values: Array, trained: DpuNetwork, fitted: DpuNetwork, name: str) -> Array:
    """Numbers at training's position, at the DPU's."""
    places = trained.positions[name] - fitted.positions[name]
    return values if not places else arithmetic.clipped(arithmetic.shifted(values, places))


def _different(want: Array, made: Array, trained: DpuNetwork, fitted: DpuNetwork, layer: Layer) -> int:
    """Numbers whose real values differ."""
    steps = [2.0 ** -network.positions[layer.output] for network in (trained, fitted)]
    return int(np.count_nonzero(want * steps[0] != made * steps[1]))
