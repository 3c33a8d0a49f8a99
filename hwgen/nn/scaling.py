"""Where scales and zero points come from: constants, statistics, and parameters that start from statistics."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from hwgen.nn.functions import at_least, clamp, clamp_ste, magnitude, round_ste
from hwgen.nn.settings import RestrictValueType, ScalingImplType, Settings, StatsOp


class Scale(nn.Module):
    """threshold(x) / integer threshold, restricted to what the settings allow; `shape`: of the scale."""

    int_threshold: Tensor

    def __init__(self, settings: Settings, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.settings, self.shape = settings, shape
        self.register_buffer("int_threshold", self._allowed(settings.int_threshold), persistent=False)

    def _allowed(self, threshold: float) -> Tensor:
        return self.restricted(self.raw(torch.tensor(threshold))).detach()

    def raw(self, threshold: Tensor) -> Tensor:
        """A threshold as a parameter holds it: its magnitude, or its logarithm to base 2."""
        return magnitude(threshold) if self.settings.restrict_scaling_type is RestrictValueType.FP else threshold.log2()

    def restricted(self, raw: Tensor) -> Tensor:
        """The threshold that a parameter stands for."""
        kind = self.settings.restrict_scaling_type
        if kind is RestrictValueType.FP:
            return magnitude(raw)
        if kind is RestrictValueType.POWER_OF_TWO:
            raw = round_ste(raw, self.settings.restrict_value_float_to_int_impl)
        return 2.0**raw

    def kept_positive(self, threshold: Tensor) -> Tensor:
        """No smaller than scaling_min_val."""
        return at_least(threshold, self.settings.scaling_min_val)

    def divided(self, threshold: Tensor) -> Tensor:
        """The scale of a threshold."""
        return threshold / self.int_threshold


class ConstScale(Scale):
    """A constant threshold."""

    threshold: Tensor

    def __init__(self, settings: Settings, shape: tuple[int, ...]) -> None:
        super().__init__(settings, shape)
        first = settings.initial_threshold
        assert first is not None
        self.register_buffer("threshold", self.raw(torch.tensor(first)).detach(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.divided(self.kept_positive(self.restricted(self.threshold)))


class StatsScale(Scale):
    """The statistic of x in each forward; gradients flow through it."""

    def forward(self, x: Tensor) -> Tensor:
        raw = self.raw(self.kept_positive(statistic(x, self.settings, self.shape)))
        return self.divided(self.kept_positive(self.restricted(raw)))


class LearnedScale(Scale):
    """A parameter that starts from a constant."""

    def __init__(self, settings: Settings, shape: tuple[int, ...]) -> None:
        super().__init__(settings, shape)
        first = settings.initial_threshold
        assert first is not None
        self.value = nn.Parameter(self.raw(torch.full(shape, first)).detach())

    def forward(self, x: Tensor) -> Tensor:
        return self.divided(self.kept_positive(self.restricted(self.value)))


class _Collected:
    """State of a parameter that starts from statistics: `value` (raw), `buffer` (their running mean), steps so far.

    A checkpoint holds one number, `value`: what an evaluation would use. Loading one ends the collection.
    """

    def __init__(self, steps: int) -> None:
        self.steps, self.count = steps, 0

    @property
    def running(self) -> bool:
        """Whether statistics are still used."""
        return self.count <= self.steps

    def update(self, buffer: Tensor, seen: Tensor, momentum: float) -> None:
        """Take the statistic of one more batch into the running mean; the first is copied."""
        if self.count == 0:
            buffer.copy_(seen)
        else:
            buffer.mul_(1 - momentum).add_(momentum * seen)
        self.count += 1

    def finish(self, value: nn.Parameter, start: Tensor) -> None:
        """The parameter takes over."""
        value.data.copy_(start)
        self.count = self.steps + 1


class CollectedScale(Scale):
    """Statistics of the first batches in training, then a parameter that starts from their running mean."""

    buffer: Tensor

    def __init__(self, settings: Settings, shape: tuple[int, ...]) -> None:
        super().__init__(settings, shape)
        self.collected = _Collected(settings.collect_stats_steps)
        self.value = nn.Parameter(torch.ones(shape))
        self.register_buffer("buffer", torch.ones(shape), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        state = self.collected
        if self.training and state.count < state.steps:
            # Adding nothing of the parameter gives it a zero gradient, which optimisers tell from none.
            seen = self.kept_positive(statistic(x, self.settings, self.shape) + 0.0 * self.value)
            state.update(self.buffer, seen.detach(), self.settings.scaling_stats_momentum)
            return seen / self.settings.int_threshold
        if self.training and state.running:
            state.finish(self.value, self.raw(self.buffer).detach())
        raw = self.raw(self.buffer) if state.running else self.value
        return self.divided(self.kept_positive(self.restricted(raw)))

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        _save(self.collected, self.raw(self.buffer), destination, prefix + "value")

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *args: Any) -> None:
        super()._load_from_state_dict(state_dict, prefix, *args)
        _loaded(self.collected, prefix + "value" in state_dict)


class WeightScale(CollectedScale):
    """A parameter that starts from the weights' own statistic at the first forward."""

    def forward(self, x: Tensor) -> Tensor:
        if self.collected.running:
            first = self.kept_positive(statistic(x, self.settings, self.shape))
            self.collected.finish(self.value, self.raw(first).detach())
        return self.divided(self.kept_positive(self.restricted(self.value)))


class StatsZeroPoint(nn.Module):
    """The integer of 0 where the smallest value of x is the smallest integer: round(-min(x, 0) / scale + low)."""

    low: Tensor
    high: Tensor

    def __init__(self, settings: Settings, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.settings, self.shape = settings, shape
        self.register_buffer("low", torch.tensor(settings.low), persistent=False)
        self.register_buffer("high", torch.tensor(settings.high), persistent=False)

    def forward(self, x: Tensor, scale: Tensor) -> Tensor:
        rows = _rows(x, self.shape)
        smallest = rows.min() if rows.dim() == 1 else rows.min(dim=1)[0].reshape(self.shape)
        return clamp_ste(self.rounded(-smallest.clamp_max(0), scale), self.low, self.high)

    def rounded(self, below: Tensor, scale: Tensor) -> Tensor:
        """The zero point of a range that goes `below` zero."""
        return round_ste(below / scale + self.low, self.settings.float_to_int_impl_type)


class CollectedZeroPoint(StatsZeroPoint):
    """A low percentile of the first batches in training, then a parameter that starts from its running mean."""

    buffer: Tensor

    def __init__(self, settings: Settings, shape: tuple[int, ...]) -> None:
        super().__init__(settings, shape)
        self.collected = _Collected(settings.collect_stats_steps)
        self.value = nn.Parameter(torch.zeros(shape))
        self.register_buffer("buffer", torch.zeros(shape), persistent=False)

    def forward(self, x: Tensor, scale: Tensor) -> Tensor:
        return clamp(self.rounded(magnitude(self._smallest(x)), scale), self.low, self.high)

    def _smallest(self, x: Tensor) -> Tensor:
        state = self.collected
        if self.training and state.count < state.steps:
            rank = math.ceil(0.01 * self.settings.low_percentile_q * x.numel())
            seen = x.reshape(-1).kthvalue(rank)[0].clamp_max(0).reshape(self.shape)
            state.update(self.buffer, seen.detach(), self.settings.scaling_stats_momentum)
            return seen + 0.0 * self.value
        if self.training and state.running:
            state.finish(self.value, self.buffer)
        return self.buffer if state.running else self.value

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        _save(self.collected, self.buffer, destination, prefix + "value")

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *args: Any) -> None:
        super()._load_from_state_dict(state_dict, prefix, *args)
        _loaded(self.collected, prefix + "value" in state_dict)


def _save(state: _Collected, running: Tensor, destination: dict[str, Any], key: str) -> None:
    if state.count == 0:
        del destination[key]
    elif state.running:
        destination[key] = running.detach()


def _loaded(state: _Collected, found: bool) -> None:
    if found:
        state.count = state.steps + 1


def statistic(x: Tensor, settings: Settings, shape: tuple[int, ...]) -> Tensor:
    """The statistic of a scale of that shape: over all of x, or over each output channel."""
    rows = _rows(x, shape)
    return _STATISTICS[settings.scaling_stats_op](rows, settings).reshape(shape)


def _rows(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """x flat, or a row for each channel of a scale of that shape."""
    if math.prod(shape) == 1:
        return x.reshape(-1)
    axis = next(i for i, size in enumerate(shape) if size > 1)
    return x.transpose(0, axis).reshape(shape[axis], -1)


def _over(rows: Tensor, function: Any) -> Tensor:
    """torch.max and the like: over all, or over each row."""
    return function(rows) if rows.dim() == 1 else function(rows, dim=1)[0]  # type: ignore[no-any-return]


def _kth(rows: Tensor, k: int) -> Tensor:
    return rows.kthvalue(k)[0] if rows.dim() == 1 else rows.kthvalue(k, dim=1)[0]


def _max(rows: Tensor, settings: Settings) -> Tensor:
    return _over(rows.abs(), torch.max)


def _mean(rows: Tensor, settings: Settings) -> Tensor:
    return rows.abs().mean() if rows.dim() == 1 else rows.abs().mean(dim=1)


def _high_rank(rows: Tensor, settings: Settings) -> int:
    return math.floor(0.01 * settings.high_percentile_q * rows.shape[-1] + 0.5)


def _percentile(rows: Tensor, settings: Settings) -> Tensor:
    return _kth(rows.abs(), _high_rank(rows, settings))


def _percentile_interval(rows: Tensor, settings: Settings) -> Tensor:
    low = _kth(rows, math.ceil(0.01 * settings.low_percentile_q * rows.shape[-1]))
    return (_kth(rows, _high_rank(rows, settings)) - low.clamp_max(0)).abs()


def _min_max(rows: Tensor, settings: Settings) -> Tensor:
    return (_over(rows, torch.max) - _over(rows, torch.min).clamp_max(0)).abs()


_STATISTICS = {StatsOp.MAX: _max, StatsOp.AVE: _mean, StatsOp.PERCENTILE: _percentile,
               StatsOp.PERCENTILE_INTERVAL: _percentile_interval, StatsOp.MIN_MAX: _min_max}

SCALES: Mapping[ScalingImplType, type[Scale]] = {
    ScalingImplType.CONST: ConstScale, ScalingImplType.STATS: StatsScale, ScalingImplType.PARAMETER: LearnedScale,
    ScalingImplType.PARAMETER_FROM_STATS: CollectedScale}
