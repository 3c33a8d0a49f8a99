"""Sliding windows: any kernel, stride and dilation; both memories, rings of 2^n and of as few places as suffice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from hwgen.ir.graph import Value
from hwgen.ir.tensor import Array
from hwgen.kernels.base import Fold, Kernel
from hwgen.kernels.ram import Ram
from hwgen.kernels.window import WindowUnit
from hwgen.ops.window import Window
from sim.bench_threshold import random_type
from sim.kernel_bench import RTL, KernelTiming, check_kernel

MOST_BEATS = 150


@dataclass(frozen=True)
class TightWindow(WindowUnit):
    """The fewest places, in the memory that is asked for."""

    block: bool = False

    @property
    def ram(self) -> Ram:
        return Ram(self.sliding.depth, self.input_stream().width, self.block)


def window(shape: tuple[int, int, int], kernel: tuple[int, int], stride: tuple[int, int] = (1, 1),
           dilation: tuple[int, int] = (1, 1), *, lanes: int = 1, seed: int = 0) -> WindowUnit:
    """A kernel on a map of a random type."""
    kind = random_type(np.random.default_rng(seed), 3)
    return WindowUnit.lower(Window(kernel, stride, dilation), (Value("x", shape, kind),)).folded(Fold(lanes))


def tight(kernel: WindowUnit, block: bool) -> TightWindow:
    """The same with the fewest places."""
    return TightWindow(kernel.op, kernel.inputs, kernel.fold, block)


K = TypeVar("K", bound=Kernel)


def random_fold(kernel: K, rng: np.random.Generator) -> K:
    """One of its foldings."""
    folds = list(kernel.foldings())
    return kernel.folded(folds[rng.integers(len(folds))])


def pair(numbers: Array) -> tuple[int, int]:
    """(vertical, horizontal)"""
    return int(numbers[0]), int(numbers[1])


def random_kernel(rng: np.random.Generator) -> WindowUnit:
    """A kernel of at most MOST_BEATS beats a frame on either side; one in five covers the whole map."""
    while True:
        size = rng.integers(1, 8, 2)
        channels = int(rng.choice([1, 2, 3, 4, 5, 6, 7, 11, 13]))
        kernel = size if rng.random() < 0.2 else rng.integers(1, 5, 2)
        stride, dilation = rng.integers(1, 4, 2), rng.choice([1, 1, 2, 3], 2)
        if (dilation * (kernel - 1) >= size).any():
            continue
        op = Window(pair(kernel), pair(stride), pair(dilation))
        kind = random_type(rng, int(rng.integers(1, 10)))
        lowered = WindowUnit.lower(op, (Value("x", (*pair(size), channels), kind),))
        folded = random_fold(lowered, rng)
        if folded.ideal <= MOST_BEATS:
            return folded if rng.random() < 0.4 else tight(folded, bool(rng.integers(2)))


def check(kernel: WindowUnit, *, seed: int, work: Path, simulator: str = "verilator",
          library: Sequence[Path] = (RTL,)) -> KernelTiming:
    """check_kernel on few frames."""
    return check_kernel(kernel, 6, seed=seed, work=work, simulator=simulator, library=library)
