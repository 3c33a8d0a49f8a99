"""Join the kernels: width converters where lanes differ, FIFOs where a stream must wait.

The values keep their frames, only how they travel changes: a converter regroups the same elements in the same order, a
FIFO delays them. Depths are the smallest at which the exact schedule (hwgen.timing) still runs at the interval of the
slowest kernel: no single FIFO could be shallower, and streams that never wait get none. Networks of very many beats
get depths that are counted instead: they keep the interval too, and may be some times the smallest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from itertools import chain, count

from hwgen import timing
from hwgen.ir.graph import Graph, Node, Value
from hwgen.ir.types import IntType
from hwgen.kernels.base import Kernel
from hwgen.kernels.fifo import Fifo
from hwgen.latest import latest_times, room_needed
from hwgen.passes.fold_options import kernel_of
from hwgen.passes.plumbing import converter, fifo, flag_paths
from hwgen.timing import Network, Times
from hwgen.timing_network import network_of

SMALLEST_DEPTH = 2
MANY_EVENTS = 1_500_000
"""Above, depths are counted from a schedule that is as late as it can be, not searched one by one."""

FRAMES_BEHIND = 2
"""At the start of the sizing."""

MOST_LATENCY = 3
"""Of a FIFO."""

FLAG_CYCLES = 3
"""From a frame's last beat at an input to its flag at an output: a register and a FIFO in LUT RAM; a fork adds one."""

Stop = tuple[str, str]
"""A consumer's name and the value that it reads."""


def size_fifos(graph: Graph) -> Graph:
    """Insert converters, then FIFOs."""
    return insert_fifos(insert_converters(graph))


@dataclass(frozen=True)
class Timing:
    """What the schedules say: steady-state cycles between frames, and cycles from a frame's first to its last beat."""

    cycles_per_frame: int
    latency: int


def modelled_timing(graph: Graph) -> Timing:
    """The timing of a finished hardware graph, for report.json."""
    network = _network(graph)
    return Timing(timing.interval(network), timing.latency(network))


def insert_converters(graph: Graph) -> Graph:
    """A WidthConverter on every stream whose ends disagree on the lanes."""
    lanes = {value: stream.lanes for node in graph.nodes
             for value, stream in zip(node.outputs, kernel_of(node).output_streams(), strict=True)}
    splices: dict[Stop, Kernel] = {}
    for node in graph.nodes:
        for value, stream in zip(node.inputs, kernel_of(node).input_streams(), strict=True):
            source = lanes.get(value, stream.lanes)
            if source != stream.lanes:
                splices[node.name, value] = converter(graph.values[value], source, stream.lanes)
    return _spliced(graph, splices, "width")


def insert_fifos(graph: Graph) -> Graph:
    """A FIFO of the smallest sufficient depth on every stream that needs one."""
    streams = {(node.name, value): (graph.values[value], stream.lanes) for node in graph.nodes
               for value, stream in zip(node.inputs, kernel_of(node).input_streams(), strict=True)}
    depths = smallest_depths(_network(graph), streams)
    return _spliced(graph, {stop: fifo(*streams[stop], depth) for stop, depth in depths.items()}, "fifo")


def smallest_depths(network: Network, streams: Mapping[Stop, tuple[Value, int]]) -> dict[Stop, int]:
    """Depth of the FIFO before each consumer that needs one: up to MANY_EVENTS events, no single one could be less.

    streams: value and lanes of each stream. First as many FIFOs as can go are dropped, then the others are cut, from
    the outputs to the inputs: what is delayed waits in the FIFOs in front, which are still deep. Among streams of one
    stretch the widest goes first, so that beats wait where they are narrow.
    """
    period = network.bottleneck
    network, times = _roomy(network, period, streams)
    widths = [lanes * _bits(value) for value, lanes in (streams[_stop(network, k)] for k in range(len(network.edges)))]
    stretches = _stretches(network)
    order = sorted(range(len(widths)), key=lambda k: (-stretches[k], -widths[k], k))
    for k in order:
        without = _with_depth(network, k, 0, streams)
        if (found := timing.runs_at(without, period, times.at, without.edges[k])) is not None:
            network, times = without, found
    if sum(len(line.positions) for line in network.lines) > MANY_EVENTS:
        network = _just_in_time(network, period, times, streams)
    else:
        for k in sorted(order, key=lambda k: -network.edges[k].sink):
            if network.edges[k].room:
                network, times = _tightest(network, k, period, times, streams)
    return {_stop(network, k): edge.room for k, edge in enumerate(network.edges) if edge.room}


def _just_in_time(network: Network, period: int, times: Times,
                  streams: Mapping[Stop, tuple[Value, int]]) -> Network:
    """Every edge with the room that it needs where all beats come as late as they may: not the least, but quick."""
    at = latest_times(network, period, times.at)
    rooms = {k: room_needed(network, k, period, at) for k, edge in enumerate(network.edges) if edge.room}
    for k, room in rooms.items():
        network = _with_depth(network, k, max(room, SMALLEST_DEPTH), streams)
    if timing.runs_at(network, period, at) is None:
        raise RuntimeError(f"counted FIFO depths do not keep {period} cycles")
    return network


def _stretches(network: Network) -> dict[int, int]:
    """For each edge the line at which the stretch ends that it is on: kernels between that take beats evenly."""
    following = {edge.source: k for k, edge in enumerate(network.edges)}
    found: dict[int, int] = {}
    for k in sorted(range(len(network.edges)), key=lambda k: -network.edges[k].sink):
        sink = network.edges[k].sink
        goes_on = sink in following and network.lines[sink].even
        found[k] = found[following[sink]] if goes_on else sink
    return found


def _roomy(network: Network, period: int, streams: Mapping[Stop, tuple[Value, int]]) -> tuple[Network, Times]:
    """The network with FIFOs of many frames, in which every kernel is some frames behind the one in front of it.

    So a change at one place moves few events elsewhere.
    """
    first = {line.name: k for k, line in reversed(tuple(enumerate(network.lines)))}
    late = [FRAMES_BEHIND * first[line.name] for line in network.lines]
    delays = sum(line.delay + MOST_LATENCY for line in network.lines)
    spare = FRAMES_BEHIND + -(-delays // period)
    for k, edge in enumerate(network.edges):
        beats = len(network.lines[edge.source].writes[edge.source_port])
        room = beats * (late[edge.sink] - late[edge.source] + spare)
        network = _with_depth(network, k, max(room, SMALLEST_DEPTH), streams)
    start = [line.positions + frames * period for line, frames in zip(network.lines, late, strict=True)]
    if (times := timing.runs_at(network, period, start)) is None:
        raise RuntimeError(f"no FIFO depths keep {period} cycles between {', '.join(n.name for n in network.lines)}")
    return network, times


def _tightest(network: Network, k: int, period: int, times: Times,
              streams: Mapping[Stop, tuple[Value, int]]) -> tuple[Network, Times]:
    """One edge with the least room at which the period still holds: more room never hurts.

    Doubled until it is enough, then bisection.
    """
    low, high, enough = SMALLEST_DEPTH, network.edges[k].room, False
    while low < high:
        depth = (low + high) // 2 if enough else min(2 * low, high)
        tried = _with_depth(network, k, depth, streams)
        found = timing.runs_at(tried, period, times.at, tried.edges[k])
        if found is None:
            low = depth + 1
        else:
            network, times, high, enough = tried, found, depth, True
    return network, times


def _with_depth(network: Network, k: int, depth: int, streams: Mapping[Stop, tuple[Value, int]]) -> Network:
    latency = _storage(fifo(*streams[_stop(network, k)], depth))[1] if depth else 0
    return network.with_room(k, depth, latency)


def _stop(network: Network, k: int) -> Stop:
    edge = network.edges[k]
    return network.lines[edge.sink].name, edge.value


def _bits(value: Value) -> int:
    assert isinstance(value.type, IntType)
    return value.type.bits


def _storage(kernel: Kernel) -> tuple[int, int]:
    """Room and latency of a FIFO."""
    assert isinstance(kernel, Fifo)
    return kernel.depth, kernel.latency


def _stored(node: Node) -> tuple[int, int] | None:
    """Room and latency of a node that only stores beats."""
    return _storage(node.op) if isinstance(node.op, Fifo) else None


def _network(graph: Graph) -> Network:
    """The timing model, with the wait of each output for the flags of the inputs that it is computed from."""
    paths = flag_paths(graph)
    outputs = Counter(source for source, _ in paths)
    return network_of(graph, _stored, [(source, sink, FLAG_CYCLES + (outputs[source] > 1)) for source, sink in paths])


def _spliced(graph: Graph, splices: Mapping[Stop, Kernel], suffix: str) -> Graph:
    """Put kernels into streams, each just before its consumer. Their values and names carry the suffix."""
    nodes: list[Node] = []
    values = dict(graph.values)
    names = {node.name for node in graph.nodes}
    for node in graph.nodes:
        inputs = []
        for value in node.inputs:
            kernel = splices.get((node.name, value))
            if kernel is not None:
                after = _unused(f"{value}_{suffix}", values)
                name = _unused(f"{node.name}_{suffix}", names)
                names.add(name)
                nodes.append(Node(name, kernel, (value,), (after,), node.origin))
                values[after] = replace(values[value], name=after)
            inputs.append(value if kernel is None else after)
        nodes.append(replace(node, inputs=tuple(inputs)))
    return graph.replaced(nodes=tuple(nodes), values=values)


def _unused(name: str, taken: Container[str]) -> str:
    """The name, with a number where it is taken."""
    return next(n for n in chain([name], (f"{name}_{i}" for i in count(2))) if n not in taken)
