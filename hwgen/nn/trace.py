"""A torch module as a graph of the quantized level, by one forward pass."""

from __future__ import annotations

import inspect
from collections.abc import Sequence

import torch
from torch import nn

from hwgen.errors import HwgenError
from hwgen.frontend.inner_quantizers import with_inner_quantizers
from hwgen.ir.graph import Graph, GraphBuilder, Level, Value
from hwgen.ir.types import REAL
from hwgen.nn import convert_curves, convert_layout, convert_outputs, converters  # noqa: F401  (registers them)
from hwgen.nn.calls import Site, converter_of, function_name, place, stand_in
from hwgen.nn.record import Call, Recording, record, refs

Shape = Sequence[int]


def to_ir(model: nn.Module, input_shape: Shape | Sequence[Shape], name: str = "") -> Graph:
    """The graph that hwgen's passes take; module names become node names.

    input_shape: with a batch of 1 in front, as in (1, 3, 32, 32); one for each input of forward(). name: of the graph,
    by default the class's. The module is run in evaluation mode and left as it was. HwgenError: "untraceable" for
    functions that have no counterpart, all at once; "input-shape".
    """
    return traced(model, input_shape, name)


def traced(model: nn.Module, input_shape: Shape | Sequence[Shape], name: str = "",
           problems: list[HwgenError] | None = None) -> Graph:
    """to_ir; with a list for problems, calls that cannot be converted are noted there and replaced by inputs."""
    shapes = _shapes(input_shape)
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    recording = record(model, [torch.zeros(shape, device=device) for shape in shapes])
    if problems is None:
        _refuse_unknown(recording)
    builder = GraphBuilder(name or type(model).__name__, Level.QUANTIZED)
    site = Site(builder, recording)
    for port, number, shape in zip(_input_names(model, len(shapes)), recording.inputs, shapes, strict=True):
        site.values[number] = builder.add_input(Value(site.unique(port), tuple(shape[1:]), REAL))
    before: list[str] = []
    for call in recording.live():
        try:
            _convert(site, call)
        except HwgenError as error:
            if problems is None:
                raise
            problems.append(error)
            before += [site.values[index].name for index in refs((call.arguments, call.options))]
            site.values[call.output] = stand_in(builder, site.unique(call.layer or function_name(call)), call.shape[1:])
    outputs = [_output(site, number) for number in recording.outputs]
    more = [x for x in dict.fromkeys(before) if x not in (*outputs, *builder.inputs)]
    return with_inner_quantizers(builder.build([*outputs, *more]))


def input_shape_of(model: nn.Module) -> Shape:
    """The module's attribute input_shape. HwgenError: "input-shape" where it has none."""
    own = getattr(model, "input_shape", None)
    if not isinstance(own, tuple):
        raise HwgenError("input-shape", type(model).__name__, "the shape of its input is unknown",
                         "Give it: --input-shape 1x3x32x32, or set the module's attribute input_shape.")
    return own


def _convert(site: Site, call: Call) -> None:
    found = converter_of(call)
    if found is None:
        raise _untraceable([place(call)])
    found[0](site, call)


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
        raise _untraceable(unknown)


def _untraceable(places: list[str]) -> HwgenError:
    what = "this function" if len(places) == 1 else "these functions"
    return HwgenError("untraceable", ", ".join(places), f"hwgen has no exact counterpart of {what}",
                      "Replace it, or do it outside of the network, on the host.")


def _output(site: Site, number: int) -> str:
    if number not in site.values:
        raise HwgenError("host-only", site.builder.name, "an output of forward() does not depend on its input",
                         "Return values that the network computes.")
    return site.values[number].name
