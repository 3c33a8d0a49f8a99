"""Quantizers between a value and a product with that value: x * Q(sigmoid(x)), as quantized graphs have SiLU and GELU.

The product is a function of the integers of x alone. The quantizers on the way stay in its expression: no circuit
computes their integers (Quant.inner).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from hwgen.ir.graph import Graph, Node
from hwgen.ir.types import BipolarType
from hwgen.ops.quantized import BatchNorm, Clip, Elementwise, LeakyRelu, Quant, Relu
from hwgen.ops.quantized_curves import Curve, Product
from hwgen.ops.quantized_maps import Join

ELEMENTWISE = (BatchNorm, Clip, Curve, Elementwise, Join, LeakyRelu, Product, Relu)


@dataclass(frozen=True)
class Way:
    """From a common source to a product's two factors: the values of quantizers that lie on it, and of other nodes."""

    source: str
    quantized: frozenset[str]
    others: frozenset[str]

    @classmethod
    def of(cls, makers: Mapping[str, Node], source: str, names: set[str]) -> Way:
        quantized = frozenset(name for name in names if isinstance(makers[name].op, Quant))
        return cls(source, quantized, frozenset(names) - quantized)


def with_inner_quantizers(graph: Graph) -> Graph:
    """The graph with those quantizers marked that nothing else reads."""
    makers = {node.outputs[0]: node for node in graph.nodes}
    inner: set[str] = set()
    for node in graph.nodes:
        way = way_of(makers, node.inputs) if isinstance(node.op, Product) else None
        if way is not None and way.quantized and _alone(graph, way, node):
            inner |= way.quantized
    nodes = tuple(replace(node, op=replace(node.op, inner=True)) if isinstance(node.op, Quant) and
                  node.outputs[0] in inner else node for node in graph.nodes)
    return replace(graph, nodes=nodes) if inner else graph


def _alone(graph: Graph, way: Way, product: Node) -> bool:
    """Whether only the way reads its quantizers, and none of them is an output."""
    allowed = {*way.quantized, *way.others, product.outputs[0]}
    return all(name not in graph.outputs and {reader.outputs[0] for reader in graph.consumers(name)} <= allowed
               for name in way.quantized)


def way_of(makers: Mapping[str, Node], factors: Sequence[str]) -> Way | None:
    """By the nearest value of which both factors are functions, element by element; None where there is none."""
    first, second = (dict.fromkeys(_before(makers, factor)) for factor in factors)
    for source in first:
        if source in second:
            names = [_between(makers, factor, source) for factor in factors]
            if names[0] is not None and names[1] is not None:
                way = Way.of(makers, source, names[0] | names[1])
                return way if source in makers or not way.quantized else None  # a real input has no integers
    return None


def _before(makers: Mapping[str, Node], value: str) -> Iterator[str]:
    """What a value is computed from, itself included, the nearest first: up to layers and graph inputs."""
    waiting = [value]
    for name in waiting:
        yield name
        if _passes(makers, name):
            waiting.extend(source for source in makers[name].inputs if source not in waiting)


def _between(makers: Mapping[str, Node], value: str, source: str) -> set[str] | None:
    """The values on the way, the last one included; None where the value is not of the source alone."""
    found, waiting = set[str](), [value]
    for name in waiting:
        if name == source or name in found:
            continue
        if not _passes(makers, name):
            return None
        found.add(name)
        waiting.extend(makers[name].inputs)
    return found


def _passes(makers: Mapping[str, Node], name: str) -> bool:
    """Whether it is computed element by element, by a quantizer of one scale and zero point too."""
    op = makers[name].op if name in makers else None
    if isinstance(op, Quant):
        return op.scale.array.size == op.zero_point.array.size == 1 and not isinstance(op.type, BipolarType)
    return isinstance(op, ELEMENTWISE)
