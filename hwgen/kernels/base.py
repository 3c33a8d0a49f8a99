"""What a kernel must tell: everything passes, emitters, the solver and the report ask about hardware."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike

from hwgen.ir.graph import Level, Op, Value
from hwgen.ir.tensor import Array
from hwgen.ir.types import IntType, Type
from hwgen.stream import Stream


@dataclass(frozen=True, order=True)
class Fold:
    """Parallelism of one kernel: pe outputs and simd inputs per cycle (simd is 1 where it has no meaning)."""

    pe: int = 1
    simd: int = 1


@dataclass(frozen=True)
class Resources:
    """Xilinx 7-series counts; bram18 in units of half a RAMB36."""

    lut: int = 0
    ff: int = 0
    bram18: int = 0
    dsp: int = 0

    def __add__(self, other: Resources) -> Resources:
        return Resources(self.lut + other.lut, self.ff + other.ff, self.bram18 + other.bram18, self.dsp + other.dsp)


@dataclass(frozen=True)
class Memory:
    """A ROM of a kernel, read through ports <port>_en, <port>_addr, <port>_data (data valid one cycle after en).

    words: (depth, lanes) integers of `type`, lane 0 in the least significant bits; style: "block" or "distributed".
    port: the name of the RTL ports, the memory's own name unless given. Memories with the same port are neighbours in
    memories() and share flat vectors: memory i of a port (its slot) owns bit i of <port>_en, and in <port>_addr and
    <port>_data the next `address_bits` and `width` bits, without padding, slot 0 in the least significant bits.
    A kernel's list of ports is fixed: it has every memory that its RTL module has ports for, constant or not.
    """

    name: str
    words: Array = field(compare=False)
    type: IntType
    style: str = "distributed"
    port: str = ""

    @property
    def depth(self) -> int:
        return int(self.words.shape[0])

    @property
    def width(self) -> int:
        return int(self.words.shape[1]) * self.type.bits

    @property
    def address_bits(self) -> int:
        """Width of the address, at least one bit."""
        return max((self.depth - 1).bit_length(), 1)


@dataclass(frozen=True)
class Slot:
    """Where one memory lies in the vectors of its port: <port>_en[index], <port>_addr[address +: address_bits], ..."""

    memory: Memory
    index: int
    address: int
    data: int


@dataclass(frozen=True)
class MemoryPort:
    """One group of RTL ports <name>_en, <name>_addr, <name>_data and the ROMs behind it."""

    name: str
    slots: tuple[Slot, ...]

    @property
    def address_bits(self) -> int:
        """Width of <name>_addr."""
        return self.slots[-1].address + self.slots[-1].memory.address_bits

    @property
    def data_bits(self) -> int:
        """Width of <name>_data."""
        return self.slots[-1].data + self.slots[-1].memory.width


def memory_ports(memories: Sequence[Memory]) -> tuple[MemoryPort, ...]:
    """The port groups of a kernel's memories, in order, with every memory's place in the flat vectors."""
    ports: dict[str, tuple[Slot, ...]] = {}
    for memory in memories:
        name = memory.port or memory.name
        slots = ports.get(name, ())
        before = MemoryPort(name, slots)
        place = (len(slots), before.address_bits, before.data_bits) if slots else (0, 0, 0)
        ports[name] = (*slots, Slot(memory, *place))
    return tuple(MemoryPort(name, slots) for name, slots in ports.items())


@dataclass(frozen=True, eq=False)
class Schedule:
    """The exact unstalled timing of one frame: what FIFO sizing simulates.

    A frame is a sequence of `steps` cycles. reads: (inputs, steps), writes: (outputs, steps), booleans; row i belongs
    to port i of the node. They tell at which ports a step takes a beat and gives one; the kernel stops at a step until
    it can do all of that. `delay` cycles pass between a write's step and its output beat.
    """

    reads: Array
    writes: Array
    delay: int

    @property
    def steps(self) -> int:
        return int(self.reads.shape[1])


def every_step(steps: int, ports: int = 1) -> Array:
    """(ports, steps), all true: a beat at each port in each step."""
    return np.broadcast_to(np.True_, (ports, steps))


def one_port(beats: ArrayLike, repeats: int = 1) -> Array:
    """(1, steps * repeats): the steps of the only port, which are so many times the given ones."""
    return np.tile(np.asarray(beats, bool), repeats)[np.newaxis]


@dataclass(frozen=True)
class Kernel(Op):
    """A hardware block; also the op of its node in a graph of the hardware level.

    Subclasses add the fields that fix its function (the integer op and the types of its inputs) and set `stem`, which
    names rtl/hwgen_<stem>.sv, hls/<stem>.hpp, sim/bench_<stem>.py and tests/kernels/test_<stem>.py.
    """

    level: ClassVar[Level] = Level.HARDWARE
    stem: ClassVar[str]
    title: ClassVar[str]
    hls_function: ClassVar[bool] = True
    """Whether it is a function of hls/<stem>.hpp; else it is a depth of the stream between two of them."""

    op: Op
    inputs: tuple[Value, ...]
    fold: Fold

    @classmethod
    @abstractmethod
    def accepts(cls, op: Op, inputs: Sequence[Value]) -> str | None:
        """None if this kernel can compute the op on such inputs, else the reason why not."""

    @classmethod
    def lower(cls, op: Op, inputs: Sequence[Value]) -> Self:
        """The kernel with the smallest folding."""
        first = cls(op, tuple(inputs), Fold())
        return first.folded(next(iter(first.foldings())))

    def folded(self, fold: Fold) -> Self:
        return replace(self, fold=fold)

    @property
    def output_type(self) -> IntType:
        (_, kind), *_ = self.op.infer(self.inputs)
        assert isinstance(kind, IntType)
        return kind

    @property
    def input_type(self) -> IntType:
        assert isinstance(self.inputs[0].type, IntType)
        return self.inputs[0].type

    @property
    def output_elements(self) -> int:
        (shape, _), *_ = self.op.infer(self.inputs)
        return Value("", shape, self.output_type).elements

    def infer(self, inputs: Sequence[Value]) -> tuple[tuple[tuple[int, ...], Type], ...]:
        return self.op.infer(inputs)

    def run(self, *inputs: Array) -> tuple[Array, ...]:
        return self.op.run(*inputs)

    def compiled(self, inputs: Sequence[Value]) -> Callable[..., Array]:
        return self.op.compiled(inputs)

    def by_position(self, inputs: Sequence[Value]) -> bool:
        return self.op.by_position(inputs)

    def compiled_rows(self, inputs: Sequence[Value]) -> Callable[[Array, slice], Array] | None:
        return self.op.compiled_rows(inputs)

    @property
    def label(self) -> str:
        return type(self).__name__

    @abstractmethod
    def foldings(self) -> Iterator[Fold]:
        """Every legal folding, smallest first."""

    @property
    @abstractmethod
    def cycles(self) -> int:
        """Steady-state cycles between frames with no stalls."""

    @property
    @abstractmethod
    def ideal(self) -> int:
        """The lower bound of `cycles` that docs/contract.md section 9 states for this kernel."""

    @property
    def bursts(self) -> int:
        """Equal parts of a frame that it takes at once each; 0 where its own store evens out what comes and goes."""
        return 1

    @abstractmethod
    def resources(self) -> Resources:
        """The cost model's estimate of the whole kernel, ROMs included."""

    @abstractmethod
    def schedule(self) -> Schedule:
        """Beats consumed and produced, step by step."""

    @abstractmethod
    def parameters(self) -> dict[str, int]:
        """Values of the RTL module's parameters, in the order of its declaration."""

    def memories(self) -> tuple[Memory, ...]:
        """ROMs, in port order."""
        return ()

    @abstractmethod
    def input_stream(self) -> Stream:
        """Layout of a frame at s_axis; of one with several inputs: at its first, s0_axis."""

    @abstractmethod
    def output_stream(self) -> Stream:
        """Layout of a frame at m_axis; of one with several outputs: at its first, m0_axis."""

    def input_streams(self) -> tuple[Stream, ...]:
        """Layout of a frame at each input, in the node's order: s_axis, or s0_axis, s1_axis, ..."""
        return (self.input_stream(),)

    def output_streams(self) -> tuple[Stream, ...]:
        """Layout of a frame at each output, in the node's order: m_axis, or m0_axis, m1_axis, ..."""
        return (self.output_stream(),)
