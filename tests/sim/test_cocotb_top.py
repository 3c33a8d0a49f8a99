"""sim/test_top.py as a user runs it from the build directory, in both simulators; a wrong memory must fail it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hwgen.frontend import ImportOptions, load
from hwgen.ir.graph import Graph
from hwgen.simulate import write
from tests.sim.built import braid_network, built, residual_maps
from tests.sim.toy_build import DESIGN, toy_build, toy_vectors


def run(build: Path, simulator: str) -> subprocess.CompletedProcess[str]:
    """As from a shell: cocotb's runner behaves otherwise where it believes to be inside pytest."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
    return subprocess.run([sys.executable, "sim/test_top.py", "--simulator", simulator], cwd=build, capture_output=True,
                          text=True, check=False, env=environment)


@pytest.mark.parametrize("simulator", ["verilator", "icarus"])
def test_passes(simulator: str, request: pytest.FixtureRequest, tmp_path: Path, seed: int) -> None:
    request.getfixturevalue(simulator)
    write(toy_build(tmp_path / "b"), DESIGN, *toy_vectors(8, seed))
    done = run(tmp_path / "b", simulator)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("2 of 2 tests passed\n")


@pytest.mark.parametrize("simulator", ["verilator", "icarus"])
def test_tfc(simulator: str, request: pytest.FixtureRequest, models: Path, tmp_path: Path) -> None:
    """The 1-bit TFC at 64 cycles a frame: 9 frames, at every boundary, in cocotb."""
    request.getfixturevalue(simulator)
    (model,) = models.rglob("TFC_1W1A.onnx")
    network = built(tmp_path / "b", load(model, ImportOptions()).graph, {}, frames=9, cycles=64)
    write(network.folder, network.design, network.vectors.integers, network.vectors.values)
    done = run(network.folder, simulator)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("2 of 2 tests passed\n")


@pytest.mark.parametrize("graph", [residual_maps(4), braid_network()], ids=["maps", "two inputs and outputs"])
def test_branches(graph: Graph, icarus: str, tmp_path: Path) -> None:
    network = built(tmp_path / "b", graph, {}, frames=4, cycles=600)
    write(network.folder, network.design, network.vectors.integers, network.vectors.values)
    done = run(network.folder, "icarus")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("2 of 2 tests passed\n")


def test_wrong_memory_fails_and_names_the_place(icarus: str, tmp_path: Path, seed: int) -> None:
    build = toy_build(tmp_path / "b", ("mem/toy_offset.mem", "1\ne\n3\n", "1\ne\n2\n"))
    write(build, DESIGN, *toy_vectors(8, seed))
    done = run(build, "icarus")
    assert done.returncode == 1
    assert "output m_axis_y: frame 0, element 2 (channel 2): expected" in done.stdout
    assert done.stdout.endswith("0 of 2 tests passed\n")
