"""The compressor heap of rtl/hwgen_bit_sum.sv: its column heights stage by stage, latency and size."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from hwgen.kernels.base import Resources

Heights = tuple[int, ...]
"""Bits in each column of a heap, column 0 (weight 1) first."""

Bit = int
"""Registers in a row that a bit has passed, 0 behind logic that no register follows yet."""

SHORTEST_SHIFT = 3
"""Registers in a row that Yosys turns into one SRL16E."""


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

    def resources(self) -> Resources:
        """LUTs and flip-flops: every bit is followed through the stages and the adder tree, as Yosys maps them."""
        return _resources(self)


@lru_cache(maxsize=4096)
def _resources(sum_: BitSum) -> Resources:
    """Asked once for each PE that is tried with a SIMD."""
    count = _Count()
    heap = [[0] * h for h in sum_.stages()[0]]
    group = 3
    while group == 3 or max(map(len, heap)) > 5:
        heap = count.stage(heap, group)
        group = 6
    rows: list[dict[int, Bit]] = [{c: bits[r] for c, bits in enumerate(heap) if r < len(bits)}
                                  for r in range(max(map(len, heap)))]
    while len(rows) > 1:
        rows = [count.add(rows[i : i + 2], sum_.width) for i in range(0, len(rows), 2)]
    for row in rows:
        count.end(row.values())
    return Resources(lut=count.luts, ff=count.ffs)


@dataclass
class _Count:
    """Adds up LUTs and flip-flops while bits pass registers."""

    luts: int = 0
    ffs: int = 0

    def stage(self, heap: Sequence[Sequence[Bit]], group: int) -> list[list[Bit]]:
        """Count the bits of each column in groups; a bit that is left over passes a register."""
        outputs = 2 if group == 3 else 3
        sums: list[list[list[Bit]]] = [[[] for _ in range(3)] for _ in heap]
        for column, bits in enumerate(heap):
            groups, rest = divmod(len(bits), group)
            self.end(bits[: groups * group])
            for up in range(min(outputs, len(heap) - column)):
                self.luts += groups
                sums[column + up][up] += [1] * groups
            self.luts += rest if group == 3 else 0
            sums[column][0] += [bit + 1 for bit in bits[groups * group :]] if rest else []
        return [own + carries + fours for own, carries, fours in sums]

    def add(self, rows: Sequence[dict[int, Bit]], width: int) -> dict[int, Bit]:
        """One carry chain: a LUT where both rows have a bit; below the first such column bits pass a register."""
        a, b = rows[0], rows[1] if len(rows) > 1 else {}
        both = sorted(a.keys() & b.keys())
        self.luts += len(both)
        start = both[0] if both else width
        kept = {c: row[c] + 1 for row in (a, b) for c in row if c < start}
        top = min(max([*a, *b]) + 2, width) if both else 0
        self.end(row[c] for row in (a, b) for c in row if c >= start)
        return kept | dict.fromkeys(range(start, top), 1)

    def end(self, bits: Iterable[Bit]) -> None:
        """These bits' rows of registers end here: flip-flops, or one shift register LUT."""
        for passed in bits:
            if passed >= SHORTEST_SHIFT:
                self.luts += 1
            else:
                self.ffs += passed


def _compressed(heights: Sequence[int], group: int) -> Heights:
    """Heights behind a stage that counts the bits of each column in groups of three or six."""
    def carried(column: int) -> int:
        return heights[column] // group if column >= 0 else 0

    fours = group == 6
    return tuple(h // group + h % group + carried(c - 1) + (carried(c - 2) if fours else 0)
                 for c, h in enumerate(heights))
