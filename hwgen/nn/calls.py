"""Calls of a recording as nodes of the quantized level: who converts which function, and what a converter sees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor as TorchTensor

from hwgen.errors import HwgenError
from hwgen.ir.graph import GraphBuilder, Op, Value
from hwgen.ir.tensor import Array, Tensor
from hwgen.ir.types import REAL, IntType
from hwgen.nn.record import Call, Recording, Ref
from hwgen.nn.tensor import IntQuantTensor
from hwgen.ops.quantized import Quant

Converter = Callable[["Site", Call], None]
_converters: dict[Any, tuple[Converter, tuple[str, ...]]] = {}


def converts(*functions: Any, takes: str = "input") -> Callable[[Converter], Converter]:
    """Register a converter for functions whose arguments have these names, in their order."""
    def register(converter: Converter) -> Converter:
        for function in functions:
            _converters[function] = converter, tuple(takes.split())
        return converter
    return register


def converter_of(call: Call) -> tuple[Converter, tuple[str, ...]] | None:
    """The converter of a call's function, or of its quantizer's class; and the arguments' names."""
    return _converters.get(call.function) or _converters.get(type(call.function))


@dataclass
class Site:
    """The graph that a conversion is making; numbers of the recording's values to values of the graph."""

    builder: GraphBuilder
    recording: Recording
    values: dict[int, Value] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)

    def arguments(self, call: Call) -> dict[str, Any]:
        """The call's arguments by name."""
        found = converter_of(call)
        assert found is not None
        return {**dict(zip(found[1], call.arguments, strict=False)), **call.options}

    def value(self, call: Call, name: str = "input") -> Value:
        """A value that depends on an input. HwgenError: "constant-input" for one that does not."""
        ref = self.arguments(call)[name]
        if not isinstance(ref, Ref):
            raise HwgenError("constant-input", place(call), f"its {name} does not depend on the network's input",
                             "Swap the operands, or compute it before the network.")
        return self.values[ref.index]

    def grid(self, call: Call) -> IntQuantTensor | None:
        """The integers behind the call's result, where it has them."""
        return self.recording.tensors.get(call.output)

    def add(self, call: Call, op: Op, *inputs: Value) -> None:
        """Append the node that stands for the call."""
        self.values[call.output] = self.add_inner(call, op, *inputs)

    def add_inner(self, call: Call, op: Op, *inputs: Value, role: str = "") -> Value:
        """Append a node on the way to the call's result."""
        name = self.unique(".".join(part for part in (call.layer or function_name(call), role) if part))
        (made,) = self.builder.add(name, op, [v.name for v in inputs], [name], (name,))
        return made

    def same(self, call: Call, value: Value) -> None:
        """The call gives its input back."""
        self.values[call.output] = value

    def unique(self, name: str) -> str:
        """The name, with a number where it is taken."""
        made = next(n for n in (name, *(f"{name}_{i}" for i in range(2, len(self.names) + 3))) if n not in self.names)
        self.names.add(made)
        return made


def stand_in(builder: GraphBuilder, name: str, shape: tuple[int, ...]) -> Value:
    """An input of the graph, and a quantizer, in the place of a value that has no counterpart."""
    port = builder.add_input(Value(f"{name}_stand_in", shape, REAL))
    (made,) = builder.add(name, Quant(Tensor(2.0**-6), Tensor(0), IntType(-128, 127)), [port.name], [name])
    return made


def function_name(call: Call) -> str:
    """What a person calls the function."""
    named = getattr(call.function, "__name__", type(call.function).__name__)
    return named.strip("_") or "call"


def place(call: Call) -> str:
    """The layer and function of a call, for messages."""
    return f"{function_name(call)} in '{call.layer}'" if call.layer else function_name(call)


def refuse(call: Call, why: str, help: str) -> HwgenError:
    """The error for a form of a function that has no exact counterpart."""
    return HwgenError("unsupported-form", place(call), why, help)


def constant(x: Any) -> Tensor:
    """A number, or a tensor that no input reaches, exact."""
    if isinstance(x, IntQuantTensor):
        x = x.value
    return Tensor(x.detach().cpu().numpy() if isinstance(x, TorchTensor) else float(x))


@dataclass(frozen=True)
class Integers:
    """A quantized constant: (integers - zero_point) * scale."""

    integers: Array
    scale: Array
    zero_point: Array

    @classmethod
    def of(cls, x: IntQuantTensor) -> Integers:
        """The integers of a tensor on a grid; those of a binary one are -1 and 1."""
        scale, zero = x.scale.detach().cpu().numpy(), x.zero_point.detach().cpu().numpy()
        with torch.no_grad():
            integers = (x.value / x.scale + x.zero_point).round().to(torch.int64)
        return cls(integers.cpu().numpy(), scale, zero.astype(np.int64))


def pair(x: int | Sequence[int]) -> tuple[int, int]:
    """(vertical, horizontal) of a number or of one or two."""
    numbers = (x,) if isinstance(x, int) else tuple(x)
    return (numbers[0], numbers[-1])


def along_width(x: int | Sequence[int], rest: int) -> tuple[int, int]:
    """The pair of a 1-D parameter: (rest, x)."""
    return (rest, x if isinstance(x, int) else x[-1])
