"""Quantizer classes: subclass one and change an attribute, or pass keyword arguments to a layer (hwgen.nn.settings)."""

from __future__ import annotations

from hwgen.nn.settings import Quantizer, QuantType, RestrictValueType, ScalingImplType, StatsOp, ZeroPoint
from hwgen.rounding import Rounding


class Int8WeightPerTensorFloat(Quantizer):
    """Signed narrow integers, scale from the largest magnitude of the weights in each forward."""

    narrow_range = True
    scaling_impl_type = ScalingImplType.STATS
    scaling_stats_op = StatsOp.MAX


class Int8WeightPerChannelFloat(Int8WeightPerTensorFloat):
    """One scale for each output channel."""

    scaling_per_output_channel = True


class Int8WeightPerTensorFixedPoint(Int8WeightPerTensorFloat):
    """Scale the next power of two above the statistic."""

    restrict_scaling_type = RestrictValueType.POWER_OF_TWO
    restrict_value_float_to_int_impl = Rounding.CEIL


class Int8WeightPerChannelFixedPoint(Int8WeightPerTensorFixedPoint):
    """One power-of-two scale for each output channel."""

    scaling_per_output_channel = True


class ShiftedUint8WeightPerTensorFloat(Quantizer):
    """Unsigned integers with a zero point: scale from the range of the weights, zero point from their minimum."""

    signed = False
    scaling_impl_type = ScalingImplType.STATS
    scaling_stats_op = StatsOp.MIN_MAX
    zero_point = ZeroPoint.STATS


class ShiftedUint8WeightPerChannelFloat(ShiftedUint8WeightPerTensorFloat):
    """One scale and zero point for each output channel."""

    scaling_per_output_channel = True


class SignedBinaryWeightPerTensorConst(Quantizer):
    """Plus or minus a constant scale."""

    quant_type = QuantType.BINARY
    bit_width = 1
    scaling_impl_type = ScalingImplType.CONST
    scaling_const = 0.1


class SignedTernaryWeightPerTensorConst(Quantizer):
    """Minus, zero or plus a constant scale."""

    quant_type = QuantType.TERNARY
    bit_width = 2
    narrow_range = True
    scaling_impl_type = ScalingImplType.CONST
    scaling_const = 0.1


class Int8ActPerTensorFloat(Quantizer):
    """Signed integers; the scale is learned, from a high percentile of the first 300 batches on."""

    scaling_impl_type = ScalingImplType.PARAMETER_FROM_STATS
    scaling_stats_op = StatsOp.PERCENTILE


class Uint8ActPerTensorFloat(Int8ActPerTensorFloat):
    """Unsigned integers."""

    signed = False


class Int8ActPerTensorFixedPoint(Int8ActPerTensorFloat):
    """The scale is a power of two."""

    restrict_scaling_type = RestrictValueType.POWER_OF_TWO
    restrict_value_float_to_int_impl = Rounding.CEIL


class Uint8ActPerTensorFixedPoint(Int8ActPerTensorFixedPoint):
    """Unsigned integers, the scale a power of two."""

    signed = False


class Int8ActPerTensorFloatMinMaxInit(Quantizer):
    """Signed integers; the scale is learned, starting from min_val and max_val."""

    scaling_impl_type = ScalingImplType.PARAMETER


class Uint8ActPerTensorFloatMaxInit(Int8ActPerTensorFloatMinMaxInit):
    """Unsigned integers; the scale is learned, starting from max_val."""

    signed = False
    min_val = 0.0


class ShiftedUint8ActPerTensorFloat(Quantizer):
    """Unsigned integers with a zero point, both learned from percentiles of the first 300 batches on."""

    signed = False
    scaling_impl_type = ScalingImplType.PARAMETER_FROM_STATS
    scaling_stats_op = StatsOp.PERCENTILE_INTERVAL
    zero_point = ZeroPoint.PARAMETER_FROM_STATS


class SignedBinaryActPerTensorConst(Quantizer):
    """Plus or minus a constant scale."""

    quant_type = QuantType.BINARY
    bit_width = 1
    scaling_impl_type = ScalingImplType.CONST
    min_val = -1.0
    max_val = 1.0


class SignedTernaryActPerTensorConst(Quantizer):
    """Minus, zero or plus a constant scale."""

    quant_type = QuantType.TERNARY
    bit_width = 2
    narrow_range = True
    scaling_impl_type = ScalingImplType.CONST
    min_val = -1.0
    max_val = 1.0


class Int8Bias(Quantizer):
    """Integers on the accumulator's grid: the scale is that of the input times that of the weights."""

    requires_input_scale = True


class Int16Bias(Int8Bias):
    """16 bits."""

    bit_width = 16


class Int24Bias(Int8Bias):
    """24 bits."""

    bit_width = 24


class Int32Bias(Int8Bias):
    """32 bits."""

    bit_width = 32


class Int8BiasPerTensorFloatInternalScaling(Quantizer):
    """A scale of its own, from the largest magnitude of the bias in each forward."""

    scaling_impl_type = ScalingImplType.STATS
    scaling_stats_op = StatsOp.MAX


class Int8BiasPerTensorFixedPointInternalScaling(Int8BiasPerTensorFloatInternalScaling):
    """A power-of-two scale of its own."""

    restrict_scaling_type = RestrictValueType.POWER_OF_TWO
    restrict_value_float_to_int_impl = Rounding.CEIL


class TruncTo8bit(Quantizer):
    """The most significant bits of an average pool's sum."""

    float_to_int_impl_type = Rounding.FLOOR


class RoundTo8bit(TruncTo8bit):
    """The most significant bits, rounded to nearest, ties to even."""

    float_to_int_impl_type = Rounding.HALF_EVEN
