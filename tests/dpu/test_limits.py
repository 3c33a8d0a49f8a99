"""What a DPU's compiler takes: positions are moved and said, kernels are refused."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from hwgen.dpu.arch import ARCHITECTURES, architecture
from hwgen.dpu.limits import CUT, READ, fitted
from hwgen.dpu.network import DpuNetwork
from hwgen.dpu.read import read
from hwgen.dpu.weighted import Weighted
from hwgen.errors import HwgenError
from hwgen.exact.convolution import Geometry
from hwgen.ir.tensor import Tensor
from hwgen.ops import quantized as q
from hwgen.ops import quantized_maps as maps
from tests.dpu.networks import Net, conv, dense, hard_sigmoid, hard_swish, int8, transposed

RNG = np.random.default_rng(0)
B4096 = architecture("DPUCZDX8G_ISA1_B4096")


def fit(make: Callable[[Net], object], shape: tuple[int, ...] = (2,),
        position: int = 5) -> tuple[DpuNetwork, list[str]]:
    net = Net(shape, position)
    make(net)
    network, adjustments = fitted(read(net.build()), B4096)
    return network, [str(adjustment) for adjustment in adjustments]


def layer(position: int, weights: list[int], bias: list[float] | None = None) -> q.Dense:
    return q.Dense(Tensor(np.array([weights])), Tensor(2.0**-position), Tensor(0),
                   None if bias is None else Tensor(np.array(bias)))


def branches(net: Net, *positions: int) -> list[str]:
    source, made = net.last, []
    for position in positions:
        net.last = source
        made.append(net.chain([dense(RNG, 2, 2, bias=None), int8(position)]))
    return made


def joined(net: Net, a: int, b: int, out: int) -> None:
    first, second = branches(net, a, b)
    net.last = first
    net.add(maps.Join(), second)
    net.add(int8(out))


def concatenated(net: Net, a: int, b: int) -> None:
    source, made = net.last, []
    for position in (a, b):
        net.last = source
        made.append(net.chain([conv(RNG, 1, 1, Geometry((1, 1)), bias=None), int8(position), q.Relu()]))
    net.last = made[0]
    net.add(maps.Concat(), made[1])
    net.chain([conv(RNG, 2, 1, Geometry((1, 1)), bias=None), int8(3)])


def gated(position: int, out: int) -> Callable[[Net], object]:
    return lambda net: net.chain([dense(RNG, 2, 2, bias=None), int8(position), *hard_sigmoid(), int8(out)])


def swished(net: Net) -> None:
    net.chain([dense(RNG, 2, 2, bias=None), int8(2)])
    hard_swish(net)
    net.add(int8(12))


MOVED: dict[str, tuple[Callable[[Net], object], list[str]]] = {
    "nothing": (lambda net: net.chain([layer(7, [3, 4]), int8(3)]), []),
    "shift_cut below 0": (lambda net: net.chain([layer(1, [3, 4]), int8(9)]),
                          ["dense1: fix position of its output moved from 9 to 6 (shift_cut 0 to 16)"]),
    "shift_cut above 16": (lambda net: net.chain([layer(12, [3, 4]), int8(-2)]),
                           ["dense1: fix position of its weights moved from 12 to 9 (shift_cut 0 to 16)"]),
    "fine weights": (lambda net: net.chain([layer(14, [3, 4]), int8(3)]),
                     ["dense1: fix position of its weights moved from 14 to 12 (at most 12)"]),
    "fine outputs": (lambda net: net.chain([layer(9, [3, 4]), int8(13)]),
                     ["dense1: fix position of its output moved from 13 to 12 (at most 12)"]),
    "a bias below the accumulator": (lambda net: net.chain([layer(1, [3, 4], [2.0**-12]), int8(5)]), []),
    "a bias far below": (lambda net: net.chain([layer(9, [3, 4], [2.0**-15]), int8(3)]),
                         ["dense1: fix position of its bias moved from 15 to 12 (at most 12)"]),
    "a coarse bias": (lambda net: net.chain([layer(12, [3, 4], [64.0]), int8(3)]),
                      ["dense1: fix position of its weights moved from 12 to 11 (shift_bias -2 to 16)"]),
    "a bias before LeakyRelu": (
        lambda net: net.chain([layer(1, [3, 4], [2.0**-12]), q.LeakyRelu(Tensor(0.1)), int8(5)]),
        ["dense1: fix position of its bias moved from 12 to 6 (shift_bias 0 to 16)"]),
    "shift_read": (lambda net: joined(net, 1, 10, 2),
                   ["dense3: fix position of its output moved from 10 to 8 (shift_read 0 to 7)"]),
    "shift_write": (lambda net: joined(net, -3, 0, 6),
                    ["join5: fix position of its output moved from 6 to 4 (shift_write -7 to 25)"]),
    "hard sigmoid": (gated(-1, 5), ["dense1: fix position of its output moved from -1 to 0 (input of hsigmoid 0 to 15)",
                                    "div5: fix position of its output moved from 5 to 7 (output of hsigmoid 7 to 14)"]),
    "hard swish": (swished, ["product6: fix position of its output moved from 12 to 9 (output of hswish -6 to 9)"])}


@pytest.mark.parametrize("name", MOVED)
def test_positions_are_moved_and_said(name: str) -> None:
    make, texts = MOVED[name]
    network, found = fit(make)
    assert found == texts
    for item in network.layers:
        shifts = network.shifts(item)
        assert not isinstance(item, Weighted) or shifts["shift_cut"] in CUT
        assert shifts.get("shift_read", 0) in READ


def test_a_concatenation_moves_what_its_inputs_are_made_of() -> None:
    """Through the ReLU, to the layer that rounds."""
    network, found = fit(lambda net: concatenated(net, 6, 3), (1, 2, 2))
    assert found == ["conv1: fix position of its output moved from 6 to 3 (a concatenation has one position)"]
    assert {network.positions[name] for item in network.layers[:-1] for name in (item.output,)} == {3}


@pytest.mark.parametrize(("asked", "position", "moved"), [
    (6, 3, ["conv1: from 5 to 3", "concat5: from 6 to 3"]), (4, 3, ["conv1: from 5 to 3", "concat5: from 4 to 3"]),
    (3, 3, ["conv1: from 5 to 3"]), (1, 1, ["conv3: from 3 to 1", "conv1: from 5 to 1"])])
def test_a_concatenation_with_a_quantizer_of_its_own(asked: int, position: int, moved: list[str]) -> None:
    """All is at the coarsest position, and what was asked for is said."""
    def make(net: Net) -> None:
        source = net.last
        first = net.chain([conv(RNG, 1, 1, Geometry((1, 1)), bias=None), int8(5)])
        net.last = source
        net.chain([conv(RNG, 1, 1, Geometry((1, 1)), bias=None), int8(3)])
        net.add(maps.Concat(), first)
        net.chain([int8(asked), conv(RNG, 2, 1, Geometry((1, 1)), bias=None), int8(3)])

    network, found = fit(make, (1, 2, 2))
    assert [text.replace("fix position of its output moved ", "") for text in found] == [
        f"{text} (a concatenation has one position)" for text in moved]
    assert [item.position for item in network.layers[:3]] == [position] * 3


def test_positions_far_from_any_limit() -> None:
    """A layer whose weights are all 0 may have any scale."""
    network, found = fit(lambda net: net.chain([layer(100, [0, 1]), int8(3)]))
    (made,) = network.layers
    assert isinstance(made, Weighted) and made.weight.array.tolist() == [[0, 0]]
    assert found == ["dense1: fix position of its weights moved from 100 to 12 (at most 12)"]


def test_weights_and_biases_round_half_away_from_zero() -> None:
    network, _ = fit(lambda net: net.chain([layer(15, [12, -12]), int8(3)]))
    (made,) = network.layers
    assert isinstance(made, Weighted)
    assert made.weight.array.tolist() == [[2, -2]]


def test_a_position_moved_twice_rounds_once() -> None:
    """15 / 32 and 63 / 128 are less than a half; by way of position 12 they would be one."""
    network, found = fit(lambda net: net.chain([layer(14, [15, 0]), int8(-2)]))
    (made,) = network.layers
    assert isinstance(made, Weighted) and made.weight.array.tolist() == [[0, 0]]
    assert [text.split(" moved ")[1] for text in found] == ["from 14 to 12 (at most 12)",
                                                            "from 12 to 9 (shift_cut 0 to 16)"]
    network, found = fit(lambda net: net.chain([layer(1, [3, 4], [63 * 2.0**-13]), q.LeakyRelu(Tensor(0.1)), int8(5)]))
    (made,) = network.layers
    assert isinstance(made, Weighted) and made.bias is not None and made.bias.array.tolist() == [0]
    assert made.bias_position == 6 and len(found) == 2


@pytest.mark.parametrize(("make", "text"), [
    (lambda net: net.chain([conv(RNG, 1, 1, Geometry((17, 1))), int8(3)]),
     "dpu-limit: conv1: its kernel is 17x1, the DPU has 1 to 16. Use another layer, or another architecture than "
     "DPUCZDX8G_ISA1_B4096."),
    (lambda net: net.chain([conv(RNG, 1, 1, Geometry((3, 3), (9, 1))), int8(3)]),
     "dpu-limit: conv1: its stride is 9x1, the DPU has 1 to 8. Use another layer, or another architecture than "
     "DPUCZDX8G_ISA1_B4096."),
    (lambda net: net.chain([conv(RNG, 1, 1, Geometry((3, 3), pads=(16, 0, 0, 0))), int8(3)]),
     "dpu-limit: conv1: its border is 16, the DPU has 0 to 15. Use another layer, or another architecture than "
     "DPUCZDX8G_ISA1_B4096.")])
def test_kernels_beyond_the_architecture(make: Callable[[Net], object], text: str) -> None:
    with pytest.raises(HwgenError) as caught:
        fit(make, (1, 24, 24))
    assert str(caught.value) == text


def test_the_weights_of_a_layer_fit_a_bank() -> None:
    net = Net((40000,))
    net.chain([dense(RNG, 40000, 1, bias=None), int8(3)])
    network = read(net.build())
    with pytest.raises(HwgenError, match="take 2500 rows of a memory bank, the DPU has 2048"):
        fitted(network, B4096)


def test_depthwise_kernels_are_the_alus() -> None:
    network, found = fit(lambda net: net.chain([maps.MaxPool(Geometry((20, 20))),
                                                conv(RNG, 2, 2, Geometry((20, 20), pads=(16, 16, 0, 0)), groups=2),
                                                int8(3)]), (2, 24, 24))
    assert not found and network.layers[0].shape == (2, 5, 5)


def upsampled(kernel: tuple[int, int], stride: tuple[int, int], channels: int = 1, groups: int = 1) -> list[str]:
    """What is moved for a transposed convolution."""
    return fit(lambda net: net.chain([transposed(RNG, net.shape, channels, Geometry(kernel, stride), groups=groups),
                                      int8(3)]), (channels, 2, 2))[1]


@pytest.mark.parametrize(("kernel", "stride", "groups", "shown"), [
    ((17, 2), (1, 1), 1, "17x2 and its stride 1x1, the DPU has 1 to 16"),
    ((2, 3), (2, 4), 1, "2x3 and its stride 2x4, the DPU has 1 to 16"),
    ((2, 3), (2, 4), 2, "2x3 and its stride 2x4, the DPU has 1 to 256")])
def test_a_transposed_kernel_is_a_multiple_of_the_stride(kernel: tuple[int, int], stride: tuple[int, int], groups: int,
                                                         shown: str) -> None:
    with pytest.raises(HwgenError) as caught:
        upsampled(kernel, stride, groups, groups)
    assert str(caught.value) == (f"dpu-limit: convtranspose1: its kernel is {shown} for their quotient. Use another "
                                 "layer, or another architecture than DPUCZDX8G_ISA1_B4096.")


def test_transposed_kernels_within_the_quotient() -> None:
    """Strides beyond those of a convolution, too; depthwise ones are the ALU's."""
    assert not upsampled((32, 3), (2, 1)) and not upsampled((9, 9), (9, 9)) and not upsampled((17, 2), (1, 1), 2, 2)


def test_the_phases_of_a_transposed_convolution_fit_a_bank() -> None:
    assert not upsampled((32, 32), (2, 2), 128)
    with pytest.raises(HwgenError, match="take 2304 rows of a memory bank, the DPU has 2048"):
        upsampled((31, 31), (2, 2), 129)


def test_positions_of_a_transposed_convolution_are_moved() -> None:
    _, found = fit(lambda net: net.chain([transposed(RNG, net.shape, 1, Geometry((2, 2)), position=1, bias=None),
                                          int8(9)]), (1, 2, 2))
    assert found == ["convtranspose1: fix position of its output moved from 9 to 6 (shift_cut 0 to 16)"]


def test_architectures_by_name() -> None:
    """Fingerprints of DPUCZDX8G, ISA 1, and the operations in their names."""
    assert [f"{a.fingerprint:#x}" for a in ARCHITECTURES.values()] == [
        "0x101000056010200", "0x101000056010201", "0x101000056010402", "0x101000056010203", "0x101000056010404",
        "0x101000056010405", "0x101000056010406", "0x101000056010407"]
    assert all(a.name.endswith(f"_B{a.operations}") for a in ARCHITECTURES.values())
    assert architecture(None) is B4096
    with pytest.raises(HwgenError) as caught:
        architecture("DPUCZDX8G_ISA1_B4097")
    assert str(caught.value).startswith("unknown-arch: DPUCZDX8G_ISA1_B4097: there is no DPU of this name. Did you "
                                        "mean DPUCZDX8G_ISA1_B4096? The DPUs are: DPUCZDX8G_ISA1_B1024, ")


def test_no_positions_at_all() -> None:
    """A hard sigmoid writes at 7 or finer, what it is concatenated with is coarser and would saturate there."""
    def make(net: Net) -> None:
        source = net.last
        coarse = net.chain([conv(RNG, 1, 1, Geometry((1, 1)), bias=None), int8(2)])
        net.last = source
        net.chain([*hard_sigmoid(), int8(7)])
        net.add(maps.Concat(), coarse)
        net.chain([conv(RNG, 2, 1, Geometry((1, 1)), bias=None), int8(3)])

    with pytest.raises(HwgenError) as caught:
        fit(make, (1, 2, 2))
    assert str(caught.value) == ("dpu-limit: div5: no fix positions satisfy all of the DPU's limits (div5: a "
                                 "concatenation has one position; div5: output of hsigmoid 7 to 19). Train with scales "
                                 "that are nearer to each other.")
