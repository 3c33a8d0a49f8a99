"""Which beats a sliding window needs and when: the arithmetic behind rtl/hwgen_window.sv."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hwgen.ir.tensor import Array
from hwgen.kernels.ring import Ring

Pair = tuple[int, int]


@dataclass(frozen=True)
class Sliding(Ring):
    """A window over a map of (rows, columns) pixels of `groups` beats; all pairs are (vertical, horizontal)."""

    size: Pair
    groups: int
    kernel: Pair
    stride: Pair
    dilation: Pair

    @property
    def positions(self) -> Pair:
        """Rows and columns of windows."""
        rows, columns = ((size - dilation * (kernel - 1) - 1) // stride + 1 for size, kernel, stride, dilation in
                         zip(self.size, self.kernel, self.stride, self.dilation, strict=True))
        return rows, columns

    @property
    def beats_in(self) -> int:
        return self.size[0] * self.size[1] * self.groups

    @property
    def beats_out(self) -> int:
        (rows, columns), (height, width) = self.positions, self.kernel
        return rows * columns * height * width * self.groups

    @property
    def span(self) -> int:
        """Beats from a window's first to its last, both included."""
        (height, width), (down, right) = self.kernel, self.dilation
        return ((height - 1) * down * self.size[1] + (width - 1) * right + 1) * self.groups

    @property
    def moves(self) -> tuple[int, int, int]:
        """Beats from a window's first to that of the next one: in the row, in the next row, in the next frame."""
        (rows, columns), row = self.positions, self.size[1] * self.groups
        right = self.stride[1] * self.groups
        back = (columns - 1) * right
        return right, self.stride[0] * row - back, (self.size[0] - (rows - 1) * self.stride[0]) * row - back

    @cached_property
    def needs(self) -> Array:
        """(beats_out,) the beat in that each beat out is."""
        pixels = self._starts[:, None] + self._taps
        return (pixels[..., None] * self.groups + np.arange(self.groups)).ravel()

    @property
    def _starts(self) -> Array:
        """(windows,) the first pixel of each."""
        rows, columns = (stride * np.arange(count) for stride, count in zip(self.stride, self.positions, strict=True))
        return (rows[:, None] * self.size[1] + columns).ravel()

    @property
    def _taps(self) -> Array:
        """(kernel height * kernel width,) pixels of a window, from its first."""
        rows, columns = (step * np.arange(count) for step, count in zip(self.dilation, self.kernel, strict=True))
        return (rows[:, None] * self.size[1] + columns).ravel()

    @cached_property
    def released(self) -> Array:
        """(beats_out,) how many beats in of the frame are no longer kept once that beat out has gone.

        Where no beat goes twice and none before an earlier one, all before the next; else all before the window, and
        with its last beat all before the next window.
        """
        if self.streams:
            return np.append(self.needs[1:], self.beats_in)
        starts = self._starts * self.groups
        kept = np.repeat(starts, self.beats_out // len(starts)).reshape(len(starts), -1)
        kept[:, -1] = np.append(starts[1:], self.beats_in)
        return kept.ravel()

    @property
    def streams(self) -> bool:
        """Whether the beats out are some of the beats in, in their order."""
        (rows, columns), (right, down, _) = self.positions, self.moves
        return (columns == 1 or right >= self.span) and (rows == 1 or down >= self.span)
