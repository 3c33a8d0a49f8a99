"""Emitted networks with forks and joins: full rate at the depths that were chosen, less at less; several ports."""

from __future__ import annotations

from pathlib import Path

import pytest

from hwgen.ir.graph import Graph
from hwgen.kernels.base import Kernel
from hwgen.kernels.fifo import Fifo
from hwgen.passes.size_fifos import modelled_timing
from tests.sim.built import Built, braid_network, built, residual_maps, residual_network, widening_map

pytestmark = pytest.mark.usefixtures("verilator")


def slowest(graph: Graph) -> int:
    return max(node.op.cycles for node in graph.nodes if isinstance(node.op, Kernel))


def shortcut(graph: Graph) -> tuple[str, Fifo]:
    """The FIFO beside the long branch: the deepest in front of the join."""
    (join,) = (node for node in graph.nodes if len(node.inputs) > 1)
    fifos = [(node.name, node.op) for node in graph.nodes
             if isinstance(node.op, Fifo) and node.outputs[0] in join.inputs]
    return max(fifos, key=lambda fifo: fifo[1].depth)


def shallower(network: Built, fewer: int) -> Built:
    """The network with so many places fewer beside the long branch: its RTL is changed."""
    name, fifo = shortcut(network.graph)
    path = network.folder / "rtl" / f"{name}.sv"
    text = path.read_text()
    assert text.count(f".DEPTH({fifo.depth})") == 1
    path.write_text(text.replace(f".DEPTH({fifo.depth})", f".DEPTH({fifo.depth - fewer})"))
    return network


@pytest.mark.parametrize(("graph", "cycles"), [(residual_network(), 256), (residual_maps(), 3600)],
                         ids=["dense", "maps"])
def test_full_rate_at_the_chosen_depths_and_less_with_one_place_less(graph: Graph, cycles: int, tmp_path: Path,
                                                                     seed: int) -> None:
    """The layer beside the shortcut works in every cycle: it has `cycles` of them to do."""
    network = built(tmp_path, graph, {}, cycles=cycles, frames=8)
    result = network.simulate(seed)
    assert result.ok, (*result.problems, *map(str, result.mismatches))
    assert result.cycles_per_frame == modelled_timing(network.graph).cycles_per_frame == cycles
    assert slowest(network.graph) == cycles
    less = shallower(network, 1).simulate(seed)
    assert not less.mismatches
    assert less.problems or (less.cycles_per_frame or 0) > cycles


@pytest.mark.parametrize("stalls", [None, (0.9, 0.2), (0.2, 0.9)])
def test_an_output_that_starts_before_its_input_ends(stalls: tuple[float, float] | None, tmp_path: Path,
                                                     seed: int) -> None:
    """It waits for the frame's flag in FIFOs that are deep enough, and the rate stays."""
    network = built(tmp_path, widening_map(), {}, cycles=432, frames=8)
    result = network.simulate(seed, stalls)
    assert result.ok, (*result.problems, *map(str, result.mismatches))
    if stalls is None:
        timing = modelled_timing(network.graph)
        assert result.cycles_per_frame == timing.cycles_per_frame == slowest(network.graph)
        assert result.latency == timing.latency


@pytest.mark.parametrize("stalls", [None, (0.3, 0.6), (0.6, 0.3)])
def test_several_inputs_and_outputs_of_one_network(stalls: tuple[float, float] | None, tmp_path: Path,
                                                   seed: int) -> None:
    network = built(tmp_path, braid_network(), {}, cycles=48)
    assert (len(network.design.inputs), len(network.design.outputs)) == (2, 2)
    result = network.simulate(seed, stalls)
    assert result.ok, (*result.problems, *map(str, result.mismatches))
    assert {"both_sum", "alone_sum"} <= result.values.keys()
    if stalls is None:
        assert result.cycles_per_frame == slowest(network.graph)
