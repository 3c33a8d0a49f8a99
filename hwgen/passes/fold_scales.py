"""Quantized to integer level: fold every real scale into the quantizers, by one forward walk.

Each value gets an exact view (hwgen.exact.view): which integers stand for it, through which real function. An op only
changes the view, or closes it: Dense makes an integer product, a quantizer makes a Step of the integers, and the first
quantizer after a graph input makes the host's Encode. Nothing is rounded, so every integer of the result equals the
quantized graph's own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from hwgen.errors import HwgenError
from hwgen.exact.decode import decode_of, order_of
from hwgen.exact.encode import encode_of, stream_order
from hwgen.exact.quantizer import Quantizer
from hwgen.exact.view import Move, View, map_shape, moved_positions, settled
from hwgen.host import InputPort, OutputPort
from hwgen.ir.graph import Graph, GraphBuilder, Level, Node, Op, Value
from hwgen.ir.tensor import Tensor
from hwgen.ops.integer import int_type
from hwgen.ops.quantized import QuantizedOp


def fold_scales(graph: Graph) -> Graph:
    """The integer graph, with a host port for each graph input and output."""
    builder = GraphBuilder(graph.name, Level.INTEGER)
    shapes = {name: graph.values[name].shape for name in graph.inputs}
    views = {name: View(name, shape, host=True) for name, shape in shapes.items()}
    moved: dict[tuple[str, Move], str] = {}
    pending: dict[str, tuple[str, ...]] = {name: () for name in graph.inputs}
    for node in graph.nodes:
        assert isinstance(node.op, QuantizedOp)
        site = _Site(node, builder, shapes, tuple(name for value in node.inputs for name in pending[value]),
                     graph.values, moved)
        view = views[node.outputs[0]] = node.op.fold_all([views[name] for name in node.inputs], site)
        if (view.order is not None or view.moves) and view.source == site.output:
            builder.orders[view.source] = Tensor(moved_positions(view, site))
        pending[node.outputs[0]] = () if site.emitted else site.origin
    for node in graph.nodes:
        if node.outputs[0] in graph.outputs:
            site = _Site(node, builder, shapes, (), graph.values, moved)
            views[node.outputs[0]] = settled(views[node.outputs[0]], site)
    ports = [_output_port(graph.values[name], views[name], pending[name], builder.values) for name in graph.outputs]
    builder.ports.update({port.name: port for port in ports})
    return builder.build(list(dict.fromkeys(port.value for port in ports)))


@dataclass
class _Site:
    """One node being folded; origin collects the nodes that only changed the view since the last integer op."""

    node: Node
    builder: GraphBuilder
    shapes: Mapping[str, tuple[int, ...]]
    before: tuple[str, ...]
    taken: Collection[str]
    moved: dict[tuple[str, Move], str]
    emitted: bool = False

    @property
    def name(self) -> str:
        return self.node.name

    @property
    def output(self) -> str:
        return self.node.outputs[0]

    @property
    def origin(self) -> tuple[str, ...]:
        return (*self.before, self.node.name)

    def channels(self, source: str) -> int:
        return self.shape(source)[-1]

    def shape(self, source: str) -> tuple[int, ...]:
        return self.builder.values[source].shape

    def range(self, source: str) -> tuple[int, int]:
        kind = int_type(self.builder.values[source])
        return kind.lo, kind.hi

    def emit(self, op: Op, *sources: str) -> None:
        self.builder.add(self.name, op, sources, [self.output], self.origin)
        self.emitted = True

    def emit_inner(self, op: Op, source: str, role: str) -> str:
        output = f"{self.output}_{role}"
        while output in self.taken:
            output += "_"
        self.builder.add(f"{self.name}_{role}", op, [source], [output], (self.name,))
        return output

    def emit_move(self, move: Move, source: str) -> str:
        if (source, move) not in self.moved:
            role, copies = f"_{move.role}" if move.role else "", sum(other == move for _, other in self.moved)
            output = f"{move.output}{role}"
            while output in self.builder.values or (role and output in self.taken):
                output += "_moved"
            name = f"{move.name}{role}_{copies + 1}" if copies else f"{move.name}{role}"
            self.builder.add(name, move.op, [source], [output], (move.name,))
            self.moved[source, move] = output
        return self.moved[source, move]

    def open_port(self, view: View, quantizer: Quantizer) -> None:
        if view.source in self.builder.ports:
            raise HwgenError("input-fork", self.name, f"the input '{view.source}' has more than one quantizer",
                             "Quantize the input once and use the result for all branches.")
        self.builder.add_input(Value(self.output, map_shape(view.shape), quantizer.type))
        self.builder.ports[view.source] = InputPort(view.source, self.shapes[view.source], self.output,
                                                    encode_of(view, quantizer), stream_order(view))
        self.emitted = True


def _output_port(output: Value, view: View, origin: tuple[str, ...], values: Mapping[str, Value]) -> OutputPort:
    if view.host or view.source not in values:
        raise HwgenError("host-only", output.name, "this output does not depend on any quantized layer",
                         "Remove the output, or put a quantizer on its path.")
    return OutputPort(output.name, output.shape, view.source, decode_of(view), order_of(view),
                      tuple(dict.fromkeys(origin)))
