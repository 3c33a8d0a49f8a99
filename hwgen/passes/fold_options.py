"""What each layer can be: its kernels, its legal foldings, and what each costs on a board."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

from hwgen import kernels
from hwgen.ir.graph import Graph, Node
from hwgen.kernels.base import Fold, Kernel, Resources

BALANCED = Resources(1, 1, 1, 1)


@dataclass(frozen=True)
class LayerFold(Fold):
    """A folding as a user gives it; kernel is the stem of the wanted kernel, None for the cheapest."""

    kernel: str | None = None


@dataclass(frozen=True)
class Option:
    """One kernel at one folding. lanes: elements per beat at its input and its output; bursts: of the kernel."""

    kernel: Kernel
    cycles: int
    resources: Resources
    lanes_in: int
    lanes_out: int
    bursts: int = 1


@dataclass(frozen=True)
class Priced:
    """An option and the scalar of Cost."""

    cost: float
    option: Option


@dataclass(frozen=True)
class Cost:
    """The price of resources: the sum over LUT, FF, BRAM18 and DSP of weight * (used / what the board has).

    A sum is separable over layers, which makes the choice per layer exact. A resource that the board lacks costs 1 per
    piece: more than anything else.
    """

    board: Resources
    weights: Resources = BALANCED

    def of(self, used: Resources) -> float:
        names = (field.name for field in fields(Resources))
        return float(sum(getattr(self.weights, n) * getattr(used, n) / max(getattr(self.board, n), 1) for n in names))


def kernel_of(node: Node) -> Kernel:
    """The node's kernel; another op at the hardware level is a bug of a pass."""
    if not isinstance(node.op, Kernel):
        raise TypeError(f"{node.name} is {node.op.label}, not a kernel")
    return node.op


def alternatives(node: Node) -> tuple[Kernel, ...]:
    """Every kernel that can compute the node, at its smallest folding (the node's own kernel first)."""
    own = kernel_of(node)
    classes = dict.fromkeys((type(own), *kernels.candidates(own.op, own.inputs)))
    return tuple(own if kind is type(own) else kind.lower(own.op, own.inputs) for kind in classes)


def legal_folds(kernel: Kernel) -> tuple[Fold, ...]:
    """All legal foldings, smallest first, each once."""
    return tuple(dict.fromkeys(kernel.foldings()))


def option(kernel: Kernel) -> Option:
    """Evaluate one folded kernel."""
    return Option(kernel, kernel.cycles, kernel.resources(), kernel.input_stream().lanes, kernel.output_stream().lanes,
                  kernel.bursts)


def options(node: Node, widest: int | None = None) -> tuple[Option, ...]:
    """Every kernel of a layer at every legal folding.

    widest: bits that a number may have in the backend's language; where no folding keeps to them they do not count.
    """
    every = tuple(kernel.folded(fold) for kernel in alternatives(node) for fold in legal_folds(kernel))
    kept = every if widest is None else tuple(kernel for kernel in every if keeps_to(kernel, widest))
    return tuple(option(kernel) for kernel in kept or every)


def keeps_to(kernel: Kernel, widest: int) -> bool:
    """Whether no word of a memory is wider, and no beat wider than half of it: a width converter holds two beats."""
    beats = max(stream.width for stream in (*kernel.input_streams(), *kernel.output_streams()))
    return 2 * beats <= widest and all(memory.width <= widest for memory in kernel.memories())


def undominated(every: Iterable[Option], cost: Cost) -> tuple[Priced, ...]:
    """The options that no other one with the same lanes equals or beats in both cycles and cost."""
    cheapest: dict[tuple[int, int], float] = {}
    kept = []
    for choice in sorted((Priced(cost.of(o.resources), o) for o in every), key=lambda p: (p.option.cycles, p.cost)):
        lanes = (choice.option.lanes_in, choice.option.lanes_out)
        if choice.cost < cheapest.get(lanes, float("inf")):
            cheapest[lanes] = choice.cost
            kept.append(choice)
    return tuple(kept)


def total(graph: Graph) -> Resources:
    """Sum over the kernels of a graph."""
    return sum((kernel_of(node).resources() for node in graph.nodes), Resources())
