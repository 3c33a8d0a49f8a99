"""Kernels that move integers: HLS C simulation against `run`, for the kernels that the RTL benches simulate."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hwgen.data import folder
from hwgen.ir.graph import Value
from hwgen.ir.tensor import Tensor
from hwgen.ir.types import full_range, parse_type
from hwgen.kernels.add import AddUnit
from hwgen.kernels.base import Fold, Kernel
from hwgen.kernels.concat import ConcatUnit
from hwgen.kernels.fork import ForkUnit
from hwgen.kernels.pad import PadUnit
from hwgen.kernels.slice import SliceUnit
from hwgen.kernels.width_converter import WidthConverter
from hwgen.ops.add import Add
from hwgen.ops.concat import Concat
from hwgen.ops.pad import Pad
from hwgen.ops.slice import Slice
from sim import (
    bench_add,
    bench_concat,
    bench_depth_to_space,
    bench_fork,
    bench_pad,
    bench_slice,
    bench_upsample,
    bench_width_converter,
    bench_window,
)
from tests.hls.kernels import check_kernels
from tests.kernels import test_add, test_concat, test_pad, test_window
from tests.kernels.test_depth_to_space import unit

RANDOM: tuple[Callable[[np.random.Generator], Kernel], ...] = (
    bench_add.random_kernel, bench_concat.random_kernel, bench_depth_to_space.random_kernel, bench_fork.random_kernel,
    bench_pad.random_kernel, bench_slice.random_kernel, bench_upsample.random_kernel,
    bench_width_converter.random_kernel, bench_window.random_kernel)
SHAPES: tuple[Kernel, ...] = (
    *test_add.KERNELS.values(), *test_concat.KERNELS.values(), *test_pad.SHAPES.values(), *test_window.SHAPES.values(),
    bench_window.tight(test_window.SHAPES["dilated"], block=True), unit((2, 3, 16), (2, 2), lanes=2),
    bench_depth_to_space.tight(unit((3, 3, 8), (2, 2), interleaved=True), block=True),
    unit((2, 3, 12), (3, 2), interleaved=True, lanes=2))


def converter(elements: int, bits: int, source: int, sink: int) -> WidthConverter:
    return WidthConverter.between(Value("x", (elements,), full_range(bits, signed=False)), source, sink)


def value(name: str, shape: tuple[int, ...], kind: str) -> Value:
    """kind: any width of uintN and intN."""
    wide = re.fullmatch(r"(u?)int(\d+)", kind)
    return Value(name, shape, full_range(int(wide[2]), signed=not wide[1]) if wide else parse_type(kind))


WIDE: tuple[Kernel, ...] = (
    AddUnit(Add(3, -5), (value("a", (2, 60), "int9"), value("b", (2, 60), "uint7")), Fold(60)),
    AddUnit(Add(1, 1), (value("a", (6,), "int63"), value("b", (6,), "uint62")), Fold(3)),
    ConcatUnit(Concat(), (value("a", (2, 48), "int4"), value("b", (2, 24), "bipolar")), Fold(24)),
    ConcatUnit(Concat(), (value("a", (2, 3), "int100"), value("b", (2, 6), "uint70")), Fold(3)),
    PadUnit.lower(Pad(1, 0, 1, 2, Tensor(np.arange(64))), (value("x", (3, 2, 64), "int8"),)).folded(Fold(32)),
    PadUnit.lower(Pad(1, 0, 1, 2, Tensor([-1])), (value("x", (3, 2, 2), "uint60"),)).folded(Fold(2)),
    bench_window.window((5, 6, 130), (3, 3), lanes=130),
    ForkUnit.of(value("x", (7, 333), "int3"), 3).folded(Fold(333)),
    SliceUnit.lower(Slice((0, 1, 0), (2, 3, 66)), (value("x", (3, 4, 132), "uint2"),)).folded(Fold(66)),
    unit((2, 2, 160), (2, 2), interleaved=True, lanes=20), converter(600, 4, 50, 60), converter(600, 4, 60, 50),
    converter(784, 1, 16, 49), converter(100, 90, 1, 4), converter(130, 8, 130, 13), converter(1, 8, 3, 2))
"""Beats and elements beyond a word, and beyond two: these are only sliced."""


def test_random_kernels(seed: int, gxx: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    check_kernels([make(rng) for make in RANDOM for _ in range(8)], seed=seed, work=tmp_path)


def test_the_kernels_of_the_rtl_tests(seed: int, gxx: str, tmp_path: Path) -> None:
    check_kernels(SHAPES, seed=seed, work=tmp_path)


def test_wide_beats(seed: int, gxx: str, tmp_path: Path) -> None:
    check_kernels(WIDE, seed=seed, work=tmp_path)


GEARBOX, UP, DOWN = converter(30, 4, 6, 10), converter(40, 3, 2, 8), converter(21, 4, 8, 2)
MUTANTS = {
    "sides exchanged": ("add", "C::B_FACTOR", "C::A_FACTOR", test_add.KERNELS["tables"]),
    "signs not extended": ("lanes", "KIND == SIGNED", "KIND == 3", test_add.KERNELS["adders"]),
    "code bit taken for a number": ("lanes", "KIND == BIPOLAR", "KIND == 3", test_add.KERNELS["bipolar"]),
    "lanes exchanged": ("lanes", "(index + 1) * BITS - 1, index * BITS)", "(index + 1) * BITS - 1, BITS)",
                        test_pad.SHAPES["same"]),
    "one group too few": ("concat", "FOLDS_EACH[turn] - 1", "FOLDS_EACH[turn] - 2",
                          test_concat.KERNELS["three of several types"]),
    "border missing": ("pad", "column < C::LEFT + C::COLUMNS;", "column < C::LEFT + C::COLUMNS + 1;",
                       test_pad.SHAPES["same"]),
    "border of the wrong group": ("pad", "border[fold]", "border[0]", test_pad.SHAPES["value a channel"]),
    "box begins too early": ("slice", "column >= C::LEFT", "column >= C::LEFT - 1", WIDE[8]),
    "other beats": ("fork", "m_axis.write(x)", "m_axis.write(x << 1)", WIDE[7]),
    "wrong step": ("window", "go<STEP_KH, 0>", "go<STEP_KW, 0>", test_window.SHAPES["3x3"]),
    "wrong turn": ("ring", "next - DEPTH : next", "next - DEPTH + 1 : next", test_window.SHAPES["3x3"]),
    "pixel not left": ("replay", "go<STEP_J>", "go<STEP_W>", unit((3, 4, 8), (2, 2))),
    "part of the wrong pixel": ("depth_to_space", "p * C::BLOCK_W + q", "q * C::BLOCK_W + p",
                                unit((2, 3, 16), (2, 2), interleaved=True)),
    "lanes that wait are lost": ("width_converter", "held = rest", "(void)rest", GEARBOX),
    "goes before enough wait": ("width_converter", "waiting >= OUT_LANES ||", "waiting + 2 >= OUT_LANES ||", GEARBOX),
    "late parts": ("width_converter", "part == RATIO - 1", "part == RATIO - 2", UP),
    "wrong parts": ("width_converter", "lane<C::OUT_WIDTH>(x, part)", "lane<C::OUT_WIDTH>(x, 0)", DOWN),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_mutants_fail(mutant: str, seed: int, gxx: str, tmp_path: Path) -> None:
    stem, right, wrong, kernel = MUTANTS[mutant]
    headers = Path(shutil.copytree(folder("hls"), tmp_path / "hls"))
    text = (headers / f"{stem}.hpp").read_text()
    assert right in text
    (headers / f"{stem}.hpp").write_text(text.replace(right, wrong))
    with pytest.raises((AssertionError, RuntimeError), match=r"seed|deadlock|left over"):
        check_kernels([kernel], seed=seed, work=tmp_path, includes=[headers])
