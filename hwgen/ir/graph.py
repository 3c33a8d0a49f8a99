"""The IR: one immutable graph type for the quantized, the integer and the hardware level."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import ClassVar

import numpy as np

from hwgen.ir.tensor import Array, Tensor
from hwgen.ir.types import IntType, Type


class Level(Enum):
    """Which ops are legal: real scales; integers only; kernels with streams and foldings."""

    QUANTIZED = "quantized"
    INTEGER = "integer"
    HARDWARE = "hardware"


@dataclass(frozen=True)
class Value:
    """A tensor on an edge. shape has no batch dimension: every value is one frame's."""

    name: str
    shape: tuple[int, ...]
    type: Type

    @property
    def elements(self) -> int:
        count = 1
        for size in self.shape:
            count *= size
        return count

    def __str__(self) -> str:
        return f"{self.name}: {self.type}[{'x'.join(map(str, self.shape))}]"


class Op(ABC):
    """What a node computes. Subclasses are frozen dataclasses whose fields are the attributes."""

    level: ClassVar[Level]

    @abstractmethod
    def infer(self, inputs: Sequence[Value]) -> tuple[tuple[tuple[int, ...], Type], ...]:
        """Shape and type of each output. Raises HwgenError when the inputs do not fit."""

    def run(self, *inputs: Array) -> tuple[Array, ...]:
        """Exact result on arrays with a leading batch axis. Integer and hardware level only."""
        raise NotImplementedError(type(self).__name__)

    def compiled(self, inputs: Sequence[Value]) -> Callable[..., Array]:
        """run() of a one-output op, prepared for many calls: integers in any dtype that holds them exactly."""
        wide = [isinstance(x.type, IntType) and x.type.bits > 63 for x in inputs]
        kinds: list[type] = [object if beyond else np.int64 for beyond in wide]
        return lambda *arrays: self.run(*(np.asarray(a, dtype=t) for a, t in zip(arrays, kinds, strict=True)))[0]

    def by_position(self, inputs: Sequence[Value]) -> bool:
        """Whether each position of the output (all axes but the last) depends on that position of the inputs only."""
        return False

    def compiled_rows(self, inputs: Sequence[Value]) -> Callable[[Array, slice], Array] | None:
        """compiled() of one input for some rows of the output map, where they take a part of the work; else None."""
        return None

    def narrowed(self, inputs: Sequence[Value]) -> Op:
        """The same function on these inputs with the narrowest types that it needs."""
        return self

    @property
    def label(self) -> str:
        """The op's name in text forms and messages."""
        return type(self).__name__


@dataclass(frozen=True)
class Node:
    """One application of an op. origin: names of the imported nodes that it stands for."""

    name: str
    op: Op
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    origin: tuple[str, ...] = ()


@dataclass(frozen=True)
class Graph:
    """Nodes in topological order. `ports` describes the host's side of each graph input and output.

    orders: for an integer value that stands for a value of the imported graph in another memory order, the position in
    it of each element of that value.
    """

    name: str
    level: Level
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    nodes: tuple[Node, ...]
    values: Mapping[str, Value]
    ports: Mapping[str, object] = field(default_factory=dict)
    orders: Mapping[str, Tensor] = field(default_factory=dict)

    def inputs_of(self, node: Node) -> tuple[Value, ...]:
        return tuple(self.values[name] for name in node.inputs)

    def outputs_of(self, node: Node) -> tuple[Value, ...]:
        return tuple(self.values[name] for name in node.outputs)

    def producer(self, value: str) -> Node | None:
        return next((node for node in self.nodes if value in node.outputs), None)

    def consumers(self, value: str) -> tuple[Node, ...]:
        return tuple(node for node in self.nodes if value in node.inputs)

    def in_imported_order(self, name: str, integers: Array) -> Array:
        """(frames, ...) integers of a value as (frames, elements) in the order of the imported graph's value."""
        flat = integers.reshape(len(integers), -1)
        return flat[:, self.orders[name].array] if name in self.orders else flat

    def replaced(self, **changes: object) -> Graph:
        return replace(self, **changes)  # type: ignore[arg-type]


class GraphBuilder:
    """Collects nodes in topological order and infers every value's shape and type."""

    def __init__(self, name: str, level: Level) -> None:
        self.name = name
        self.level = level
        self.nodes: list[Node] = []
        self.values: dict[str, Value] = {}
        self.inputs: list[str] = []
        self.ports: dict[str, object] = {}
        self.orders: dict[str, Tensor] = {}

    def add_input(self, value: Value) -> Value:
        self.values[value.name] = value
        self.inputs.append(value.name)
        return value

    def add(self, name: str, op: Op, inputs: Sequence[str], outputs: Sequence[str],
            origin: Iterable[str] = ()) -> tuple[Value, ...]:
        """Append a node; returns its output values."""
        inferred = op.infer([self.values[i] for i in inputs])
        made = tuple(Value(o, shape, kind) for o, (shape, kind) in zip(outputs, inferred, strict=True))
        self.nodes.append(Node(name, op, tuple(inputs), tuple(outputs), tuple(origin)))
        self.values.update({value.name: value for value in made})
        return made

    def build(self, outputs: Sequence[str]) -> Graph:
        return Graph(self.name, self.level, tuple(self.inputs), tuple(outputs), tuple(self.nodes),
                     dict(self.values), dict(self.ports), dict(self.orders))
