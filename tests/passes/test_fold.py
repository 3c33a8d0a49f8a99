"""The folding solver against brute force, its three ways, and every message it can give."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from hwgen import folding_file, kernels
from hwgen.boards import Board, load
from hwgen.errors import HwgenError
from hwgen.frontend import ImportOptions
from hwgen.frontend import load as load_model
from hwgen.ir.graph import Graph
from hwgen.kernels.base import Fold, Resources
from hwgen.passes.fold import fold, oversize_warning
from hwgen.passes.fold_chain import Problem
from hwgen.passes.fold_options import Cost, LayerFold, kernel_of, option, total
from hwgen.passes.pipeline import lower
from hwgen.passes.plumbing import between, waiting
from tests.passes.fakes import Dense, Sparse, network

BOARD = Board("bench", "none", "xc7", 100.0, Resources(100_000, 100_000, 1000, 100))


def brute_force(graph: Graph, cost: Cost, cycles: int) -> float:
    """The least cost of any combination of foldings, converters and FIFOs included."""
    choices = [[option(kernel_of(node).folded(f)) for f in kernel_of(node).foldings()] for node in graph.nodes]
    values = [graph.values[node.inputs[0]] for node in graph.nodes]
    best = float("inf")
    for combination in itertools.product(*choices):
        if max(o.cycles for o in combination) <= cycles:
            price = sum(cost.of(o.resources) for o in combination)
            for k, (a, b) in enumerate(itertools.pairwise(combination)):
                value = values[k + 1]
                span = cycles if k else a.cycles
                stored = waiting(value.elements, value.elements // b.lanes_in, b.cycles, span, cycles)
                price += cost.of(between(value, a.lanes_out, b.lanes_in, stored))
            best = min(best, price)
    return best


@pytest.mark.parametrize("case", range(6))
def test_equals_brute_force(case: int, seed: int) -> None:
    draw = random.Random(seed)
    sizes = [draw.choice([4, 6, 8]) for _ in range(4)]
    graph = network(sizes, draw.randrange(1000), (Dense, Sparse))
    problem = Problem.of(graph, Cost(BOARD.resources))
    for cycles in {problem.fewest_cycles, *draw.sample(problem.targets(), 3)}:
        found = problem.solve(cycles)
        cost = problem.cost.of(problem.total(found, cycles))
        assert cost == pytest.approx(brute_force(graph, problem.cost, cycles))
        assert max(option.cycles for option in found.values()) <= cycles


def test_the_cheapest_kernel_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "candidates", lambda op, inputs: (Dense, Sparse))
    graph = network([8, 8])
    folded = fold(graph, board=BOARD, clock_mhz=100, fps=100e6 / 16)
    (kernel,) = (kernel_of(node) for node in folded.nodes)
    every = [kind(kernel.op, kernel.inputs, f) for kind in (Dense, Sparse) for f in kernel.foldings()]
    cost = Cost(BOARD.resources)
    assert cost.of(kernel.resources()) == min(cost.of(k.resources()) for k in every if k.cycles <= 16)


def test_a_rate_is_reached_exactly_at_the_edge() -> None:
    graph = network([8, 8], 1)
    at = fold(graph, board=BOARD, clock_mhz=100, fps=100e6 / 8)
    assert max(kernel_of(n).cycles for n in at.nodes) <= 8
    above = fold(graph, board=BOARD, clock_mhz=100, fps=100e6 / 8 + 1)
    assert max(kernel_of(n).cycles for n in above.nodes) <= 7


def test_an_impossible_rate_names_the_layer_and_the_limit() -> None:
    graph = network([8, 8, 8], 1, (Dense, Sparse))
    with pytest.raises(HwgenError) as error:
        fold(graph, board=BOARD, clock_mhz=100, fps=80e6)
    assert str(error.value) == (
        "fps-unreachable: layer1: 80,000,000 frames/s at 100 MHz leave 1 cycles a frame, and this layer needs 2 at its "
        "largest folding (pe 8, simd 8). Ask for at most 50,000,000 frames/s, or raise --clock.")


def test_the_default_is_the_fastest_that_fits_the_margin() -> None:
    graph = network([16, 16, 8], 5)
    board = replace(BOARD, resources=Resources(1000, 100_000, 1000, 0))
    problem = Problem.of(graph, Cost(board.resources))
    folded = fold(graph, board=board, clock_mhz=100)
    cycles = max(kernel_of(n).cycles for n in folded.nodes)
    limit = 700
    assert sum(kernel_of(n).resources().lut for n in folded.nodes) <= limit
    faster = [t for t in problem.targets() if t < cycles]
    assert faster, "the board is too large for this test"
    for target in faster:
        cheapest = [min((o for o in problem.options[n.name] if o.cycles <= target), key=lambda o: o.resources.lut)
                    for n in graph.nodes]
        assert sum(o.resources.lut for o in cheapest) > limit - 60 * len(cheapest)


def test_a_board_that_is_too_small_is_named_with_the_excess() -> None:
    graph = network([8, 8], 1)
    board = replace(BOARD, resources=Resources(10, 1000, 1000, 0))
    with pytest.raises(HwgenError) as error:
        fold(graph, board=board, clock_mhz=100)
    smallest = fold(graph, board=board, clock_mhz=100, allow_oversize=True)
    used = kernel_of(smallest.nodes[0]).resources().lut
    assert str(error.value) == (
        f"does-not-fit: bench: even the smallest folding takes {used} LUTs, {used - 7} more than the 7 there are "
        "(70% of the board). Take a larger board, ask for fewer frames/s, or build anyway with --allow-oversize.")
    assert oversize_warning(Resources(used), board) == (
        f"the design does not fit bench: it takes {used} LUTs, {used - 10} more than the 10 there are")
    assert oversize_warning(Resources(10), board) is None


@pytest.mark.parametrize("fps", [0, -1, float("nan"), float("inf")])
def test_a_rate_must_be_a_positive_number(fps: float) -> None:
    with pytest.raises(HwgenError, match="bad-fps"):
        fold(network([4, 4]), board=BOARD, clock_mhz=100, fps=fps)
    with pytest.raises(HwgenError, match="bad-clock"):
        fold(network([4, 4]), board=BOARD, clock_mhz=fps, fps=1)


def test_layers_left_out_keep_pace_with_the_given_ones() -> None:
    graph = network([8, 8, 8], 2)
    folded = fold(graph, board=BOARD, clock_mhz=100, folding={"layer0": Fold(2, 4)})
    first, second = (kernel_of(node) for node in folded.nodes)
    assert first.fold == Fold(2, 4)
    assert first.cycles == 8
    assert second.cycles <= 8
    cheapest = min(Cost(BOARD.resources).of(second.folded(f).resources()) for f in second.foldings()
                   if second.folded(f).cycles <= 8)
    assert Cost(BOARD.resources).of(second.resources()) <= cheapest + Cost(BOARD.resources).of(Resources(200))


def read_text(tmp_path: Path, text: str, graph: Graph) -> dict[str, LayerFold]:
    path = tmp_path / "folding.toml"
    path.write_text(text)
    return folding_file.read(path, graph)


@pytest.mark.parametrize("fps", [1e6, 3e6, 100e6 / 8])
def test_a_written_file_is_read_back_as_the_same_folding(
    tmp_path: Path, fps: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernels, "candidates", lambda op, inputs: (Dense, Sparse))
    graph = network([8, 6, 8], 7)
    folded = fold(graph, board=BOARD, clock_mhz=100, fps=fps)
    again = fold(graph, board=BOARD, clock_mhz=100, folding=read_text(tmp_path, folding_file.write(folded), graph))
    assert again == folded
    assert folding_file.write(again) == folding_file.write(folded)


def test_the_file_is_commented_with_the_legal_values() -> None:
    assert folding_file.write(network([4, 6])) == """\
# Folding of tiny: pe outputs and simd inputs a cycle. Feed it back with --folding.
# Layers that are left out are folded to keep pace with the slowest one given.

[layer0]  # dense layer, 24 cycles a frame
pe = 1                  # 1, 2, 3, 6
simd = 1                # 1, 2, 4
"""


@pytest.mark.parametrize(("text", "message"), [
    ("[layer0]\npe = 4\nsimd = 1\n", "bad-folding: {path}: layer0: pe = 4 does not divide this layer. "
                                     "Legal values of pe: 1, 2, 3, 6."),
    ("[layer0]\nsimd = 3\n", "bad-folding: {path}: layer0: simd = 3 does not divide this layer. "
                             "Legal values of simd: 1, 2, 4."),
    ("[layer9]\npe = 1\n", "unknown-layer: {path}: layer9: the network has no layer of this name to fold. "
                           "Did you mean layer0? The layers are: layer0."),
    ("[layer0]\npe = 0\n", "bad-folding: {path}: layer0: pe is 0, not a positive integer. Write one table a layer, "
                           "[name], with pe, simd and kernel; a build writes its own as folding.toml."),
    ("[layer0]\npe = true\n", "bad-folding: {path}: layer0: pe is True, not a positive integer. Write one table a "
                              "layer, [name], with pe, simd and kernel; a build writes its own as folding.toml."),
    ("[layer0]\npe = '2'\n", "bad-folding: {path}: layer0: pe is '2', not a positive integer. Write one table a "
                             "layer, [name], with pe, simd and kernel; a build writes its own as folding.toml."),
    ("[layer0]\nPE = 2\n", "bad-folding: {path}: layer0: PE is not a setting of a layer. "
                           "Did you mean pe? The settings are: kernel, pe, simd."),
    ("[layer0]\nkernel = 'sparce'\n", "bad-folding: {path}: layer0: no kernel sparce can compute this layer. "
                                      "The kernels of this layer are: dense."),
    ("layer0 = 3\n", "bad-folding: {path}: layer0: this is not a table. Write one table a layer, "
                     "[name], with pe, simd and kernel; a build writes its own as folding.toml."),
    ("[layer0\n", "bad-folding: {path}: it is not valid TOML: Expected ']' at the end of a table declaration (at line "
                  "1, column 8). Write one table a layer, [name], with pe, simd and kernel; a build writes its own as "
                  "folding.toml."),
])
def test_a_bad_file_is_explained(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(HwgenError) as error:
        read_text(tmp_path, text, network([4, 6]))
    assert str(error.value) == message.format(path=tmp_path / "folding.toml")


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x = " + b"[" * 100_000, b"x = " + b"9" * 5000, b"\0"])
def test_a_hostile_file_is_an_error_and_no_traceback(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "folding.toml"
    path.write_bytes(content)
    with pytest.raises(HwgenError, match="bad-folding"):
        folding_file.read(path, network([4, 6]))
    with pytest.raises(HwgenError, match="the file cannot be read"):
        folding_file.read(tmp_path / "missing.toml", network([4, 6]))


def test_a_folding_from_code_is_checked_too() -> None:
    with pytest.raises(HwgenError, match="bad-folding: the folding: layer0: pe = 5 does not divide this layer"):
        fold(network([4, 6]), board=BOARD, clock_mhz=100, folding={"layer0": Fold(5, 1)})


def lowered(path: Path) -> Graph:
    *_, (_, graph) = lower(load_model(path, ImportOptions()).graph)
    return graph


@pytest.mark.parametrize("fps", [1, 1_000, 100_000, 1_000_000])
def test_real_network_reaches_the_rate_and_costs_more_only_for_more(models: Path, fps: int) -> None:
    board = load("pynq")
    graph = lowered(models / "qonnx-zoo" / "TFC_1W1A.onnx")
    folded = fold(graph, board=board, clock_mhz=100, fps=fps)
    assert max(kernel_of(n).cycles for n in folded.nodes) <= Fraction(100_000_000, fps)
    costs = [Problem.of(graph, Cost(board.resources)).solve(100_000_000 // f) for f in (fps, 1_500_000)]
    slow, fast = (sum(Cost(board.resources).of(o.resources) for o in c.values()) for c in costs)
    assert slow <= fast


def test_a_large_network_fits_the_board(models: Path) -> None:
    board = load("pynq")
    folded = fold(lowered(models / "bnn-pynq" / "lfcW1A1_mnist_int.onnx"), board=board, clock_mhz=100)
    used = total(folded)
    assert used.lut < board.resources.lut and used.bram18 <= board.resources.bram18
    assert max(kernel_of(node).cycles for node in folded.nodes) < 1024 * 1024
