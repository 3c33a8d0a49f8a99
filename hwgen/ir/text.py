"""The IR as text, one line a node: what ir/NN-<pass>.txt and `hwgen inspect` show."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from enum import Enum

from hwgen.ir.graph import Graph, Node, Op, Value
from hwgen.ir.types import IntType, RealType

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./:-]*")
_AS_STR = (int, float, IntType, RealType)


def graph_text(graph: Graph) -> str:
    """The whole graph: a heading, its inputs, a line for each node, its outputs. Ends in a newline."""
    return "".join(line + "\n" for line in graph_lines(graph))


def graph_lines(graph: Graph) -> Iterator[str]:
    """The lines of graph_text."""
    yield f"graph {quoted(graph.name)} level {graph.level.value}"
    for name in graph.inputs:
        yield f"input {value_text(graph.values[name])}"
    for name, port in graph.ports.items():
        yield f"port {quoted(name)} {attribute_text(port)}"
    for node in graph.nodes:
        yield node_text(graph, node)
    for name in graph.outputs:
        yield f"output {value_text(graph.values[name])}"


def node_text(graph: Graph, node: Node) -> str:
    """`outputs = Op(attributes) inputs  # node <- imported nodes`."""
    outputs = ", ".join(value_text(value) for value in graph.outputs_of(node))
    inputs = ", ".join(quoted(name) for name in node.inputs)
    origin = f" <- {', '.join(quoted(name) for name in node.origin)}" if node.origin else ""
    return f"{outputs} = {attribute_text(node.op)} {inputs}".rstrip() + f"  # {quoted(node.name)}{origin}"


def value_text(value: Value) -> str:
    """`name: type[shape]`."""
    return f"{quoted(value.name)}: {value.type}[{'x'.join(map(str, value.shape))}]"


def attribute_text(item: object) -> str:
    """One attribute: numbers and types as they are, arrays by shape and digest, records by their fields."""
    if isinstance(item, Enum):
        return str(item.value)
    if isinstance(item, str):
        return quoted(item)
    if isinstance(item, Value):
        return value_text(item)
    if isinstance(item, tuple):
        return f"({', '.join(attribute_text(part) for part in item)})"
    if isinstance(item, bool) or item is None or isinstance(item, _AS_STR):
        return str(item)
    if is_dataclass(item):
        return f"{_heading(item)}({', '.join(_fields(item))})"
    return repr(item)


def _heading(item: object) -> str:
    return item.label if isinstance(item, Op) else type(item).__name__


def _fields(item: object) -> Iterator[str]:
    for field in fields(item):  # type: ignore[arg-type]
        if field.compare:
            yield f"{field.name}={attribute_text(getattr(item, field.name))}"


def quoted(name: str) -> str:
    """The name as it is where it is plain, else as a JSON string, so that a line stays a line."""
    return name if _PLAIN.fullmatch(name) else json.dumps(name)
