"""The networks of ../shared/models/brevitas in hwgen.nn, with the module names of their checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from hwgen import nn as qnn
from hwgen.nn import quant
from tests.nn.documents import document_network, tutorial_network

UINT, INT, POT = quant.Uint8ActPerTensorFloat, quant.Int8ActPerTensorFloat, quant.Int8ActPerTensorFixedPoint
CONST = {"scaling_impl_type": "const", "return_quant_tensor": True}


class Named(nn.Module):
    """Layers under the name f."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.f = nn.Sequential(*layers)

    def forward(self, x: Any) -> Any:
        return self.f(x)


def inp(quantizer: Any = INT, **options: Any) -> nn.Module:
    return qnn.QuantIdentity(quantizer, return_quant_tensor=True, **options)


def relu(quantizer: Any = UINT, bits: int = 4, **options: Any) -> nn.Module:
    return qnn.QuantReLU(quantizer, bit_width=bits, return_quant_tensor=True, **options)


def conv(inputs: int, outputs: int, kernel: int = 3, stride: int = 2, bits: int = 4, **options: Any) -> nn.Module:
    return qnn.QuantConv2d(inputs, outputs, kernel, stride, padding=kernel // 2,
                           **{"bias": False, "weight_bit_width": bits, **options})


def linear(inputs: int, outputs: int = 10, bits: int = 4, **options: Any) -> nn.Module:
    return qnn.QuantLinear(inputs, outputs, **{"weight_bit_width": bits, **options})


def cnn(*, act: Any = None, first: Any = None, **options: Any) -> nn.Module:
    """Two convolutions and a classifier; options: of all three."""
    options = {"bias": False, **options}
    act = act or relu
    raw = {"return_quant_tensor": True} if options.pop("grids", True) else {}
    return nn.Sequential(first or inp(), conv(1, 8, **options), nn.BatchNorm2d(8), act(),
                         conv(8, 16, **options, **raw), act(), nn.MaxPool2d(2), nn.Flatten(), linear(144, **options))


def activated(act: Callable[[], nn.Module]) -> nn.Module:
    """Two convolutions with some activation function."""
    return Named(inp(), conv(1, 8, 5), nn.BatchNorm2d(8), act(), conv(8, 8), nn.BatchNorm2d(8), act(), nn.Flatten(),
                 linear(392))


def behind(function: nn.Module, **options: Any) -> Callable[[], nn.Module]:
    """A float function and a quantizer."""
    return lambda: nn.Sequential(function, inp(**{"bit_width": 4, **options}))


def alone(layer: Any, quantizer: Any) -> Callable[[], nn.Module]:
    """A quantized activation function."""
    return lambda: nn.Sequential(layer(quantizer, bit_width=4, return_quant_tensor=True))


def pooled(quantizer: Any) -> nn.Module:
    pool = qnn.TruncAvgPool2d(2, trunc_quant=quantizer, bit_width=4)
    return Named(inp(), conv(1, 8), nn.BatchNorm2d(8), relu(), pool, nn.Flatten(), linear(392))


def mobile() -> nn.Module:
    """Depthwise and pointwise convolutions, weights per channel."""
    kind = {"weight_quant": quant.Int8WeightPerChannelFloat}
    shapes = ((1, 8, 3, 2, 1, 8), (8, 8, 3, 1, 8, 4), (8, 16, 1, 1, 1, 4), (16, 16, 3, 2, 16, 4))
    layers: list[nn.Module] = [inp()]
    for inputs, outputs, kernel, stride, groups, bits in shapes:
        layers += [conv(inputs, outputs, kernel, stride, bits, groups=groups, **kind), nn.BatchNorm2d(outputs), relu()]
    return Named(*layers, qnn.TruncAvgPool2d(7, bit_width=8), nn.Flatten(), linear(16))


class Flat(nn.Module):
    """The perceptron with BatchNorm: pixels flat, four layers."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [inp()]
        for inputs, outputs in ((784, 64), (64, 64), (64, 32)):
            layers += [linear(inputs, outputs), nn.BatchNorm1d(outputs), relu()]
        self.f = nn.Sequential(*layers, linear(32), nn.BatchNorm1d(10))

    def forward(self, x: Any) -> Any:
        return self.f(x.flatten(1))


class Bipolar(nn.Module):
    """The perceptron of plus and minus."""

    def __init__(self) -> None:
        super().__init__()
        sign, binary = quant.SignedBinaryActPerTensorConst, quant.SignedBinaryWeightPerTensorConst
        options = {"weight_quant": binary, "bits": 1, "bias": False}
        self.inp = inp(sign)
        self.l = nn.Sequential(*(nn.Sequential(linear(n, 64, **options), nn.BatchNorm1d(64), inp(sign))
                                 for n in (784, 64)))
        self.o = nn.Sequential(linear(64, **options), nn.BatchNorm1d(10))

    def forward(self, x: Any) -> Any:
        return self.o(self.l(self.inp(x.flatten(1))))


class Rows(Named):
    """A 1-D network over the rows of the first channel."""

    def forward(self, x: Any) -> Any:
        return self.f(x[:, 0])


def rows() -> nn.Module:
    options = {"padding": 2, "bias": False, "weight_bit_width": 4}
    return Rows(inp(), qnn.QuantConv1d(28, 16, 5, **options), nn.BatchNorm1d(16), relu(),
                qnn.QuantConv1d(16, 16, 3, 2, dilation=2, **options), nn.BatchNorm1d(16), relu(), nn.Flatten(),
                linear(224))


class Joined(nn.Module):
    """Two branches with a common grid, joined along the channels."""

    def __init__(self) -> None:
        super().__init__()
        self.inp = inp()
        self.a, self.b = (nn.Sequential(conv(1, 4, kernel), nn.BatchNorm2d(4), nn.ReLU()) for kernel in (3, 5))
        self.cat = qnn.QuantCat(UINT, UINT, input_bit_width=4, output_bit_width=4, return_quant_tensor=True)
        self.t = nn.Sequential(conv(8, 8), nn.BatchNorm2d(8), relu(), nn.Flatten(), linear(392))

    def forward(self, x: Any) -> Any:
        x = self.inp(x)
        return self.t(self.cat([self.a(x), self.b(x)]))


class Residual(nn.Module):
    """A residual block whose sum has a shared input quantizer."""

    def __init__(self) -> None:
        super().__init__()
        self.inp = inp()
        self.stem = nn.Sequential(conv(1, 8), nn.BatchNorm2d(8), relu())
        self.c1, self.c2 = (conv(8, 8, stride=1) for _ in range(2))
        self.b1, self.b2, self.r1, self.r2 = nn.BatchNorm2d(8), nn.BatchNorm2d(8), relu(), relu()
        self.add = qnn.QuantEltwiseAdd(input_bit_width=5, output_bit_width=5, return_quant_tensor=True)
        self.gap, self.fc = qnn.TruncAvgPool2d(14, bit_width=8), linear(8)

    def forward(self, x: Any) -> Any:
        x = self.stem(self.inp(x))
        y = self.b2(self.c2(self.r1(self.b1(self.c1(x)))))
        return self.fc(self.gap(self.r2(self.add(y, x))).flatten(1))


def autoencoder() -> nn.Module:
    """Transposed convolutions up to the picture, and a quantized logistic function."""
    options = {"stride": 2, "weight_bit_width": 4}
    return Named(inp(), conv(1, 8), nn.BatchNorm2d(8), relu(), conv(8, 8), nn.BatchNorm2d(8), relu(),
                 qnn.QuantConvTranspose2d(8, 8, 2, bias=False, **options), nn.BatchNorm2d(8), relu(),
                 qnn.QuantConvTranspose2d(8, 1, 4, padding=1, **options),
                 qnn.QuantSigmoid(UINT, bit_width=8, return_quant_tensor=True))


class Weights(quant.Int8WeightPerTensorFloat):
    """Rounded towards minus infinity."""

    float_to_int_impl_type = "floor"


FIXED = quant.Int8WeightPerTensorFixedPoint
BIASED = {"bias": True, "grids": False}
BUILDERS: Mapping[str, Callable[[], nn.Module]] = {
    "act_gelu": lambda: activated(behind(nn.GELU())),
    "act_gelu_const": lambda: activated(behind(nn.GELU(), bit_width=8, scaling_impl_type="const", min_val=-128.0,
                                               max_val=127.0)),
    "act_hardtanh": lambda: activated(lambda: nn.Sequential(qnn.QuantHardTanh(
        bit_width=4, min_val=-1.0, max_val=1.0, return_quant_tensor=True))),
    "act_leaky": lambda: activated(behind(nn.LeakyReLU(0.125))),
    "act_relu6": lambda: activated(behind(nn.ReLU6(), quantizer=UINT)),
    "act_sigmoid": lambda: activated(alone(qnn.QuantSigmoid, UINT)),
    "cnn_asym_wu8_au8": lambda: cnn(
        first=inp(quant.ShiftedUint8ActPerTensorFloat), grids=False, bits=8,
        act=lambda: relu(quant.ShiftedUint8ActPerTensorFloat, 8), weight_quant=quant.ShiftedUint8WeightPerTensorFloat),
    "cnn_bias_Int32Bias": lambda: cnn(bias_quant=quant.Int32Bias, **BIASED),
    "cnn_bias_Int8Bias": lambda: cnn(bias_quant=quant.Int8Bias, **BIASED),
    "cnn_binw_avescale_a4": lambda: cnn(bits=1, weight_quant_type="binary", weight_scaling_stats_op="ave"),
    "cnn_constscale": lambda: cnn(first=inp(scaling_impl_type="const", scaling_const=1.0), **BIASED),
    "cnn_dpuround_act": lambda: cnn(bits=8, weight_quant=FIXED,
                                    act=lambda: relu(POT, 8, float_to_int_impl_type="dpu")),
    "cnn_fixed8_pot": lambda: cnn(
        first=inp(POT), bits=8, weight_quant=FIXED, act=lambda: relu(quant.Uint8ActPerTensorFixedPoint, 8),
        bias_quant=quant.Int8BiasPerTensorFixedPointInternalScaling, **BIASED),
    "cnn_floor_weight": lambda: cnn(weight_quant=Weights),
    "cnn_log2scale_act": lambda: cnn(act=lambda: relu(restrict_scaling_type="log_fp"), **BIASED),
    "cnn_perch_Int16Bias": lambda: cnn(weight_quant=quant.Int8WeightPerChannelFloat, bias_quant=quant.Int16Bias,
                                       **BIASED),
    "cnn_perch_w4a4": lambda: cnn(weight_quant=quant.Int8WeightPerChannelFloat, **BIASED),
    "cnn_ternaryquant_a4": lambda: cnn(bits=2, weight_quant_type="ternary"),
    "cnn_truncavgpool_floor": lambda: pooled(quant.TruncTo8bit),
    "cnn_truncavgpool_round": lambda: pooled(quant.RoundTo8bit),
    "cnn_w1a1_tud": lambda: tutorial_network(1, 64, ours=True),
    "cnn_w8a8_tud": lambda: tutorial_network(8, 16, ours=True, hidden=32),
    "concat_w4a4": Joined, "conv1d_w4a4": rows,
    "lenet_dpu_fixed8": lambda: document_network("DPULeNet")(),
    "lenet_lowprec_w3a4b8": lambda: document_network("LowPrecisionLeNet")(),
    "lenet_mixed_onnx": lambda: document_network("MixedFloatQuantLeNet")(),
    "lenet_mixed_pt": lambda: document_network("MixedFloatQuantLeNet")(bias_quant=False, reduced_act_quant=True,
                                                                       weight_signed=True),
    "lenet_weightonly_w3": lambda: document_network("QuantWeightLeNet")(),
    "mlp_bipolar_w1a1_const": Bipolar, "mlp_bn_w4a4": Flat, "mobblock_w4a4": mobile, "resblock_w4a4": Residual,
    "tconv_autoenc_w4a4": autoencoder,
}
WITHOUT: Mapping[str, str] = {
    "cnn_a2q_p14": "weights kept within an accumulator's width (A2Q) are not in hwgen.nn",
    "concat_unequal": "no checkpoint", "dwsep_k5s2": "no checkpoint", "resblock_unequal": "no checkpoint",
}
"""Models that are not migrated, and why."""


def loaded(name: str, folder: Any) -> nn.Module:
    """The network with its checkpoint, in evaluation mode."""
    model = BUILDERS[name]()
    model.load_state_dict(torch.load(folder / name / "state_dict.pt", weights_only=True))
    return model.eval()
