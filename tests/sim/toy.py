"""A kernel small enough to be beyond doubt, for tests of the benches and the harness themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from hwgen.ir.graph import Op, Value
from hwgen.ir.tensor import Array
from hwgen.ir.types import IntType, Type
from hwgen.kernels.base import Fold, Kernel, Resources, Schedule, every_step
from hwgen.ops.integer import IntegerOp
from hwgen.stream import Stream

RTL = Path(__file__).parent / "rtl"


@dataclass(frozen=True)
class RunningMaximum(IntegerOp):
    """y[i] = max(x[0..i]) within a frame."""

    def infer(self, inputs: Sequence[Value]) -> tuple[tuple[tuple[int, ...], Type], ...]:
        return ((inputs[0].shape, inputs[0].type),)

    def run(self, *inputs: Array) -> tuple[Array, ...]:
        return (np.maximum.accumulate(inputs[0], axis=1),)


@dataclass(frozen=True)
class ToyMaximum(Kernel):
    stem: ClassVar[str] = "toy_maximum"
    title: ClassVar[str] = "running maximum, for tests"
    claimed_cycles: int = 0

    @classmethod
    def accepts(cls, op: Op, inputs: Sequence[Value]) -> str | None:
        return None

    def foldings(self) -> Iterator[Fold]:
        yield Fold()

    @property
    def cycles(self) -> int:
        return self.claimed_cycles or self.inputs[0].elements

    @property
    def ideal(self) -> int:
        return self.inputs[0].elements

    def resources(self) -> Resources:
        return Resources(lut=2 * self.input_type.bits, ff=self.input_type.bits)

    def schedule(self) -> Schedule:
        every = every_step(self.inputs[0].elements)
        return Schedule(every, every, 1)

    def parameters(self) -> dict[str, int]:
        return {"ELEMENTS": self.inputs[0].elements, "WIDTH": self.input_type.bits}

    def input_stream(self) -> Stream:
        return Stream(self.input_type, self.inputs[0].elements, 1)

    output_stream = input_stream


def toy_maximum(elements: int = 5, claimed_cycles: int = 0) -> ToyMaximum:
    return ToyMaximum(RunningMaximum(), (Value("x", (elements,), IntType(-8, 7)),), Fold(), claimed_cycles)
