"""Small kernels with made-up prices, to try the solver and the FIFO sizing on networks of any shape."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from hwgen.ir.graph import Graph, GraphBuilder, Level, Op, Value
from hwgen.ir.types import IntType, Type
from hwgen.kernels.base import Fold, Kernel, Resources, Schedule, one_port
from hwgen.kernels.lanes import divisors
from hwgen.ops.integer import IntegerOp
from hwgen.stream import Stream

BYTE = IntType(0, 255)


@dataclass(frozen=True)
class Mix(IntegerOp):
    """Any function of a whole vector: `rows` outputs."""

    rows: int

    def infer(self, inputs: Sequence[Value]) -> tuple[tuple[tuple[int, ...], Type], ...]:
        return (((self.rows,), BYTE),)


@dataclass(frozen=True)
class Dense(Kernel):
    """Timed like a matrix-vector unit; the price of each folding is random but fixed by `seed`."""

    stem = "dense"
    title = "dense layer"
    seed: int = 0
    delay: int = 4

    op: Mix

    @classmethod
    def accepts(cls, op: Op, inputs: Sequence[Value]) -> str | None:
        return None if isinstance(op, Mix) else "no"

    @property
    def columns(self) -> int:
        return self.inputs[0].elements

    def foldings(self) -> Iterator[Fold]:
        return (Fold(pe, simd) for pe in divisors(self.op.rows) for simd in divisors(self.columns))

    @property
    def cycles(self) -> int:
        return (self.op.rows // self.fold.pe) * (self.columns // self.fold.simd)

    @property
    def ideal(self) -> int:
        return self.cycles

    def resources(self) -> Resources:
        draw = random.Random(f"{self.stem} {self.seed} {self.fold}")
        luts = 20 + self.fold.pe * self.fold.simd * draw.randint(5, 15)
        return Resources(luts, draw.randint(0, 50), draw.randint(0, 2))

    def schedule(self) -> Schedule:
        columns, steps = self.columns // self.fold.simd, np.arange(self.cycles)
        return Schedule(one_port(steps < columns), one_port((steps + 1) % columns == 0), self.delay)

    def parameters(self) -> dict[str, int]:
        return {}

    def input_stream(self) -> Stream:
        return Stream(BYTE, self.columns, self.fold.simd)

    def output_stream(self) -> Stream:
        return Stream(BYTE, self.op.rows, self.fold.pe)


@dataclass(frozen=True)
class Sparse(Dense):
    """Another kernel of the same op: half as fast, another price."""

    stem = "sparse"
    title = "slow dense layer"

    op: Mix

    @property
    def cycles(self) -> int:
        return 2 * super().cycles


def network(sizes: Sequence[int], seed: int = 0, kinds: Sequence[type[Dense]] = (Dense,)) -> Graph:
    """A chain of dense layers: sizes[0] inputs, then sizes[i] outputs of layer i."""
    builder = GraphBuilder("tiny", Level.HARDWARE)
    value = builder.add_input(Value("x", (sizes[0],), BYTE))
    for i, rows in enumerate(sizes[1:]):
        kind = kinds[i % len(kinds)]
        kernel = kind(Mix(rows), (value,), Fold(), seed + i)
        (value,) = builder.add(f"layer{i}", kernel, [value.name], [f"y{i}"])
    return builder.build([value.name])
