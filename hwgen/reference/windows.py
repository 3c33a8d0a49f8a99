"""Windows of maps (frames, C, H, W): plain numpy, any dtype."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hwgen.exact.convolution import Geometry
from hwgen.ir.tensor import Array


def as_map(array: Array) -> Array:
    """(frames, C, L) as (frames, C, 1, L)."""
    return array[:, :, None, :] if array.ndim == 3 else array


def taps(array: Array, geometry: Geometry, border: object) -> Iterator[Array]:
    """For each element of the kernel, row by row, what it meets at every position: (frames, C, OH, OW)."""
    top, left, bottom, right = geometry.pads
    edge = np.array(border, dtype=array.dtype)  # np.pad would make 64-bit integers of Python's own
    padded = np.pad(array, ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=edge)
    (kh, kw), (sh, sw), (dh, dw) = geometry.kernel, geometry.stride, geometry.dilation
    rows = (padded.shape[2] - (kh - 1) * dh - 1) // sh + 1
    columns = (padded.shape[3] - (kw - 1) * dw - 1) // sw + 1
    for i in range(kh):
        for j in range(kw):
            yield padded[:, :, i * dh:i * dh + (rows - 1) * sh + 1:sh, j * dw:j * dw + (columns - 1) * sw + 1:sw]


def convolve(array: Array, weight: Array, geometry: Geometry, groups: int) -> Array:
    """Cross-correlation of (frames, C, H, W) with (M, C / groups, KH, KW), in their common dtype."""
    return np.stack([convolve_frame(frame[None], weight, geometry, groups) for frame in array])


def convolve_frame(frame: Array, weight: Array, geometry: Geometry, groups: int) -> Array:
    """One frame, (1, C, H, W) to (M, OH, OW)."""
    windows = np.stack(list(taps(frame, geometry, 0)), axis=2)[0]
    rows = weight.shape[0] // groups
    columns = windows.reshape(groups, -1, windows.shape[-2] * windows.shape[-1])
    parts = [weight[g * rows:(g + 1) * rows].reshape(rows, -1) @ columns[g] for g in range(groups)]
    return np.concatenate(parts).reshape(weight.shape[0], *windows.shape[-2:])
