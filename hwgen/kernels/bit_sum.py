"""The compressor heap of rtl/hwgen_bit_sum.sv: its column heights stage by stage, latency and size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

Heights = tuple[int, ...]
"""Bits in each column of a heap, column 0 (weight 1) first."""


@dataclass(frozen=True)
class BitSum:
    """Sum of a heap of bits modulo 2**width, `columns` bits high at first."""

    columns: Heights
    width: int

    def stages(self) -> list[Heights]:
        """Heights in front of the first stage and behind each: sixes become counts until no column has over five."""
        heights = self.columns[: self.width] + (0,) * (self.width - len(self.columns))
        found = [heights, _compressed(heights, 3)]
        while max(found[-1]) > 5:
            found.append(_compressed(found[-1], 6))
        return found

    @property
    def latency(self) -> int:
        """Cycles: one a stage and one a level of the final adder tree."""
        stages = self.stages()
        return len(stages) - 1 + (max(stages[-1]) - 1).bit_length()

    @property
    def luts(self) -> int:
        """LUTs: one an output of a group, one a bit that the final adders take out of the heap."""
        first, *rest = self.stages()
        outputs = sum(_groups_cost(before, 3 if before is first else 6, self.width)
                      for before, _ in pairwise([first, *rest]))
        loose = sum(h % 3 for h in first)
        return outputs + loose + max(sum(rest[-1]) - self.width, 0)

    @property
    def registers(self) -> int:
        """Flip-flops behind the stages and the final adders."""
        _, *rest = self.stages()
        return sum(map(sum, rest)) + _tree_registers(rest[-1])


def _compressed(heights: Sequence[int], group: int) -> Heights:
    """Heights behind a stage that counts the bits of each column in groups of three or six."""
    def carried(column: int) -> int:
        return heights[column] // group if column >= 0 else 0

    fours = group == 6
    return tuple(h // group + h % group + carried(c - 1) + (carried(c - 2) if fours else 0)
                 for c, h in enumerate(heights))


def _groups_cost(heights: Sequence[int], group: int, width: int) -> int:
    """Outputs of a stage's groups that stay below `width`."""
    outputs = 2 if group == 3 else 3
    return sum(h // group * min(outputs, width - c) for c, h in enumerate(heights))


def _tree_registers(heights: Sequence[int]) -> int:
    """Flip-flops of the adder tree over the rows of a heap, all its levels."""
    rows = [max((c + 1 for c, h in enumerate(heights) if h > r), default=0) for r in range(max(heights))]
    total = 0
    while len(rows) > 1:
        pairs = [rows[i : i + 2] for i in range(0, len(rows), 2)]
        rows = [min(max(p) + len(p) - 1, len(heights)) for p in pairs]
        total += sum(rows)
    return total
