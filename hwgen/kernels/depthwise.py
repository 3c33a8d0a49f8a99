"""Depthwise unit: each channel's window with its own weights, PE channels a cycle."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from hwgen.ir.graph import Op, Value
from hwgen.kernels import rom
from hwgen.kernels.base import Fold, Kernel, Memory, Resources, Schedule, every_step, one_port
from hwgen.kernels.lanes import divisors
from hwgen.kernels.mvau import is_bipolar, multiplier_tree, weight_rom
from hwgen.ops.depthwise import Depthwise
from hwgen.stream import Stream

LATENCY = 4
"""Cycles from a sum's last element to its beat: operands 2, product 1, sum 1."""

LONGEST_SHIFT = 32
"""Places of a delay line up to which it is a shift register, a LUT a bit (rtl/hwgen_delay_line.sv)."""

SHORTEST_SHIFT = 3
"""Places from which Yosys makes LUTs of it, not flip-flops."""


@dataclass(frozen=True)
class DepthwiseUnit(Kernel):
    """Depthwise on integers of any width, signed, unsigned or bipolar on either side (rtl/hwgen_depthwise.sv).

    The weights are one Memory, "weights": word k * (C / PE) + group, lane pe.
    """

    stem: ClassVar[str] = "depthwise"
    title: ClassVar[str] = "depthwise unit"

    op: Depthwise

    @classmethod
    def accepts(cls, op: Op, inputs: Sequence[Value]) -> str | None:
        return None if isinstance(op, Depthwise) else "it multiplies each channel by its own constants only"

    @property
    def channels(self) -> int:
        """C."""
        return int(self.op.weight.shape[0])

    @property
    def taps(self) -> int:
        """K: elements of a window per channel."""
        return int(self.op.weight.shape[1])

    @property
    def folds(self) -> int:
        """Channel groups."""
        return self.channels // self.fold.pe

    @property
    def words(self) -> int:
        """Input beats of a window, and words of the weight ROM."""
        return self.folds * self.taps

    def foldings(self) -> Iterator[Fold]:
        return (Fold(pe) for pe in divisors(self.channels))

    @property
    def cycles(self) -> int:
        return self.input_stream().beats

    @property
    def ideal(self) -> int:
        """Beats in."""
        return self.inputs[0].elements // self.fold.pe

    def schedule(self) -> Schedule:
        """Reads always; the groups of a window's last element are written, LATENCY cycles later on the wire."""
        window = (False,) * (self.words - self.folds) + (True,) * self.folds
        return Schedule(every_step(self.cycles), one_port(window, self.cycles // self.words), LATENCY)

    @property
    def rom_style(self) -> str:
        """Block RAM or LUTs, by the rule of hwgen.kernels.rom; a register follows block RAM, which is slow."""
        return rom.style(self.words, self.fold.pe * self.op.weight_type.bits)

    def parameters(self) -> dict[str, int]:
        a, w = self.input_type, self.op.weight_type
        return {"PE": self.fold.pe, "FOLDS": self.folds, "TAPS": self.taps,
                "A_WIDTH": a.bits, "A_SIGNED": int(a.signed and not is_bipolar(a)), "A_BIPOLAR": int(is_bipolar(a)),
                "W_WIDTH": w.bits, "W_SIGNED": int(w.signed and not is_bipolar(w)), "W_BIPOLAR": int(is_bipolar(w)),
                "ACC_WIDTH": self.output_type.bits, "ROM_REG": int(self.rom_style == "block")}

    def memories(self) -> tuple[Memory, ...]:
        words = self.op.weight.array.T.reshape(self.words, self.fold.pe)
        return (Memory("weights", words, self.op.weight_type, self.rom_style),)

    def input_stream(self) -> Stream:
        return Stream(self.input_type, self.inputs[0].elements, self.fold.pe)

    def output_stream(self) -> Stream:
        return Stream(self.output_type, self.output_elements, self.fold.pe)

    def resources(self) -> Resources:
        """Weights, operands and products, sums, and control (fitted to Yosys 0.70, xc7)."""
        pe, a, w = self.fold.pe, self.input_type, self.op.weight_type
        luts, ffs = multiplier_tree(1, a, w, self.output_type.bits)
        weights = weight_rom(self.rom_style, self.words, pe * w.bits, lambda: self.memories()[0])
        products = Resources(lut=pe * luts, ff=pe * (min(ffs, self.output_type.bits) + 2 * a.bits))
        word = (self.words - 1).bit_length()
        control = Resources(lut=6 + word, ff=5 + word * (1 if self.rom_style == "block" else 2))
        return weights + products + self._sums() + control

    def _sums(self) -> Resources:
        """Adders, partial sums, and two registers a sum of which the spare one has a multiplexer."""
        bits = self.fold.pe * self.output_type.bits
        if self.folds == 1 or self.taps == 1:
            return Resources(lut=bits, ff=2 * bits)
        return Resources(lut=2 * bits, ff=2 * bits) + delay_line(bits, self.folds)


def delay_line(width: int, depth: int) -> Resources:
    """rtl/hwgen_delay_line.sv: flip-flops, shift registers, or LUT RAM with one port, its address and a register."""
    if depth < SHORTEST_SHIFT:
        return Resources(ff=width * depth)
    if depth <= LONGEST_SHIFT:
        return Resources(lut=width)
    address = (depth - 2).bit_length()
    return Resources(lut=width * -(-(depth - 1) // 64) + address, ff=width + address)
