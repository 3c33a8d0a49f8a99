"""What a DPU does not have is refused by the layer's name, and all layers at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from hwgen.dpu.arithmetic import Activation
from hwgen.dpu.fixed_point import FIXED_POINT
from hwgen.dpu.layers import Curve, MaxPool, Sum
from hwgen.dpu.read import read
from hwgen.dpu.weighted import Transposed, Weighted
from hwgen.errors import HwgenError
from hwgen.exact.convolution import Geometry
from hwgen.ir.graph import Graph, Op
from hwgen.ir.tensor import Tensor
from hwgen.ir.types import IntType
from hwgen.ops import quantized as q
from hwgen.ops import quantized_layout as moves
from hwgen.ops import quantized_maps as maps
from hwgen.ops.quantized_curves import Curve as CurveOp
from hwgen.ops.quantized_curves import Product
from hwgen.passes.round_activations import round_activations
from hwgen.reference import exact
from hwgen.rounding import Rounding
from tests.dpu.networks import Net, conv, dense, hard_sigmoid, hard_swish, int8, transposed

RNG = np.random.default_rng(0)
K3 = Geometry((3, 3))


def refused(make: Callable[[Net], object], shape: tuple[int, ...] = (2, 6, 6), position: int | None = 5) -> str:
    net = Net(shape, position)
    make(net)
    with pytest.raises(HwgenError) as caught:
        read(net.build())
    return str(caught.value)


def weights(**changes: Tensor) -> q.Dense:
    parts = {"weight": Tensor(np.array([[1, 2], [3, 4]])), "scale": Tensor(0.5), "zero_point": Tensor(0), **changes}
    return q.Dense(**parts)


CASES: dict[str, tuple[Callable[[Net], object], str]] = {
    "unsigned": (lambda net: net.chain([dense(RNG, 2, 2), int8(3, IntType(0, 255))]),
                 f"dpu-bits: quant2: its type is uint8, a DPU computes with int8. {FIXED_POINT}"),
    "four bits": (lambda net: net.chain([dense(RNG, 2, 2), int8(3, IntType(-8, 7))]),
                  f"dpu-bits: quant2: its type is int4, a DPU computes with int8. {FIXED_POINT}"),
    "zero point": (lambda net: net.chain([dense(RNG, 2, 2), int8(3, zero=1)]),
                   f"dpu-zero-point: quant2: a DPU has no zero points. {FIXED_POINT}"),
    "scale": (lambda net: net.chain([dense(RNG, 2, 2), q.Quant(Tensor(0.3), Tensor(0.0), IntType(-128, 127))]),
              f"dpu-scale: quant2: its scale, 0.3, is no power of two. {FIXED_POINT}"),
    "per channel": (lambda net: net.chain([weights(scale=Tensor(np.array([[0.5], [0.25]]))), int8(3)]),
                    "dpu-scale: dense1: the scale of its weights differs from channel to channel, a DPU has one a "
                    f"layer. {FIXED_POINT}"),
    "weight zero point": (lambda net: net.chain([weights(zero_point=Tensor(1)), int8(3)]),
                          f"dpu-zero-point: dense1: its weights have a zero point. {FIXED_POINT}"),
    "wide weights": (lambda net: net.chain([weights(weight=Tensor(np.array([[200, 0], [0, 0]]))), int8(3)]),
                     f"dpu-bits: dense1: its weights go from 0 to 200, a DPU has int8. {FIXED_POINT}"),
    "wide bias": (lambda net: net.chain([weights(bias=Tensor(np.array([1.0, 2.0**-9]))), int8(3)]),
                  f"dpu-bits: dense1: its bias has more than 8 bits, a DPU has int8. {FIXED_POINT}"),
    "float weights": (lambda net: net.chain([weights(weight=Tensor(np.array([[0.1, 0.2]]))), int8(3)]),
                      f"dpu-quantizer: dense1: its weights are not quantized. {FIXED_POINT}"),
    "no output quantizer": (lambda net: net.chain([dense(RNG, 2, 2)]),
                            "dpu-quantizer: dense1: no quantizer rounds its output to int8. Quantize the output of "
                            f"every layer. {FIXED_POINT}"),
    "two layers, one quantizer": (lambda net: net.chain([dense(RNG, 2, 2), dense(RNG, 2, 2), int8(3)]),
                                  "dpu-quantizer: dense1: no quantizer rounds its output to int8. Quantize the output "
                                  f"of every layer. {FIXED_POINT}"),
    "two quantizers": (lambda net: net.chain([dense(RNG, 2, 2), int8(3), q.Relu(), int8(4)]),
                       "dpu-quantizer: quant4: it rounds numbers again that another quantizer has rounded to another "
                       "scale. Quantize each layer's output once."),
    "slope": (lambda net: net.chain([q.LeakyRelu(Tensor(0.2)), int8(3)]),
              "dpu-layer: leakyrelu1: its slope is neither 0.1 nor 26/256, the only one of a DPU. Use a slope of 0.1."),
    "batch norm": (lambda net: net.chain([dense(RNG, 2, 2), q.BatchNorm(*[Tensor(np.ones(2))] * 4, 1e-5), int8(3)]),
                   "dpu-layer: batchnorm2: a DPU has no BatchNorm. Merge it into the layer before it "
                   "(hwgen.nn.quantize does so with BatchNorm)."),
    "gelu": (lambda net: net.chain([CurveOp("sigmoid"), int8(3)]),
             "dpu-layer: sigmoid1: a DPU has no Sigmoid. Replace it, or let the host compute it behind the last "
             "quantizer."),
    "a clip": (lambda net: net.chain([q.Clip(-1.0, 1.0), dense(RNG, 2, 2), int8(3)]),
               "dpu-layer: clip1: a DPU does not clip to -1.0 and 1.0. Use ReLU or ReLU6."),
    "another gate": (lambda net: net.chain([q.Elementwise("mul", Tensor(0.2)), q.Elementwise("add", Tensor(0.5)),
                                            q.Clip(0.0, 1.0), int8(7)]),
                     "dpu-layer: clip3: a DPU has no such function of one value. Use ReLU, ReLU6, LeakyReLU with a "
                     "slope of 0.1, hard sigmoid or hard swish."),
    "a scale before the quantizer": (
        lambda net: net.chain([dense(RNG, 2, 2), q.Elementwise("mul", Tensor(0.2)), int8(7)]),
        "dpu-layer: mul2: it computes with constants before the quantizer. Merge it into the layer before it "
        "(hwgen.nn.quantize does so with BatchNorm). Hard sigmoid and hard swish need a quantizer before them too."),
    "a square": (lambda net: (net.add(Product(), net.last), net.add(int8(3))),
                 "dpu-layer: product1: a DPU multiplies a value by its own hard sigmoid only. Use hard swish."),
    "nothing": (lambda net: net.chain([q.Softmax()]), "dpu-layer: net: it has no layer that a DPU computes. Export "
                "another one.")}


@pytest.mark.parametrize("name", CASES)
def test_refusals_of_vectors(name: str) -> None:
    make, text = CASES[name]
    assert refused(make, (2,)) == text


MAPS: dict[str, tuple[Callable[[Net], object], str]] = {
    "groups": (lambda net: net.chain([conv(RNG, 4, 4, K3, groups=2), int8(3)]),
               "dpu-layer: conv1: a DPU has no convolution of 2 groups. Use one group, or one a channel."),
    "transposed groups": (lambda net: net.chain([transposed(RNG, net.shape, 4, K3, groups=2), int8(3)]),
                          "dpu-layer: convtranspose1: a DPU has no convolution of 2 groups. Use one group, or one a "
                          "channel."),
    "output padding": (lambda net: net.chain([transposed(RNG, net.shape, 4, Geometry((3, 3), (2, 2), (1, 1, 0, -1))),
                                              int8(3)]),
                       "dpu-layer: convtranspose1: its output is larger than what its kernel reaches. Use an output "
                       "padding that is not larger than the padding."),
    "high padding": (lambda net: net.chain([transposed(RNG, net.shape, 4, Geometry((3, 2), pads=(1, 0, 3, 1))),
                                            int8(3)]),
                     "dpu-layer: convtranspose1: its padding (1, 0, 3, 1) is not smaller than its kernel of 3x2. Use a "
                     "smaller padding."),
    "wide padding": (lambda net: net.chain([transposed(RNG, net.shape, 4, Geometry((3, 2), pads=(2, 2, 0, 1))),
                                            int8(3)]),
                     "dpu-layer: convtranspose1: its padding (2, 2, 0, 1) is not smaller than its kernel of 3x2. Use a "
                     "smaller padding."),
    "dilation": (lambda net: net.chain([maps.MaxPool(Geometry((2, 2), dilation=(2, 1))), int8(5)]),
                 "dpu-layer: maxpool1: a DPU has no pools with a dilation. Use a larger kernel."),
    "border": (lambda net: net.chain([moves.ConstantPad((1, 1, 1, 1), Tensor(1.0)), conv(RNG, 4, 2, K3), int8(3)]),
               "dpu-layer: constantpad1: its border is not zero. Pad with zeros."),
    "two scales behind a concatenation": (
        lambda net: (net.add(maps.Concat(), "v0"), net.add(int8(4)), net.add(int8(3))),
        "dpu-quantizer: quant3: it rounds numbers again that another quantizer has rounded to another scale. Quantize "
        "each layer's output once."),
    "difference": (lambda net: net.add(maps.Join(subtract=True), "v0"),
                   "dpu-layer: join1: it subtracts. Add, with the weights before it negated."),
    "product over an axis": (lambda net: net.chain([dense(RNG, 6, 2), int8(3)]),
                             "dpu-layer: dense1: it is a product over the last axis of a map. Flatten the map before "
                             "it."),
    "transpose": (lambda net: net.chain([q.Transpose((0, 2, 1)), conv(RNG, 4, 2, K3), int8(3)]),
                  "dpu-layer: transpose1: a DPU has no Transpose. Replace it, or let the host compute it behind the "
                  "last quantizer.")}


@pytest.mark.parametrize("name", MAPS)
def test_refusals_of_maps(name: str) -> None:
    make, text = MAPS[name]
    assert refused(make, (4, 6, 6)) == text


def test_an_input_without_quantizer() -> None:
    """A layer there is not left to the host, and thresholds are no quantizer of a DPU."""
    text = ("its input is not quantized. Put a quantizer on the network's input. " + FIXED_POINT)
    assert refused(lambda net: net.chain([dense(RNG, 2, 2), int8(3), dense(RNG, 2, 2), int8(3)]), (2,), None) == (
        f"dpu-quantizer: dense0: {text}")
    thresholds = q.MultiThreshold(Tensor(np.zeros((1, 1))), Tensor(1.0), Tensor(0.0), IntType(0, 1))
    assert refused(lambda net: net.chain([thresholds, dense(RNG, 2, 2), int8(3)]), (2,), None).startswith(
        "dpu-layer: multithreshold0: a DPU has no MultiThreshold. ")
    assert refused(lambda net: net.chain([q.Relu(), int8(3)]), (2,), None).startswith(
        "dpu-layer: net: it has no layer that a DPU computes")


def test_all_layers_are_named_at_once() -> None:
    def make(net: Net) -> None:
        source = net.last
        net.chain([dense(RNG, 2, 2), int8(3, IntType(-8, 7))])
        net.last = source
        net.chain([dense(RNG, 2, 2), int8(3, IntType(-8, 7))])
        net.last = source
        net.chain([q.LeakyRelu(Tensor(0.3)), int8(2)])

    net = Net((2,))
    make(net)
    with pytest.raises(HwgenError) as caught:
        read(net.build("v2", "v4", "v6"))
    assert str(caught.value).startswith("dpu-bits: quant2, quant4: its type is int4, a DPU computes with int8; "
                                        "leakyrelu5: its slope")


def all_refusals(net: Net) -> str:
    with pytest.raises(HwgenError) as caught:
        read(net.build())
    return str(caught.value)


def test_the_walk_goes_on_behind_a_quantizer_that_is_refused() -> None:
    """Thresholds, and a second quantizer on another grid: layers behind them are named too."""
    thresholds = q.MultiThreshold(Tensor(np.zeros((1, 1))), Tensor(1.0), Tensor(0.0), IntType(0, 1))
    for quantizer, text in ((thresholds, "a DPU has no MultiThreshold"),
                            (int8(4), "it rounds numbers again")):
        net = Net((2,))
        net.chain([dense(RNG, 2, 2), int8(3)])
        net.add(quantizer, name="again")
        net.chain([q.LeakyRelu(Tensor(0.3)), int8(2), dense(RNG, 2, 2, position=0), int8(1)])
        found = all_refusals(net)
        assert found.startswith(f"dpu-layer: again: {text}") or found.startswith(f"dpu-quantizer: again: {text}")
        assert "; leakyrelu4: its slope is" in found and "dense" not in found


def test_every_layer_is_named_however_many_there_are() -> None:
    """Those of one reason together; beyond twelve reasons the names alone."""
    net = Net((2,))
    for number in range(16):
        net.add(weights(scale=Tensor(0.3 + number // 2)), name=f"d{number}")
        net.add(int8(3))
    assert all_refusals(net).startswith("dpu-scale: d0, d1: the scale of its weights, 0.3, is no power of two; d2, d3: "
                                        "the scale of its weights, 1.3, ")
    for number in range(16):
        net.add(weights(scale=Tensor(9.3 + number)), name=f"e{number}")
        net.add(int8(3))
    assert "; and 11 more, at e5, e6, e7, e8, e9, e10, e11, e12, e13, e14, e15. Train" in all_refusals(net)


def test_activations_before_the_quantizer_belong_to_the_layer() -> None:
    net = Net((2, 6, 6))
    source = net.chain([conv(RNG, 2, 3, K3), q.Relu(), maps.MaxPool(Geometry((2, 2), (2, 2))), int8(3)])
    net.add(conv(RNG, 3, 3, Geometry((1, 1))))
    net.chain([q.LeakyRelu(Tensor(26 / 256)), int8(4)])
    net.add(maps.Join(), source)
    net.chain([q.Clip(0.0, 6.0), int8(2)])
    hard_swish(net)
    net.add(int8(3))
    net.chain([*hard_sigmoid(), int8(7), q.Softmax()])
    first, pool, second, total, swish, gate = read(net.build()).layers
    assert isinstance(first, Weighted) and first.activation is Activation.RELU and isinstance(pool, MaxPool)
    assert isinstance(second, Weighted) and second.activation is Activation.LEAKY_RELU
    assert isinstance(total, Sum) and total.activation is Activation.RELU6
    assert isinstance(swish, Curve) and swish.activation is Activation.HARD_SWISH
    assert isinstance(gate, Curve) and gate.activation is Activation.HARD_SIGMOID
    assert [first.position, pool.position, second.position, total.position, swish.position, gate.position] == [
        3, 3, 4, 2, 3, 7]


@pytest.mark.parametrize("shape", [(2, 3, 5), (2, 5)])
def test_transposed_convolutions(shape: tuple[int, ...]) -> None:
    """Any pads below the kernel, their activation belongs to them; a (C, L) map has a height of 1."""
    geometry = Geometry((1, 3), (1, 2), (0, 2, 0, 1))
    net = Net(shape)
    height, width = (1, *shape[1:])[-2:]
    op = transposed(RNG, (2, height, width), 4, geometry, bias=None)
    net.chain([op, q.Relu(), int8(3)])
    (layer,) = read(net.build()).layers
    assert isinstance(layer, Transposed) and layer.activation is Activation.RELU
    assert (layer.geometry, layer.shape, layer.kind) == (geometry, (4, height, 8), "transposed")
    assert layer.real([5])[0].op == op


@pytest.mark.parametrize(("bias", "position", "integers"), [
    ([1.0, -0.5], 6, [64, -32]), ([0.0, 0.0], 6, [0, 0]), ([-2.0, 1.0], 6, [-128, 64]), ([2.0**-7, 0.0], 7, [1, 0]),
    ([64.0, 1.0], 0, [64, 1]), ([2.0**-12, 0.0], 12, [1, 0]), ([2.0**-14, 0.0], 14, [1, 0])])
def test_the_position_of_a_bias(bias: list[float], position: int, integers: list[int]) -> None:
    """The finest that holds it, but not beyond the accumulator's grid, 6 here, unless it needs that."""
    net = Net((2,))
    net.chain([weights(bias=Tensor(np.array(bias))), int8(3)])
    (layer,) = read(net.build()).layers
    assert isinstance(layer, Weighted) and layer.bias is not None
    assert (layer.bias_position, layer.bias.array.tolist()) == (position, integers)


@pytest.mark.parametrize("bias", [None, Tensor(np.array([1, -20, 40]) / 32)])
def test_a_constant_added_to_the_products_is_a_bias(bias: Tensor | None) -> None:
    """The Add behind a MatMul or a Conv, one number or one a channel; one a pixel is none."""
    added, taken = np.array([0.5, -1.0, 0.25]).reshape(3, 1, 1), np.array(0.125)
    net = Net((2, 3, 4))
    op = replace(conv(np.random.default_rng(0), 2, 3, Geometry((1, 1))), bias=bias)
    net.chain([op, q.Elementwise("add", Tensor(added)), q.Elementwise("sub", Tensor(taken)), q.Relu(), int8(1)])
    graph = net.build()
    (layer,) = read(graph).layers
    assert isinstance(layer, Weighted) and layer.bias is not None and layer.bias_position is not None
    before = np.zeros(3) if bias is None else bias.array
    assert np.array_equal(layer.bias.array * 2.0**-layer.bias_position, before + added.ravel() - taken)
    x = np.random.default_rng(0).normal(0, 2, (5, 2, 3, 4)).astype(np.float32)
    made, wanted = (exact.run(g, {"x": x}) for g in (read(graph).as_graph(), half_up(graph)))
    assert np.array_equal(made.outputs[graph.outputs[0]], wanted.outputs[graph.outputs[0]])
    net = Net((2, 3, 4))
    net.chain([op, q.Elementwise("add", Tensor(np.ones(4))), int8(1)])
    with pytest.raises(HwgenError, match="dpu-layer: add2: it computes with constants before the quantizer"):
        read(net.build())


def test_a_second_name_of_an_output_is_no_layer() -> None:
    net = Net((4,))
    net.chain([dense(RNG, 4, 3), int8(2), q.Reshape((3,))])
    network = read(net.build())
    assert [layer.kind for layer in network.layers] == ["fc"] and network.outputs == ("v2",)
    assert network.as_graph().outputs == ("v3",)


def test_an_output_in_the_middle_does_not_end_the_network() -> None:
    """Neither where it has a second name nor where it is quantized once more to the same grid."""
    for again in (q.Reshape((3,)), int8(2)):
        net = Net((4,))
        middle = net.chain([dense(RNG, 4, 3), int8(2), again])
        last = net.chain([dense(RNG, 3, 2), int8(1), int8(1), q.Softmax()])
        network = read(net.build(middle, last))
        assert [layer.kind for layer in network.layers] == ["fc", "fc"] and network.outputs == ("v2", "v5")
        x = np.random.default_rng(0).normal(0, 2, (5, 4)).astype(np.float32)
        made, wanted = (exact.run(g, {"x": x}) for g in (network.as_graph(), half_up(net.build(middle, last))))
        assert all(np.array_equal(made.outputs[name], wanted.outputs[name]) for name in (middle, last))


def half_up(graph: Graph) -> Graph:
    return round_activations(graph, Rounding.HALF_UP, Rounding.HALF_AWAY)


def test_one_layer_with_two_quantizers() -> None:
    net = Net((4,))
    total = net.add(dense(RNG, 4, 3))
    first = net.add(int8(3))
    net.last = total
    second = net.chain([q.Relu(), int8(2)])
    with pytest.raises(HwgenError) as caught:
        read(net.build(first, second))
    assert str(caught.value) == ("dpu-quantizer: dense1: more than one quantizer rounds its output. Quantize each "
                                 "layer's output once.")


HOSTS: dict[str, list[Op]] = {
    "sigmoid": [CurveOp("sigmoid"), q.Elementwise("mul", Tensor(4.0))], "transpose": [q.Transpose((1, 2, 0))],
    "scale": [q.Elementwise("mul", Tensor(3.0))], "offset": [q.Elementwise("add", Tensor(0.25))],
    "clip": [q.Clip(-1.0, 1.0), q.Relu()], "batch norm": [q.BatchNorm(*[Tensor(np.ones(3))] * 4, 1e-5)],
    "slice": [moves.Crop((0, 1, 1), (2, 4, 4))], "gate": hard_sigmoid()}


@pytest.mark.parametrize("name", HOSTS)
def test_what_no_quantizer_follows_is_the_hosts(name: str) -> None:
    """As a detector's sigmoid and transpose are; the network may go on beside them. With a quantizer it is refused."""
    net = Net((2, 4, 5))
    trunk = net.chain([conv(RNG, 2, 3, Geometry((1, 1))), int8(3)])
    first = net.chain(HOSTS[name])
    net.last = trunk
    graph = net.build(first, net.chain([conv(RNG, 3, 2, Geometry((1, 1))), int8(2)]))
    network = read(graph)
    assert [layer.kind for layer in network.layers] == ["conv", "conv"] and len(network.on_host) == len(HOSTS[name])
    x = np.random.default_rng(0).normal(0, 2, (5, 2, 4, 5)).astype(np.float32)
    made, wanted = (exact.run(g, {"x": x}) for g in (network.as_graph(), half_up(graph)))
    assert all(np.array_equal(made.outputs[port], wanted.outputs[port]) for port in graph.outputs)
    if name != "gate":
        net.last = first
        with pytest.raises(HwgenError, match="dpu-"):
            read(net.build(net.add(int8(3))))


def test_host_ops_before_and_behind_stay_the_hosts() -> None:
    net = Net((4,), None)
    net.chain([q.Elementwise("mul", Tensor(2.0)), int8(5), dense(RNG, 4, 3), int8(2), q.Softmax()])
    network = read(net.build())
    assert [node.op.label for node in (*network.head, *network.tail)] == ["Mul", "Softmax"]
    assert network.entries[0].port == "x" and len(network.as_graph().nodes) == 5
