"""What every graph of every level must hold; a violation is a bug of the pass that made the graph."""

from __future__ import annotations

from collections.abc import Iterable

from hwgen.errors import Exit, HwgenError
from hwgen.ir.graph import Graph, Level, Node, Value
from hwgen.ir.types import RealType
from hwgen.kernels.base import Kernel
from hwgen.stream import Stream


def verify(graph: Graph, made_by: str = "a pass") -> None:
    """Unique names, topological order, values as inferred, ops and types of the level, streams that carry their value.

    Lanes of joined streams may still differ: that ends with size-fifos (verify_joined). made_by: named in the error.
    HwgenError "broken-graph" (internal) naming the node and what is wrong with it.
    """
    for where, fault in faults(graph):
        raise _broken(graph, made_by, where, fault)


def verify_joined(graph: Graph, made_by: str = "size-fifos") -> None:
    """verify, and on every edge of the hardware graph the producer's stream is the consumer's, lanes included."""
    verify(graph, made_by)
    given = {value: (node.name, stream) for node in graph.nodes
             for value, stream in zip(node.outputs, _streams(node, 1), strict=True)}
    for node in graph.nodes:
        for value, wanted in zip(node.inputs, _streams(node, 0), strict=True):
            maker, stream = given.get(value, ("", wanted))
            if stream != wanted:
                raise _broken(graph, made_by, node.name, f"it reads {wanted}, but {maker} gives {stream}")


def faults(graph: Graph) -> Iterable[tuple[str, str]]:
    """Place and fault of everything that is wrong, in graph order."""
    known = set(graph.inputs)
    names: set[str] = set()
    yield from ((name, "the graph input has no value") for name in graph.inputs if name not in graph.values)
    for node in graph.nodes:
        if node.name in names:
            yield node.name, "two nodes have this name"
        names.add(node.name)
        yield from ((node.name, fault) for fault in _node_faults(graph, node, known))
        known.update(node.outputs)
    yield from ((name, "the graph output is never made") for name in graph.outputs if name not in known)
    yield from ((name, "the value belongs to no node") for name in graph.values if name not in known)


def _node_faults(graph: Graph, node: Node, known: set[str]) -> Iterable[str]:
    if node.op.level != graph.level:
        yield f"{node.op.label} is an op of the {node.op.level.value} level in a graph of the {graph.level.value} level"
    for name in node.inputs:
        if name not in known or name not in graph.values:
            yield f"it reads {name}, which no earlier node makes"
            return
    for name in node.outputs:
        if name in known:
            yield f"it makes {name}, which exists already"
        if name not in graph.values:
            yield f"its output {name} has no value"
            return
    yield from _value_faults(graph, node)


def _value_faults(graph: Graph, node: Node) -> Iterable[str]:
    """Outputs are what the op infers; no reals below the quantized level; streams carry the values."""
    given = tuple((value.shape, value.type) for value in graph.outputs_of(node))
    inferred = tuple(node.op.infer(graph.inputs_of(node)))
    if given != inferred:
        yield f"its outputs are {_text(given)}, but its op makes {_text(inferred)}"
    values = (*graph.inputs_of(node), *graph.outputs_of(node))
    if graph.level != Level.QUANTIZED:
        yield from (f"{value} is real" for value in values if isinstance(value.type, RealType))
    yield from (f"{value} is empty" for value in values if value.elements < 1)
    if isinstance(node.op, Kernel):
        yield from _stream_faults(graph, node)


def _stream_faults(graph: Graph, node: Node) -> Iterable[str]:
    pairs = [*zip(graph.inputs_of(node), _streams(node, 0), strict=True),
             *zip(graph.outputs_of(node), _streams(node, 1), strict=True)]
    for value, stream in pairs:
        if (stream.type, stream.elements) != (value.type, value.elements):
            yield f"its stream {stream} does not carry {value}"
        if stream.lanes < 1 or stream.width < 1:
            yield f"its stream {stream} has no width"


def _streams(node: Node, side: int) -> tuple[Stream, ...]:
    """A kernel's streams in the order of the node's inputs (side 0) or outputs (side 1)."""
    assert isinstance(node.op, Kernel)
    return node.op.output_streams() if side else node.op.input_streams()


def _text(outputs: Iterable[tuple[tuple[int, ...], object]]) -> str:
    return ", ".join(str(Value("", shape, kind)).removeprefix(": ") for shape, kind in outputs)  # type: ignore[arg-type]


def _broken(graph: Graph, made_by: str, where: str, fault: str) -> HwgenError:
    return HwgenError("broken-graph", f"{graph.name}, after {made_by}: {where}", fault,
                      "This is a bug of hwgen: please report it with the model.", exit_code=Exit.INTERNAL)
