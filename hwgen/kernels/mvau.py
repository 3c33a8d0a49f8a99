"""Matrix-vector unit: a dense layer's accumulators, PE rows and SIMD columns a cycle."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hwgen.ir.graph import Op, Value
from hwgen.ir.types import BipolarType, IntType
from hwgen.kernels import rom
from hwgen.kernels.base import Fold, Kernel, Memory, Resources, Schedule, one_port
from hwgen.kernels.bit_sum import BitSum
from hwgen.kernels.lanes import divisors
from hwgen.kernels.vector_buffer import VectorBuffer
from hwgen.ops.matmul import MatMul
from hwgen.stream import Stream, to_codes

MAX_WORD_BITS = 65536
"""Widest weight word a folding may ask for; the wrapper splits words above 4096 bits into several ROMs."""


@dataclass(frozen=True)
class Mvau(Kernel):
    """MatMul on integers of any width, signed, unsigned or bipolar on either side (rtl/hwgen_mvau.sv).

    A vector is stored while its first row fold is computed and replayed for the others. The weights are one Memory,
    "weights": word row_fold * (K / SIMD) + column_fold, lane pe * SIMD + simd. A word may be wider than one ROM
    should be: whoever instantiates the ROM splits it (hwgen.emit does above 4096 bits), the unit's port stays one.
    """

    stem: ClassVar[str] = "mvau"
    title: ClassVar[str] = "matrix-vector unit"

    op: MatMul

    @classmethod
    def accepts(cls, op: Op, inputs: Sequence[Value]) -> str | None:
        return None if isinstance(op, MatMul) else "it multiplies by a constant matrix only"

    @property
    def rows(self) -> int:
        """MH: outputs of the layer."""
        return int(self.op.weight.shape[0])

    @property
    def columns(self) -> int:
        """MW: inputs of the layer."""
        return int(self.op.weight.shape[1])

    @property
    def vectors(self) -> int:
        """Vectors of a frame: 1, or the positions of a map."""
        return self.inputs[0].elements // self.columns

    @property
    def vector_cycles(self) -> int:
        """Cycles of a vector, and words of the weight ROM."""
        return self.row_folds * self.column_folds

    @property
    def row_folds(self) -> int:
        """Output beats of a vector."""
        return self.rows // self.fold.pe

    @property
    def column_folds(self) -> int:
        """Input beats of a vector."""
        return self.columns // self.fold.simd

    def foldings(self) -> Iterator[Fold]:
        bits = self.op.weight_type.bits
        legal = [Fold(pe, simd) for pe in divisors(self.rows) for simd in divisors(self.columns)]
        yield from sorted((f for f in legal if f.pe * f.simd * bits <= MAX_WORD_BITS or f == Fold()),
                          key=lambda f: (f.pe * f.simd, f.pe))

    @property
    def cycles(self) -> int:
        return self.vectors * self.vector_cycles

    @property
    def ideal(self) -> int:
        """Per vector, the largest of multiply-accumulates / (PE * SIMD), beats in and beats out."""
        work = -(-self.rows * self.columns // (self.fold.pe * self.fold.simd))
        return self.vectors * max(work, self.column_folds, self.row_folds)

    @property
    def bursts(self) -> int:
        """The vectors: each is read in its first row fold."""
        return self.vectors

    def schedule(self) -> Schedule:
        """Reads in the first row fold; a write at the end of each row fold, `latency` cycles later on the wire."""
        steps, columns = np.arange(self.vector_cycles), self.column_folds
        return Schedule(one_port(steps < columns, self.vectors), one_port((steps + 1) % columns == 0, self.vectors),
                        delay=self.latency)

    @property
    def latency(self) -> int:
        """Cycles from a row fold's last step to its output beat: store and ROM 2, accumulator 1, dot product."""
        return 3 + self.dot_latency

    @property
    def dot_latency(self) -> int:
        """Cycles of the dot product of SIMD elements."""
        return self.heap.latency if self.planes else 1 + (self.fold.simd - 1).bit_length()

    @property
    def planes(self) -> bool:
        """Whether the dot product is a heap of bit products or multipliers: the smaller one by the cost model.

        hwgen_dot_planes needs an integer side, and start values that fit 32 bits.
        """
        a, w = self.input_type, self.op.weight_type
        if (is_bipolar(a) and is_bipolar(w)) or a.bits + w.bits + self.columns.bit_length() > 30:
            return False
        return self.heap.resources().lut <= multiplier_tree(self.fold.simd, a, w, self.output_type.bits)[0]

    @property
    def heap(self) -> BitSum:
        """The bit products of one row's dot product."""
        a, w, simd = self.input_type, self.op.weight_type, self.fold.simd
        width = min(a.bits + w.bits + (simd - 1).bit_length(), self.output_type.bits)
        return BitSum(tuple(simd * n for n in bit_products(a, w)), width)

    def parameters(self) -> dict[str, int]:
        a, w = self.input_type, self.op.weight_type
        return {**self.shape_parameters(),
                "A_WIDTH": a.bits, "A_SIGNED": int(a.signed and not is_bipolar(a)), "A_BIPOLAR": int(is_bipolar(a)),
                "W_WIDTH": w.bits, "W_SIGNED": int(w.signed and not is_bipolar(w)), "W_BIPOLAR": int(is_bipolar(w)),
                **self.sum_parameters(), "PLANES": int(self.planes), "DOT_LATENCY": self.dot_latency}

    def shape_parameters(self) -> dict[str, int]:
        """MW, MH, PE, SIMD."""
        return {"MW": self.columns, "MH": self.rows, "PE": self.fold.pe, "SIMD": self.fold.simd}

    def sum_parameters(self) -> dict[str, int]:
        """ACC_WIDTH, ROM_REG and STORE_BLOCK."""
        return {"ACC_WIDTH": self.output_type.bits, "ROM_REG": int(self.rom_style == "block"),
                "STORE_BLOCK": int(self.buffer.block)}

    @property
    def rom_style(self) -> str:
        """Block RAM or LUTs, by the rule of hwgen.kernels.rom; a register follows block RAM, which is slow."""
        return rom.style(self.vector_cycles, self.fold.pe * self.fold.simd * self.op.weight_type.bits)

    @property
    def buffer(self) -> VectorBuffer:
        """The store that replays the input vector."""
        return VectorBuffer(self.input_stream().width, self.column_folds, self.row_folds, self.rom_style == "block")

    def memories(self) -> tuple[Memory, ...]:
        pe, simd = self.fold.pe, self.fold.simd
        blocks = self.op.weight.array.reshape(self.row_folds, pe, self.column_folds, simd)
        words = blocks.transpose(0, 2, 1, 3).reshape(self.vector_cycles, pe * simd)
        return (Memory("weights", words, self.op.weight_type, self.rom_style),)

    def input_stream(self) -> Stream:
        return Stream(self.input_type, self.vectors * self.columns, self.fold.simd)

    def output_stream(self) -> Stream:
        return Stream(self.output_type, self.vectors * self.rows, self.fold.pe)

    def resources(self) -> Resources:
        """Sum of ROM, vector buffer, dot products and accumulators.

        Yosys would take a DSP for every `*`, whatever its width: it runs with -nodsp for kernels that count none.
        """
        return self._weights() + self.buffer.resources() + self._dot_products() + self._accumulators()

    def _weights(self) -> Resources:
        width = self.fold.pe * self.fold.simd * self.op.weight_type.bits
        return weight_rom(self.rom_style, self.vector_cycles, width, lambda: self.memories()[0])

    def _dot_products(self) -> Resources:
        pe = self.fold.pe
        marks = Resources(lut=2, ff=self.dot_latency + 1)
        if self.planes:
            one = self.heap.resources()
            return Resources(lut=pe * one.lut, ff=pe * one.ff) + marks
        luts, ffs = multiplier_tree(self.fold.simd, self.input_type, self.op.weight_type, self.output_type.bits)
        return Resources(lut=pe * luts, ff=pe * ffs) + marks

    def _accumulators(self) -> Resources:
        """An adder has a LUT for each bit of its term; the bits above only carry."""
        bits, term = self.fold.pe * self.sum_bits, self.fold.pe * min(self.heap.width, self.sum_bits)
        if self.column_folds == 1:
            return Resources(lut=bits + (term if self.start else 0) + 3, ff=2 * bits + 2)
        return Resources(lut=(term if self.planes else bits) + 4, ff=2 * bits + 1)

    @property
    def sum_bits(self) -> int:
        """Bits of one accumulator."""
        return self.output_type.bits

    @property
    def start(self) -> int:
        """Whether the accumulators start at a number other than 0: what the inverted bit products leave."""
        a, w = self.input_type, self.op.weight_type
        return int(self.planes and (a.signed or w.signed))


SHALLOW = 16
"""Words up to which equal bit columns of a ROM are common, and made once."""

COUNTED_BITS = 1 << 17
"""Size up to which the columns of a shallow ROM are counted; the solver asks for hundreds of foldings."""


def weight_rom(style: str, depth: int, width: int, memory: Callable[[], Memory]) -> Resources:
    """A ROM and, behind block RAM, one more register: without its words, but where they are few (see below)."""
    if style == "block":
        return rom.block_rom(depth, width) + Resources(ff=width)
    if depth > SHALLOW:
        return Resources(lut=rom.lut_rom(depth, width), ff=width)
    columns = distinct_columns(memory()) if depth * width <= COUNTED_BITS else usual_columns(depth, width)
    return Resources(lut=columns if depth > 2 else 0, ff=columns)


def distinct_columns(memory: Memory) -> int:
    """Bit columns of a shallow ROM that vary; one of equal ones, or of a column and its inverse."""
    bits = to_codes(memory.words, memory.type)[..., None] >> np.arange(memory.type.bits) & 1
    codes = (bits.reshape(memory.depth, -1) << np.arange(memory.depth)[:, None]).sum(axis=0)
    ones = (1 << memory.depth) - 1
    seen = np.bincount(np.minimum(codes, ones - codes), minlength=1)
    return int(np.count_nonzero(seen[1:]))


def usual_columns(depth: int, width: int) -> int:
    """What distinct_columns gives on average for random bits."""
    classes = (1 << (depth - 1)) - 1
    return round(classes * (1 - (1 - 2.0 ** (1 - depth)) ** width)) if depth > 1 else 0


def multiplier_tree(n: int, a: IntType, w: IntType, width: int) -> tuple[int, int]:
    """LUTs and flip-flops of hwgen_dot: n multipliers and an adder tree with a register behind each level (fitted)."""
    bits = a.bits + w.bits
    if is_bipolar(a) or is_bipolar(w):
        product = 1 if is_bipolar(a) and is_bipolar(w) else 2 * bits - 3
    else:
        product = bits if bits <= 6 or min(a.bits, w.bits) == 1 else round(1.6 * a.bits * w.bits)
    luts, ffs, count, level = n * product, n * bits, n, bits
    while count > 1:
        luts += count // 2 * min(level, width)
        count, level = (count + 1) // 2, min(level + 1, width)
        ffs += count * level
    return luts, ffs


def bit_products(a: IntType, w: IntType) -> list[int]:
    """Bits of one product in each column of hwgen_dot_planes, column 0 first."""
    if is_bipolar(a) or is_bipolar(w):
        other = w if is_bipolar(a) else a
        return [2] + [1] * (other.bits - int(other.signed))
    return [min(s, a.bits - 1, w.bits - 1, a.bits + w.bits - 2 - s) + 1 for s in range(a.bits + w.bits - 1)]


def is_bipolar(kind: IntType) -> bool:
    """Whether the values are -1 and +1 in one bit."""
    return isinstance(kind, BipolarType)
