"""Quantization-aware training in torch: quantized layers with the numerics of Brevitas 0.13, and the way to the IR.

    from hwgen import nn as qnn
    qnn.QuantConv2d(3, 6, 5, weight_bit_width=3, return_quant_tensor=True)

Quantizer classes are in hwgen.nn.quant.
"""

try:
    import torch  # noqa: F401
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError("hwgen.nn needs torch: pip install 'hwgen[qat]'", name="torch") from missing

from hwgen.nn.activations import QuantHardTanh, QuantIdentity, QuantReLU, QuantSigmoid, QuantTanh
from hwgen.nn.calibrate import quantize
from hwgen.nn.check import check
from hwgen.nn.layers import (
    QuantAvgPool2d,
    QuantCat,
    QuantConv1d,
    QuantConv2d,
    QuantConvTranspose1d,
    QuantConvTranspose2d,
    QuantEltwiseAdd,
    QuantLinear,
    QuantMaxPool2d,
    QuantUpsample,
    TruncAvgPool2d,
)
from hwgen.nn.settings import QuantType, RestrictValueType, ScalingImplType, StatsOp
from hwgen.nn.tensor import IntQuantTensor
from hwgen.nn.trace import to_ir

__all__ = [
    "IntQuantTensor", "QuantAvgPool2d", "QuantCat", "QuantConv1d", "QuantConv2d", "QuantConvTranspose1d",
    "QuantConvTranspose2d", "QuantEltwiseAdd", "QuantHardTanh", "QuantIdentity", "QuantLinear", "QuantMaxPool2d",
    "QuantReLU", "QuantSigmoid", "QuantTanh", "QuantType", "QuantUpsample", "RestrictValueType", "ScalingImplType",
    "StatsOp", "TruncAvgPool2d", "check", "quantize",
    "to_ir",
]
