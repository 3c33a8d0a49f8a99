"""A kernel with whatever memories a test wants; its module exists in no library."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from hwgen.ir.graph import Level, Op, Value
from hwgen.ir.tensor import Array
from hwgen.ir.types import IntType, Type, full_range
from hwgen.kernels.base import Fold, Kernel, Memory, Resources, Schedule, every_step
from hwgen.stream import Stream


@dataclass(frozen=True)
class Identity(Op):
    level = Level.INTEGER

    def infer(self, inputs: Sequence[Value]) -> tuple[tuple[tuple[int, ...], Type], ...]:
        return ((inputs[0].shape, inputs[0].type),)

    def run(self, *inputs: Array) -> tuple[Array, ...]:
        return inputs


@dataclass(frozen=True)
class Fake(Kernel):
    stem = "fake"
    title = "test kernel"
    roms: tuple[Memory, ...] = ()

    @classmethod
    def accepts(cls, op: Op, inputs: Sequence[Value]) -> str | None:
        return None

    def foldings(self) -> Iterator[Fold]:
        yield Fold()

    @property
    def cycles(self) -> int:
        return 1

    @property
    def ideal(self) -> int:
        return 1

    def resources(self) -> Resources:
        return Resources()

    def schedule(self) -> Schedule:
        return Schedule(every_step(1), every_step(1), 0)

    def parameters(self) -> dict[str, int]:
        return {"LANES": 1, "OFFSET": -3}

    def memories(self) -> tuple[Memory, ...]:
        return self.roms

    def input_stream(self) -> Stream:
        return Stream(self.input_type, self.inputs[0].elements, 1)

    def output_stream(self) -> Stream:
        return self.input_stream()


def fake(*memories: Memory) -> Fake:
    return Fake(Identity(), (Value("x", (4,), full_range(4, True)),), Fold(), memories)


def random_memory(rng: np.random.Generator, name: str, depth: int, lanes: int, kind: IntType, port: str = "") -> Memory:
    return Memory(name, rng.integers(kind.lo, kind.hi, (depth, lanes), endpoint=True), kind, "block", port)
