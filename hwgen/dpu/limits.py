"""What a DPU's compiler allows: kernels and strides, which are refused, and fix positions, which are moved.

The rules are those of Vitis AI's quantizers. A position is moved by as little as its rule asks for: coarser where
numbers would not fit a shift, finer only where a rule has a lowest position. Weights and biases are rounded half away
from zero onto their new grid, once, however often it is moved.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from hwgen.dpu import arithmetic
from hwgen.dpu.arch import Architecture, Range
from hwgen.dpu.arithmetic import FINEST, INT8, Activation
from hwgen.dpu.layers import AveragePool, Concat, Curve, Layer, MaxPool, Sum, at
from hwgen.dpu.network import DpuNetwork
from hwgen.dpu.refusals import joined
from hwgen.dpu.weighted import Convolution, Filter, Transposed, Weighted
from hwgen.errors import HwgenError
from hwgen.exact.convolution import Geometry
from hwgen.ir.tensor import Tensor

CUT = Range(0, 16)
READ = Range(0, 7)
WRITE = Range(-7, 25)
MOST_BIAS = 16
HARD_SIGMOID_IN = Range(0, 15)
HARD_SWISH_IN = Range(1, 15)
HARD_SWISH_SHIFT = Range(0, 15)
CONCATENATED = "a concatenation has one position"
_ROUNDS = 8
"""Times that every layer may be looked at again: a rule that moves one position may break another rule."""


@dataclass(frozen=True)
class Adjustment:
    """A fix position that was moved. what: weights, bias or output; rule: what asked for it."""

    layer: str
    what: str
    before: int
    after: int
    rule: str

    def __str__(self) -> str:
        return f"{self.layer}: fix position of its {self.what} moved from {self.before} to {self.after} ({self.rule})"


def fitted(network: DpuNetwork, arch: Architecture) -> tuple[DpuNetwork, tuple[Adjustment, ...]]:
    """The network with positions that the compiler takes, and what was moved.

    HwgenError: "dpu-limit" where a kernel, stride or border exceeds the architecture, or no positions are allowed.
    """
    errors = [HwgenError("dpu-limit", layer.name, why, f"Use another layer, or another architecture than {arch.name}.")
              for layer in network.layers for why in _beyond(layer, arch)]
    if errors:
        raise joined(errors)
    moved: list[Adjustment] = []
    trained = {layer.output: layer for layer in network.layers}
    for _ in range(_ROUNDS * len(network.layers)):
        found = next((change for layer in network.layers for change in _changes(network, layer)), None)
        if found is None:
            return network, (*moved, *_asked(network))
        network = _applied(network, found, trained)
        moved.append(found.adjustment)
    rules = "; ".join(dict.fromkeys(f"{item.layer}: {item.rule}" for item in moved[-_ROUNDS:]))
    raise HwgenError("dpu-limit", moved[-1].layer, f"no fix positions satisfy all of the DPU's limits ({rules})",
                     "Train with scales that are nearer to each other.")


def _beyond(layer: Layer, arch: Architecture) -> Iterator[str]:
    """What of a layer's shape the architecture does not have: depthwise layers and pools are the ALU's."""
    by_alu = isinstance(layer, MaxPool | AveragePool) or (isinstance(layer, Filter) and layer.depthwise)
    if isinstance(layer, Transposed):
        yield from _outside_phases(layer.geometry, arch.alu_kernel if by_alu else arch.conv_kernel)
    elif isinstance(layer, Convolution | MaxPool | AveragePool):
        limits = (arch.alu_kernel, arch.alu_stride, arch.alu_pad) if by_alu else (
            arch.conv_kernel, arch.conv_stride, arch.conv_pad)
        yield from _outside(layer.geometry, *limits)
    if isinstance(layer, Weighted) and not by_alu:
        rows = layer.taps * -(-layer.weight.shape[1] // arch.channels_in)
        if rows > arch.bank_depth:
            yield f"its weights take {rows} rows of a memory bank, the DPU has {arch.bank_depth}"


def _outside_phases(geometry: Geometry, ratio: Range) -> Iterator[str]:
    """A transposed convolution is one for each phase of its stride: Vitis AI limits kernel / stride."""
    (height, width), (down, right) = geometry.kernel, geometry.stride
    if not all(ratio.low * s <= k <= ratio.high * s for k, s in ((height, down), (width, right))):
        yield f"its kernel is {height}x{width} and its stride {down}x{right}, the DPU has {ratio} for their quotient"


def _outside(geometry: Geometry, kernel: Range, stride: Range, pad: Range) -> Iterator[str]:
    for name, numbers, allowed in (("kernel", geometry.kernel, kernel), ("stride", geometry.stride, stride),
                                   ("border", geometry.pads, pad)):
        if any(number not in allowed for number in numbers):
            shown = "x".join(map(str, numbers)) if name != "border" else str(max(numbers))
            yield f"its {name} is {shown}, the DPU has {allowed}"


def _asked(network: DpuNetwork) -> Iterator[Adjustment]:
    """Of concatenations that training rounds once more: on a DPU they are where their inputs are."""
    for layer in network.layers:
        if isinstance(layer, Concat) and layer.asked not in (None, layer.position):
            yield Adjustment(layer.name, "output", layer.asked, layer.position, CONCATENATED)


@dataclass(frozen=True)
class _Change:
    """An adjustment of the layer's own weights or bias, or of the output of the layer (or entry) that makes `value`."""

    adjustment: Adjustment
    value: str


def _changes(network: DpuNetwork, layer: Layer) -> Iterator[_Change]:
    """What the rules ask of one layer."""
    positions = network.positions_in(layer)
    yield from (_moved(network, value, FINEST, f"at most {FINEST}")
                for value in (*layer.inputs, layer.output) if network.positions[value] > FINEST)
    if isinstance(layer, Weighted):
        yield from _weighted(network, layer, positions[0])
    elif isinstance(layer, Sum):
        yield from _sum(network, layer, positions)
    elif isinstance(layer, Concat):
        coarsest = min(positions) if layer.asked is None else min(*positions, layer.asked)
        yield from (_moved(network, name, coarsest, CONCATENATED)
                    for name, position in zip(layer.inputs, positions, strict=True) if position > coarsest)
    elif isinstance(layer, Curve):
        yield from _curve(network, layer, positions[0])


def _moved(network: DpuNetwork, value: str, after: int, rule: str) -> _Change:
    return _Change(Adjustment(_rounder(network, value), "output", network.positions[value], after, rule), value)


def _rounder(network: DpuNetwork, value: str) -> str:
    """The name of the layer or entry that rounds a value to its position."""
    maker = next((layer for layer in network.layers if layer.output == value), None)
    if maker is None:
        return next(entry.name for entry in network.entries if entry.value == value)
    return _rounder(network, maker.inputs[0]) if maker.tied else maker.name


def _own(layer: Weighted, what: str, after: int, rule: str) -> _Change:
    before = layer.weight_position if what == "weights" else layer.bias_position
    assert before is not None
    return _Change(Adjustment(layer.name, what, before, after, rule), layer.output)


def _weighted(network: DpuNetwork, layer: Weighted, position: int) -> Iterator[_Change]:
    if layer.weight_position > FINEST:
        yield _own(layer, "weights", FINEST, f"at most {FINEST}")
    grid = position + layer.weight_position
    cut = grid - layer.position
    if cut < CUT.low:
        yield _moved(network, layer.output, grid - CUT.low, f"shift_cut {CUT}")
    if cut > CUT.high:
        yield _own(layer, "weights", layer.weight_position - (cut - CUT.high), f"shift_cut {CUT}")
    if layer.bias_position is not None and layer.bias is not None:
        yield from _bias(layer, layer.bias_position, layer.bias, grid, cut)


def _bias(layer: Weighted, position: int, bias: Tensor, grid: int, cut: int) -> Iterator[_Change]:
    lowest = 0 if layer.activation is Activation.LEAKY_RELU else min(0, cut - CUT.high)
    allowed = Range(lowest, MOST_BIAS)
    rule, shift = f"shift_bias {allowed}", grid - position
    if position > FINEST:
        yield _own(layer, "bias", FINEST, f"at most {FINEST}")
    if shift < allowed.low:
        yield _own(layer, "bias", grid - allowed.low, rule)
    if shift > allowed.high:
        finer = arithmetic.half_away(bias.array, allowed.high - shift)
        fits = bool((finer >= INT8.lo).all() and (finer <= INT8.hi).all())
        yield _own(layer, "bias", grid - allowed.high, rule) if fits else _own(
            layer, "weights", layer.weight_position - (shift - allowed.high), rule)


def _sum(network: DpuNetwork, layer: Sum, positions: Sequence[int]) -> Iterator[_Change]:
    coarsest = min(positions)
    yield from (_moved(network, name, coarsest + READ.high, f"shift_read {READ}")
                for name, position in zip(layer.inputs, positions, strict=True) if position - coarsest not in READ)
    write = coarsest - layer.position
    if write not in WRITE:
        yield _moved(network, layer.output, coarsest - WRITE.clip(write), f"shift_write {WRITE}")


def _curve(network: DpuNetwork, layer: Curve, position: int) -> Iterator[_Change]:
    if layer.activation is Activation.LEAKY_RELU:
        return
    swish = layer.activation is Activation.HARD_SWISH
    entering = HARD_SWISH_IN if swish else HARD_SIGMOID_IN
    if position not in entering:
        yield _moved(network, layer.inputs[0], entering.clip(position), f"input of {layer.kind} {entering}")
        return
    if swish:
        grid = position + arithmetic.GATE_POSITION
        leaving = Range(grid - HARD_SWISH_SHIFT.high, grid - HARD_SWISH_SHIFT.low)
    else:
        leaving = Range(arithmetic.GATE_POSITION, arithmetic.SIXTH[1] + position)
    if layer.position not in leaving:
        yield _moved(network, layer.output, leaving.clip(layer.position), f"output of {layer.kind} {leaving}")


def _applied(network: DpuNetwork, change: _Change, trained: Mapping[str, Layer]) -> DpuNetwork:
    """trained: the layers by output before anything was moved."""
    adjustment = change.adjustment
    if adjustment.what == "output":
        return _settled(_with_position(network, change.value, adjustment.after))
    layers = [_rounded(layer, trained[layer.output], adjustment) if layer.output == change.value else layer
              for layer in network.layers]
    return replace(network, layers=tuple(layers))


def _rounded(layer: Layer, trained: Layer, adjustment: Adjustment) -> Layer:
    """Training's weights or bias on another grid: what was moved before is not rounded again."""
    assert isinstance(layer, Weighted) and isinstance(trained, Weighted)
    after = adjustment.after
    if adjustment.what == "weights":
        made = Tensor(arithmetic.half_away(trained.weight.array, trained.weight_position - after))
        return replace(layer, weight=made, weight_position=after)
    assert trained.bias is not None and trained.bias_position is not None
    bias = Tensor(arithmetic.half_away(trained.bias.array, trained.bias_position - after))
    return replace(layer, bias=bias, bias_position=after)


def _with_position(network: DpuNetwork, value: str, position: int) -> DpuNetwork:
    """A value at another position, and what it is tied to before it."""
    entries = tuple(replace(e, position=position) if e.value == value else e for e in network.entries)
    layers = tuple(at(layer, position) if layer.output == value else layer for layer in network.layers)
    network = replace(network, entries=entries, layers=layers)
    maker = next((layer for layer in layers if layer.output == value), None)
    for name in maker.inputs if maker is not None and maker.tied else ():
        network = _with_position(network, name, position)
    return network


def _settled(network: DpuNetwork) -> DpuNetwork:
    """Layers that only move numbers at the coarsest position of their inputs."""
    found, layers = dict(network.positions), list[Layer]()
    for layer in network.layers:
        made = at(layer, min(found[name] for name in layer.inputs)) if layer.tied else layer
        found[layer.output] = made.position
        layers.append(made)
    return replace(network, layers=tuple(layers))
