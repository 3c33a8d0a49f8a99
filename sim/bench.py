"""What a bench running in the simulator gets from the runner and gives back to it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def work() -> Path:
    """The run folder; the runner sets the variable for the simulator's process only."""
    return Path(os.environ.get("HWGEN_BENCH", "."))


def config() -> dict[str, Any]:
    """The configuration that run_bench was called with."""
    loaded: dict[str, Any] = json.loads((work() / "config.json").read_text())
    return loaded


def report(**values: Any) -> None:
    """Add measured values to BenchResult.measured."""
    path = work() / "measured.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**known, **values}))
