"""FIFO depths counted from the latest schedule keep the rate."""

from __future__ import annotations

from pathlib import Path

import pytest

from hwgen import boards
from hwgen.frontend import load
from hwgen.ir.graph import Graph
from hwgen.kernels.fifo import Fifo
from hwgen.passes import size_fifos
from hwgen.passes.fold import fold
from hwgen.passes.pipeline import lower


def folded(path: Path) -> Graph:
    *_, (_, graph) = lower(load(path).graph)
    return fold(graph, board=boards.load("pynq"), clock_mhz=100, fps=20_000)


def depths(graph: Graph) -> int:
    return sum(node.op.depth for node in graph.nodes if isinstance(node.op, Fifo))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resblock_w4a4", "concat_unequal"])
def test_counted_depths_keep_the_rate(name: str, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = folded(models / "brevitas" / name / "model_qonnx_ts.onnx")
    searched = size_fifos.size_fifos(graph)
    monkeypatch.setattr(size_fifos, "MANY_EVENTS", 0)
    counted = size_fifos.size_fifos(graph)
    wanted = size_fifos.modelled_timing(searched).cycles_per_frame
    assert size_fifos.modelled_timing(counted).cycles_per_frame == wanted
    assert depths(counted) <= 4 * depths(searched) + 8
