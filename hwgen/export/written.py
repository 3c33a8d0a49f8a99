"""What an export makes, and what the user decides about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hwgen.ir.tensor import Array

Results = dict[str, Array]
"""Outputs by name, (frames, *shape)."""


@dataclass(frozen=True)
class ExportOptions:
    """arch: of a DPU. inputs: frames on which roundings are compared, by input name; seed: of random ones."""

    arch: str | None = None
    inputs: Mapping[str | None, Path] = field(default_factory=dict)
    seed: int = 0


@dataclass(frozen=True)
class Written:
    """files: bytes by path below the output, or of the output itself under the only key "".

    run: graph inputs by name, (frames, *shape), to outputs, by the target's own runtime; HwgenError "no-package" where
    that is missing. forms: what computes each layer. facts: for the report, besides. notes, warnings: for the user.
    """

    files: Mapping[str, bytes]
    run: Callable[[Mapping[str, Array]], Results]
    forms: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    notes: Sequence[str] = ()
    warnings: Sequence[str] = ()

    @property
    def is_file(self) -> bool:
        return set(self.files) == {""}
