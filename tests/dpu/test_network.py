"""Whole networks: the reference figures of a trained LeNet, and random networks with every layer, four ways."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from hwgen.dpu.arch import architecture
from hwgen.dpu.flips import Flips, flips
from hwgen.dpu.limits import fitted
from hwgen.dpu.network import DpuNetwork
from hwgen.dpu.read import read
from hwgen.exact.convolution import Geometry
from hwgen.frontend import load
from hwgen.ir.graph import Graph
from hwgen.ir.tensor import Array, Tensor
from hwgen.model import IntegerModel
from hwgen.ops import quantized as q
from hwgen.ops import quantized_maps as maps
from hwgen.passes.pipeline import TO_INTEGERS, lower
from hwgen.passes.round_activations import round_activations
from hwgen.reference import exact
from hwgen.report.console import Console
from hwgen.rounding import Rounding
from hwgen.run import simulated
from hwgen.target import Target
from hwgen.vectors import random_inputs
from tests.dpu.networks import Net, int8, random_net, transposed_step

NAMES = ("conv1", "conv2", "fc1", "fc2", "fc3")
MODES = (Rounding.HALF_UP, Rounding.HALF_EVEN)
TARGET = Target("zcu104", fps=2000, allow_oversize=True)


@pytest.fixture
def lenet(models: Path) -> Path:
    return models / "brevitas" / "lenet_dpu_fixed8"


def goldens(folder: Path) -> tuple[Mapping[str, Array], Array]:
    """Integers of every layer by another program, and the images that they belong to."""
    return np.load(folder / "dpu" / "golden_int.npz"), np.load(folder / "golden.npz")["input"]


@pytest.mark.parametrize("mode", MODES)
def test_lenet_equals_its_golden_on_every_layer(mode: Rounding, lenet: Path) -> None:
    golden, images = goldens(lenet)
    network = read(load(lenet / "model_qonnx.onnx").graph)
    entry = network.entries[0].value
    inputs = network.encoded({entry: images})
    assert np.array_equal(inputs[entry], golden["input.int8"])
    values = network.run(inputs, mode)
    sums = network.accumulators(values)
    assert len(sums) == len(NAMES)
    for name, layer in zip(NAMES, (layer for layer in network.layers if layer.output in sums), strict=True):
        assert np.array_equal(values[layer.output], golden[f"{mode.value}/{name}.int8"]), name
        assert np.array_equal(sums[layer.output], golden[f"{mode.value}/{name}.acc"]), name


def integer_model(graph: Graph) -> IntegerModel:
    *_, (_, lowered) = lower(graph, TO_INTEGERS)
    return IntegerModel(lowered)


@pytest.mark.parametrize("rounding", ["half_up", "dpu"])
def test_lenet_in_the_integer_model(rounding: str, lenet: Path) -> None:
    """The network that --rounding gives; its quantizers come in the order of the golden's layers."""
    golden, images = goldens(lenet)
    graph = load(lenet / "model_qonnx.onnx").graph
    graph = round_activations(graph, Rounding.HALF_UP, Rounding.HALF_AWAY) if rounding == "half_up" else (
        fitted(read(graph), architecture(None))[0].as_graph())
    model = integer_model(graph)
    found = model.activations(model.encode({"x": images}))
    outputs = [node.outputs[0] for node in graph.nodes if node.op.label == "Quant"][1:]
    for name, output in zip(NAMES, outputs, strict=True):
        wanted = golden[f"half_up/{name}.int8"]
        assert np.array_equal(model.graph.in_imported_order(output, found[output]), wanted.reshape(len(wanted), -1))


@pytest.mark.slow
def test_lenet_in_rtl(lenet: Path, verilator: None) -> None:
    golden, images = goldens(lenet)
    graph = round_activations(load(lenet / "model_qonnx.onnx").graph, Rounding.HALF_UP, Rounding.HALF_AWAY)
    *_, (_, hardware) = lower(graph)
    found = simulated(TARGET, hardware, IntegerModel(hardware), {"x": images[:4]}, Console(quiet=True))
    outputs = [node.outputs[0] for node in graph.nodes if node.op.label == "Quant"][1:]
    for name, output in zip(NAMES, outputs, strict=True):
        wanted = golden[f"half_up/{name}.int8"][:4]
        made = hardware.in_imported_order(output, found[output].reshape(4, -1))
        assert np.array_equal(made, wanted.reshape(4, -1)), name


def counted(trained: DpuNetwork, network: DpuNetwork, x: Array) -> tuple[Flips, ...]:
    """The flips of a network of one input."""
    integers = exact.run(network.as_graph(), {"x": x}).integers
    values = network.run({entry.value: integers[entry.value] for entry in network.entries})
    return flips(trained, network, {"x": x}, values)


def test_lenets_flips_are_the_measured_ones(lenet: Path) -> None:
    """91 of 104,288 numbers where each layer has training's inputs; 5 of 160 scores in the chain."""
    network = read(load(lenet / "model_qonnx.onnx").graph)
    found = counted(network, network, goldens(lenet)[1])
    assert sum(item.values for item in found) == 104_288
    assert sum(item.alone for item in found) == 91
    assert (found[-1].chained, found[-1].values) == (5, 160)
    golden = goldens(lenet)[0]
    assert [item.chained for item in found] == [
        int((golden[f"half_up/{name}.int8"] != golden[f"half_even/{name}.int8"]).sum()) for name in NAMES]


def test_flips_behind_a_concatenation_of_unequal_positions() -> None:
    """A layer that computes what training does with training's inputs has none there, whatever was moved before it."""
    net = Net((1, 4, 4), 3)
    source = net.last
    one = maps.Conv(Geometry((1, 1)), Tensor(np.full((1, 1, 1, 1), 4)), Tensor(0.25), Tensor(0), None, 1)
    coarse = net.chain([one, int8(3)])
    net.last = source
    net.chain([one, int8(5)])
    net.add(maps.Concat(), coarse)
    both = maps.Conv(Geometry((1, 1)), Tensor(np.ones((1, 2, 1, 1), np.int64)), Tensor(1.0), Tensor(0), None, 1)
    net.chain([both, int8(3)])
    trained = read(net.build())
    network, adjustments = fitted(trained, architecture(None))
    assert [item.after for item in adjustments] == [3]
    x = np.arange(-24, 24).reshape(3, 1, 4, 4) / 8  # within int8 at both positions
    assert [item.alone for item in counted(trained, network, x)] == [0, 0, 0]


def test_flips_in_the_chain_begin_at_the_inputs() -> None:
    """The host rounds them half away from zero; training half to even."""
    net = Net((1,), 0)
    net.chain([q.Dense(Tensor(np.array([[1]])), Tensor(1.0), Tensor(0), None), int8(0)])
    network = read(net.build())
    (layer,) = counted(network, network, np.array([[0.5], [1.5], [2.5], [-0.5], [1.0]]))
    assert (layer.values, layer.chained, layer.alone) == (5, 3, 0)


def compared(network: DpuNetwork, frames: int, seed: int) -> tuple[IntegerModel, dict[str, Array], dict[str, Array]]:
    """The integer model, inputs and all values of a network, after the exact reference and the model agree."""
    graph = network.as_graph()
    model = integer_model(graph)
    inputs = random_inputs({port.name: port for port in model.input_ports}, frames, seed)
    want = exact.run(graph, inputs).integers
    values = network.run({entry.value: want[entry.value] for entry in network.entries})
    have = model.activations(model.encode(inputs))
    checked = 0
    for layer in network.layers:
        if layer.output in want:
            assert np.array_equal(values[layer.output], want[layer.output]), layer
            checked += 1
        if layer.output in want and layer.output in have:
            assert np.array_equal(values[layer.output].reshape(frames, -1),
                                  model.graph.in_imported_order(layer.output, have[layer.output])), layer
    assert checked
    return model, inputs, values


def test_random_networks(seed: int) -> None:
    """Layers by their shifts, exact arithmetic, the integer model; half up alone where a DPU has no constants."""
    kinds: Counter[str] = Counter()
    for number in range(25):
        rng = np.random.default_rng(seed + number)
        graph = random_net(rng, constants=number % 5 > 0)
        trained = read(graph)
        network, adjustments = fitted(trained, architecture(None))
        _, inputs, values = compared(network, 4, seed)
        kinds.update(layer.kind for layer in network.layers)
        if number % 5 == 0 and not adjustments:
            plain = round_activations(graph, Rounding.HALF_UP, Rounding.HALF_AWAY)
            want = exact.run(plain, inputs).integers
            assert all(np.array_equal(values[layer.output], want[layer.output]) for layer in network.layers
                       if layer.output in want)
    assert len(kinds) >= 12 and kinds["transposed"] + kinds["transposed_depthwise"], kinds


def test_what_a_dpu_computes_is_read_as_the_same(seed: int) -> None:
    """--rounding dpu and --to dpu go together. A bias that lost bits may be at a coarser position: its reals count."""
    for number in range(12):
        network, _ = fitted(read(random_net(np.random.default_rng(seed + number))), architecture(None))
        again = read(network.as_graph())
        assert [layer.output for layer in again.layers] == [layer.output for layer in network.layers]
        assert again.positions == network.positions
        for one, other in zip(network.layers, again.layers, strict=True):
            assert one.real(network.positions_in(one)) == other.real(again.positions_in(other))
        assert fitted(again, architecture(None))[1] == ()


@pytest.mark.slow
def test_random_networks_in_rtl(seed: int, verilator: None) -> None:
    for number, first in enumerate((None, None, transposed_step)):
        network, _ = fitted(read(random_net(np.random.default_rng(seed + number), first=first)), architecture(None))
        _, inputs, values = compared(network, 4, seed)
        *_, (_, hardware) = lower(network.as_graph())
        found = simulated(TARGET, hardware, IntegerModel(hardware), inputs, Console(quiet=True))
        last = network.layers[-1].output
        assert np.array_equal(hardware.in_imported_order(last, found[last].reshape(4, -1)), values[last])
