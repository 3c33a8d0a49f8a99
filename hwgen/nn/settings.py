"""What a quantizer is: its attributes, where they come from, and what is refused.

A quantizer is named by a class whose attributes are its settings (hwgen.nn.quant has the usual ones; a subclass
changes some). A layer's keyword arguments override them: `weight_bit_width=4` sets `bit_width` of its weight quantizer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from enum import Enum
from typing import Any

from hwgen.errors import HwgenError
from hwgen.rounding import Rounding

MAX_BITS = 32


class QuantType(Enum):
    """What values a quantizer gives: FP passes them through."""

    INT = "int"
    BINARY = "binary"
    TERNARY = "ternary"
    FP = "fp"


class ScalingImplType(Enum):
    """Where a scale comes from: a constant, statistics in each forward, a parameter, or one that starts from them."""

    CONST = "const"
    STATS = "stats"
    PARAMETER = "parameter"
    PARAMETER_FROM_STATS = "parameter_from_stats"


class RestrictValueType(Enum):
    """Which scales are allowed. LOG_FP is any positive one, learned as its logarithm."""

    FP = "fp"
    LOG_FP = "log_fp"
    POWER_OF_TWO = "power_of_two"


class StatsOp(Enum):
    """The statistic behind a scale; PERCENTILE is of |x|, the intervals are high - min(low, 0)."""

    MAX = "max"
    AVE = "ave"
    PERCENTILE = "percentile"
    PERCENTILE_INTERVAL = "percentile_interval"
    MIN_MAX = "min_max"


class ZeroPoint(Enum):
    """Where a zero point comes from: none, the smallest value of each forward, or a parameter that starts there."""

    NONE = "none"
    STATS = "stats"
    PARAMETER_FROM_STATS = "parameter_from_stats"


@dataclass(frozen=True)
class Settings:
    """A quantizer's attributes.

    bit_width: 1 to 32; float_to_int_impl_type: the rounding mode of values; restrict_value_float_to_int_impl: the one
    of a power-of-two scale's exponent; *_percentile_q: in per cent; collect_stats_steps: training forwards before a
    scale or zero point from statistics becomes a parameter; scaling_const, or min_val and max_val: the constant or
    first threshold of a scale; threshold: share of the scale below which a ternary value is 0.
    """

    quant_type: QuantType = QuantType.INT
    bit_width: int = 8
    signed: bool = True
    narrow_range: bool = False
    float_to_int_impl_type: Rounding = Rounding.HALF_EVEN
    scaling_impl_type: ScalingImplType = ScalingImplType.STATS
    scaling_stats_op: StatsOp = StatsOp.MAX
    restrict_scaling_type: RestrictValueType = RestrictValueType.FP
    restrict_value_float_to_int_impl: Rounding = Rounding.HALF_EVEN
    scaling_per_output_channel: bool = False
    scaling_min_val: float = 1e-10
    scaling_const: float | None = None
    min_val: float | None = None
    max_val: float | None = None
    high_percentile_q: float = 99.999
    low_percentile_q: float = 0.001
    collect_stats_steps: int = 300
    scaling_stats_momentum: float = 0.1
    zero_point: ZeroPoint = ZeroPoint.NONE
    threshold: float = 0.5
    requires_input_scale: bool = False

    @property
    def low(self) -> float:
        """The smallest integer."""
        if not self.signed:
            return 0.0
        return -(2.0 ** (self.bit_width - 1)) + self.narrow_range

    @property
    def high(self) -> float:
        """The largest integer."""
        if self.signed:
            return 2.0 ** (self.bit_width - 1) - 1
        return 2.0**self.bit_width - 1 - self.narrow_range

    @property
    def int_threshold(self) -> float:
        """The integer that stands for the threshold of a scale; binary and ternary values are the threshold itself."""
        if self.quant_type is not QuantType.INT:
            return 1.0
        if self.restrict_scaling_type is RestrictValueType.POWER_OF_TWO:
            return 2.0 ** (self.bit_width - self.signed)
        return -self.low if self.signed else self.high

    @property
    def initial_threshold(self) -> float | None:
        """The real number that a constant or learned scale starts from."""
        if self.scaling_const is not None:
            return self.scaling_const
        low = 0.0 if self.min_val is None and not self.signed else self.min_val
        return None if low is None or self.max_val is None else max(abs(low), abs(self.max_val))


class Quantizer:
    """Base of the quantizer classes: class attributes named as in Settings. It is never instantiated."""


def settings_of(quantizer: type[Quantizer], overrides: Mapping[str, object], layer: str) -> Settings:
    """The settings of a quantizer class with a layer's overrides.

    HwgenError: "bad-quantizer" for what is no quantizer class; "bad-argument" for unknown names and values.
    """
    if not (isinstance(quantizer, type) and issubclass(quantizer, Quantizer)):
        raise HwgenError("bad-quantizer", layer, f"{quantizer!r} is not a quantizer of hwgen.nn.quant",
                         "Import one from hwgen.nn.quant, or subclass one.")
    known = {f.name: f for f in fields(Settings)}
    given = {**_attributes(quantizer), **overrides}
    for name in given:
        if name not in known:
            raise _unknown(name, list(known), layer)
    made = Settings(**{name: _converted(name, value, type(known[name].default), layer)
                       for name, value in given.items()})
    _check(made, layer)
    return made


def _attributes(quantizer: type[Quantizer]) -> dict[str, object]:
    """All public class attributes, those of subclasses last."""
    found: dict[str, object] = {}
    for cls in reversed(quantizer.__mro__):
        if cls not in (object, Quantizer):
            found.update({k: v for k, v in vars(cls).items() if not k.startswith("_")})
    return found


def _unknown(name: str, known: list[str], layer: str) -> HwgenError:
    close = get_close_matches(name, known, 1)
    return HwgenError("bad-argument", layer, f"'{name}' is no setting of a quantizer",
                      f"Did you mean {close[0]}?" if close else f"There are {', '.join(known)}.")


_BREVITAS_ROUNDING = {"round": Rounding.HALF_EVEN, "round_to_zero": Rounding.TOWARD_ZERO, "dpu": Rounding.DPU_PY3}


def _converted(name: str, value: object, kind: type, layer: str) -> Any:
    """A value as its field holds it: enums also by name, in any case."""
    if not issubclass(kind, Enum) or isinstance(value, kind):
        return value
    text = str(getattr(value, "value", value)).lower()
    if kind is Rounding and text in _BREVITAS_ROUNDING:
        return _BREVITAS_ROUNDING[text]
    try:
        return kind(text)
    except ValueError:
        raise HwgenError("bad-argument", layer, f"{name} is {value!r}",
                         f"It is one of {', '.join(str(k.value) for k in kind)}.") from None


def _check(made: Settings, layer: str) -> None:
    bits = made.bit_width
    if not (isinstance(bits, int | float) and bits == int(bits) and 1 <= bits <= MAX_BITS):
        raise HwgenError("bad-argument", layer, f"bit_width is {bits!r}", f"Give a whole number from 1 to {MAX_BITS}.")
    if made.quant_type is QuantType.INT and made.high <= made.low:
        raise HwgenError("bad-argument", layer, f"{bits} signed bits in a narrow range hold the integer 0 only",
                         "Give 2 bits or more, or quant_type BINARY.")
    needs_start = made.scaling_impl_type in (ScalingImplType.CONST, ScalingImplType.PARAMETER)
    if needs_start and made.initial_threshold is None and made.quant_type is not QuantType.FP:
        raise HwgenError("bad-argument", layer, f"a scale of type {made.scaling_impl_type.value} has no value to start "
                         "from", "Give scaling_const, or min_val and max_val.")
    if needs_start and (start := made.initial_threshold) is not None and not start > 0:
        raise HwgenError("bad-argument", layer, f"the scale starts from {start}", "Give a positive number.")
    if made.collect_stats_steps < 1:
        raise HwgenError("bad-argument", layer, f"collect_stats_steps is {made.collect_stats_steps}",
                         "Give a positive number of training steps.")
