"""The XNOR unit: the matrix-vector bench with bipolar inputs and weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hwgen.ir.types import BIPOLAR
from hwgen.kernels.mvau_xnor import MvauXnor
from sim.bench_mvau import SIZES, check, random_kernel

__all__ = ["check", "random_xnor"]


def random_xnor(rng: np.random.Generator, *, lanes: int = 64, sizes: Sequence[int] = SIZES) -> MvauXnor:
    """A folding of at most `lanes` XNORs a cycle of a random bipolar matrix."""
    kernel = random_kernel(MvauXnor, rng, lanes=lanes, types=(BIPOLAR, BIPOLAR), sizes=sizes)
    assert isinstance(kernel, MvauXnor)
    return kernel
