"""Proofs by temporal induction with Yosys alone: no SMT solver, no vendor tool."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
RTL = HERE.parent.parent / "rtl"

_CHILD = """
import json, sys
from pyosys import libyosys
design = libyosys.Design()
for command in json.load(sys.stdin):
    libyosys.run_pass(command, design)
"""


@dataclass(frozen=True)
class Proof:
    """A checker (tests/formal/<top>.sv) around library modules.

    taps: wires of the checker (or slices), each to the register of the flattened block that it stands for.
    """

    top: str
    modules: tuple[str, ...]
    parameters: Mapping[str, int] = field(default_factory=dict)
    taps: Mapping[str, str] = field(default_factory=dict)

    def holds(self, work: Path, mutation: tuple[str, str, str] | None = None) -> bool:
        """Whether the proof goes through. mutation: module, text, replacement. A Yosys error is an AssertionError."""
        done = subprocess.run([sys.executable, "-c", _CHILD], input=json.dumps(self._script(work, mutation)), text=True,
                              capture_output=True, check=False, timeout=300)
        if done.returncode == 0 and "Induction step proven: SUCCESS!" in done.stdout:
            return True
        assert "proof did fail" in done.stdout or "failed" in done.stdout.lower(), done.stdout[-2000:] + done.stderr
        return False

    def _script(self, work: Path, mutation: tuple[str, str, str] | None) -> list[str]:
        files = [str(HERE / f"{name}.sv") for name in ("queue_check", self.top)]
        files += [str(self._source(name, work, mutation)) for name in self.modules]
        values = "".join(f" -chparam {name} {value}" for name, value in self.parameters.items())
        taps = [f"connect -set {wire} {register}" for wire, register in self.taps.items()]
        return [f"read_verilog -formal -sv {' '.join(files)}", f"hierarchy -top {self.top}{values}",
                "proc", "flatten", "setattr -set keep 1 w:*_q", "memory", f"cd {self.top}", *taps, "cd ..",
                f"prep -top {self.top}", "check -assert", "async2sync", "dffunmap",
                "sat -tempinduct -prove-asserts -set-assumes -seq 1 -maxsteps 4 -verify"]

    @staticmethod
    def _source(name: str, work: Path, mutation: tuple[str, str, str] | None) -> Path:
        path = RTL / f"{name}.sv"
        if mutation is None or mutation[0] != name:
            return path
        _, old, new = mutation
        text = path.read_text()
        assert text.count(old) == 1, f"{path.name} holds {old!r} {text.count(old)} times"
        mutant = work / path.name
        mutant.write_text(text.replace(old, new))
        return mutant
