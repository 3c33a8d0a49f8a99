"""FIFO sizing of maps: borders, windows and pools against the plain simulation, and within its time."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from hwgen import timing
from hwgen.boards import load
from hwgen.ir.graph import Graph, GraphBuilder, Level, Value
from hwgen.ir.tensor import Tensor
from hwgen.ir.types import Type
from hwgen.ir.verify import verify_joined
from hwgen.kernels.base import Fold, Kernel, Schedule, one_port
from hwgen.kernels.fifo import Fifo
from hwgen.kernels.lanes import divisors
from hwgen.kernels.pad import PadUnit
from hwgen.kernels.pool import PoolUnit
from hwgen.kernels.window import WindowUnit
from hwgen.ops.integer import IntegerOp
from hwgen.ops.pad import Pad
from hwgen.ops.pool import Pool
from hwgen.ops.window import Window
from hwgen.passes.fold import fold
from hwgen.passes.fold_options import kernel_of
from hwgen.passes.size_fifos import insert_converters, modelled_timing, size_fifos
from hwgen.stream import Stream
from hwgen.timing_network import network_of
from tests.passes.fakes import BYTE, Dense
from tests.passes.test_fold import lowered
from tests.passes.test_size_fifos import simulated_interval, slowest, without

CNV = {"acc0": (16, 3), "acc1": (32, 32), "acc2": (16, 32), "acc3": (16, 32), "acc4": (4, 32), "acc5": (1, 32),
       "acc6": (1, 4), "acc7": (1, 8), "global_out": (5, 1)}
"""PE and SIMD of the matrix-vector units of cnvW1A1 in FINN's folding."""


@dataclass(frozen=True)
class MixPixels(IntegerOp):
    """Any function of each pixel: `rows` channels."""

    rows: int

    def infer(self, inputs: Sequence[Value]) -> tuple[tuple[tuple[int, ...], Type], ...]:
        return (((*inputs[0].shape[:-1], self.rows), BYTE),)


@dataclass(frozen=True)
class DensePixels(Dense):
    """Dense at every position of a map."""

    op: MixPixels

    @property
    def columns(self) -> int:
        return self.inputs[0].shape[-1]

    @property
    def vectors(self) -> int:
        return self.inputs[0].elements // self.columns

    @property
    def cycles(self) -> int:
        return self.vectors * super().cycles

    def schedule(self) -> Schedule:
        one, vectors = replace(self, inputs=(Value("x", (1, 1, self.columns), BYTE),)), self.vectors
        steps, columns = np.arange(one.cycles), self.columns // self.fold.simd
        return Schedule(one_port(steps < columns, vectors), one_port((steps + 1) % columns == 0, vectors), self.delay)

    def foldings(self) -> Iterator[Fold]:
        return (Fold(pe, simd) for pe in divisors(self.op.rows) for simd in divisors(self.columns))

    def input_stream(self) -> Stream:
        return Stream(BYTE, self.inputs[0].elements, self.fold.simd)

    def output_stream(self) -> Stream:
        return Stream(BYTE, self.vectors * self.op.rows, self.fold.pe)


class Chain:
    """A hardware graph in the making: each kernel on the one before, at a random folding or a wanted one."""

    def __init__(self, draw: random.Random, shape: tuple[int, int, int]) -> None:
        self.draw, self.builder = draw, GraphBuilder("maps", Level.HARDWARE)
        self.value = self.builder.add_input(Value("x", shape, BYTE))

    def add(self, kernel: Kernel, wanted: Fold | None = None) -> None:
        number = len(self.builder.values)
        chosen = kernel.folded(wanted or self.draw.choice(list(kernel.foldings())))
        (self.value,) = self.builder.add(f"k{number}", chosen, [self.value.name], [f"v{number}"])

    def sliding(self, size: int, stride: int) -> None:
        """A window where it fits."""
        kernel = (min(size, self.value.shape[0]), min(size, self.value.shape[1]))
        self.add(WindowUnit(Window(kernel, (stride, stride), (1, 1)), (self.value,), Fold()))

    def convolution(self) -> None:
        """[Border,] window, product."""
        if self.draw.random() < 0.5:
            top, left, bottom, right = (self.draw.randint(0, 2) for _ in range(4))
            self.add(PadUnit(Pad(top, left, bottom, right, Tensor(np.array([0]))), (self.value,), Fold()))
        self.sliding(self.draw.randint(1, 3), self.draw.randint(1, 2))
        unit = DensePixels(MixPixels(self.draw.choice([2, 4])), (self.value,), Fold())
        self.add(replace(unit, delay=self.draw.randint(1, 5)))

    def pool(self) -> None:
        channels = self.value.shape[-1]
        self.sliding(2, 2)
        self.add(PoolUnit(Pool("max", channels, Tensor(np.array([False]))), (self.value,), Fold()))


def random_maps(draw: random.Random) -> Graph:
    """One or two convolutions, with pools or without."""
    chain = Chain(draw, (draw.randint(3, 7), draw.randint(3, 7), draw.choice([1, 2, 4])))
    for _ in range(draw.randint(1, 2)):
        chain.convolution()
        if draw.random() < 0.5:
            chain.pool()
    return chain.builder.build([chain.value.name])


@pytest.mark.parametrize("case", range(12))
def test_maps_run_at_the_pace_of_the_slowest_kernel(case: int, seed: int) -> None:
    sized = size_fifos(random_maps(random.Random(seed)))
    verify_joined(sized)
    assert modelled_timing(sized).cycles_per_frame == slowest(sized) == simulated_interval(sized, 9)


@pytest.mark.parametrize("case", range(12))
def test_no_fifo_of_a_map_can_be_shallower(case: int, seed: int) -> None:
    """One place less on any FIFO loses rate: by the model, which the simulation confirms not to be slower than it."""
    sized = size_fifos(random_maps(random.Random(seed)))
    for name, depth in depths(sized).items():
        less = with_depth(sized, name, depth - 1) if depth > 2 else without(sized, name)
        model = modelled_timing(less).cycles_per_frame
        assert slowest(sized) < model
        if depth > 2:
            assert slowest(sized) <= simulated_interval(less, 12) <= model


def test_one_place_less_on_the_critical_fifo_loses_rate_in_the_simulation() -> None:
    """Two products with work in every cycle: the second one takes a whole map at once, which comes all the time."""
    sized = size_fifos(critical())
    assert simulated_interval(sized, 9) == slowest(sized) == 256
    ((name, depth),) = depths(sized).items()
    for fewer in range(1, 5):
        less = with_depth(sized, name, depth - fewer)
        measured = simulated_interval(less, 30)
        assert 256 <= measured <= modelled_timing(less).cycles_per_frame
    assert modelled_timing(with_depth(sized, name, depth - 1)).cycles_per_frame > 256
    assert measured > 256, "the output registers store less than four beats"


def depths(graph: Graph) -> dict[str, int]:
    """The FIFOs."""
    return {node.name: node.op.depth for node in graph.nodes if isinstance(node.op, Fifo)}


def with_depth(graph: Graph, name: str, depth: int) -> Graph:
    """The graph with another depth of one FIFO."""
    return graph.replaced(nodes=tuple(replace(n, op=replace(n.op, depth=depth, block=False))
                                      if isinstance(n.op, Fifo) and n.name == name else n for n in graph.nodes))


def critical() -> Graph:
    """A product on (4, 4, 8) to (4, 4, 2), then one on the whole of that; 256 cycles each."""
    chain = Chain(random.Random(1), (4, 4, 8))
    chain.add(DensePixels(MixPixels(2), (chain.value,), Fold()), Fold())
    chain.add(WindowUnit(Window((4, 4), (1, 1), (1, 1)), (chain.value,), Fold()), Fold())
    chain.add(DensePixels(MixPixels(8), (chain.value,), Fold()), Fold())
    return chain.builder.build([chain.value.name])


def test_cnv_runs_at_the_pace_of_finn(models: Path) -> None:
    graph = lowered(models / "bnn-pynq" / "cnvW1A1_cifar10_int.onnx")
    folding = {name: Fold(*pair) for name, pair in CNV.items()}
    joined = insert_converters(fold(graph, board=load("pynq"), clock_mhz=100, folding=folding, allow_oversize=True))
    sized = size_fifos(joined)
    assert modelled_timing(sized).cycles_per_frame == slowest(sized) == 32768


def test_a_window_is_two_lines_tied_both_ways() -> None:
    """A write waits for the beat that it gives, a read for the place that a write freed."""
    chain = Chain(random.Random(3), (5, 5, 1))
    chain.sliding(3, 1)
    graph = chain.builder.build([chain.value.name])
    (node,) = graph.nodes
    network = network_of(graph, lambda node: None)
    arrives, freed = network.inner
    times = timing.runs_at(network, kernel_of(node).cycles)
    assert times is not None
    reads, writes = times.at
    assert (writes > reads[arrives.sources]).all()
    assert (reads > writes[freed.sources] - freed.frames * kernel_of(node).cycles).all()
    assert timing.runs_at(network, kernel_of(node).cycles - 1) is None
