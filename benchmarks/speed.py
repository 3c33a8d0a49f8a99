"""`make bench`: how fast the tool itself is, on this machine. Figures for notes, never for tests.

Whole processes are timed from outside. Networks of ../shared/models are measured where they are there.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from hwgen.boards import load as load_board
from hwgen.emit.whole import emit_build
from hwgen.frontend import ImportOptions, load
from hwgen.ir.graph import Graph
from hwgen.model import IntegerModel
from hwgen.passes.fold import fold
from hwgen.passes.pipeline import TO_INTEGERS, lower
from hwgen.passes.size_fifos import modelled_timing, size_fifos
from hwgen.simulate import simulate
from hwgen.vectors import random_inputs

ROOT = Path(__file__).resolve().parent.parent
MODELS = ROOT.parent / "shared" / "models"
NETWORKS = {
    "digits_mlp": ROOT / "examples" / "digits_mlp.onnx",
    "TFC_1W1A": MODELS / "qonnx-zoo" / "TFC_1W1A.onnx",
    "lfcW1A1": MODELS / "bnn-pynq" / "lfcW1A1_mnist_int.onnx",
}
MAPS = {
    "cnvW1A1": (MODELS / "bnn-pynq" / "cnvW1A1_cifar10_int.onnx", 100),
    "metafi_signed": (MODELS / "metafi" / "metafi_signed.onnx", 4),
}
"""Convolutional networks: integer model only, and frames per batch."""
SECONDS = 1.0
SQUARE = 1024


def process_seconds(*words: str) -> float:
    """Wall time of one `hwgen` process."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "hwgen.cli", *words], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def per_second(work: Callable[[], object]) -> float:
    """How often work() runs in a second."""
    work()
    started, count = time.perf_counter(), 0
    while time.perf_counter() - started < SECONDS:
        work()
        count += 1
    return count / (time.perf_counter() - started)


def model_rate(graph: Graph, batch: int) -> float:
    """Frames a second of the integer model, from the input stream's integers to the output's."""
    model = IntegerModel(graph)
    integers = model.encode(random_inputs({port.name: port for port in model.input_ports}, batch, seed=0))
    return batch * per_second(lambda: model.run(integers))


def sgemm_rate() -> float:
    """Float32 operations a second of a square matrix product in numpy: what the machine has to give just now."""
    square = np.ones((SQUARE, SQUARE), dtype=np.float32)
    return 2 * SQUARE**3 * per_second(lambda: square @ square)


def harness_rate(graph: Graph, cycles: int) -> float:
    """Clock cycles a second of the compiled whole-network simulation, all boundaries compared."""
    sized = size_fifos(fold(graph, board=load_board("pynq"), clock_mhz=100.0))
    model = IntegerModel(sized)
    frames = max(4, cycles // modelled_timing(sized).cycles_per_frame)
    integers = model.encode(random_inputs({port.name: port for port in model.input_ports}, frames, seed=0))
    with tempfile.TemporaryDirectory() as folder:
        design, values = emit_build(sized, Path(folder)), model.activations(integers)
        simulate(Path(folder), design, integers, values, frames=1)
        started = time.perf_counter()
        result = simulate(Path(folder), design, integers, values)
        return result.total_cycles / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=20_000, help="of the simulated RTL")
    options = parser.parse_args()
    for name, (path, batch) in MAPS.items():
        if path.is_file():
            *_, (_, graph) = lower(load(path, ImportOptions()).graph, TO_INTEGERS)
            before, rate, after = sgemm_rate(), model_rate(graph, batch), sgemm_rate()
            print(f"{name}: integer model {rate:,.1f} frames/s at batch {batch}; matrix products before and after "
                  f"{before / 1e9:.0f} and {after / 1e9:.0f} GFLOP/s", flush=True)
    print(f"hwgen --help: {process_seconds('--help'):.2f} s")
    for name, path in NETWORKS.items():
        if not path.is_file():
            print(f"{name}: not there")
            continue
        with tempfile.TemporaryDirectory() as folder:
            seconds = process_seconds("build", str(path), "--board", "pynq", "--until", "emit", "--out", f"{folder}/b")
        print(f"{name}: hwgen build --until emit {seconds:.2f} s")
        *_, (_, graph) = lower(load(path, ImportOptions()).graph)
        rates = ", ".join(f"{model_rate(graph, batch):,.0f} at batch {batch}" for batch in (1, 100))
        print(f"{name}: integer model {rates} frames/s")
        print(f"{name}: simulated RTL {harness_rate(graph, options.cycles):,.0f} cycles/s", flush=True)


if __name__ == "__main__":
    main()
