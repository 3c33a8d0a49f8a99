"""Vitis HLS on an emitted project, where it is installed: C simulation and synthesis by its own script."""

from __future__ import annotations

import subprocess
from pathlib import Path

from hwgen.errors import Exit, HwgenError
from hwgen.toolchain import require

STEPS = ("csim", "csynth")
"""Steps of run_hls.tcl that hwgen asks for; cosim and export are the user's."""


def synthesise_project(build: Path) -> str:
    """Run hls/run_hls.tcl of a build directory; what was done, in words.

    Raises HwgenError tool-missing (exit code 3) without vitis_hls, hls-synthesis where it fails.
    """
    command = [str(require("vitis_hls")), "-f", "run_hls.tcl", *STEPS]
    done = subprocess.run(command, cwd=build / "hls", capture_output=True, text=True, check=False)
    if done.returncode:
        raise HwgenError("hls-synthesis", "vitis_hls", f"it ended with exit code {done.returncode}:\n"
                         + (done.stdout + done.stderr)[-4000:],
                         "Build with --until simulate, then run hls/run_hls.tcl of the build by hand.",
                         exit_code=Exit.VERIFICATION_FAILED)
    return f"{' and '.join(STEPS)} by Vitis HLS: its reports lie in the project folder below hls/"
