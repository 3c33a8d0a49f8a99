"""What an import has to tell the user: collected node by node, then one warning for each cause."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from hwgen.ir.tensor import Array
from hwgen.ir.types import IntType
from hwgen.rounding import Rounding

ON_GRID = 2.0 ** -10
"""Weights this close to their integers, in steps, were rounded before the export."""
CLIPPED = 0.1
"""The share of a constant that a quantizer may clip by more than half a step without a word."""
FEW_LEVELS = 4
"""Quantizers of so few levels clip on purpose."""
SHOWN = 3


@dataclass
class Notes:
    """rounded, unsigned_bits, pools, ties: names of nodes; constants: of graph outputs.

    clipped, negative: name, elements clipped, all elements.
    """

    rounded: list[str] = field(default_factory=list)
    clipped: list[tuple[str, int, int]] = field(default_factory=list)
    negative: list[tuple[str, int, int]] = field(default_factory=list)
    unsigned_bits: list[str] = field(default_factory=list)
    pools: list[str] = field(default_factory=list)
    ties: list[str] = field(default_factory=list)
    constants: list[str] = field(default_factory=list)

    def constant(self, name: str, ratio: Array, kind: IntType, mode: Rounding, *, brevitas: bool) -> None:
        """Weights that their quantizer rounds; ratio: in steps, the zero point added. A bias is left alone."""
        if kind.levels <= 2 or ratio.ndim < 2:
            return
        below, above = int((ratio < kind.lo - 0.5).sum()), int((ratio > kind.hi + 0.5).sum())
        if kind.lo == 0 and below > CLIPPED / 2 * ratio.size:
            self.negative.append((name, below, ratio.size))
        elif kind.levels > FEW_LEVELS and below + above > CLIPPED * ratio.size:
            self.clipped.append((name, below + above, ratio.size))
        inside = np.clip(ratio, kind.lo, kind.hi)
        off_grid = float(np.abs(inside - np.round(inside)).max(initial=0)) > ON_GRID
        if brevitas and off_grid and mode is Rounding.HALF_EVEN:
            self.rounded.append(name)

    def warnings(self, dialect: str) -> Iterable[str]:
        """One text for each cause that occurred."""
        if self.negative:
            yield (f"{_share(self.negative)} of the weights are clipped to 0: they are negative, and their quantizers "
                   f"are declared unsigned ({_shares(self.negative)}); export them signed")
        if self.clipped:
            yield f"weight quantizers clip a large share of their weights ({_shares(self.clipped)}); check their scales"
        if self.unsigned_bits:
            meaning, other = DIALECTS[dialect]
            yield (f"{_some(self.unsigned_bits)}: BipolarQuant of a value that is never negative {meaning}; "
                   f"--dialect {other} reads it the other way")
        if self.rounded:
            yield (f"{_some(self.rounded)}: float weights are rounded to nearest; if they were trained with FLOOR or "
                   "A2Q, Brevitas' QONNX export hides that, and only its QCDQ export has the right integers")
        if self.pools:
            yield (f"{_some(self.pools)}: quantizes an average pool; if that was a pool with truncation "
                   "(TruncAvgPool2d), Brevitas' QCDQ export loses its rounding, and only its QONNX export is right")
        if self.ties:
            yield (f"{_some(self.ties)}: QuantizeLinear adds its odd zero point after the rounding, in training it is "
                   "added before: inputs on ties get the other level; Brevitas' QONNX export keeps the order")
        if self.constants:
            yield f"{_some(self.constants)}: constant graph outputs, left out"


DIALECTS = {"brevitas": ("is read as an unsigned 1-bit quantizer {0, scale}", "spec"),
            "spec": ("is always +scale", "brevitas")}


def _some(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def _shares(found: list[tuple[str, int, int]]) -> str:
    return _some([f"{name} {count / size:.0%}" for name, count, size in found])


def _share(found: list[tuple[str, int, int]]) -> str:
    return f"{sum(count for _, count, _ in found) / sum(size for _, _, size in found):.0%}"
