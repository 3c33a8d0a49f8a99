"""The two ends of an exported network: from its own input to integers, from integers to its own output.

An input is divided by one scale where a scale is found with which that equals the table of the input's cuts on both
sides of each cut, else it is compared with the cuts. An output is computed as the integer model does it, in float64
where the target has that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from hwgen.errors import HwgenError
from hwgen.export.bisection import MOST_COMPARED, bisected
from hwgen.export.dialect import Dialect
from hwgen.export.sheet import Sheet, first, positions
from hwgen.host import Encode, InputPort, OutputPort
from hwgen.ir.tensor import Array
from hwgen.ir.types import BipolarType, IntType

MAX_CUTS = 1 << 22
"""Most comparisons a frame, and most cuts in a table."""


def write_input(sheet: Sheet, dialect: Dialect, port: InputPort) -> None:
    """From the graph input to the tensor of its integers."""
    shape = sheet.value(port.value).shape
    place = positions(shape)
    source = place if port.order is None else port.order.array[place]
    real = arranged(sheet, port.name, source, port.shape, first(shape), f"{port.name}_map")
    sheet.define(port.value, dialect.first(sheet, port, real, place))


def compared_or_scaled(sheet: Sheet, port: InputPort, real: str, place: Array,
                       quantize: Callable[[str, Scale, IntType], str]) -> str:
    """One quantizer with a scale where that is exact, else comparisons; place: in the stream, of each element."""
    found = uniform_scale(port.encode)
    if found is None:
        return compared(sheet, port, real, place)
    sheet.forms[port.name] = "scale"
    return quantize(real, found, port.encode.type)


def arranged(sheet: Sheet, tensor: str, index: Array, before: tuple[int, ...], after: tuple[int, ...],
             name: str) -> str:
    """A tensor's elements taken in the order of `index`, in another shape."""
    if (index == np.arange(len(index))).all() and len(index) == int(np.prod(before, dtype=np.int64)):
        return tensor if before == after else sheet.reshaped(tensor, after, name)
    kind = sheet.types.get(tensor, np.float32)
    flat = sheet.reshaped(tensor, [-1], f"{name}_flat")
    places = sheet.constant(f"{name}_index", index, np.int64)
    taken = sheet.step("Gather", [flat, places], f"{name}_taken", kind, axis=1)
    return sheet.reshaped(taken, after, name)


@dataclass(frozen=True)
class Scale:
    """clip(round_half_even(x / step) + zero), or with `inside` clip(round_half_even(x / step + zero)).

    wide: divided in float64, as exact real arithmetic decides between two float32 numbers; else in float32.
    """

    step: float
    zero: int
    inside: bool
    wide: bool

    def values(self, x: Array) -> Array:
        """Integers of float32 numbers, not clipped."""
        kind = np.dtype(np.float64 if self.wide else np.float32)
        step, zero = np.array(self.step, kind), np.array(self.zero, kind)
        moved = np.divide(x.astype(kind), step, dtype=kind)
        return np.asarray(np.rint(moved + zero) if self.inside else np.rint(moved) + zero)


def uniform_scale(encode: Encode) -> Scale | None:
    """One that equals the table for every float32 x, None where there is none."""
    cuts = encode.cuts.array
    if isinstance(encode.type, BipolarType) or len(cuts) > 1 or encode.descending.array.any() or not np.isfinite(
            cuts).all():
        return None
    levels = encode.type.lo + np.arange(1, cuts.shape[1] + 1)
    zero = _zero_point(cuts[0], levels - 0.5)
    reached = smallest_float32(cuts[0])
    points = np.concatenate([reached, np.nextafter(reached, np.float32(-np.inf))])
    wanted = np.concatenate([levels, levels - 1])
    for step in _scales(reached.astype(np.float64), levels - 0.5 - zero):
        for wide, inside in product((False, True), repeat=2):
            scale = Scale(float(step), zero, inside, wide)
            if (scale.values(points).clip(encode.type.lo, encode.type.hi) == wanted).all():
                return scale
    return None


def _zero_point(cuts: Array, levels: Array) -> int:
    """The level of zero, where there are two cuts to tell it."""
    rise = cuts[-1] - cuts[0]
    return 0 if rise <= 0 else int(np.rint(levels[0] - cuts[0] * (levels[-1] - levels[0]) / rise))


def _scales(cuts: Array, levels: Array) -> list[np.float32]:
    """Steps near the quotient of the cut farthest from zero and its level, in units in the last place."""
    far = int(np.abs(levels).argmax())
    middle = np.float32(cuts[far] / levels[far])
    if not middle > 0:
        return []
    return [np.float32(middle + np.spacing(middle) * n) for n in sorted(range(-8, 9), key=abs)]


def smallest_float32(cuts: Array) -> Array:
    """The smallest float32 that is not below each cut."""
    near = cuts.astype(np.float32)
    return np.where(near.astype(np.float64) < cuts, np.nextafter(near, np.float32(np.inf)), near)


def compared(sheet: Sheet, port: InputPort, real: str, place: Array) -> str:
    """low + #(x >= cut), or counted from the top; bipolar: twice that."""
    encode, shape = port.encode, first(sheet.value(port.value).shape)
    codes = _reached(sheet, port, real, place)
    down = np.broadcast_to(encode.descending.array, (len(place),))[place].reshape(1, *shape)
    unit = 2 if isinstance(encode.type, BipolarType) else 1
    sign = np.where(down, -unit, unit)
    base = np.where(down, encode.type.hi, encode.type.lo)
    if (sign == sign.ravel()[0]).all():
        sign, base = sign.ravel()[:1], base.ravel()[:1]
    scaled = sheet.step("Mul", [codes, sheet.constant(f"{port.name}_unit", sign)], f"{port.name}_scaled")
    return sheet.step("Add", [scaled, sheet.constant(f"{port.name}_low", base)], port.value)


def _reached(sheet: Sheet, port: InputPort, real: str, place: Array) -> str:
    """How many cuts each element reaches: all compared at once where they are few, else by bisection."""
    shape, cuts = first(sheet.value(port.value).shape), smallest_float32(port.encode.cuts.array)
    few = cuts.shape[1] <= MOST_COMPARED and len(place) * cuts.shape[1] <= MAX_CUTS
    sheet.forms[port.name] = "comparisons" if few else "search"
    if few:
        rows = (cuts[place] if len(cuts) > 1 else cuts).reshape(1, *(shape if len(cuts) > 1 else (1,) * len(shape)), -1)
        last = sheet.constant(f"{port.name}_axis", [len(shape) + 1], np.int64)
        spread = sheet.step("Unsqueeze", [real, last], f"{port.name}_spread")
        above = sheet.step("GreaterOrEqual", [spread, sheet.constant(f"{port.name}_cuts", rows)], f"{port.name}_above")
        ones = sheet.step("Cast", [above], f"{port.name}_ones", to=1)
        return sheet.step("ReduceSum", [ones, last], f"{port.name}_codes", keepdims=0)
    numbers: dict[bytes, int] = {}
    row = np.array([numbers.setdefault(levels.tobytes(), len(numbers)) for levels in cuts])
    rows = cuts[np.unique(row, return_index=True)[1]]
    if rows.size > MAX_CUTS:
        raise HwgenError("not-exportable", port.name, f"its quantizer is no plain scale and has {cuts.shape[1]} "
                         "thresholds an element", "Quantize the input with one scale.")
    places = np.broadcast_to(row, (len(place),))[place].reshape(1, *shape)
    channel = places[(slice(None), slice(None), *(slice(1),) * (len(shape) - 1))]
    return bisected(sheet, real, rows, channel if (channel == places).all() else places, np.float32, port.name)


def write_output(sheet: Sheet, port: OutputPort) -> None:
    """From the tensor of its integers to the graph output."""
    shape = sheet.value(port.value).shape
    index = np.argsort(positions(shape))
    index = index if port.order is None else index[port.order.array]
    flat = arranged(sheet, sheet.read(port.value, sheet.real), index, first(shape), (len(index),), f"{port.name}_flat")
    decode = port.decode
    scaled = flat if decode.indices and not decode.tail else _affine(
        sheet, flat, f"{port.name}_scaled", scale=decode.scale.array, offset=decode.offset.array)
    values = [scaled]
    for number, step in enumerate(decode.tail):
        function, inputs, arguments = step.call
        if function not in _STEPS:
            raise HwgenError("not-exportable", port.name, f"the host computes {function} behind the last quantizer",
                             "Export the network up to its last quantizer.")
        values.append(_STEPS[function](sheet, *(values[i] for i in inputs), f"{port.name}_{number}", **arguments))
    shaped = sheet.reshaped(values[-1], port.shape, f"{port.name}_shaped")
    sheet.node("Cast", [shaped], port.name, name=port.name, to=7 if decode.indices else 1)


def _affine(sheet: Sheet, x: str, name: str, scale: Array, offset: Array) -> str:
    if np.any(scale != 1):
        x = sheet.step("Mul", [x, sheet.constant(f"{name}_scale", scale, sheet.real)], f"{name}_product", sheet.real)
    if np.any(offset != 0):
        x = sheet.step("Add", [x, sheet.constant(f"{name}_offset", offset, sheet.real)], name, sheet.real)
    return x


def _clip(sheet: Sheet, x: str, name: str, low: float | None, high: float | None) -> str:
    limits = ["" if limit is None else sheet.constant(f"{name}_limit", limit, sheet.real) for limit in (low, high)]
    return sheet.step("Clip", [x, *limits], name, sheet.real)


def _leaky_relu(sheet: Sheet, x: str, name: str, slope: Array) -> str:
    return sheet.step("PRelu", [x, sheet.constant(f"{name}_slope", slope, sheet.real)], name, sheet.real)


def _take(sheet: Sheet, x: str, name: str, index: Array) -> str:
    return sheet.step("Gather", [x, sheet.constant(f"{name}_index", index, np.int64)], name, sheet.real, axis=1)


def _reshape(sheet: Sheet, x: str, name: str, shape: tuple[int, ...]) -> str:
    return sheet.reshaped(x, shape, name)


def _transpose(sheet: Sheet, x: str, name: str, permutation: tuple[int, ...]) -> str:
    return sheet.step("Transpose", [x], name, sheet.real, perm=[0, *(axis + 1 for axis in permutation)])


def _softmax(sheet: Sheet, x: str, name: str) -> str:
    return sheet.step("Softmax", [x], name, sheet.real, axis=-1)


def _log_softmax(sheet: Sheet, x: str, name: str) -> str:
    return sheet.step("LogSoftmax", [x], name, sheet.real, axis=-1)


def _top(sheet: Sheet, x: str, name: str, k: int, keepdims: bool) -> str:
    if k == 1:
        index = sheet.step("ArgMax", [x], name, sheet.real, axis=-1, keepdims=int(keepdims))
    else:
        values = sheet.step("TopK", [x, sheet.constant(f"{name}_k", [k], np.int64)], f"{name}_values", axis=-1)
        index = sheet.unique(name)
        sheet.nodes[-1].output.append(index)
        sheet.types[values] = sheet.real
    return sheet.cast_from_indices(index, name)


def _join(sheet: Sheet, x: str, y: str, name: str, sign: int) -> str:
    return sheet.step("Add" if sign > 0 else "Sub", [x, y], name, sheet.real)


def _dense(sheet: Sheet, x: str, name: str, weight: Array, bias: Array) -> str:
    product = sheet.step("MatMul", [x, sheet.constant(f"{name}_weight", weight.T, sheet.real)], f"{name}_product",
                         sheet.real)
    return sheet.step("Add", [product, sheet.constant(f"{name}_bias", bias, sheet.real)], name, sheet.real)


def _concat(sheet: Sheet, *values: str) -> str:
    """The last argument is the name."""
    *parts, name = values
    return sheet.step("Concat", parts, name, sheet.real, axis=1)


def _product(sheet: Sheet, x: str, y: str, name: str) -> str:
    return sheet.step("Mul", [x, y], name, sheet.real)


def _unary(op: str) -> Callable[[Sheet, str, str], str]:
    return lambda sheet, x, name: sheet.step(op, [x], name, sheet.real)


def _softplus(sheet: Sheet, x: str, name: str) -> str:
    """max(x, 0) + ln(1 + e^-|x|)."""
    size = sheet.step("Abs", [x], f"{name}_size", sheet.real)
    power = sheet.step("Exp", [_affine(sheet, size, f"{name}_less", np.array(-1.0), np.array(0.0))], f"{name}_power",
                       sheet.real)
    raised = _affine(sheet, power, f"{name}_raised", np.array(1.0), np.array(1.0))
    rest = sheet.step("Log", [raised], f"{name}_rest", sheet.real)
    return _join(sheet, _clip(sheet, x, f"{name}_above", 0.0, None), rest, name, 1)


def _erf(sheet: Sheet, x: str, name: str) -> str:
    """In float32, which alone onnxruntime has."""
    made = sheet.step("Erf", [sheet.cast(x, np.float32)], f"{name}_erf")
    return sheet.cast(made, sheet.real)


def _normal(sheet: Sheet, x: str, name: str) -> str:
    """(1 + erf(x / sqrt 2)) / 2."""
    half = np.array(0.5)
    found = _erf(sheet, _affine(sheet, x, f"{name}_root", half**0.5, np.array(0.0)), name)
    return _affine(sheet, found, name, half, half)


def _gate(sheet: Sheet, x: str, name: str) -> str:
    """(1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2, the polynomial as x (0.044715 x^2 + 1)."""
    square, root = _product(sheet, x, x, f"{name}_square"), np.array((2 / np.pi)**0.5)
    factor = _affine(sheet, square, f"{name}_factor", root * 0.044715, root)
    bent = sheet.step("Tanh", [_product(sheet, x, factor, f"{name}_cubic")], f"{name}_tanh", sheet.real)
    return _affine(sheet, bent, name, np.array(0.5), np.array(0.5))


_STEPS: Mapping[str, Any] = {
    "affine": _affine, "clip": _clip, "leaky_relu": _leaky_relu, "take": _take, "reshape": _reshape, "join": _join,
    "transpose": _transpose, "softmax": _softmax, "log_softmax": _log_softmax, "top": _top, "dense": _dense,
    "concat": _concat, "product": _product, "exp": _unary("Exp"), "sigmoid": _unary("Sigmoid"), "tanh": _unary("Tanh"),
    "softplus": _softplus, "erf": _erf, "normal": _normal, "gate": _gate}
"""Host functions that onnxruntime has in float64, or float32 is enough for."""
