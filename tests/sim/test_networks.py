"""Whole emitted networks in the harness: several chains, other foldings, measured against the model of timing."""

from __future__ import annotations

from pathlib import Path

import pytest

from hwgen.kernels.base import Fold, Kernel
from hwgen.passes.size_fifos import modelled_timing
from tests.sim.built import FOLDING, bipolar_network, built, integer_network, two_chains

pytestmark = pytest.mark.usefixtures("verilator")


def test_two_chains_in_one_top(tmp_path: Path, seed: int) -> None:
    network = built(tmp_path, two_chains(), {"left_dense": Fold(1, 2), "right_dense": Fold(3, 4)})
    assert (len(network.design.inputs), len(network.design.outputs)) == (2, 2)
    for stalls in (None, (0.3, 0.6), (0.6, 0.3)):
        result = network.simulate(seed, stalls)
        assert result.ok, (*result.problems, *map(str, result.mismatches))
    assert {"left_sum", "right_sum"} <= result.values.keys()


@pytest.mark.parametrize("folding", [FOLDING, {"dense0": Fold(6, 8), "dense1": Fold(1, 1), "dense2": Fold(8, 8)}])
def test_timing_is_as_modelled(folding: dict[str, Fold], tmp_path: Path, seed: int) -> None:
    """Cycles a frame of the whole pipeline are those of its slowest kernel; latency is as the FIFO sizing has it."""
    network = built(tmp_path, integer_network(), folding)
    result = network.simulate(seed)
    assert result.ok, (*result.problems, *map(str, result.mismatches))
    timing = modelled_timing(network.graph)
    assert result.cycles_per_frame == timing.cycles_per_frame
    assert result.latency == timing.latency
    assert result.cycles_per_frame == max(node.op.cycles for node in network.graph.nodes if isinstance(node.op, Kernel))


def test_stuck_layer_of_a_network_is_named(tmp_path: Path, seed: int) -> None:
    """A layer in the middle takes no input: everything before it is full, everything after it starves."""
    network = built(tmp_path, bipolar_network(), FOLDING)
    (top,) = (tmp_path / "rtl").glob("*_top.sv")
    text = top.read_text()
    public = "act0_tready /* verilator public_flat_rd */"
    for old, new in ((".s_axis_tready(act0_tready)", ".s_axis_tready()"), (f"{public};", f"{public} = 1'b0;"),
                     (".s_axis_tvalid(act0_tvalid)", ".s_axis_tvalid(1'b0)")):
        assert text.count(old) == 1
        text = text.replace(old, new)
    top.write_text(text)
    result = network.simulate(seed)
    assert not result.ok
    (consumer,) = network.graph.consumers("act0")
    (problem,) = result.problems
    assert "deadlock: no beat moves any more" in problem
    assert f"layer {consumer.name} gives no output: {consumer.outputs[0]} stands at beat 0 of frame 0" in problem
