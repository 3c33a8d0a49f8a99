"""docs/contract.md, section 9, states the lower bound of every kernel, and the kernels keep to it."""

from __future__ import annotations

import re

from hwgen.boards import load as load_board
from hwgen.frontend import ImportOptions, load
from hwgen.ir.graph import Graph
from hwgen.kernels import KERNELS, LIBRARY
from hwgen.kernels.base import Kernel
from hwgen.passes.fold import fold
from hwgen.passes.pipeline import lower
from hwgen.passes.size_fifos import size_fifos
from tests.conftest import ROOT

BOUNDS = {
    "max(M·K / (PE·SIMD), beats in, beats out) for an M×K matrix": lambda kernel: max(
        -(-kernel.op.weight.array.size // (kernel.fold.pe * kernel.fold.simd)), beats_in(kernel), beats_out(kernel)),
    "max(beats in, beats out)": lambda kernel: max(beats_in(kernel), beats_out(kernel)),
    "beats in": lambda kernel: beats_in(kernel),
    "beats in: C / PE for C channels": lambda kernel: -(-kernel.output_elements // kernel.fold.pe),
}


def beats_in(kernel: Kernel) -> int:
    return kernel.input_stream().beats


def beats_out(kernel: Kernel) -> int:
    return kernel.output_stream().beats


def stated() -> dict[str, str]:
    """Kernel stem to the formula in the table."""
    text = (ROOT / "docs" / "contract.md").read_text()
    section = text[text.index("## 9."):text.index("## 10.")]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| `")]
    return {stem: formula for names, formula in rows for stem in re.findall(r"`(\w+)`", names)}


def networks() -> list[Graph]:
    """The shipped network at a few foldings, FIFOs and converters included."""
    *_, (_, graph) = lower(load(ROOT / "examples" / "digits_mlp.onnx", ImportOptions()).graph)
    rates = (10_000.0, 300_000.0, 3_000_000.0, None)
    return [size_fifos(fold(graph, board=load_board("pynq"), clock_mhz=100.0, fps=fps)) for fps in rates]


def test_every_kernel_has_a_bound_and_no_other() -> None:
    assert stated().keys() == {kernel.stem for kernel in (*KERNELS, *LIBRARY)}


def test_kernels_keep_to_their_bound() -> None:
    seen = set()
    for graph in networks():
        for node in graph.nodes:
            kernel = node.op
            assert isinstance(kernel, Kernel)
            assert kernel.ideal == BOUNDS[stated()[kernel.stem]](kernel), node.name
            assert kernel.ideal <= kernel.cycles
            seen.add(kernel.stem)
    assert {"mvau", "stream_input", "stream_output", "width_converter"} <= seen
