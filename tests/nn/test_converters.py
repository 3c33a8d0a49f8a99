"""Every torch function that is converted: the graph's integers are the module's, and the QONNX file's too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hwgen.errors import HwgenError

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402

from hwgen import nn as qnn  # noqa: E402
from hwgen.nn import calls, quant  # noqa: E402
from hwgen.nn.trace import to_ir  # noqa: E402
from tests.nn.running import compared, trained  # noqa: E402


class Between(nn.Module):
    """A function between a quantizer and another one, behind a convolution."""

    def __init__(self, function: Callable[..., Any], channels: int = 4, bits: int = 4, flat: bool = False) -> None:
        super().__init__()
        layer = qnn.QuantConv1d if flat else qnn.QuantConv2d
        self.first = qnn.QuantIdentity(quant.Int8ActPerTensorFixedPoint, bit_width=6)
        self.conv = layer(2, channels, 3, padding=1, bias=False, weight_bit_width=4,
                          weight_quant=quant.Int8WeightPerTensorFixedPoint)
        self.inner = qnn.QuantIdentity(quant.Int8ActPerTensorFixedPoint, bit_width=5)
        self.function = function
        self.last = qnn.QuantIdentity(bit_width=bits)

    def forward(self, x: Any) -> Any:
        return self.last(self.function(self.inner(self.conv(self.first(x)))))


SMOOTH: dict[str, Callable[[Any], Any]] = {
    "exp": torch.exp, "sigmoid": nn.Sigmoid(), "sigmoid method": lambda x: x.sigmoid(), "tanh": nn.Tanh(),
    "erf": torch.erf, "softplus": nn.Softplus(), "logsigmoid": nn.LogSigmoid(), "gelu": nn.GELU(),
    "gelu tanh": nn.GELU("tanh"), "silu": nn.SiLU(), "mish": nn.Mish(), "hardsigmoid": nn.Hardsigmoid(),
    "hardswish": nn.Hardswish(), "elu": nn.ELU(0.7), "celu": nn.CELU(0.6), "selu": nn.SELU(), "abs": torch.abs,
    "square": torch.square, "power": lambda x: x**3, "clamp_min": lambda x: x.clamp_min(-0.25),
    "clamp_max": lambda x: x.clamp_max(0.25), "gate": lambda x: x * torch.sigmoid(x + 1),
    "leaky": nn.LeakyReLU(0.3), "hardtanh": nn.Hardtanh(-0.5, 0.25), "relu6": nn.ReLU6(inplace=True),
}
LAYOUT: dict[str, Callable[[Any], Any]] = {
    "a channel": lambda x: x[:, 1], "channels": lambda x: x[:, 1:3], "box": lambda x: x[:, :, 1:, :-2],
    "ellipsis": lambda x: x[..., ::2, 1::3], "new axis": lambda x: x[:, 2, None], "narrow": lambda x: x.narrow(2, 1, 3),
    "select": lambda x: x.select(-1, 2), "chunk": lambda x: torch.cat(x.chunk(2, 1)[::-1], 1),
    "split": lambda x: torch.split(x, [1, 3], 1)[1], "split method": lambda x: x.split(3, dim=1)[1],
    "unbind": lambda x: x.unbind(1)[3], "slice of a vector": lambda x: F.avg_pool2d(x, 6).flatten(1)[:, 1:3],
    "nearest": nn.Upsample(scale_factor=3), "nearest-exact": nn.Upsample(size=(12, 18), mode="nearest-exact"),
    "thinned": lambda x: F.interpolate(x, scale_factor=0.5),
    "both": lambda x: F.interpolate(x, size=(12, 3), mode="nearest"),
    "pixel shuffle": nn.PixelShuffle(2), "pixel unshuffle": lambda x: F.pixel_unshuffle(x[:, :1], 2),
    "border": nn.ZeroPad2d((1, 0, 2, 1)), "border of ones": nn.ConstantPad2d(1, 1.0),
    "negative border": lambda x: F.pad(x, (-1, 2, 0, -2)), "fewer channels": lambda x: F.pad(x, (0, 0, 0, 0, -1, 0)),
    "adaptive maximum": nn.AdaptiveMaxPool2d((3, 2)), "adaptive average": nn.AdaptiveAvgPool2d((3, 2)),
}
ROWS: dict[str, Callable[[Any], Any]] = {
    "a row": lambda x: x[:, 1:3, ::2], "repeated": nn.Upsample(scale_factor=2), "border": nn.ConstantPad1d((2, 1), 0.5),
    "maximum": nn.AdaptiveMaxPool1d(3), "average": nn.AdaptiveAvgPool1d(3),
    "transposed": qnn.QuantConvTranspose1d(4, 3, 3, 2, padding=1, output_padding=1, weight_bit_width=4),
}


def transposed(**options: Any) -> Any:
    return qnn.QuantConvTranspose2d(4, 6, 3, stride=(2, 3), weight_bit_width=4, **options)


def on_grid(network: Between) -> Between:
    """The function sees the grid of its input, as the scale of a bias needs it."""
    network.inner.return_quant_tensor = True
    return network


TRANSPOSED: dict[str, dict[str, Any]] = {
    "plain": {}, "padding": {"padding": (1, 0), "output_padding": (1, 2)}, "groups": {"groups": 2}, "dilation": {
        "dilation": (1, 2)},
    "per channel": {"weight_quant": quant.Int8WeightPerChannelFloat, "bias": False},
    "per channel in groups": {"weight_quant": quant.Int8WeightPerChannelFixedPoint, "bias_quant": quant.Int16Bias,
                              "groups": 2},
    "shifted": {"weight_quant": quant.ShiftedUint8WeightPerTensorFloat},
    "bias": {"bias_quant": quant.Int8BiasPerTensorFixedPointInternalScaling, "groups": 2}}
NETWORKS: dict[str, tuple[Callable[[], Any], bool]] = {
    **{name: (lambda f=f: Between(f), False) for name, f in (SMOOTH | LAYOUT).items()},  # type: ignore[misc]
    **{f"1-D: {name}": (lambda f=f: Between(f, flat=True), True) for name, f in ROWS.items()},  # type: ignore[misc]
    **{f"transposed: {name}": (lambda o=o: on_grid(Between(transposed(**o))), False)  # type: ignore[misc]
       for name, o in TRANSPOSED.items()},
    **{f"average of {bits} bits": (lambda b=bits: on_grid(Between(  # type: ignore[misc]
        qnn.QuantAvgPool2d(2, bit_width=b))), False)
       for bits in (3, 7, 8)},
    **{f"ternary {share}": (lambda t=share: Between(qnn.QuantIdentity(  # type: ignore[misc]
        quant.SignedTernaryActPerTensorConst, threshold=t, max_val=0.75)), False) for share in (0.5, 0.25, 0.3)},
}


@pytest.mark.parametrize("name", NETWORKS)
def test_graph_keeps_every_integer(name: str, seed: int) -> None:
    torch.manual_seed(seed)
    make, flat = NETWORKS[name]
    x = torch.randn(4, 2, 6) if flat else torch.randn(4, 2, 6, 6)
    model = trained(make(), x, steps=1)
    found = compared(model, x)
    assert (found.quantizers, found.mismatches) == (4 if "ternary" in name else 3, 0)
    assert found.near_ties <= 1 and found.difference <= 1e-5


REFUSED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "bilinear": (nn.Upsample(scale_factor=2, mode="bilinear"),
                 "unsupported-form: interpolate: its mode is 'bilinear'. Only nearest neighbours keep integers."),
    "odd factor": (lambda x: F.interpolate(x, size=(9, 6)), "unsupported-form: interpolate: it makes 9 pixels of 6. "
                   "Resize by a whole factor, or by a divisor of the size."),
    "batch": (lambda x: x[0:1], "unsupported-form: getitem: it takes a part of the batch. "
              "Keep axis 0 as it is: x[:, ...]."),
    "list": (lambda x: x[:, [0, 2]], "unsupported-form: getitem: its index is computed, or a list. "
             "Index with numbers and slices."),
    "channels in steps": (lambda x: x[:, ::2], "unsupported-form: getitem: it takes channels in steps, or parts of a "
                          "value of more than three axes. Slice maps of shape (C, H, W) or (C, L), channels by steps "
                          "of 1."),
    "reflection": (nn.ReflectionPad2d(1),
                   "unsupported-form: pad: its mode is 'reflect'. Only a border of one constant is supported."),
    "more channels": (lambda x: F.pad(x, (0, 0, 0, 0, 1, 0)),
                      "unsupported-form: pad: it pads the channels. Only rows and columns can be padded."),
    "unshuffle": (nn.PixelUnshuffle(2), "unsupported-form: pixel_unshuffle: it unshuffles 4 channels. "
                  "Only maps of one channel can be unshuffled."),
    "sharp softplus": (nn.Softplus(2.0), "unsupported-form: softplus: it has a beta or a low threshold of its own. "
                       "Use softplus with beta=1, threshold=20."),
    "root": (lambda x: x**0.5, "unsupported-form: pow: its exponent is 0.5. Exponents 2 to 4 are supported."),
    "quotient": (lambda x: x / (x + 1), "unsupported-form: div: it is the div of two computed values. "
                 "Only sums, differences and products are exact."),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_exact_counterpart(name: str) -> None:
    function, text = REFUSED[name]
    with pytest.raises(HwgenError) as caught:
        to_ir(Between(function), (1, 2, 6, 6))
    assert str(caught.value).replace(" in 'function'", "") == text


class Gated(nn.Module):
    """x times its own quantized sigmoid."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.gate = qnn.QuantIdentity(bit_width=6), qnn.QuantSigmoid(bit_width=5)
        self.last = qnn.QuantIdentity(bit_width=6)

    def forward(self, x: Any) -> Any:
        x = self.first(x)
        return self.last(x * self.gate(x))


def test_a_quantized_gate_is_part_of_one_step(seed: int) -> None:
    """Its integers have no circuit: two quantizers are left, and both have torch's integers."""
    torch.manual_seed(seed)
    x = torch.randn(50, 8)
    found = compared(trained(Gated(), x, steps=1), x)
    assert (found.quantizers, found.mismatches) == (2, 0) and found.near_ties <= 1


def test_another_function_is_noticed(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison bites: x * tanh(softplus(x)) in the place of x * sigmoid(x)."""
    torch.manual_seed(seed)
    x = torch.randn(4, 2, 6, 6)
    model = trained(Between(nn.SiLU()), x, steps=1)
    monkeypatch.setitem(calls._converters, F.silu, calls._converters[F.mish])
    assert compared(model, x).mismatches > 0
