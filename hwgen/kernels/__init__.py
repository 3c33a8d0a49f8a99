"""The registry: every kernel, and which of them can compute an op."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_type_hints

from hwgen.ir.graph import Op, Value
from hwgen.kernels.add import AddUnit
from hwgen.kernels.argmax import ArgMaxUnit
from hwgen.kernels.base import Kernel
from hwgen.kernels.concat import ConcatUnit
from hwgen.kernels.depth_to_space import DepthToSpaceUnit
from hwgen.kernels.depthwise import DepthwiseUnit
from hwgen.kernels.fifo import Fifo
from hwgen.kernels.fork import ForkUnit
from hwgen.kernels.mvau import Mvau
from hwgen.kernels.mvau_xnor import MvauXnor
from hwgen.kernels.pad import PadUnit
from hwgen.kernels.pool import PoolUnit
from hwgen.kernels.requantize import RequantizeUnit
from hwgen.kernels.slice import SliceUnit
from hwgen.kernels.stream_input import StreamInput
from hwgen.kernels.stream_output import StreamOutput
from hwgen.kernels.table import TableUnit
from hwgen.kernels.threshold import ThresholdUnit
from hwgen.kernels.threshold_search import ThresholdSearch
from hwgen.kernels.upsample import UpsampleUnit
from hwgen.kernels.width_converter import WidthConverter
from hwgen.kernels.window import WindowUnit

KERNELS: tuple[type[Kernel], ...] = (MvauXnor, Mvau, ThresholdUnit, ThresholdSearch, RequantizeUnit, TableUnit,
                                  ArgMaxUnit, PadUnit, WindowUnit, PoolUnit, DepthwiseUnit, AddUnit, ConcatUnit,
                                  DepthToSpaceUnit, UpsampleUnit, SliceUnit)
"""Kernels that compute an op of the integer level, in order of preference."""

LIBRARY: tuple[type[Kernel], ...] = (StreamInput, WidthConverter, Fifo, ForkUnit, StreamOutput)
"""Kernels that only move integers; passes insert them."""


def candidates(op: Op, inputs: Sequence[Value]) -> tuple[type[Kernel], ...]:
    """The kernels that can compute `op` on `inputs`, in order of preference."""
    return tuple(kernel for kernel in KERNELS if kernel.accepts(op, inputs) is None)


def refusals(op: Op, inputs: Sequence[Value]) -> dict[str, str]:
    """Why no kernel for this kind of op can: stem to reason; empty where there is none for it."""
    able = [kernel for kernel in KERNELS if isinstance(op, get_type_hints(kernel)["op"])]
    reasons = ((kernel.stem, kernel.accepts(op, inputs)) for kernel in able)
    return {stem: reason for stem, reason in reasons if reason is not None}
