"""The host's side of a graph: reals to the first integers, last integers to reals. numpy only.

The emitted `host/` module is rendered from the same records (hwgen.emit.host).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hwgen import host_functions
from hwgen.errors import HwgenError
from hwgen.ir.tensor import Array, Tensor
from hwgen.ir.types import BIPOLAR, IntType

Argument = Tensor | int | float | bool | None | tuple[int, ...]


@dataclass(frozen=True)
class HostStep:
    """One function of hwgen.host_functions that the host applies after the last integers.

    inputs: which values it reads, 0 for the integers as float64 (frames, elements), i for the result of step i - 1 of
    the tail (so i counts from 1); empty until the step is appended to a tail.
    """

    function: str
    arguments: tuple[tuple[str, Argument], ...] = ()
    inputs: tuple[int, ...] = ()

    @classmethod
    def of(cls, function: str, **arguments: Argument) -> HostStep:
        """A step that is not placed yet."""
        return cls(function, tuple(arguments.items()))

    @property
    def call(self) -> tuple[str, tuple[int, ...], dict[str, Any]]:
        """What host_functions.evaluate takes."""
        plain = {name: value.array if isinstance(value, Tensor) else value for name, value in self.arguments}
        return self.function, self.inputs, plain


@dataclass(frozen=True)
class Encode:
    """The exact step function from a real input to the first integers, as a table over float64.

    code = #(x >= cuts), or N - #(x > ...) where descending; value = type.lo + code (bipolar: 2 code - 1). cuts: float64
    (1, N) or (elements, N), each the smallest double that reaches its level (the smallest float32 where the quantizer
    stands directly on the input, see hwgen.exact.single), so that the comparison of a float32 or float64 x is exact.
    raw: integer arrays are taken as the integers themselves (an input typed by the user).
    """

    type: IntType
    cuts: Tensor
    descending: Tensor
    raw: bool = False

    def run(self, x: Array) -> Array:
        """(frames, elements) numbers to (frames, elements) integers of `type`."""
        if self.raw and x.dtype.kind in "iub":
            return self._checked(x.astype(np.int64))
        values = x.astype(np.float64)
        if np.isnan(values).any():
            raise HwgenError("input-nan", "the input array", "it holds NaN", "Remove the frames that hold NaN.")
        cuts, descending = self.cuts.array, np.broadcast_to(self.descending.array, (values.shape[1],))
        if cuts.shape[0] == 1:
            codes = np.searchsorted(cuts[0], values.ravel(), side="right").reshape(values.shape)
        else:
            codes = np.stack([np.searchsorted(c, v, side="right") for c, v in zip(cuts, values.T, strict=True)], axis=1)
        codes = np.where(descending, cuts.shape[1] - codes, codes).astype(np.int64)
        return 2 * codes - 1 if self.type == BIPOLAR else codes + self.type.lo

    def _checked(self, x: Array) -> Array:
        bad = (x < self.type.lo) | (x > self.type.hi) | ((x == 0) & (self.type == BIPOLAR))
        if bad.any():
            value = int(x[bad].ravel()[0])
            raise HwgenError("input-range", "the input array", f"{value} is not a value of {self.type}",
                             "Scale the input, or widen it with --input-type.")
        return x


@dataclass(frozen=True)
class Decode:
    """Output integers to the graph's own output: y = a * scale + offset, then the tail, in float64; then float32.

    scale, offset: float64 scalar or (elements,). tail: what follows that is no scale and no offset. indices: the result
    is a class index and int64.
    """

    scale: Tensor
    offset: Tensor
    tail: tuple[HostStep, ...] = ()
    indices: bool = False

    def run(self, integers: Array) -> Array:
        """(frames, elements) integers to float32, int64 for indices: (frames, elements), or as the tail leaves it."""
        if self.indices and not self.tail:
            return integers.astype(np.int64)
        y = integers.astype(np.float64) * self.scale.array + self.offset.array
        y = host_functions.evaluate([step.call for step in self.tail], y)
        return y.astype(np.int64 if self.indices else np.float32)


@dataclass(frozen=True)
class InputPort:
    """One graph input. shape: as in the model without the batch; value: the integer value that the stream carries.

    order: None, or the index in the flattened input of each element on the stream.
    """

    name: str
    shape: tuple[int, ...]
    value: str
    encode: Encode
    order: Tensor | None = None

    def run(self, x: Array) -> Array:
        """(frames, *shape) numbers to (frames, elements) integers in stream order."""
        flat = x.reshape(x.shape[0], -1)
        return self.encode.run(flat if self.order is None else flat[:, self.order.array])


@dataclass(frozen=True)
class OutputPort:
    """One graph output. order: None, or the position on the stream of each element that the decoding takes.

    origin: the imported nodes that the host computes for it.
    """

    name: str
    shape: tuple[int, ...]
    value: str
    decode: Decode
    order: Tensor | None = None
    origin: tuple[str, ...] = ()

    def run(self, integers: Array) -> Array:
        """(frames, elements) integers in stream order to (frames, *shape) numbers."""
        flat = integers.reshape(integers.shape[0], -1)
        flat = flat if self.order is None else flat[:, self.order.array]
        return self.decode.run(flat).reshape(-1, *self.shape)
