"""What the formats that carry integers as floats do differently: quantizers, weights, step functions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from hwgen.export.sheet import Sheet
from hwgen.host import InputPort
from hwgen.ir.graph import Node
from hwgen.ir.tensor import Array
from hwgen.ops.threshold import Threshold


class Dialect(ABC):
    """One target's ways of writing. batch, real, opset: of the model."""

    opset: int
    batch: int | str = "N"
    real: type[np.floating] = np.float64

    @abstractmethod
    def first(self, sheet: Sheet, port: InputPort, real: str, place: Array) -> str:
        """The quantizer of an input; place: the index on the stream of each element."""

    @abstractmethod
    def weights(self, sheet: Sheet, name: str, integers: Array) -> str:
        """Constant integers as a float32 tensor."""

    def matrix(self, sheet: Sheet, name: str, integers: Array, kind: type[np.floating]) -> str:
        """Constant integers of a product of vectors."""
        return sheet.constant(name, integers, kind)

    @abstractmethod
    def threshold(self, sheet: Sheet, node: Node, op: Threshold) -> None:
        """A step function; also what form it has, in sheet.forms."""

    def product(self, sheet: Sheet, node: Node, source: str, weight: Array, attributes: dict[str, Any]) -> bool:
        """Whether it writes this product itself: filters (M, C, KH, KW) or a matrix (M, K) of the tensor's elements."""
        return False

    def max_pool(self, sheet: Sheet, node: Node, x: str, attributes: dict[str, Any]) -> bool:
        """Whether it writes this pool itself."""
        return False

    def upsample(self, sheet: Sheet, node: Node, x: str, factors: tuple[int, int]) -> bool:
        """Whether it writes this itself: each pixel several times, downwards and to the right."""
        return False

    def depth_to_space(self, sheet: Sheet, node: Node, x: str, block: tuple[int, int], mode: str) -> bool:
        """Whether it writes this itself; mode: of ONNX's operator, "CRD" or "DCR"."""
        return False

    def finish(self, sheet: Sheet) -> None:
        """What is left when all nodes are written."""
        return None
