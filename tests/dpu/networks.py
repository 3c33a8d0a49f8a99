"""Quantized graphs as a DPU takes them, and random ones with every layer that it has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

import numpy as np

from hwgen.dpu.arch import architecture
from hwgen.dpu.limits import fitted
from hwgen.dpu.read import read
from hwgen.errors import HwgenError
from hwgen.exact.convolution import Geometry
from hwgen.ir.graph import Graph, GraphBuilder, Level, Op, Value
from hwgen.ir.tensor import Tensor
from hwgen.ir.types import REAL, IntType, full_range
from hwgen.ops import quantized as q
from hwgen.ops import quantized_layout as moves
from hwgen.ops import quantized_maps as maps
from hwgen.ops.quantized_curves import Product
from hwgen.rounding import Rounding

INT8 = full_range(8, True)


def int8(position: int, kind: IntType = INT8, zero: int = 0) -> q.Quant:
    """A quantizer of training at a fix position."""
    return q.Quant(Tensor(2.0**-position), Tensor(float(zero)), kind, Rounding.HALF_EVEN)


class Net:
    """Adds nodes named after their ops; `last` is the value that the next one reads."""

    def __init__(self, shape: tuple[int, ...], position: int | None = 5) -> None:
        self.builder = GraphBuilder("net", Level.QUANTIZED)
        self.last = self.builder.add_input(Value("x", shape, REAL)).name
        if position is not None:
            self.add(int8(position))

    def add(self, op: Op, *more: str, name: str = "") -> str:
        """The output's name."""
        number = len(self.builder.nodes)
        (made,) = self.builder.add(name or f"{op.label.lower()}{number}", op, [self.last, *more], [f"v{number}"])
        self.last = made.name
        return self.last

    @property
    def shape(self) -> tuple[int, ...]:
        return self.builder.values[self.last].shape

    def chain(self, ops: Sequence[Op]) -> str:
        for op in ops:
            self.add(op)
        return self.last

    def build(self, *outputs: str) -> Graph:
        return self.builder.build(outputs or [self.last])


def conv(rng: np.random.Generator, channels: int, rows: int, geometry: Geometry, *, position: int = 6,
         bias: int | None = 5, groups: int = 1) -> maps.Conv:
    """Random int8 weights; bias: its position, None for no bias."""
    weight = Tensor(rng.integers(-128, 128, (rows, channels // groups, *geometry.kernel)))
    return maps.Conv(geometry, weight, Tensor(2.0**-position), Tensor(0), real_bias(rng, rows, bias), groups)


def transposed(rng: np.random.Generator, shape: tuple[int, ...], rows: int, geometry: Geometry, *, position: int = 6,
               bias: int | None = 5, groups: int = 1) -> moves.ConvTranspose:
    """Random int8 weights for a map (C, H, W). geometry: pads are what is cut off; bias: as of conv."""
    weight = Tensor(rng.integers(-128, 128, (rows, shape[0] // groups, *geometry.kernel)))
    top, left, bottom, right = geometry.pads
    outputs = ((shape[1] - 1) * geometry.stride[0] + geometry.kernel[0] - top - bottom,
               (shape[2] - 1) * geometry.stride[1] + geometry.kernel[1] - left - right)
    return moves.ConvTranspose(weight, Tensor(2.0**-position), Tensor(0), real_bias(rng, rows, bias), geometry.stride,
                               (top, left), outputs, groups)


def dense(rng: np.random.Generator, columns: int, rows: int, *, position: int = 7, bias: int | None = 5) -> q.Dense:
    weight = Tensor(rng.integers(-128, 128, (rows, columns)))
    return q.Dense(weight, Tensor(2.0**-position), Tensor(0), real_bias(rng, rows, bias))


def real_bias(rng: np.random.Generator, rows: int, position: int | None) -> Tensor | None:
    return None if position is None else Tensor(rng.integers(-127, 128, rows) * 2.0**-position)


def hard_sigmoid() -> list[Op]:
    return [q.Elementwise("add", Tensor(3.0)), q.Clip(0.0, 6.0), q.Elementwise("div", Tensor(6.0))]


def hard_swish(net: Net) -> None:
    source = net.last
    net.chain([q.Elementwise("mul", Tensor(float(np.float32(1 / 6)))), q.Elementwise("add", Tensor(0.5)),
               q.Clip(0.0, 1.0)])
    net.add(Product(), source)


Step = Callable[[Net, np.random.Generator], None]


def random_net(rng: np.random.Generator, *, constants: bool = True, first: Step | None = None) -> Graph:
    """A random network of maps. constants: with layers in which a DPU's constants differ from training's.

    One without positions within a DPU's limits, as where a hard sigmoid is concatenated with coarse numbers, is drawn
    again.
    """
    for _ in range(20):
        graph = _drawn(rng, constants, first)
        with suppress(HwgenError):
            fitted(read(graph), architecture(None))
            return graph
    raise AssertionError("no random network has positions within a DPU's limits")


def _drawn(rng: np.random.Generator, constants: bool, first: Step | None) -> Graph:
    net = Net((int(rng.integers(1, 5)), int(rng.integers(5, 9)), int(rng.integers(5, 9))), int(rng.integers(2, 7)))
    if first is not None:
        first(net, rng)
    steps = [_conv, _depthwise, transposed_step, _branch, _max_pool, _concat, _upsample, _border, _relu]
    steps += [_average_pool, _leaky, _sigmoid, _swish] if constants else []
    for index in rng.choice(len(steps), int(rng.integers(3, 7))):
        if min(net.shape[1:]) >= 3 and np.prod(net.shape) < 900:
            steps[index](net, rng)
    net.add(q.Reshape((int(np.prod(net.shape)),)))
    net.add(dense(rng, net.shape[0], int(rng.integers(2, 6)), bias=int(rng.integers(3, 9))))
    net.add(_quantizer(rng))
    return net.build()


def _quantizer(rng: np.random.Generator) -> q.Quant:
    return int8(int(rng.integers(0, 8)))


def _conv(net: Net, rng: np.random.Generator) -> None:
    size = int(rng.choice([1, 3]))
    geometry = Geometry((size, size), (1, int(rng.integers(1, 3))), (1, 0, 1, 1) if size > 1 else (0, 0, 0, 0))
    net.add(conv(rng, net.shape[0], int(rng.integers(1, 6)), geometry, position=int(rng.integers(4, 9)),
                 bias=int(rng.integers(3, 10))))
    if rng.random() < 0.5:
        net.add(q.Relu() if rng.random() < 0.6 else q.Clip(0.0, 6.0))
    if rng.random() < 0.3 and min(net.shape[1:]) >= 2:
        net.add(maps.MaxPool(Geometry((2, 2), (2, 2))))
    net.add(_quantizer(rng))


def _depthwise(net: Net, rng: np.random.Generator) -> None:
    channels = net.shape[0]
    net.add(conv(rng, channels, channels, Geometry((3, 3), (1, 1), (1, 1, 1, 1)), groups=channels))
    net.add(_quantizer(rng))


def transposed_step(net: Net, rng: np.random.Generator) -> None:
    """A transposed convolution, depthwise or not."""
    channels = net.shape[0]
    depthwise = channels > 1 and rng.random() < 0.5
    stride, (top, right) = (int(rng.integers(1, 3)), int(rng.integers(1, 4))), (int(rng.integers(0, n)) for n in (2, 3))
    geometry = Geometry((2, 3), stride, (top, 1, 1, right))
    net.add(transposed(rng, net.shape, channels if depthwise else 2, geometry, position=int(rng.integers(4, 9)),
                       bias=int(rng.integers(3, 10)), groups=channels if depthwise else 1))
    if rng.random() < 0.5:
        net.add(q.Relu() if rng.random() < 0.5 else q.LeakyRelu(Tensor(26 / 256)))
    net.add(_quantizer(rng))


def _branch(net: Net, rng: np.random.Generator) -> None:
    source, channels = net.last, net.shape[0]
    net.add(conv(rng, channels, channels, Geometry((1, 1))))
    net.add(_quantizer(rng))
    net.add(maps.Join(), source)
    if rng.random() < 0.5:
        net.add(q.Relu())
    net.add(_quantizer(rng))


def _max_pool(net: Net, rng: np.random.Generator) -> None:
    net.add(maps.MaxPool(Geometry((3, 3), (2, 2), (1, 1, 0, 0))))


def _concat(net: Net, rng: np.random.Generator) -> None:
    source, channels = net.last, net.shape[0]
    net.add(conv(rng, channels, 2, Geometry((1, 1))))
    net.add(_quantizer(rng))
    net.add(maps.Concat(), source)


def _upsample(net: Net, rng: np.random.Generator) -> None:
    net.add(moves.Resize((1, 2)))


def _border(net: Net, rng: np.random.Generator) -> None:
    net.add(moves.ConstantPad((1, 0, 0, 1), Tensor(0.0)))


def _relu(net: Net, rng: np.random.Generator) -> None:
    net.add(q.Relu())


def _average_pool(net: Net, rng: np.random.Generator) -> None:
    net.add(maps.AveragePool(Geometry((3, 3), (1, 2))))
    net.add(_quantizer(rng))


def _leaky(net: Net, rng: np.random.Generator) -> None:
    if rng.random() < 0.5:
        net.add(conv(rng, net.shape[0], 3, Geometry((1, 1))))
    net.add(q.LeakyRelu(Tensor(float(np.float32(0.1)))))
    net.add(_quantizer(rng))


def _sigmoid(net: Net, rng: np.random.Generator) -> None:
    net.chain(hard_sigmoid())
    net.add(int8(int(rng.integers(7, 9))))


def _swish(net: Net, rng: np.random.Generator) -> None:
    hard_swish(net)
    net.add(_quantizer(rng))
