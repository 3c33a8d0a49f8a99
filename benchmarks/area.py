"""The cost model's estimate next to Yosys' count, per network of ../shared/models: how good the estimate is.

    python benchmarks/area.py [--layers] [NAME ...]

Contract: LUT and FF within 25 % per network, BRAM18 exact, on networks that were not used to fit the model. Exits with
1 where a network misses it. Yosys runs are kept in the user's cache folder.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from hwgen.boards import load as load_board
from hwgen.frontend import ImportOptions
from hwgen.frontend import load as load_model
from hwgen.ir.graph import Graph
from hwgen.ir.types import parse_type
from hwgen.kernels.base import Fold, Kernel, Resources
from hwgen.passes.fold import fold
from hwgen.passes.fold_options import kernel_of
from hwgen.passes.pipeline import lower
from hwgen.passes.size_fifos import modelled_timing, size_fifos
from hwgen.synth.cells import Usage
from hwgen.synth.parts import kernels_of
from hwgen.synth.yosys import usages

MODELS = Path(__file__).resolve().parents[2] / "shared" / "models"
FINN = (Fold(16, 49), Fold(8, 8), Fold(8, 8), Fold(10, 8))
CNV = (Fold(16, 3), Fold(32, 32), Fold(16, 32), Fold(16, 32), Fold(4, 32), Fold(1, 32), Fold(1, 4), Fold(1, 8),
       Fold(5, 1))
TOLERANCE = 0.25


PLAIN = ImportOptions()


@dataclass(frozen=True)
class Case:
    """A network and how it is folded: frames per second at 100 MHz, or the folding of its matrix-vector units."""

    path: str
    fps: float | None = None
    units: Sequence[Fold] = ()
    options: ImportOptions = PLAIN


PLUS_MINUS = ImportOptions(input_types={None: (parse_type("bipolar"), Fraction(1))})
GRID = ImportOptions(input_types={None: (parse_type("int16"), Fraction(1, 1024))})
CASES: Mapping[str, Case] = {
    "tfc-w1a1-finn": Case("qonnx-zoo/TFC_1W1A.onnx", units=FINN),
    "cnv-w1a1-finn": Case("bnn-pynq/cnvW1A1_cifar10_int.onnx", units=CNV),
    "tfc-w1a1": Case("qonnx-zoo/TFC_1W1A.onnx", 100_000),
    "tfc-w2a2": Case("qonnx-zoo/TFC_2W2A.onnx", 200_000),
    "unsw": Case("qonnx-zoo/unsw_nb15-mlp-w2a2.onnx", 200_000, options=PLUS_MINUS),
    "jettagging": Case("qonnx-zoo/qkeras_jettagging.onnx", 500_000, options=GRID),
    "w1_bn": Case("workloads/w1_bn.onnx", 500_000),
    "mlp_bn_w4a4": Case("brevitas/mlp_bn_w4a4/model_qonnx.onnx", 20_000),
    "mlp_bipolar": Case("brevitas/mlp_bipolar_w1a1_const/model_qonnx.onnx", 20_000),
}


def built(case: Case) -> Graph:
    """The folded and joined hardware graph."""
    *_, (_, graph) = lower(load_model(MODELS / case.path, case.options).graph)
    names = [node.name for node in graph.nodes if kernel_of(node).stem.startswith("mvau")]
    folding = dict(zip(names, case.units, strict=True)) if case.units else None
    return size_fifos(fold(graph, board=load_board("pynq"), clock_mhz=100, fps=case.fps, folding=folding,
                           allow_oversize=True))


def row(name: str, estimate: Resources, found: Usage, note: str = "") -> str:
    """One line of the table: estimate/count and their ratio, for LUT, FF and BRAM18."""
    cells = [f"{e:>6}/{f:<6}{ratio(e, f):>5}" for e, f in
             ((estimate.lut, found.resources.lut), (estimate.ff, found.resources.ff))]
    return (f"{name:<32}{cells[0]}   {cells[1]}   {estimate.bram18:>4}/{found.resources.bram18:<4} "
            f"lutram {found.lutram:<5}{note}")


def ratio(estimate: int, found: int) -> str:
    return f"{estimate / found:.2f}" if found else "-"


def holds(estimate: Resources, found: Resources) -> bool:
    """Whether the contract holds for a network."""
    near = all(abs(e - f) <= TOLERANCE * f for e, f in ((estimate.lut, found.lut), (estimate.ff, found.ff)))
    return near and estimate.bram18 == found.bram18


def describe(kernel: Kernel) -> str:
    depth = getattr(kernel, "depth", None)
    return f"{kernel.stem} {kernel.fold.pe}x{kernel.fold.simd}" + (f" depth {depth}" if depth else "")


def measure(name: str, case: Case, layers: bool) -> bool:
    """Print one network; tells whether the contract holds."""
    started = time.perf_counter()
    graph = built(case)
    found = usages(graph)
    kernels = dict(kernels_of(graph))
    if layers:
        for layer, kernel in kernels.items():
            print(row(f"  {layer}"[:31], kernel.resources(), found[layer], describe(kernel)))
    estimate = sum((kernel.resources() for kernel in kernels.values()), Resources())
    total = sum(found.values(), Usage(Resources()))
    good = holds(estimate, total.resources)
    cycles = modelled_timing(graph).cycles_per_frame
    seconds = time.perf_counter() - started
    print(row(name, estimate, total, f"{cycles} cycles, {seconds:.0f} s{'' if good else '  MISSED'}"), flush=True)
    return good


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("names", nargs="*", help=f"of {', '.join(CASES)}")
    parser.add_argument("--layers", action="store_true", help="every kernel, not only the sums")
    arguments = parser.parse_args()
    if not MODELS.is_dir():
        print(f"there is no {MODELS}: nothing to measure")
        return 0
    print(f"{'network':<32}{'LUT model/Yosys':<18}   {'FF model/Yosys':<18}   BRAM18")
    return 0 if all([measure(name, CASES[name], arguments.layers) for name in arguments.names or CASES]) else 1


if __name__ == "__main__":
    sys.exit(main())
