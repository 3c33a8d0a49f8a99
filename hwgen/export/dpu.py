"""A Xilinx DPU: the network's fixed-point configuration, and what its arithmetic changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from hwgen.dpu.arch import Architecture, architecture
from hwgen.dpu.arithmetic import Activation
from hwgen.dpu.flips import Flips, flips
from hwgen.dpu.layers import Layer
from hwgen.dpu.limits import Adjustment, fitted
from hwgen.dpu.network import DpuNetwork
from hwgen.dpu.read import read
from hwgen.dpu.weighted import Filter, Weighted
from hwgen.errors import Exit, HwgenError
from hwgen.export.dpu_files import files
from hwgen.export.written import ExportOptions, Written
from hwgen.host import InputPort
from hwgen.ir.graph import Graph
from hwgen.ir.tensor import Array
from hwgen.model import IntegerModel
from hwgen.passes.pipeline import integers_of
from hwgen.reference import exact
from hwgen.vectors import as_singles, load_inputs, random_inputs

FRAMES = 16
"""Random ones, where no inputs are given."""
GUARD_BITS = 2
"""Bits that Vitis AI's runner keeps of the finer input of a sum."""


def write(graph: Graph, options: ExportOptions) -> Written:
    """The folder's files. HwgenError: "unknown-arch", "dpu-bits", "dpu-scale", "dpu-zero-point", "dpu-layer",
    "dpu-quantizer", "dpu-limit", and those of the inputs."""
    arch, trained = architecture(options.arch), read(graph)
    network, adjustments = fitted(trained, arch)
    model = IntegerModel(integers_of(network.as_graph()))
    inputs = frames(model, options)
    values = checked(network, model, inputs)
    found = flips(trained, network, inputs, values)
    first = {name: array[:1] for name, array in values.items()}
    host = network.on_host
    facts = {**_facts(arch, adjustments, found, bool(options.inputs)), "host": host}
    notes = [_summary(found, inputs, options), *([f"left to the host: {', '.join(host)}"] if host else [])]
    return Written(files(network, arch, first), model.predict, forms(network, found), facts, notes,
                   [*map(str, adjustments), *cautions(network, arch)])


def frames(model: IntegerModel, options: ExportOptions) -> dict[str, Array]:
    """(frames, *shape) float32 inputs by graph input: the user's, or random ones."""
    ports: dict[str, InputPort] = {port.name: port for port in model.input_ports}
    given = load_inputs(options.inputs, ports) if options.inputs else random_inputs(ports, FRAMES, options.seed)
    return as_singles(given, ports)


def checked(network: DpuNetwork, model: IntegerModel, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """Every value, by the layers' shifts, compared with the integer model of the same network.

    HwgenError: "internal" where they differ, which is a bug of hwgen.
    """
    want = exact.run(network.as_graph(), inputs).integers
    values = network.run({entry.value: want[entry.value] for entry in network.entries})
    have = model.activations(model.encode(inputs))
    for name in (entry.value for entry in network.entries):
        _same(name, want[name], model.graph.in_imported_order(name, have[name]))
    for layer in network.layers:
        if layer.output in want:
            _same(layer.name, want[layer.output], values[layer.output])
        if layer.output in have and layer.output in want:
            _same(layer.name, values[layer.output], model.graph.in_imported_order(layer.output, have[layer.output]))
    return values


def _same(name: str, one: Array, other: Array) -> None:
    wrong = int(np.count_nonzero(one.reshape(len(one), -1) != other.reshape(len(other), -1)))
    if wrong:
        raise HwgenError("internal", name, f"{wrong} numbers of the DPU's layer differ from the integer model's",
                         "This is a bug of hwgen: please report it with the model.", exit_code=Exit.INTERNAL)


def forms(network: DpuNetwork, found: tuple[Flips, ...]) -> dict[str, str]:
    """What each layer is and which shifts it has; of those that round, how many numbers differ from training's."""
    counts = {item.layer: f"; {item.chained} of {item.values} differ from training" for item in found}
    made = {}
    for layer in network.layers:
        shifts = ", ".join(f"{name} {number}" for name, number in network.shifts(layer).items())
        made[layer.name] = f"{layer.kind} at {layer.position}" + (f", {shifts}" if shifts else "") + counts.get(
            layer.name, "")
    return made


def cautions(network: DpuNetwork, arch: Architecture) -> list[str]:
    """Layers that Vitis AI's own simulators, documents and compiler may not compute alike."""
    return [f"{layer.name}: {text}" for layer in network.layers for text in _doubts(network, layer, arch)]


def _doubts(network: DpuNetwork, layer: Layer, arch: Architecture) -> Iterator[str]:
    shifts = network.shifts(layer)
    places = -shifts.get("shift_bias", 0)
    if places > 0 and isinstance(layer, Weighted) and layer.bias is not None and np.any(
            layer.bias.array % (1 << places)):
        yield f"shift_bias {-places} drops bits of the bias; the runner of Vitis AI 3.5 keeps one more"
    if shifts.get("shift_read", 0) > GUARD_BITS:
        yield (f"shift_read {shifts['shift_read']}: the runner of Vitis AI 3.5 cuts what lies {GUARD_BITS} bits below "
               "the coarser input, here the sum is exact")
    if isinstance(layer, Filter) and layer.depthwise and not arch.depthwise_leaky and (
            layer.activation is Activation.LEAKY_RELU):
        yield (f"the fingerprint of {arch.name} has no LeakyRelu in depthwise convolutions: the compiler may leave it "
               "to the processor")


def _facts(arch: Architecture, adjustments: tuple[Adjustment, ...], found: tuple[Flips, ...],
           real: bool) -> dict[str, Any]:
    """For report.json."""
    return {"arch": arch.name, "fingerprint": f"{arch.fingerprint:#x}",
            "adjustments": [vars(adjustment) for adjustment in adjustments],
            "flips": {item.layer: {"values": item.values, "chained": item.chained, "alone": item.alone}
                      for item in found},
            "frames": "the user's" if real else "random"}


def _summary(found: tuple[Flips, ...], inputs: Mapping[str, Array], options: ExportOptions) -> str:
    frame_count = len(next(iter(inputs.values())))
    source = "given" if options.inputs else "random"
    total, chained, alone = (sum(getattr(item, name) for item in found) for name in ("values", "chained", "alone"))
    return (f"{chained:,} of {total:,} activations in {frame_count} {source} frames differ from training's rounding; "
            f"{alone:,} where each layer has training's inputs")
