"""hls4ml reads exported QONNX as its documentation says, and its C simulation gives the integer model's outputs.

Fixed-point types are the default of its configuration where it infers none: 32 bits behind the point hold every
float32 bias of these networks, so that nothing is cut off. Scales are powers of two, which fixed point holds exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from hwgen.export import qonnx
from hwgen.frontend import load
from hwgen.ir.graph import Graph
from hwgen.model import IntegerModel
from hwgen.passes.pipeline import integers_of

torch = pytest.importorskip("torch")
hls4ml = pytest.importorskip("hls4ml")

from qonnx.core.modelwrapper import ModelWrapper  # noqa: E402
from qonnx.transformation.channels_last import ConvertToChannelsLastAndClean  # noqa: E402
from qonnx.util.cleanup import cleanup_model  # noqa: E402

from hwgen import nn as qnn  # noqa: E402
from hwgen.nn import quant  # noqa: E402
from hwgen.nn.trace import to_ir  # noqa: E402
from tests.nn.running import trained  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

DEFAULT = "fixed<48,16>"
GRID = 256
"""Inputs are multiples of 1/256, which the input's fixed-point type holds."""


def simulated(model: onnx.ModelProto, x: np.ndarray, folder: Path) -> np.ndarray:  # type: ignore[type-arg]
    """The outputs of hls4ml's C simulation, compiled by g++, of (frames, *shape) inputs."""
    ready = cleanup_model(ModelWrapper(model))
    if any(node.op_type == "Conv" for node in model.graph.node):
        ready = cleanup_model(ready.transform(ConvertToChannelsLastAndClean(make_input_channels_last=True)))
    config = hls4ml.utils.config.config_from_onnx_model(ready, granularity="name", backend="Vitis",
                                                        default_precision=DEFAULT)
    made = hls4ml.converters.convert_from_onnx_model(ready, output_dir=str(folder), io_type="io_parallel",
                                                     backend="Vitis", hls_config=config)
    made.compile()
    return np.asarray(made.predict(np.ascontiguousarray(np.moveaxis(x, 1, -1) if x.ndim > 2 else x)))


def outputs(graph: Graph, x: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    """The integer model's."""
    model = IntegerModel(integers_of(graph))
    (y,) = model.predict({model.input_ports[0].name: x}).values()
    return y


def assert_equal(graph: Graph, x: np.ndarray, folder: Path) -> None:  # type: ignore[type-arg]
    wanted = outputs(graph, x)
    found = simulated(qonnx.export(graph), x, folder).reshape(wanted.shape)
    assert len(np.unique(wanted)) > 10
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("name", ["w1_po2", "w3_po2", pytest.param("w2_po2", marks=pytest.mark.every_network)])
def test_power_of_two_workloads(name: str, models: Path, gxx: str, tmp_path: Path) -> None:
    """Half a minute to compile w2_po2, which is parallel throughout."""
    x = np.load(models / "workloads" / f"{name}_x.npy").astype(np.float32)
    assert_equal(load(models / "workloads" / f"{name}.onnx").graph, x, tmp_path)


def test_a_wrong_weight_is_seen(models: Path, gxx: str, tmp_path: Path) -> None:
    """A mutant: one weight of the first layer is 2 steps less."""
    graph = load(models / "workloads" / "w1_po2.onnx").graph
    made = qonnx.export(graph)
    weights = next(c for c in made.graph.initializer if c.name.endswith("_weight_float"))
    scale = next(c for c in made.graph.initializer if c.name == weights.name.replace("_float", "_scale"))
    array = numpy_helper.to_array(weights).copy()
    row, column = np.argwhere(array == array.max())[0]
    array[row, column] -= 2 * numpy_helper.to_array(scale)
    weights.CopyFrom(numpy_helper.from_array(array, weights.name))
    x = np.load(models / "workloads" / "w1_po2_x.npy").astype(np.float32)
    assert not np.array_equal(simulated(made, x, tmp_path), outputs(graph, x))


FOUR_BITS: dict[str, Any] = {"weight_quant": quant.Int8WeightPerTensorFixedPoint, "weight_bit_width": 4, "bias": False}
WITH_BIAS = FOUR_BITS | {"bias": True, "bias_quant": quant.Int8BiasPerTensorFixedPointInternalScaling}


def signed(bits: int) -> Any:
    return qnn.QuantIdentity(quant.Int8ActPerTensorFixedPoint, bit_width=bits)


def risen() -> Any:
    return qnn.QuantReLU(quant.Uint8ActPerTensorFixedPoint, bit_width=4)


class Branches(torch.nn.Module):  # type: ignore[misc]
    """A sum of two branches, and a concatenation."""

    def __init__(self) -> None:
        super().__init__()
        self.pixels, self.relu, self.other, self.inner = signed(6), risen(), risen(), signed(5)
        self.first, self.second = (qnn.QuantConv2d(2, 4, 3, padding=1, **FOUR_BITS) for _ in range(2))
        self.third, self.last = (qnn.QuantConv2d(*sizes, **FOUR_BITS) for sizes in ((4, 4, 1), (8, 2, 1)))

    def forward(self, x: Any) -> Any:
        x = self.pixels(x)
        y = self.relu(self.first(x))
        joined = self.inner(self.third(y)) + y
        return self.last(torch.cat([joined, self.other(self.second(x))], 1))


def dense() -> Any:
    """Float biases too, which are on no grid of the layer's sums."""
    return torch.nn.Sequential(signed(6), qnn.QuantLinear(8, 12, **WITH_BIAS), risen(), qnn.QuantLinear(
        12, 7, **FOUR_BITS | {"bias": True}), signed(5), qnn.QuantLinear(7, 3, **FOUR_BITS | {"bias": True}))


def convolutions() -> Any:
    """A stride, borders, a pool, a depthwise layer, biases, and a vector at the end."""
    return torch.nn.Sequential(
        signed(6), qnn.QuantConv2d(2, 4, 3, padding=1, stride=2, **WITH_BIAS), risen(), torch.nn.MaxPool2d(2),
        qnn.QuantConv2d(4, 4, 3, padding=1, groups=4, **FOUR_BITS), signed(5), torch.nn.Flatten(),
        qnn.QuantLinear(36, 4, **FOUR_BITS))


def channelwise() -> Any:
    """One scale a channel and biases, in a convolution behind a border and in dense layers."""
    scales = {"weight_quant": quant.Int8WeightPerChannelFixedPoint, "weight_bit_width": 4}
    return torch.nn.Sequential(
        signed(6), torch.nn.ZeroPad2d((1, 0, 2, 1)), qnn.QuantConv2d(2, 3, 3, **scales), risen(), torch.nn.Flatten(),
        qnn.QuantLinear(36, 5, **scales), signed(5), qnn.QuantLinear(5, 3, bias=False, **scales))


def ternary() -> Any:
    """Activations and weights of three values, weights of two."""
    three, two = quant.SignedTernaryWeightPerTensorConst, quant.SignedBinaryWeightPerTensorConst
    first, second = (qnn.QuantLinear(*sizes, bias=False, weight_quant=kind, weight_scaling_const=0.125)
                     for sizes, kind in (((8, 12), three), ((12, 4), two)))
    return torch.nn.Sequential(qnn.QuantIdentity(quant.SignedTernaryActPerTensorConst, scaling_const=0.5), first,
                               risen(), second)


TRAINED: dict[str, tuple[Callable[[], Any], tuple[int, ...]]] = {
    "dense": (dense, (8,)), "convolutions": (convolutions, (2, 12, 12)), "branches": (Branches, (2, 5, 5)),
    "channelwise": (channelwise, (2, 3, 4)), "ternary": (ternary, (8,))}


@pytest.mark.parametrize("name", TRAINED)
def test_trained_networks(name: str, gxx: str, tmp_path: Path, seed: int) -> None:
    torch.manual_seed(seed)
    make, shape = TRAINED[name]
    model = trained(make(), torch.randn(32, *shape))
    x = np.rint(np.random.default_rng(seed).normal(size=(100, *shape)) * GRID) / GRID
    assert_equal(to_ir(model, (1, *shape)), x.astype(np.float32), tmp_path)
