"""Child process of the synthesis: runs Yosys commands given as a JSON list on stdin.

A Yosys error inside pyosys ends the process uncatchably, so it never runs inside the compiler.
"""

from __future__ import annotations

import json
import sys


def main() -> int:
    """Run the commands in a fresh design; Yosys prints its log on stdout."""
    commands = json.load(sys.stdin)
    from pyosys import libyosys

    design = libyosys.Design()
    for command in commands:
        libyosys.run_pass(command, design)
    return 0


if __name__ == "__main__":
    sys.exit(main())
