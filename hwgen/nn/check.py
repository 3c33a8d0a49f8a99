"""What cannot be built, said before a training run: the untrained network is traced and lowered, problem by problem."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

from torch import nn

from hwgen.boards import load
from hwgen.dpu.arch import architecture
from hwgen.dpu.limits import fitted
from hwgen.dpu.read import read
from hwgen.errors import HwgenError
from hwgen.frontend.host_tail import LAYERS, host_layers, refuse_without_quantizers
from hwgen.ir.graph import Graph, GraphBuilder, Node
from hwgen.nn.calls import stand_in
from hwgen.nn.quantizers import TensorQuant
from hwgen.nn.settings import QuantType, RestrictValueType, ScalingImplType, Settings, ZeroPoint
from hwgen.nn.trace import Shape, input_shape_of, traced
from hwgen.passes.fold import fold
from hwgen.passes.pipeline import lower

DPU = "dpu"
DPU_BITS = 8
"""Of every value in a DPU."""


def check(model: nn.Module, input_shape: Shape | Sequence[Shape] | None = None, *,
          board: str | None = None) -> list[HwgenError]:
    """Problems, each with the layer's name and the way out; none means that it can be built.

    input_shape: as in to_ir; None takes the module's attribute input_shape. board: of `hwgen boards`, to see whether
    the network fits at all; "dpu": the rules of a DPU. The module is left as it was.
    """
    rules, found = list(dpu_problems(model)) if board == DPU else [], list[HwgenError]()
    shape = input_shape_of(model) if input_shape is None else input_shape
    try:
        graph = traced(model, shape, problems=found)
    except HwgenError as error:
        return [*rules, error]
    graph, inner = _without_inner_floats(graph)
    found += inner
    lowered, problems = _lowered(graph, whole=not found)
    found += problems
    if not found and board not in (None, DPU) and lowered is not None:
        found += _too_large(lowered, str(board))
    if not found and not rules and board == DPU:
        found += _beyond_a_dpu(graph)
    return [*rules, *found]


def _beyond_a_dpu(graph: Graph) -> list[HwgenError]:
    """Layers that a DPU does not have, or not of this size; the positions of untrained scales mean nothing yet."""
    try:
        fitted(read(graph), architecture(None))
    except HwgenError as error:
        return [error]
    return []


def dpu_problems(model: nn.Module) -> Iterator[HwgenError]:
    """Quantizers that a DPU does not have: integers of 8 bits, no zero points, scales powers of two."""
    for name, module in model.named_modules():
        if isinstance(module, TensorQuant):
            layer = name.removesuffix(".tensor_quant").removesuffix(".act_quant")
            yield from _dpu_settings(layer, module.settings)


def _dpu_settings(layer: str, settings: Settings) -> Iterator[HwgenError]:
    advice = "Use the quantizers of hwgen.nn.quant whose names end in FixedPoint or FixedPointInternalScaling."
    if settings.zero_point is not ZeroPoint.NONE:
        yield HwgenError("dpu-zero-point", layer, "a DPU has no zero points", advice)
    if settings.quant_type is not QuantType.INT or settings.bit_width != DPU_BITS:
        kind = settings.quant_type.value if settings.quant_type is not QuantType.INT else f"{settings.bit_width} bits"
        yield HwgenError("dpu-bits", layer, f"a DPU computes with integers of {DPU_BITS} bits, not with {kind}",
                         f"Set bit_width={DPU_BITS} and quant_type INT.")
    if settings.scaling_per_output_channel or not _is_power_of_two(settings):
        yield HwgenError("dpu-scale", layer, "a DPU has one scale a layer, a power of two", advice)


def _is_power_of_two(settings: Settings) -> bool:
    """Whether every scale of the quantizer is one; on the accumulator's grid it is if the others are."""
    if settings.scaling_impl_type is ScalingImplType.CONST and settings.initial_threshold is not None:
        scale = Fraction(settings.initial_threshold / settings.int_threshold)
        return 1 in (scale.numerator, scale.denominator) and (
            scale.numerator * scale.denominator).bit_count() == 1
    return settings.requires_input_scale or settings.restrict_scaling_type is RestrictValueType.POWER_OF_TWO


def _without_inner_floats(graph: Graph) -> tuple[Graph, list[HwgenError]]:
    """Layers with float weights before a quantizer, one after another; a graph without them."""
    found: list[HwgenError] = []
    for _ in graph.nodes:
        try:
            host_layers(graph)
            break
        except HwgenError as error:
            first = next((node.name for node in graph.nodes if f"'{node.name}'" in error.where
                          or node.name in error.where.split(", ")), None)
            found.append(error if first is None else HwgenError(error.code, first, error.why, error.help))
            if first is None:
                break
            graph = without(graph, first)
    return graph, found


def _lowered(graph: Graph, whole: bool) -> tuple[Graph | None, list[HwgenError]]:
    """The graph of kernels, and what stands in its way: each problem's node is replaced by an input and tried again.

    whole: whether nothing has been replaced yet.
    """
    found: list[HwgenError] = []
    for _ in range(len(graph.nodes) + 1):
        graph = graph if whole else _with_layers(graph)
        if not graph.outputs:
            break
        try:
            if whole:
                refuse_without_quantizers(graph)
            *_, (_, lowered) = lower(graph)
            return lowered, found
        except HwgenError as error:
            node = _culprit(graph, error)
            found.append(error if node is None else HwgenError(error.code, node.name, error.why, error.help))
            if node is None:
                break
            graph, whole = without(graph, node.name, keep=error.code != "float-input"), False
    return None, found


def _with_layers(graph: Graph) -> Graph:
    """Only the outputs that a layer has a part in: the others have nothing that could be built."""
    behind: set[str] = set()
    for node in graph.nodes:
        if isinstance(node.op, LAYERS) or behind & set(node.inputs):
            behind |= set(node.outputs)
    outputs = [name for name in graph.outputs if name in behind]
    return _rebuilt(graph, None, outputs)


def _culprit(graph: Graph, error: HwgenError) -> Node | None:
    """The node that an error names: by its own name, or by one made from it."""
    named = [node for node in graph.nodes if error.where == node.name or error.where.startswith(
        (f"{node.name}_", f"{node.name}.", f"{node.name},"))]
    return max(named, key=lambda node: len(node.name), default=None)


def without(graph: Graph, name: str, keep: bool = True) -> Graph:
    """The graph with an input and a quantizer in the place of a node.

    keep: whether the node's inputs become outputs, so that what comes before it stays in the graph.
    """
    (bad,) = (node for node in graph.nodes if node.name == name)
    before = [value for value in bad.inputs if keep and value not in graph.inputs]
    return _rebuilt(graph, bad, list(dict.fromkeys([*graph.outputs, *before])))


def _rebuilt(graph: Graph, bad: Node | None, outputs: Sequence[str]) -> Graph:
    """What the outputs depend on, with an input and a quantizer in the place of a bad node."""
    builder = GraphBuilder(graph.name, graph.level)
    kept = _needed(graph, bad, outputs)
    read = {value for node in kept for value in node.inputs if node is not bad} | set(outputs)
    for port in graph.inputs:
        if port in read:
            builder.add_input(graph.values[port])
    for node in kept:
        if node is bad:
            stand_in(builder, node.outputs[0], graph.values[node.outputs[0]].shape)
        else:
            builder.add(node.name, node.op, node.inputs, node.outputs, node.origin)
    return builder.build(outputs)


def _needed(graph: Graph, bad: Node | None, outputs: Sequence[str]) -> list[Node]:
    """The nodes that an output depends on without the bad one's inputs."""
    wanted, kept = set(outputs), []
    for node in reversed(graph.nodes):
        if wanted & set(node.outputs):
            kept.append(node)
            wanted |= set() if node is bad else set(node.inputs)
    return kept[::-1]


def _too_large(lowered: Graph, name: str) -> list[HwgenError]:
    """Whether the slowest folding that does a frame a second fits the board."""
    board = load(name)
    try:
        fold(lowered, board=board, clock_mhz=board.clock_mhz, fps=1.0)
    except HwgenError as error:
        return [error]
    return []
