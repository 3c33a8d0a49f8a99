"""One op, one stem: every kernel has its RTL, HLS header, bench and test, and none of these is without a kernel."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from hwgen.ir.graph import Value
from hwgen.ir.tensor import Tensor
from hwgen.ir.types import BIPOLAR, IntType, full_range
from hwgen.kernels import KERNELS, LIBRARY, candidates, refusals
from hwgen.kernels.mvau import Mvau
from hwgen.kernels.requantize import RequantizeUnit
from hwgen.kernels.threshold import ThresholdUnit
from hwgen.kernels.threshold_search import ThresholdSearch
from hwgen.ops.identity import Identity
from hwgen.ops.threshold import Threshold

ROOT = Path(__file__).resolve().parents[2]
STEMS = [kernel.stem for kernel in (*KERNELS, *LIBRARY)]
FUNCTIONS = {kernel.stem for kernel in (*KERNELS, *LIBRARY) if kernel.hls_function}
OTHER_BENCHES = {"kernel"}
"""sim/bench_<name>.py that serve all kernels."""
OTHER_TESTS = {"registry"}
"""tests/kernels/test_<name>.py about more than one kernel."""
OTHER_HEADERS = {"testbench"}
"""hls/<name>.hpp that emitted C++ includes."""


def stems(root: Path, pattern: str) -> set[str]:
    """What * stands for in the pattern, over the files of `root`."""
    head, tail = (root / pattern).name.split("*")
    return {path.name.removeprefix(head).removesuffix(tail) for path in root.glob(pattern)}


def problems(root: Path, wanted: set[str], functions: set[str]) -> list[str]:
    """Stems without a file, and files without a stem. Modules and headers that another one uses are helpers."""
    headers = stems(root, "hls/*.hpp") - OTHER_HEADERS
    included = set().union(*(includes(root, stem) for stem in headers)) - functions
    rtl, benches = stems(root, "rtl/hwgen_*.sv"), stems(root, "sim/bench_*.py") - OTHER_BENCHES
    tests = stems(root, "tests/kernels/test_*.py") - OTHER_TESTS
    helpers = set().union(*(used(root, stem) for stem in rtl), {"rom", "reset"}) - wanted
    return [*(f"rtl: {s} is missing" for s in sorted(wanted - rtl)),
            *(f"rtl: {s} is an orphan" for s in sorted(rtl - wanted - helpers)),
            *(f"hls: {s} is missing" for s in sorted(functions - headers)),
            *(f"hls: {s} is an orphan" for s in sorted(headers - functions - included)),
            *(f"bench: {s} is missing" for s in sorted(wanted - benches)),
            *(f"bench: {s} is an orphan" for s in sorted(benches - wanted)),
            *(f"test: {s} is missing" for s in sorted(wanted - tests)),
            *(f"test: {s} is an orphan" for s in sorted(tests - wanted))]


def used(root: Path, stem: str) -> set[str]:
    """Library modules that rtl/hwgen_<stem>.sv instantiates."""
    text = re.sub(r"//.*", "", (root / "rtl" / f"hwgen_{stem}.sv").read_text())
    return set(re.findall(r"\bhwgen_(\w+)\s*(?:#|\w+\s*\()", text)) - {stem}


def includes(root: Path, stem: str) -> set[str]:
    """Headers that hls/<stem>.hpp includes."""
    return set(re.findall(r'#include "(\w+)\.hpp"', (root / "hls" / f"{stem}.hpp").read_text()))


def test_stems_are_unique() -> None:
    assert len(set(STEMS)) == len(STEMS)


def test_every_stem_is_complete_and_no_file_is_left_over() -> None:
    assert problems(ROOT, set(STEMS), FUNCTIONS) == []


@pytest.mark.parametrize("file", ["rtl/hwgen_b.sv", "hls/b.hpp", "sim/bench_b.py", "tests/kernels/test_b.py"])
def test_a_missing_and_an_orphaned_file_are_named(file: str, tmp_path: Path) -> None:
    for name in ("rtl/hwgen_a.sv", "hls/a.hpp", "sim/bench_a.py", "tests/kernels/test_a.py", file):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("module hwgen_x; endmodule")
    kind = {"rtl": "rtl", "hls": "hls", "sim": "bench", "tests": "test"}[file.split("/")[0]]
    assert problems(tmp_path, {"a"}, {"a"}) == [f"{kind}: b is an orphan"]
    (tmp_path / file.replace("b.", "a.")).unlink()
    assert f"{kind}: a is missing" in problems(tmp_path, {"a"}, {"a"})


@pytest.mark.parametrize("kernel", [*KERNELS, *LIBRARY])
def test_files_follow_the_stem(kernel: type) -> None:
    assert kernel.__module__ == f"hwgen.kernels.{kernel.stem}"  # type: ignore[attr-defined]


def step(levels: int, kind: IntType) -> Threshold:
    return Threshold(Tensor(np.arange(levels)[None]), Tensor([False]), BIPOLAR if levels == 1 else kind)


def test_candidates_in_order_of_preference() -> None:
    value = Value("a", (1,), full_range(16, signed=True))
    few, many = step(3, IntType(0, 3)), step(2000, IntType(0, 2000))
    assert candidates(few, [value]) == (ThresholdUnit, ThresholdSearch)
    assert candidates(many, [value]) == (ThresholdSearch, RequantizeUnit)
    assert refusals(many, [value])["threshold"] == "it takes 1 to 1023 thresholds a channel, here are 2000"
    assert "threshold_search" not in refusals(many, [value])


def test_every_kernel_says_why_it_refuses_an_op_of_none() -> None:
    value = Value("a", (4,), full_range(8, signed=True))
    assert candidates(Identity(), [value]) == ()
    assert refusals(Identity(), [value]) == {}, "no kernel is for this kind of op"
    assert Mvau.accepts(Identity(), [value]) is not None


def test_library_kernels_take_no_op_of_a_graph() -> None:
    value = Value("a", (4,), full_range(8, signed=True))
    assert all(kernel.accepts(Identity(), [value]) for kernel in LIBRARY)
