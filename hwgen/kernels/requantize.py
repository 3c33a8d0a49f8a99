"""Step functions as y = clip((a * m + b) >> s): the cheaper form for many levels, where integers m, b and s exist."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np

from hwgen.exact.requantize import INPUT_BITS, Requantize, Ties, requantize_of
from hwgen.ir.graph import Op, Value
from hwgen.ir.tensor import Array
from hwgen.ir.types import BipolarType, IntType
from hwgen.kernels.base import Fold, Memory, Resources
from hwgen.kernels.lanes import divisors
from hwgen.kernels.rom import block_rom, luts_per_bit, style
from hwgen.kernels.step import MAX_WORD_BITS, StepKernel, value_parameters
from hwgen.kernels.threshold_cost import column_keys, skid
from hwgen.ops.threshold import Threshold

FEWEST_LEVELS = 7
"""Thresholds a channel below which comparators are always cheaper."""

LUTS_PER_DSP = 240
"""LUTs for each DSP on mid-size parts (XC7Z020: 53200 / 220): a product that costs more LUTs goes to DSPs."""

SHALLOW = 16
"""Words of a ROM in logic up to which rtl/hwgen_rom.sv leaves it to Yosys beside the multipliers."""

WORDS_PER_LUT = 15
"""Words of a bit column that Yosys then puts into a LUT: it misses the six-input form."""


@lru_cache(maxsize=256)
def constants(op: Threshold, kind: IntType) -> Requantize | None:
    """requantize_of, once for each content: kernels are made anew for every folding."""
    return requantize_of(op, kind)


@dataclass(frozen=True)
class RequantizeUnit(StepKernel):
    """A multiplication and an addition a lane (rtl/hwgen_requantize.sv), with ROMs "multipliers" and "offsets"."""

    stem: ClassVar[str] = "requantize"
    title: ClassVar[str] = "multiply, add and shift"

    @classmethod
    def accepts(cls, op: Op, inputs: Sequence[Value]) -> str | None:
        refused = super().accepts(op, inputs)
        if refused is not None or not isinstance(op, Threshold):
            return refused
        if op.thresholds.shape[1] < FEWEST_LEVELS:
            return f"comparators are cheaper for fewer than {FEWEST_LEVELS} thresholds"
        kind = inputs[0].type
        if not isinstance(kind, IntType) or max(kind.bits, op.threshold_type.bits) > INPUT_BITS:
            return f"it takes inputs and thresholds of at most {INPUT_BITS} bits"
        return None if constants(op, kind) else "no integers m, b and s give exactly these thresholds"

    @classmethod
    def most_levels(cls) -> int:
        return 65535

    @property
    def constants(self) -> Requantize:
        """What the RTL computes with."""
        found = constants(self.op, self.input_type)
        if found is None:
            raise ValueError("there are no such constants: accepts() says so")
        return found

    @property
    def folds(self) -> int:
        """Beats after which the constants repeat: 1 where every beat uses the same ones, else C / PE."""
        m, b = (values.reshape(-1, self.fold.pe) for values in self._channels())
        same = bool((m == m[:1]).all() and (b == b[:1]).all())
        return 1 if same else self.channels // self.fold.pe

    def _channels(self) -> tuple[Array, Array]:
        """m and b of each channel, with the half of a step that rounding to nearest adds."""
        form = self.constants
        half = 0 if form.ties is Ties.FLOOR else (1 << (form.shift - 1)) - int(form.ties is Ties.ODD)
        return form.multipliers.array, form.offsets.array + half

    @property
    def sum_bits(self) -> int:
        """Bits of every a * m + b, and of every code behind the shift."""
        m, b = self._channels()
        ends = np.concatenate([m * self.input_type.lo + b, m * self.input_type.hi + b])
        reached = IntType(int(ends.min()), int(ends.max())).hull(IntType(-1, 0)).bits
        return max(reached, self.constants.shift + self.levels.bit_length() + 1)

    @property
    def latency(self) -> int:
        """Inputs, product, sum, output register."""
        return 3 if self.constants.unit else 4

    def memories(self) -> tuple[Memory, ...]:
        named = zip(("multipliers", "offsets"), self._channels(), strict=True)
        return tuple(self._rom(name, values) for name, values in named)

    def _rom(self, name: str, channels: Array) -> Memory:
        kind = IntType(int(channels.min()), int(channels.max()))
        words = channels.reshape(-1, self.fold.pe)[: self.folds]
        varies = bool((words != words[:1]).any())
        return Memory(name, words, kind, style(self.folds, self.fold.pe * kind.bits) if varies else "distributed")

    def parameters(self) -> dict[str, int]:
        (m, b), form, out = (memory.type for memory in self.memories()), self.constants, self.output_type
        return {"PE": self.fold.pe, "FOLDS": self.folds, "LEVELS": self.levels, **value_parameters(self.input_type),
                "MULTIPLIER_BITS": m.bits, "MULTIPLIER_SIGNED": int(m.signed),
                "OFFSET_BITS": b.bits, "OFFSET_SIGNED": int(b.signed), "SUM_BITS": self.sum_bits,
                "SHIFT": form.shift, "TIES": int(form.ties), "UNIT": int(form.unit),
                "OUT_BITS": out.bits, "OUT_LO": out.lo, "DSP": int(not form.unit and self.product.in_dsp)}

    def foldings(self) -> Iterator[Fold]:
        """Constants are short: their words bound the lanes, not those of thresholds."""
        bits = sum(memory.type.bits for memory in self.memories())
        return (Fold(pe) for pe in divisors(self.channels) if pe == 1 or pe * bits <= MAX_WORD_BITS)

    @property
    def product(self) -> Product:
        """The multiplication of a lane: input times multiplier, both in two's complement."""
        bipolar, kind, m = isinstance(self.input_type, BipolarType), self.input_type, self.memories()[0].type
        return Product(2 if bipolar else kind.bits + (not kind.signed), m.bits + (not m.signed))

    def resources(self) -> Resources:
        """Lanes, ROMs, output register, control."""
        width, address = self.fold.pe * self.output_type.bits, (self.folds - 1).bit_length()
        control = Resources(lut=5 + (address if address < 6 else 1), ff=address + self.latency)
        keys = [column_keys(memory.words, memory.type.bits) for memory in self.memories()]
        m, b = (len(np.unique(key[key > 1])) for key in keys)
        words = WORDS_PER_LUT * (2 if self.constants.unit else 1)
        roms = (_rom(memory, columns, words) for memory, columns in zip(self.memories(), (m, b), strict=True))
        seen = (_seen(memory, columns) for memory, columns in zip(self.memories(), (m, b), strict=True))
        return sum(roms, self._lanes(*seen) + self._rounding() + skid(width) + control)

    def _lanes(self, m: int, b: int) -> Resources:
        """Registers, product and sum; m, b: bit columns of the constants that vary (fitted)."""
        lanes, product, total = self.fold.pe, self.product, self.sum_bits
        kept = total - (self.constants.shift if self.constants.ties is Ties.FLOOR else 0)
        value = self.input_type.bits
        if self.constants.unit:
            adder = lanes * (value - self._constant_bits()) if self._channels()[1].any() else 0
            return Resources(lut=min(adder, b or adder), ff=lanes * (value + kept) + b)
        if not product.in_dsp:
            ff = lanes * (value + product.bits + kept) + m + 2 * b
            return Resources(lut=lanes * (product.luts + total - 2), ff=ff)
        if product.dsps == 1:
            return Resources(ff=b, dsp=lanes)
        if product.dsps == 2:
            return Resources(lut=lanes * (total - 1), ff=lanes * (kept + 17) + 2 * b, dsp=2 * lanes)
        return Resources(lut=lanes * (2 * total - 19), ff=lanes * (total + 9) + 2 * b, dsp=lanes * product.dsps)

    def _constant_bits(self) -> int:
        """Low bits of the sum that no offset changes."""
        offsets = self._channels()[1]
        differing = int(np.bitwise_or.reduce(offsets ^ offsets[0])) or 1 << self.input_type.bits
        return min((differing & -differing).bit_length() - 1, self.constants.shift, self.input_type.bits)

    def _rounding(self) -> Resources:
        """Ties, the clip and an adder where the lowest output is none of the usual ones."""
        form, code, quotient = self.constants, self.levels.bit_length(), self.sum_bits - self.constants.shift
        ties = 0 if form.ties is Ties.FLOOR else -(-form.shift // 5)
        full = self.levels == (1 << code) - 1
        clip = code + 2 + (quotient - code - 2) // 4 + (0 if full else 1)
        lowest = 0 if self.output_type.lo in (0, -(1 << (code - 1))) else code
        return Resources(lut=self.fold.pe * (ties + clip + lowest))


@dataclass(frozen=True)
class Product:
    """One multiplier of two numbers in two's complement, with `a` and `m` bits."""

    a: int
    m: int

    @property
    def bits(self) -> int:
        return self.a + self.m

    @property
    def dsps(self) -> int:
        """DSP48E1 (25 x 18 bits signed) as Yosys splits it: a side that is too wide goes in parts of 17 bits."""
        wide, narrow = max(self.a, self.m), min(self.a, self.m)
        return _parts(wide, 25) * _parts(narrow, 18)

    @property
    def luts(self) -> int:
        """LUTs without DSPs (fitted)."""
        return round(1.7 * self.a * self.m)

    @property
    def in_dsp(self) -> bool:
        """Whether the DSPs are the smaller part of a mid-size device."""
        return self.luts > LUTS_PER_DSP * self.dsps


def _seen(memory: Memory, columns: int) -> int:
    """Bit columns that vary for what reads the ROM: all of one that is mapped apart, constant ones too."""
    return memory.width if memory.style == "distributed" and memory.depth > SHALLOW else columns


def _rom(memory: Memory, columns: int, words: int) -> Resources:
    """A ROM with so many bit columns that vary, `words` of one in a LUT (fitted).

    Up to 8 words, set and reset of the flip-flops do a part.
    """
    if memory.style == "block":
        return block_rom(memory.depth, memory.width)
    if memory.depth > SHALLOW:
        luts = columns * luts_per_bit(memory.depth)
    else:
        luts = 0.4 * columns if memory.depth <= 8 else columns * max(1.05, memory.depth / words)
    return Resources(lut=round(luts), ff=columns)


def _parts(bits: int, most: int) -> int:
    return 1 if bits <= most else 1 + -(-(bits - 18) // 17)
