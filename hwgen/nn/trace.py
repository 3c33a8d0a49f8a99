"""A torch module as a graph of the quantized level, by one forward pass."""

from __future__ import annotations

import inspect
from collections.abc import Sequence

import torch
from torch import nn

from hwgen.errors import HwgenError
from hwgen.ir.graph import Graph, GraphBuilder, Level, Value
from hwgen.ir.types import REAL
from hwgen.nn import convert_curves, convert_layout, converters  # noqa: F401  (registers them)
from hwgen.nn.calls import Site, converter_of, place
from hwgen.nn.record import Recording, record

Shape = Sequence[int]


def to_ir(model: nn.Module, input_shape: Shape | Sequence[Shape], name: str = "") -> Graph:
    """The graph that hwgen's passes take; module names become node names.

    input_shape: with a batch of 1 in front, as in (1, 3, 32, 32); one for each input of forward(). name: of the graph,
    by default the class's. The module is run in evaluation mode and left as it was. HwgenError: "untraceable" for
    functions that have no counterpart, all at once; "input-shape".
    """
    shapes = _shapes(input_shape)
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    recording = record(model, [torch.zeros(shape, device=device) for shape in shapes])
    _refuse_unknown(recording)
    builder = GraphBuilder(name or type(model).__name__, Level.QUANTIZED)
    site = Site(builder, recording)
    for port, number, shape in zip(_input_names(model, len(shapes)), recording.inputs, shapes, strict=True):
        site.values[number] = builder.add_input(Value(site.unique(port), tuple(shape[1:]), REAL))
    for call in recording.live():
        converter, _ = converter_of(call) or (None, None)
        assert converter is not None
        converter(site, call)
    return builder.build([_output(site, number) for number in recording.outputs])


def _shapes(given: Shape | Sequence[Shape]) -> list[tuple[int, ...]]:
    numbers = [size for size in given if isinstance(size, int)]
    made = [tuple(numbers)] if numbers else [tuple(shape) for shape in given if not isinstance(shape, int)]
    for shape in made:
        if len(shape) < 2 or shape[0] != 1 or min(shape) < 1:
            raise HwgenError("input-shape", "input_shape", f"{shape} is no shape of one frame",
                             "Give the shape with a batch of 1 in front, as in (1, 3, 32, 32).")
    return made


def _input_names(model: nn.Module, count: int) -> list[str]:
    """The names of forward()'s parameters."""
    parameters = list(inspect.signature(model.forward).parameters.values())
    plain = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return plain[:count] if len(plain) >= count else [f"input_{i}" for i in range(count)]


def _refuse_unknown(recording: Recording) -> None:
    unknown = sorted({place(call) for call in recording.live() if converter_of(call) is None})
    if unknown:
        raise HwgenError("untraceable", ", ".join(unknown), "hwgen has no exact counterpart of these functions",
                         "Replace them, or move them behind the last quantizer's network on the host.")


def _output(site: Site, number: int) -> str:
    if number not in site.values:
        raise HwgenError("host-only", site.builder.name, "an output of forward() does not depend on its input",
                         "Return values that the network computes.")
    return site.values[number].name
