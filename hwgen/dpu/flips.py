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


def flips(trained: DpuNetwork, fitted: DpuNetwork, inputs: Mapping[str, Array],
          chained: Mapping[str, Array]) -> tuple[Flips, ...]:
    """Layers that round. trained: with training's positions; fitted: with the DPU's; inputs: (frames, *shape) reals.

    chained: every value that the DPU computes of these inputs, (frames, *shape) int8 numbers.
    """
    integers = exact.run(trained.imported, inputs).integers
    want = training_values(trained, integers)
    given = _given(trained, fitted, want, integers)
    found = []
    for layer in fitted.layers:
        if layer.tied:
            continue
        alone = layer.run([given[name] for name in layer.inputs], fitted.positions_in(layer), Rounding.HALF_UP)
        counts = [_different(want[layer.output], made, trained, fitted, layer)
                  for made in (chained[layer.output], alone)]
        found.append(Flips(layer.name, alone.size, *counts))
    return tuple(found)


def training_values(network: DpuNetwork, integers: Mapping[str, Array]) -> dict[str, Array]:
    """Every value as training has it: its quantizers' integers, and what is moved or compared of them.

    The layer before a pool that stands between it and its quantizer has no integers in training: there they are those
    of the DPU's layer, with ties to even. A concatenation is at the coarsest of its inputs' positions.
    """
    values = {entry.value: integers[entry.value].reshape(-1, *entry.shape) for entry in network.entries}
    for layer in network.layers:
        known, positions = integers.get(layer.output), network.positions_in(layer)
        sources = [values[name] for name in layer.inputs]
        if layer.tied:
            sources = [_shifted(x, position - layer.position) for x, position in zip(sources, positions, strict=True)]
        values[layer.output] = known.reshape(-1, *layer.shape) if known is not None else layer.run(
            sources, positions, Rounding.HALF_EVEN)
    return values


def _given(trained: DpuNetwork, fitted: DpuNetwork, want: Mapping[str, Array],
           integers: Mapping[str, Array]) -> dict[str, Array]:
    """Every value of training at the DPU's positions, rounded once: what is concatenated is so before it is."""
    given = {entry.value: _moved(want[entry.value], trained, fitted, entry.value) for entry in fitted.entries}
    for layer in fitted.layers:
        if layer.tied and layer.output not in integers:
            sources = [given[name] for name in layer.inputs]
            given[layer.output] = layer.run(sources, fitted.positions_in(layer), Rounding.HALF_UP)
        else:
            given[layer.output] = _moved(want[layer.output], trained, fitted, layer.output)
    return given


def _moved(values: Array, trained: DpuNetwork, fitted: DpuNetwork, name: str) -> Array:
    """Numbers at training's position, at the DPU's."""
    return _shifted(values, trained.positions[name] - fitted.positions[name])


def _shifted(values: Array, places: int) -> Array:
    """int8 numbers at a position that is so much coarser."""
    return values if not places else arithmetic.clipped(arithmetic.shifted(values, places))


def _different(want: Array, made: Array, trained: DpuNetwork, fitted: DpuNetwork, layer: Layer) -> int:
    """Numbers whose real values differ."""
    steps = [2.0 ** -network.positions[layer.output] for network in (trained, fitted)]
    return int(np.count_nonzero(want * steps[0] != made * steps[1]))
