"""An xmodel, decoded from the wire and executed, without the schema and the protobuf library that wrote it.

Field numbers are those of serial_v2 as Netron decodes it; what ops compute is what XIR's op definitions say.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Wire = list[tuple[int, Any]]


@dataclass(frozen=True)
class Op:
    name: str
    type: str
    attributes: Mapping[str, Any]
    inputs: Mapping[str, Sequence[str]]
    shape: tuple[int, ...]


def varint(data: bytes, at: int) -> tuple[int, int]:
    """A number and where it ends."""
    number, shift = 0, 0
    while True:
        byte = data[at]
        at, number, shift = at + 1, number | (byte & 127) << shift, shift + 7
        if byte < 128:
            return number, at


def fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """Field numbers and values: integers, bytes, or floats of 32 bits."""
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        kind = tag & 7
        assert kind in (0, 2, 5)
        if kind == 0:
            value, at = varint(data, at)
            yield tag >> 3, value
        elif kind == 5:
            yield tag >> 3, struct.unpack("<f", data[at:at + 4])[0]
            at += 4
        else:
            length, at = varint(data, at)
            assert at + length <= len(data)
            yield tag >> 3, data[at:at + length]
            at += length


def one(wire: Wire, number: int, default: Any = b"") -> Any:
    found = [value for field, value in wire if field == number]
    assert len(found) <= 1
    return found[0] if found else default


def signed(number: int) -> int:
    return number - (1 << 64) if number >> 63 else number


def packed(data: bytes) -> list[int]:
    found, at = [], 0
    while at < len(data):
        number, at = varint(data, at)
        found.append(signed(number))
    return found


def attribute(data: bytes) -> Any:
    ((number, value),) = fields(data)
    kinds: dict[int, Callable[[Any], Any]] = {
        4: bool, 5: signed, 9: float, 11: bytes.decode, 12: lambda v: one([*fields(v)], 1),
        14: lambda v: packed(one([*fields(v)], 1)),
        18: lambda v: [x for (x,) in struct.iter_unpack("<f", one([*fields(v)], 1))]}
    return kinds[number](value)


def operation(data: bytes) -> Op:
    wire = [*fields(data)]
    assert {number for number, _ in wire} <= {1, 2, 3, 4, 5}
    name = one(wire, 1).decode()
    pairs = [[*fields(value)] for number, value in wire if number == 3]
    arguments = [[*fields(value)] for number, value in wire if number == 4]
    tensor = [*fields(one(wire, 5))]
    assert (one(tensor, 1).decode(), one(tensor, 5), one(tensor, 6)) == (name, 4, 32)
    return Op(name, one(wire, 2).decode(), {one(p, 1).decode(): attribute(one(p, 2)) for p in pairs},
              {one(a, 1).decode(): [value.decode() for number, value in a if number == 2] for a in arguments},
              tuple(packed(one(tensor, 2))))


def read(data: bytes) -> tuple[str, list[Op]]:
    """The graph's name and its ops; the root subgraph lists them too."""
    wire = [*fields(data)]
    assert {number for number, _ in wire} == {1, 5, 10}
    ops = [operation(value) for number, value in wire if number == 5]
    root = [*fields(one(wire, 10))]
    assert one(root, 1) == b"root"
    assert [value.decode() for number, value in root if number == 3] == [op.name for op in ops]
    return one(wire, 1).decode(), ops


def windows(x: Array, attributes: Mapping[str, Any], border: float = 0.0) -> Array:
    """(H, W, C) to (OH, OW, KH, KW, C)."""
    (kw, kh), (sw, sh) = attributes["kernel"], attributes["stride"]
    dw, dh = attributes.get("dilation", (1, 1))
    left, right, top, bottom = attributes["pad"]
    assert attributes["pad_mode"] == "FLOOR"
    x = np.pad(x, ((top, bottom), (left, right), (0, 0)), constant_values=border)
    rows, columns = (x.shape[0] - (kh - 1) * dh - 1) // sh + 1, (x.shape[1] - (kw - 1) * dw - 1) // sw + 1
    made = np.zeros((rows, columns, kh, kw, x.shape[2]))
    for row, column, down, across in product(range(rows), range(columns), range(kh), range(kw)):
        made[row, column, down, across] = x[row * sh + down * dh, column * sw + across * dw]
    return made


def fix(x: Array, attributes: Mapping[str, Any]) -> Array:
    assert (attributes["bit_width"], attributes["if_signed"], attributes["round_mode"]) == (8, True, "DPU_ROUND")
    step = 2.0 ** -attributes["fix_point"]
    return np.clip(np.floor(x / step + 0.5), -128, 127) * step


def conv(x: Array, attributes: Mapping[str, Any], weights: Array, bias: Array | float = 0.0) -> Array:
    return np.einsum("yxhwc,ohwc->yxo", windows(x[0], attributes), weights)[None] + bias


def depthwise(x: Array, attributes: Mapping[str, Any], weights: Array, bias: Array | float = 0.0) -> Array:
    assert len(weights) == 1
    return np.einsum("yxhwc,hwc->yxc", windows(x[0], attributes), weights[0])[None] + bias


def spread(x: Array, attributes: Mapping[str, Any]) -> tuple[Array, Mapping[str, Any]]:
    """XIR's definition of transposed ones: the input dilated by the stride, padded by kernel - 1 - pad, convolved."""
    (kw, kh), (sw, sh), (left, right, top, bottom) = (attributes[name] for name in ("kernel", "stride", "pad"))
    assert attributes["dilation"] == [1, 1] and min(left, right, top, bottom) >= 0
    assert max(left, right) < kw and max(top, bottom) < kh
    made = np.zeros((1, (x.shape[1] - 1) * sh + 1, (x.shape[2] - 1) * sw + 1, x.shape[3]))
    made[:, ::sh, ::sw] = x
    pad = [kw - 1 - left, kw - 1 - right, kh - 1 - top, kh - 1 - bottom]
    return made, {**attributes, "stride": [1, 1], "pad": pad}


def matmul(x: Array, weights: Array, attributes: Mapping[str, Any], bias: Array | float = 0.0) -> Array:
    assert (attributes["transpose_a"], attributes["transpose_b"]) == (False, True)
    return x @ weights.T + bias


def pad(x: Array, attributes: Mapping[str, Any]) -> Array:
    assert attributes["mode"] == "CONSTANT"
    return np.pad(x, np.reshape(attributes["paddings"], (-1, 2)))


def resize(x: Array, attributes: Mapping[str, Any]) -> Array:
    assert attributes["mode"] == "NEAREST" and not attributes["align_corners"] and not attributes["half_pixel_centers"]
    right, down = attributes["scale"]
    return x.repeat(int(down), axis=1).repeat(int(right), axis=2)


def flatten(x: Array, attributes: Mapping[str, Any]) -> Array:
    assert (attributes["start_axis"], attributes["end_axis"]) == (1, x.ndim - 1)
    return x.reshape(len(x), -1)


RUN: Mapping[str, Callable[..., Array]] = {
    "fix": lambda op, x: fix(x, op.attributes),
    "conv2d": lambda op, x, **more: conv(x, op.attributes, **more),
    "depthwise-conv2d": lambda op, x, **more: depthwise(x, op.attributes, **more),
    "transposed-conv2d": lambda op, x, **more: conv(*spread(x, op.attributes), **more),
    "transposed-depthwise-conv2d": lambda op, x, **more: depthwise(*spread(x, op.attributes), **more),
    "matmul": lambda op, x, weights, **more: matmul(x, weights, op.attributes, **more),
    "maxpool2d": lambda op, x: windows(x[0], op.attributes, -np.inf).max(axis=(2, 3))[None],
    "avgpool2d": lambda op, x: windows(x[0], op.attributes).mean(axis=(2, 3))[None],
    "add": lambda op, x, y: x + y,
    "mul": lambda op, x, y: x * y,
    "relu": lambda op, x: np.maximum(x, 0),
    "relu6": lambda op, x: np.clip(x, 0, 6),
    "leaky-relu": lambda op, x: np.where(x < 0, x * op.attributes["alpha"], x),
    "hard-sigmoid": lambda op, x: np.clip(x + 3, 0, 6) / 6,
    "concat": lambda op, *x: np.concatenate(x, axis=op.attributes["axis"]),
    "transpose": lambda op, x: x.transpose(op.attributes["order"]),
    "reshape": lambda op, x: x.reshape(op.attributes["shape"]),
    "flatten": lambda op, x: flatten(x, op.attributes),
    "pad": lambda op, x: pad(x, op.attributes),
    "resize": lambda op, x: resize(x, op.attributes)}


def execute(ops: Sequence[Op], data: Mapping[str, Array]) -> dict[str, Array]:
    """The outputs of all ops, given those of the data ops; every op's inputs come before it, names are unique."""
    values: dict[str, Array] = {}
    for op in ops:
        assert op.name not in values
        if op.type == "data":
            made = data[op.name]
        elif op.type == "const":
            made = np.frombuffer(op.attributes["data"], "<f4").astype(np.float64).reshape(op.attributes["shape"])
        else:
            more = {name: values[sources[0]] for name, sources in op.inputs.items() if name != "input"}
            made = RUN[op.type](op, *(values[source] for source in op.inputs["input"]), **more)
        assert made.shape == op.shape, op
        values[op.name] = made
    return values
