"""The files of a DPU export, pure functions of the network: for PyXIR, vai_q_pytorch, xcompiler and comparisons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hwgen import __version__
from hwgen.dpu.arch import Architecture
from hwgen.dpu.layers import Layer, Shape
from hwgen.dpu.network import DpuNetwork
from hwgen.dpu.weighted import Weighted
from hwgen.emit.render import render
from hwgen.export import pyxir, xmodel
from hwgen.export.dpu_names import Labels, shapes_of
from hwgen.export.pyxir import BITS, Line
from hwgen.ir.tensor import Array

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

NOTE = ("A template. vai_q_pytorch checks names and graph_md5 against its own trace of the network: to use these "
        "positions, copy them into the file that it exports.")


def files(network: DpuNetwork, arch: Architecture, values: Mapping[str, Array]) -> dict[str, bytes]:
    """Bytes by path below the folder. values: (frames, *shape) int8 numbers by value; the first frame is dumped.

    HwgenError: "dpu-layer" where a layer cannot be written.
    """
    labels = Labels(network)
    dumps = _dumps(network, labels)
    texts: dict[str, DataclassInstance] = {
        "quant_info.txt": QuantInfoLines(pyxir.quant_info(network, labels)),
        "quant_info.json": _quant_info(network, labels),
        "shifts.json": Shifts([_shifts(network, labels, layer) for layer in network.layers]),
        "arch.json": Arch(f"0x{arch.fingerprint:x}"), "dump/index.json": Dumps(dumps)}
    made = {path: render(f"dpu/{path.rpartition('/')[2]}.j2", context).encode() for path, context in texts.items()}
    made["pyxir.onnx"] = pyxir.model(network, labels).SerializeToString(deterministic=True)
    made[f"{labels.graph}.xmodel"] = xmodel.serialized(network, labels)
    flattened = xmodel.flattened(network)
    made |= {f"dump/{dump.file}": _frame(values[dump.value][0], flattened.get(dump.value)) for dump in dumps}
    return made


@dataclass(frozen=True)
class Arch:
    """arch.json: what vai_c compiles for."""

    fingerprint: str


@dataclass(frozen=True)
class QuantInfoLines:
    """quant_info.txt."""

    lines: Sequence[Line]


@dataclass(frozen=True)
class Positioned:
    """Bits and position of one tensor."""

    name: str
    position: int
    bits: int = BITS


@dataclass(frozen=True)
class QuantInfo:
    """quant_info.json."""

    note: str
    parameters: Sequence[Positioned]
    outputs: Sequence[Positioned]
    version: str


def _quant_info(network: DpuNetwork, labels: Labels) -> QuantInfo:
    parameters: list[Positioned] = []
    for layer in network.layers:
        if isinstance(layer, Weighted):
            name = labels.of(layer.output)
            parameters.append(Positioned(f"{name}.weight", layer.weight_position))
            if layer.bias_position is not None:
                parameters.append(Positioned(f"{name}.bias", layer.bias_position))
    outputs = [Positioned(labels.of(value), position) for value, position in network.positions.items()]
    return QuantInfo(NOTE, parameters, outputs, f"hwgen {__version__}")


@dataclass(frozen=True)
class LayerShifts:
    """facts: kind, positions and shifts of a layer, by name."""

    name: str
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class Shifts:
    """shifts.json."""

    layers: Sequence[LayerShifts]


def _shifts(network: DpuNetwork, labels: Labels, layer: Layer) -> LayerShifts:
    """One number for one input, a list for several; null where a layer has no bias."""
    positions = network.positions_in(layer)
    facts: dict[str, Any] = {"kind": layer.kind, "in_fp": positions[0] if len(positions) == 1 else positions,
                             "out_fp": layer.position}
    if isinstance(layer, Weighted):
        facts |= {"w_fp": layer.weight_position, "b_fp": layer.bias_position, "shift_cut": None, "shift_bias": None}
    return LayerShifts(labels.of(layer.output), facts | network.shifts(layer))


@dataclass(frozen=True)
class Dump:
    """The numbers of a value in one frame: shape: with N, channels last."""

    value: str
    name: str
    file: str
    shape: Shape
    position: int


@dataclass(frozen=True)
class Dumps:
    """dump/index.json."""

    dumps: Sequence[Dump]


def _dumps(network: DpuNetwork, labels: Labels) -> list[Dump]:
    positions = network.positions
    return [Dump(value, labels.of(value), f"{labels.part(value, 'fix')}.bin", xmodel.nhwc(shape), positions[value])
            for value, shape in shapes_of(network).items()]


def _frame(numbers: Array, flattened: Shape | None) -> bytes:
    """int8 numbers of a map or vector, channels last; a flattened map in the order that the xmodel has it."""
    shaped = numbers if flattened is None else numbers.reshape(flattened)
    return (xmodel.hwc(shaped) if shaped.ndim == 3 else shaped).astype(np.int8).tobytes()
