"""Choose every layer's kernel and parallelism: hardware graph in, hardware graph out, same function.

Three ways: the cheapest folding that reaches a frame rate; a user's folding, where layers that it leaves out keep pace
with the slowest one it gives; else the fastest folding whose estimate fits the board with a margin. A kernel is only
replaced by another one of the same integer op and inputs, so the result cannot change.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import fields, replace
from fractions import Fraction

from hwgen.boards import Board
from hwgen.errors import HwgenError
from hwgen.folding_file import check
from hwgen.ir.graph import Graph, Node
from hwgen.kernels.base import Fold, Resources
from hwgen.passes.fold_chain import Layer, Problem
from hwgen.passes.fold_options import Cost, Option, alternatives, legal_folds, option

MARGIN = {"lut": Fraction(7, 10), "ff": Fraction(7, 10), "bram18": Fraction(8, 10), "dsp": Fraction(9, 10)}
"""Share of the board that the default folding may take: the rest is for routing and the board's own logic."""

WHOLE = dict.fromkeys(MARGIN, Fraction(1))
"""The whole board: what a rate or a folding that the user asked for may take."""

DEARER = (Resources(8, 8, 1, 1), Resources(1, 1, 8, 1))
"""Other prices that the default folding tries where the balanced ones exceed the board: LUTs dear, block RAM dear."""

_NAMES = {"lut": "LUTs", "ff": "flip-flops", "bram18": "BRAM18", "dsp": "DSPs"}


def fold(graph: Graph, *, board: Board, clock_mhz: float, fps: float | None = None,
         folding: Mapping[str, Fold] | None = None, allow_oversize: bool = False, widest: int | None = None) -> Graph:
    """The folded graph.

    clock_mhz, fps: positive; widest: bits of a number that the backend has, where a folding is searched. HwgenError:
    "bad-clock", "bad-fps", "fps-unreachable", "does-not-fit" (unless allow_oversize; see oversize_warning), and those
    of folding_file.check.
    """
    _check_positive("clock", clock_mhz, "MHz")
    problem = Problem.of(graph, Cost(board.resources), widest)
    if folding is not None:
        check(folding, graph, "the folding")
        chosen = _at_pace(problem, folding)
    elif fps is not None:
        _check_positive("fps", fps, "frames/s")
        chosen = _for_rate(problem, clock_mhz, fps)
    else:
        return _apply(graph, _fastest_that_fits(problem, board, allow_oversize))
    if not allow_oversize:
        used = problem.total(chosen, max(option.cycles for option in chosen.values()))
        _check_fits(used, board, WHOLE, "this folding")
    return _apply(graph, chosen)


def oversize_warning(used: Resources, board: Board) -> str | None:
    """What a build with allow_oversize must say, None where the estimate fits the board."""
    over = _excess(used, board, WHOLE)
    return None if over is None else f"the design does not fit {board.name}: it takes {over}"


def _check_positive(name: str, value: float, unit: str) -> None:
    if not (math.isfinite(value) and value > 0):
        raise HwgenError(f"bad-{name}", f"--{name}", f"{value} {unit} is not a positive number",
                         f"Give a positive number of {unit}.")


def _apply(graph: Graph, chosen: Mapping[str, Option]) -> Graph:
    nodes = tuple(replace(node, op=chosen[node.name].kernel) for node in graph.nodes)
    return graph.replaced(nodes=nodes)


def _for_rate(problem: Problem, clock_mhz: float, fps: float) -> dict[str, Option]:
    """The cheapest folding that reaches fps."""
    hertz = Fraction(clock_mhz) * 1_000_000
    cycles = int(hertz / Fraction(fps))
    slowest = max(problem.layers, key=lambda layer: layer.fastest.cycles)
    if slowest.fastest.cycles > cycles:
        raise _unreachable(slowest, float(hertz), fps, cycles)
    return problem.solve(cycles)


def _unreachable(layer: Layer, hertz: float, fps: float, cycles: int) -> HwgenError:
    best = layer.fastest
    return HwgenError(
        "fps-unreachable", layer.node.name,
        f"{fps:,.0f} frames/s at {hertz / 1e6:g} MHz leave {cycles:,} cycles a frame, and this layer needs "
        f"{best.cycles:,} at its largest folding (pe {best.kernel.fold.pe}, simd {best.kernel.fold.simd})",
        f"Ask for at most {math.floor(hertz / best.cycles):,} frames/s, or raise --clock.")


def _given(node: Node, wanted: Fold, cost: Cost) -> Option:
    """The cheapest kernel of a layer at a wanted folding."""
    stem = getattr(wanted, "kernel", None)
    fold = Fold(wanted.pe, wanted.simd)
    able = [k for k in alternatives(node) if stem in (None, k.stem) and fold in legal_folds(k)]
    return min((option(kernel.folded(fold)) for kernel in able), key=lambda o: (cost.of(o.resources), o.cycles))


def _at_pace(problem: Problem, folding: Mapping[str, Fold]) -> dict[str, Option]:
    """Given layers as they are, the others no slower than the slowest of them (or as fast as they can be)."""
    given = {node.name: _given(node, folding[node.name], problem.cost)
             for node in problem.graph.nodes if node.name in folding}
    fixed = problem.restricted(given)
    return fixed.solve(max(fixed.fewest_cycles, *(o.cycles for o in given.values())) if given else fixed.fewest_cycles)


def _fastest_that_fits(problem: Problem, board: Board, allow_oversize: bool) -> dict[str, Option]:
    """Bisect for the fewest cycles that fit (more cycles never cost more), also with a scarce resource made dearer."""
    targets = problem.targets()
    variants = [problem, *(problem.repriced(Cost(board.resources, weights)) for weights in DEARER)]

    def fitting(cycles: int) -> dict[str, Option] | None:
        solved = ((variant, variant.solve(cycles)) for variant in variants)
        return next((chosen for variant, chosen in solved
                     if _excess(variant.total(chosen, cycles), board, MARGIN) is None), None)

    first = bisect_left(targets, True, key=lambda cycles: fitting(cycles) is not None)
    while first > 0 and fitting(targets[first - 1]) is not None:
        first -= 1
    if first < len(targets) and (chosen := fitting(targets[first])) is not None:
        return chosen
    smallest = problem.solve(targets[-1])
    if not allow_oversize:
        _check_fits(problem.total(smallest, targets[-1]), board, MARGIN, "even the smallest folding")
    return smallest


def _check_fits(used: Resources, board: Board, margin: Mapping[str, Fraction], what: str) -> None:
    over = _excess(used, board, margin)
    if over is not None:
        raise HwgenError("does-not-fit", board.name, f"{what} takes {over}",
                         "Take a larger board, ask for fewer frames/s, or build anyway with --allow-oversize.")


def _excess(used: Resources, board: Board, margin: Mapping[str, Fraction]) -> str | None:
    """The resource that is exceeded most, in words."""
    limits = {f.name: int(getattr(board.resources, f.name) * margin[f.name]) for f in fields(Resources)}
    over = {name: getattr(used, name) - limit for name, limit in limits.items() if getattr(used, name) > limit}
    if not over:
        return None
    name = max(over, key=lambda n: over[n] / max(limits[n], 1))
    share = "" if margin[name] == 1 else f" ({float(margin[name]):.0%} of the board)"
    return f"{getattr(used, name):,} {_NAMES[name]}, {over[name]:,} more than the {limits[name]:,} there are{share}"
