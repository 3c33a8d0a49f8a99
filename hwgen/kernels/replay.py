"""Pixels given several times or in parts, row by row: the arithmetic behind rtl/hwgen_replay.sv."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hwgen.ir.tensor import Array
from hwgen.kernels.base import Resources
from hwgen.kernels.ram import Ram
from hwgen.kernels.ring import Ring


@dataclass(frozen=True)
class Replay(Ring):
    """A map of (rows, columns) pixels, each of which becomes repeats = (vertical, horizontal) pixels of `groups` beats.

    spread: each of them has beats of its own in the pixel; else all of them are the same beats.
    """

    size: tuple[int, int]
    groups: int
    repeats: tuple[int, int]
    spread: bool

    @property
    def pixel(self) -> int:
        """Beats in of a pixel."""
        return self.groups * (self.repeats[0] * self.repeats[1] if self.spread else 1)

    @property
    def beats_in(self) -> int:
        return self.size[0] * self.size[1] * self.pixel

    @property
    def beats_out(self) -> int:
        return self.size[0] * self.size[1] * self.repeats[0] * self.repeats[1] * self.groups

    @cached_property
    def needs(self) -> Array:
        (rows, columns), (down, right), groups = self.size, self.repeats, self.groups
        row, again, pixel, part, group = np.ix_(*map(np.arange, (rows, down, columns, right, groups)))
        first = (row * columns + pixel) * self.pixel
        return np.asarray(first + self.spread * (again * right + part) * groups + group).ravel()

    @cached_property
    def released(self) -> Array:
        """A pixel's beats are freed with its last beat out."""
        (rows, columns), (down, right), groups = self.size, self.repeats, self.groups
        freed = np.zeros((rows, down, columns, right, groups), np.int64)
        freed[:, -1, :, -1, -1] = self.pixel
        return np.cumsum(freed)

    def control(self, ram: Ram) -> Resources:
        """Two distances, two addresses and the loops' counters. LUTs: fitted to Yosys."""
        address = (ram.depth - 1).bit_length()
        distance = (ram.depth + self.pixel).bit_length() + 1
        turns = [self.groups, self.repeats[0], self.repeats[1], self.size[1] if self.repeats[0] > 1 else 1]
        counters = sum((n - 1).bit_length() for n in turns)
        wrap = 3 * address if ram.depth != 1 << address else 0
        moves = 5 if self.spread else 3
        return Resources(lut=14 + 3 * distance // 2 + moves * address // 2 + counters + wrap,
                         ff=2 * (address + distance) + counters + (2 if ram.block else 1))
