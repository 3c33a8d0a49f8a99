"""FIFO sizing against a plain simulation, cycle by cycle, of kernels and queues."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from hwgen import timing
from hwgen.boards import load
from hwgen.ir.graph import Graph, GraphBuilder, Level, Value
from hwgen.ir.verify import verify_joined
from hwgen.kernels.base import Fold, Kernel
from hwgen.kernels.buffered import BufferedSchedule
from hwgen.kernels.fifo import Fifo
from hwgen.passes.fold import fold
from hwgen.passes.fold_options import kernel_of
from hwgen.passes.plumbing import waiting
from hwgen.passes.size_fifos import insert_converters, insert_fifos, modelled_timing, size_fifos
from tests.passes.fakes import BYTE, Dense, Mix, network
from tests.passes.test_fold import lowered


@dataclass
class Machine:
    """A kernel that steps through its schedule; a beat reaches the output register `delay` cycles after its step.

    Like the RTL it stops as a whole while a beat is there that the register cannot take (hwgen_accumulator: a second
    register where beats may follow one another).
    """

    kernel: Kernel
    step: int = 0
    age: int = 0
    waiting: int = 0
    pipeline: deque[int] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self.schedule = self.kernel.schedule()
        self.reads, self.writes = self.schedule.reads[0].tolist(), self.schedule.writes[0].tolist()
        following = self.writes[1:] + self.writes[:1]
        self.registers = 2 if any(a and b for a, b in zip(self.writes, following, strict=True)) else 1

    @property
    def due(self) -> bool:
        return bool(self.pipeline) and self.pipeline[0] <= self.age

    @property
    def stuck(self) -> bool:
        return self.waiting + self.due > self.registers

    @property
    def ready(self) -> bool:
        """Whether it takes a beat in this cycle if one is there."""
        return not self.stuck and bool(self.reads[self.step])

    def clock(self, given: bool, taken: bool) -> None:
        """The end of a cycle in which a beat was given or not, and taken or not."""
        if not self.stuck:
            stepped = taken or not self.reads[self.step]
            self.go_on(stepped and self.writes[self.step])
            self.step = (self.step + stepped) % self.schedule.steps
        self.waiting -= given

    def go_on(self, write: bool) -> None:
        """A cycle of the pipeline behind the step."""
        if write:
            self.pipeline.append(self.age + self.schedule.delay - 1)
        if self.due:
            self.pipeline.popleft()
            self.waiting += 1
        self.age += 1


@dataclass
class Buffered(Machine):
    """A kernel that reads and writes by itself; both are counted over all frames."""

    taken: int = 0
    written: int = 0

    @property
    def ready(self) -> bool:
        frame, beat = divmod(self.taken, len(self.reads))
        return self.written > int(self.schedule.frees[beat]) + frame * len(self.writes)

    def clock(self, given: bool, taken: bool) -> None:
        frame, beat = divmod(self.written, len(self.writes))
        write = not self.stuck and self.taken > int(self.schedule.needs[beat]) + frame * len(self.reads)
        if not self.stuck:
            self.go_on(write)
        self.waiting -= given
        self.taken, self.written = self.taken + taken, self.written + write


def machine(kernel: Kernel) -> Machine:
    return (Buffered if isinstance(kernel.schedule(), BufferedSchedule) else Machine)(kernel)


@dataclass
class Queue:
    """A FIFO: beats can be seen `latency` cycles after they came; `depth` beats have room."""

    depth: int
    latency: int
    beats: deque[int] = field(default_factory=deque)


def simulated_interval(graph: Graph, frames: int) -> float:
    """Cycles between frames at the end of a chain, averaged over the last third of the frames."""
    machines = [machine(kernel_of(n)) for n in graph.nodes if not isinstance(n.op, Fifo)]
    queues: list[Queue | None] = []
    for node in graph.nodes[1:]:
        if isinstance(node.op, Fifo):
            queues.append(Queue(node.op.depth, node.op.latency))
        elif len(queues) < sum(not isinstance(n.op, Fifo) for n in graph.nodes[: graph.nodes.index(node)]):
            queues.append(None)
    ends = [0]
    beats = machines[-1].kernel.output_stream().beats
    given, now = 0, 0
    while len(ends) <= frames:
        given += cycle(machines, queues, now)
        now += 1
        if given == beats:
            ends.append(now)
            given = 0
        assert now < 3000 * (frames + 10), "deadlock"
    half = frames * 2 // 3
    return (ends[-1] - ends[half]) / (frames - half)


def cycle(machines: list[Machine], queues: list[Queue | None], now: int) -> int:
    """One clock cycle of all; returns whether the last machine gave a beat."""
    last = len(machines) - 1
    wants = [machine.ready for machine in machines]
    offers = [machine.waiting > 0 for machine in machines]
    given, taken = [], []
    for k in range(last + 1):
        queue = queues[k] if k < last else None
        given.append(offers[k] and (k == last or (wants[k + 1] if queue is None else len(queue.beats) < queue.depth)))
        before = queues[k - 1] if k else None
        there = k == 0 or (offers[k - 1] if before is None else bool(before.beats) and before.beats[0] <= now)
        taken.append(wants[k] and there)
    for k, machine in enumerate(machines):
        before = queues[k - 1] if k else None
        if before is not None and taken[k]:
            before.beats.popleft()
        queue = queues[k] if k < last else None
        if queue is not None and given[k]:
            queue.beats.append(now + queue.latency)
        machine.clock(given[k], taken[k])
    return int(given[last])


def random_folded(draw: random.Random) -> Graph:
    """A chain of dense layers at random foldings."""
    graph = network([draw.choice([4, 6, 8, 12]) for _ in range(draw.randint(2, 5))], draw.randrange(1000))
    nodes = []
    for node in graph.nodes:
        kernel = kernel_of(node)
        assert isinstance(kernel, Dense)
        choice = draw.choice([f for f in kernel.foldings() if kernel.folded(f).cycles >= 4])
        nodes.append(replace(node, op=replace(kernel.folded(choice), delay=draw.randint(1, 9))))
    return graph.replaced(nodes=tuple(nodes))


def slowest(graph: Graph) -> int:
    return max(kernel_of(node).cycles for node in graph.nodes)


@pytest.mark.parametrize("case", range(12))
def test_sized_networks_run_at_the_pace_of_the_slowest_kernel(case: int, seed: int) -> None:
    graph = random_folded(random.Random(seed))
    sized = size_fifos(graph)
    verify_joined(sized)
    assert modelled_timing(sized).cycles_per_frame == slowest(sized) == simulated_interval(sized, 30)


@pytest.mark.parametrize("case", range(12))
def test_no_fifo_can_be_shallower(case: int, seed: int) -> None:
    sized = size_fifos(random_folded(random.Random(seed)))
    fifos = [node for node in sized.nodes if isinstance(node.op, Fifo)]
    for node in fifos:
        assert isinstance(node.op, Fifo)
        if node.op.depth > 2:
            kernel: Kernel = replace(node.op, depth=node.op.depth - 1, block=False)
            less = sized.replaced(nodes=tuple(replace(n, op=kernel) if n is node else n for n in sized.nodes))
        else:
            less = without(sized, node.name)
        assert modelled_timing(less).cycles_per_frame > slowest(sized)


def without(graph: Graph, name: str) -> Graph:
    """The graph with one FIFO bridged."""
    gone = next(node for node in graph.nodes if node.name == name)
    bridge = {gone.outputs[0]: gone.inputs[0]}
    nodes = tuple(replace(n, inputs=tuple(bridge.get(v, v) for v in n.inputs)) for n in graph.nodes if n is not gone)
    return graph.replaced(nodes=nodes)


@pytest.mark.parametrize("case", range(12))
def test_no_network_is_slower_than_modelled(case: int, seed: int) -> None:
    """Whatever the depths: the model leaves out only the output registers, which can make a network faster."""
    draw = random.Random(seed)
    graph = insert_fifos(insert_converters(random_folded(draw)))
    nodes = tuple(replace(n, op=replace(n.op, depth=draw.randint(2, n.op.depth))) if isinstance(n.op, Fifo) else n
                  for n in graph.nodes)
    spoiled = graph.replaced(nodes=nodes)
    model, measured = modelled_timing(spoiled).cycles_per_frame, simulated_interval(spoiled, 60)
    assert slowest(spoiled) <= measured <= model


def test_values_and_function_stay() -> None:
    graph = random_folded(random.Random(4))
    sized = size_fifos(graph)
    kept = [node for node in sized.nodes if node.name in {n.name for n in graph.nodes}]
    assert [n.op for n in kept] == [n.op for n in graph.nodes]
    assert [n.outputs for n in kept] == [n.outputs for n in graph.nodes]
    assert {name: sized.values[name] for name in graph.values} == dict(graph.values)


def test_a_stream_that_never_waits_gets_no_fifo() -> None:
    builder = GraphBuilder("pair", Level.HARDWARE)
    x = builder.add_input(Value("x", (4,), BYTE))
    (y,) = builder.add("a", Dense(Mix(4), (x,), Fold(1, 4)), ["x"], ["y"])
    builder.add("b", Dense(Mix(1), (y,), Fold(1, 1)), ["y"], ["z"])
    assert [node.name for node in size_fifos(builder.build(["z"])).nodes] == ["a", "b"]


def test_latency_of_a_single_kernel_is_its_steps_and_delay() -> None:
    graph = network([4, 6])
    assert modelled_timing(graph).latency == 24 - 1 + 4


def test_a_deadlock_is_found() -> None:
    """Two streams meet: one needs a whole frame before its first beat, the other has no room to wait."""
    def line(name: str, reads: list[int], writes: list[int], steps: int) -> timing.Line:
        positions = sorted({*reads, *writes})
        index = {p: i for i, p in enumerate(positions)}
        return timing.Line(name, steps, 1, np.array(positions), (np.array([index[r] for r in reads]),),
                           (np.array([index[w] for w in writes]),))

    every = [0, 1, 2, 3]
    fork, join = line("fork", [], every, 4), line("join", every, every, 4)
    late = line("late", every, [4, 5, 6, 7], 8)

    def joined(room: int) -> timing.Network:
        return timing.Network((fork, late, join), (timing.Edge("a", 0, 1), timing.Edge("b", 1, 2),
                                                   timing.Edge("c", 0, 2, room=room, latency=1 if room else 0)))

    with pytest.raises(RuntimeError, match="deadlock"):
        timing.interval(joined(2))
    assert timing.interval(joined(8)) == 8


def test_finn_folding_of_tfc_runs_at_64_cycles(models: Path) -> None:
    graph = lowered(models / "qonnx-zoo" / "TFC_1W1A.onnx")
    units = [node.name for node in graph.nodes if kernel_of(node).stem.startswith("mvau")]
    folding = dict(zip(units, [Fold(16, 49), Fold(8, 8), Fold(8, 8), Fold(10, 8)], strict=True))
    sized = size_fifos(fold(graph, board=load("pynq"), clock_mhz=100, folding=folding))
    verify_joined(sized)
    assert modelled_timing(sized).cycles_per_frame == 64


@pytest.mark.parametrize("simd", [1, 2, 4])
def test_the_solver_prices_the_depth_that_is_found(simd: int) -> None:
    graph = network([8, 16, 16])
    folds = (Fold(1, 4), Fold(4 * simd, 1 * simd))
    nodes = [replace(n, op=kernel_of(n).folded(f)) for n, f in zip(graph.nodes, folds, strict=True)]
    sized = size_fifos(graph.replaced(nodes=tuple(nodes)))
    cycles = slowest(sized)
    stored = waiting(16, 16 // simd, kernel_of(nodes[1]).cycles, kernel_of(nodes[0]).cycles, cycles)
    depths = [node.op.depth * node.op.fold.pe for node in sized.nodes if isinstance(node.op, Fifo)]
    assert sum(depths) == pytest.approx(stored, abs=2)
