"""hwgen.nn.check: what cannot be built is said before the training, all of it, with the module's name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hwgen.errors import HwgenError

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from hwgen import nn as qnn  # noqa: E402
from hwgen.nn import quant  # noqa: E402
from tests.nn.random_networks import random_network  # noqa: E402


def act(**options: Any) -> nn.Module:
    return qnn.QuantReLU(bit_width=4, return_quant_tensor=True, **options)


def inp(**options: Any) -> nn.Module:
    return qnn.QuantIdentity(return_quant_tensor=True, **options)


def conv(inputs: int, outputs: int, **options: Any) -> nn.Module:
    return qnn.QuantConv2d(inputs, outputs, 3, weight_bit_width=4, **options)


class Cumulative(nn.Module):
    """A function without counterpart."""

    def forward(self, x: Any) -> Any:
        return torch.cumsum(x, 2)


class Gate(nn.Module):
    """The product of two convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = conv(3, 4), conv(3, 4)

    def forward(self, x: Any) -> Any:
        return self.a(x) * self.b(x)


LAYERS: dict[str, tuple[Callable[[], list[nn.Module]], list[tuple[str, str, str]]]] = {
    "nothing": (lambda: [inp(), conv(3, 4), nn.BatchNorm2d(4), act(), conv(4, 2), nn.Flatten()], []),
    "float end": (lambda: [inp(), conv(3, 4), act(), nn.Flatten(), nn.Linear(144, 10), nn.Softmax(1)], []),
    "no input quantizer": (lambda: [conv(3, 4), act(), conv(4, 2)],
                           [("float-input", "0", "Put a quantizer on the input")]),
    "float layer": (lambda: [inp(), nn.Conv2d(3, 4, 3), act(), conv(4, 4), act(), nn.Conv2d(4, 4, 1), act(),
                             conv(4, 2)],
                    [("float-weights", "1", "Quantize the weights"), ("float-weights", "5", "Quantize the weights")]),
    "function": (lambda: [inp(), conv(3, 4), Cumulative(), act(), Cumulative(), conv(4, 2)],
                 [("untraceable", "cumsum in '2'", "Replace it"), ("untraceable", "cumsum in '4'", "Replace it")]),
    "form": (lambda: [inp(), nn.Upsample(scale_factor=2, mode="bilinear"), act(), conv(3, 2)],
             [("unsupported-form", "interpolate in '1'", "Only nearest")]),
    "no kernel": (lambda: [inp(), Gate(), act(), conv(4, 2)], [("product", "1", "remove the gate")]),
    "several": (lambda: [conv(3, 4), act(), Cumulative(), act(), Gate2(), act(), nn.Conv2d(4, 2, 1), act()],
                [("untraceable", "cumsum in '2'", ""), ("float-weights", "6", ""), ("float-input", "0", ""),
                 ("product", "4", "")]),
    "bias": (lambda: [inp(), nn.Sequential(conv(3, 4, bias_quant=quant.Int8Bias), act(), nn.GELU(),
                                           conv(4, 4, bias_quant=quant.Int8Bias))],
             [("input-scale", "QuantConv2d '1.3.bias_quant'", "return_quant_tensor=True")]),
    "no quantizers": (lambda: [nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 2, 3)],
                      [("no-quantizers", "Sequential", "Put a quantizer on the input")]),
    "shapes": (lambda: [inp(), conv(4, 4)], [("forward-failed", "1", "Check the shape of the input")]),
}


class Gate2(Gate):
    """For 4 channels."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = conv(4, 4), conv(4, 4)


@pytest.mark.parametrize("name", LAYERS)
def test_problems(name: str) -> None:
    make, expected = LAYERS[name]
    found = qnn.check(nn.Sequential(*make()), (1, 3, 8, 8))
    assert [(error.code, error.where) for error in found] == [(code, where) for code, where, _ in expected]
    for error, (_, _, help) in zip(found, expected, strict=True):
        assert help in error.help, error


def test_rules_of_a_dpu() -> None:
    model = nn.Sequential(
        inp(act_quant=quant.ShiftedUint8ActPerTensorFloat),
        conv(3, 4, weight_quant=quant.Int8WeightPerChannelFixedPoint),
        inp(act_quant=quant.Int8ActPerTensorFixedPoint), qnn.QuantConv2d(4, 2, 1, weight_quant_type="binary"))
    found = [(error.code, error.where) for error in qnn.check(model, (1, 3, 8, 8), board="dpu")]
    assert found == [("dpu-zero-point", "0"), ("dpu-scale", "0"), ("dpu-bits", "1.weight_quant"),
                     ("dpu-scale", "1.weight_quant"), ("dpu-bits", "3.weight_quant"), ("dpu-scale", "3.weight_quant")]
    good = quant.Int8WeightPerTensorFixedPoint
    act, bias = quant.Int8ActPerTensorFixedPoint, quant.Int8BiasPerTensorFixedPointInternalScaling

    def network(**options: object) -> nn.Module:
        layer = qnn.QuantConv2d(3, 2, 3, weight_quant=good, output_quant=act, **options)
        return nn.Sequential(inp(act_quant=act), layer)

    assert qnn.check(network(bias_quant=bias), (1, 3, 8, 8), board="dpu") == []
    (error,) = qnn.check(network(), (1, 3, 8, 8), board="dpu")
    assert (error.code, error.where) == ("dpu-bits", "1")
    (error,) = qnn.check(network(bias=False, stride=9), (1, 3, 20, 20), board="dpu")
    assert str(error).startswith("dpu-limit: 1: its stride is 9x9, the DPU has 1 to 8.")


def test_a_board_that_is_too_small() -> None:
    model = nn.Sequential(inp(), qnn.QuantLinear(1024, 1024, weight_bit_width=8, bias=False))
    (error,) = qnn.check(model, (1, 1024), board="ulx3s")
    assert error.code == "does-not-fit"
    assert qnn.check(nn.Sequential(inp(), qnn.QuantLinear(64, 64, bias=False)), (1, 64), board="ulx3s") == []


def test_shape_of_the_module_itself() -> None:
    model = nn.Sequential(inp(), conv(3, 2))
    with pytest.raises(HwgenError, match="the shape of its input is unknown"):
        qnn.check(model)
    model.input_shape = (1, 3, 8, 8)  # type: ignore[assignment]
    assert qnn.check(model) == []


def test_untrained_random_networks_have_no_problem(seed: int) -> None:
    """What the tests train and build passes the check, and is left as it was."""
    for offset in range(6):
        torch.manual_seed(seed + offset)
        model, shape, _ = random_network(seed + offset)
        before = {name: value.clone() for name, value in model.train().state_dict().items()}
        assert qnn.check(model, (1, *shape)) == [], seed + offset
        after = model.state_dict()
        assert model.training and all(torch.equal(after[name], value) for name, value in before.items())
