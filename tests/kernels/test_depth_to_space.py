"""Channels to pixels: RTL against the op, cycles against beats out, both orders of channels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hwgen.ir.graph import Value
from hwgen.ir.types import IntType
from hwgen.kernels.base import Fold
from hwgen.kernels.depth_to_space import DepthToSpaceUnit
from hwgen.ops.depth_to_space import DepthToSpace
from hwgen.ops.identity import Identity
from sim.bench_depth_to_space import random_kernel, tight
from sim.kernel_bench import RTL, check_kernel
from tests.kernels.area import near, synthesised


def unit(shape: tuple[int, int, int], block: tuple[int, int], interleaved: bool = False, bits: int = 4,
         lanes: int = 1) -> DepthToSpaceUnit:
    """A kernel on a map of unsigned integers."""
    value = Value("x", shape, IntType(0, (1 << bits) - 1))
    return DepthToSpaceUnit.lower(DepthToSpace(block, interleaved), (value,)).folded(Fold(lanes))


@pytest.mark.parametrize("kernel", [
    unit((3, 4, 8), (2, 2), lanes=2), tight(unit((3, 2, 9), (3, 3)), block=True), unit((1, 6, 6), (1, 3), lanes=2),
    unit((2, 3, 12), (3, 2), interleaved=True, lanes=2), tight(unit((3, 3, 8), (2, 2), interleaved=True), block=True)],
    ids=["2x2", "3x3", "row", "interleaved", "interleaved in groups"])
def test_blocks(kernel: DepthToSpaceUnit, icarus: str, tmp_path: Path, seed: int) -> None:
    beats = int(np.prod(kernel.inputs[0].shape)) // kernel.fold.pe
    assert check_kernel(kernel, 6, seed=seed, work=tmp_path, simulator="icarus").cycles == beats


@pytest.mark.parametrize("simulator", ["verilator", "icarus"])
def test_random_kernels(simulator: str, request: pytest.FixtureRequest, tmp_path: Path, seed: int) -> None:
    request.getfixturevalue(simulator)
    rng = np.random.default_rng(seed)
    for i in range(1 if simulator == "verilator" else 4):
        check_kernel(random_kernel(rng), 6, seed=seed + i, work=tmp_path / str(i), simulator=simulator)


MUTANTS = {
    "parts in order": ("hwgen_depth_to_space.sv", "(lane*PARTS+part)*BITS", "(part*LANES+lane)*BITS"),
    "first part again": ("hwgen_depth_to_space.sv", "else if (!last_column) part_q <= first_q;",
                         "else if (!last_column) part_q <= '0;"),
    "part changes with each beat": ("hwgen_depth_to_space.sv", "= taken && last_group;", "= taken;"),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_mutants_fail(mutant: str, icarus: str, tmp_path: Path, seed: int) -> None:
    file, right, wrong = MUTANTS[mutant]
    text = (RTL / file).read_text()
    assert text.count(right) == 1
    (tmp_path / file).write_text(text.replace(right, wrong))
    kernel = unit((2, 3, 16), (2, 2), interleaved=True, lanes=2)
    with pytest.raises(AssertionError):
        check_kernel(kernel, 6, seed=seed, work=tmp_path / "run", simulator="icarus", library=(tmp_path, RTL))


def test_other_ops_are_refused() -> None:
    kernel = unit((3, 4, 8), (2, 2))
    assert kernel.accepts(kernel.op, kernel.inputs) is None
    assert kernel.accepts(Identity(), kernel.inputs) == "it makes pixels of the channels of a map only"


def test_lanes_divide_the_channels_of_the_larger_map() -> None:
    kernel = unit((3, 4, 24), (2, 2), interleaved=True, lanes=3)
    assert [fold.pe for fold in kernel.foldings()] == [1, 2, 3, 6]
    assert (kernel.input_stream().lanes, kernel.output_stream().lanes) == (12, 3)
    assert unit((3, 4, 24), (2, 2), lanes=3).input_stream().lanes == 3


AREAS = {
    "lut": unit((7, 7, 8), (2, 2), bits=8, lanes=2),
    "block": unit((14, 14, 32), (2, 2), lanes=4),
    "3x3": unit((30, 30, 27), (3, 3), bits=12, lanes=3),
    "row": unit((1, 50, 16), (1, 4), bits=9),
    "interleaved": unit((14, 14, 32), (2, 2), interleaved=True, lanes=2),
    "interleaved 3x3": unit((10, 10, 27), (3, 3), interleaved=True, bits=8),
    "interleaved block": unit((32, 40, 12), (2, 2), interleaved=True, bits=8, lanes=3),
}


@pytest.mark.parametrize("name", AREAS)
def test_area_estimates(name: str, yosys: None, tmp_path: Path) -> None:
    near(AREAS[name].resources(), synthesised(AREAS[name], tmp_path))
