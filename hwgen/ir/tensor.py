"""A constant array that can be a field of a frozen dataclass: read-only, equal and hashed by content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class Tensor:
    """Wraps an int64, bool, float64 or object (Python int, Fraction, Surd) array; never modified."""

    __slots__ = ("_array", "_digest")

    def __init__(self, array: npt.ArrayLike) -> None:
        data = np.array(array)
        if data.dtype.kind in "iu":
            data = data.astype(np.int64)
        elif data.dtype.kind == "f":
            data = data.astype(np.float64)
        data.setflags(write=False)
        self._array = data
        self._digest: str | None = None

    @classmethod
    def of_ints(cls, values: Iterable[int], shape: tuple[int, ...]) -> Tensor:
        """int64 where every value fits, Python integers otherwise."""
        flat = list(values)
        fits = all(-(1 << 63) <= v < (1 << 63) for v in flat)
        data = np.empty(len(flat), dtype=np.int64 if fits else object)
        data[:] = flat
        return cls(data.reshape(shape))

    @property
    def array(self) -> Array:
        return self._array

    @property
    def shape(self) -> tuple[int, ...]:
        return self._array.shape

    @property
    def is_float(self) -> bool:
        """Whether the elements are float64."""
        return self._array.dtype.kind == "f"

    @property
    def digest(self) -> str:
        """SHA-256 of dtype, shape and content."""
        if self._digest is None:
            a = self._array
            body = repr(a.tolist()).encode() if a.dtype == object else np.ascontiguousarray(a).tobytes()
            self._digest = hashlib.sha256(f"{a.dtype.str}{a.shape}".encode() + body).hexdigest()
        return self._digest

    def fractions(self) -> Array:
        """The exact values as an object array of Fraction (floats are dyadic rationals)."""
        out = np.empty(self.shape, dtype=object)
        out.ravel()[:] = [Fraction(v) for v in self._array.ravel().tolist()]
        return out

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tensor) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        if self._array.size == 1:
            return f"{self._array.ravel()[0]}"
        return f"tensor[{'x'.join(map(str, self.shape))}]#{self.digest[:8]}"
