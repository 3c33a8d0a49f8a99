"""An integer graph and its export, value by value."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from hwgen.export.sheet import Exported
from hwgen.host import OutputPort
from hwgen.ir.graph import Graph
from hwgen.ir.tensor import Array
from hwgen.model import IntegerModel
from hwgen.vectors import random_inputs

Run = Callable[..., dict[str, Array]]


def inputs_of(graph: Graph, frames: int, seed: int, golden: Array | None = None) -> dict[str, Array]:
    """Random inputs, an eighth of them on a decision of the quantizer, and golden ones behind them."""
    model = IntegerModel(graph)
    made = random_inputs({port.name: port for port in model.input_ports}, frames, seed)
    if golden is None:
        return made
    return {port.name: np.concatenate([made[port.name], golden.astype(np.float32).reshape(-1, *port.shape)])
            for port in model.input_ports}


def differences(graph: Graph, exported: Exported, inputs: Mapping[str, Array], run: Run) -> dict[str, int]:
    """How many integers of each value differ (values without a difference left out), and reals by more than rounding.

    The outputs come from the model as it is, the values between from one that has them as outputs too.
    """
    model = IntegerModel(graph)
    wanted = model.activations(model.encode(inputs))
    bytes_of = {name: codes.tensor for name, codes in exported.codes.items()}
    found = run(exported.model, inputs, [*exported.tensors.values(), *bytes_of.values()])
    counts = {name: int((found[tensor] != np.moveaxis(wanted[name], -1, 1)).sum())
              for name, tensor in exported.tensors.items()}
    for name, codes in exported.codes.items():
        integers = found[codes.tensor].astype(np.int64) - codes.zero
        counts[name] = int((integers != np.moveaxis(wanted[name], -1, 1)).sum())
    alone = run(exported.model, inputs)
    for port in model.output_ports:
        counts[f"output {port.name}"] = int(wrong(port, alone[port.name], port.run(wanted[port.value])).sum())
    return {name: count for name, count in counts.items() if count}


def wrong(port: OutputPort, found: Array, wanted: Array) -> Array:
    """Where an output differs by more than float32's rounding of its largest number."""
    return np.asarray(np.abs(found.astype(np.float64) - wanted) > 1e-6 * np.abs(wanted).max(initial=0.1))
