"""Straight-through gradients and named rounding modes: all that quantization adds to torch's own functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd import Function

from hwgen.rounding import Rounding


class _StraightThrough(Function):
    """The second argument forwards, the gradient to the first one backwards."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        return y.view_as(y)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None


class _Magnitude(Function):
    """|x|, whose gradient at 0 is that of x: a scale of zero can leave zero."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(sign(x))
        return x.abs()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (signs,) = ctx.saved_tensors
        return cast(Tensor, signs * gradients[0])


def straight_through(x: Tensor, y: Tensor) -> Tensor:
    """y, with the gradient of x."""
    return cast(Tensor, _StraightThrough.apply(x, y.detach()))  # type: ignore[no-untyped-call]


def magnitude(x: Tensor) -> Tensor:
    """|x| with gradient +1 at 0."""
    return cast(Tensor, _Magnitude.apply(x))  # type: ignore[no-untyped-call]


def sign(x: Tensor) -> Tensor:
    """+1 where x >= 0, else -1."""
    return torch.ge(x, 0).to(x.dtype) * 2 - 1


def clamp(x: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """x between low and high; outside, the gradient goes to the bound."""
    x = torch.where(x > high, high.type_as(x), x)
    return torch.where(x < low, low.type_as(x), x)


def clamp_ste(x: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """x between low and high; the gradient passes everywhere."""
    return straight_through(x, clamp(x.detach(), low.detach(), high.detach()))


def at_least(x: Tensor, low: float) -> Tensor:
    """max(x, low); the gradient passes everywhere."""
    return straight_through(x, x.detach().clamp_min(low))


def round_ste(x: Tensor, rounding: Rounding = Rounding.HALF_EVEN) -> Tensor:
    """x rounded to integers in a named mode; the gradient passes everywhere."""
    return straight_through(x, rounded(x.detach(), rounding))


def rounded(x: Tensor, rounding: Rounding) -> Tensor:
    """x rounded to integers in a named mode, exact for every float32."""
    return _ROUND[rounding](x)


def _half_up(x: Tensor) -> Tensor:
    """floor(x + 1/2) without the rounding error of that sum."""
    low = x.floor()
    return torch.where(x - low >= 0.5, low + 1, low)


def _half_down(x: Tensor) -> Tensor:
    low = x.floor()
    return torch.where(x - low > 0.5, low + 1, low)


def _of_magnitude(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """The function of |x|, with the sign of x."""
    return lambda x: x.sign() * function(x.abs())


def _dpu_py3(x: Tensor) -> Tensor:
    """Negative ties go up, positive ones to even: what the DPU's own quantizer does in Python 3."""
    return torch.where((x < 0) & (x - x.floor() == 0.5), x.ceil(), x.round())


_ROUND: Mapping[Rounding, Callable[[Tensor], Tensor]] = {
    Rounding.HALF_EVEN: torch.round, Rounding.HALF_UP: _half_up, Rounding.HALF_AWAY: _of_magnitude(_half_up),
    Rounding.HALF_TOWARD_ZERO: _of_magnitude(_half_down), Rounding.FLOOR: torch.floor, Rounding.CEIL: torch.ceil,
    Rounding.AWAY: _of_magnitude(torch.ceil), Rounding.TOWARD_ZERO: _of_magnitude(torch.floor),
    Rounding.DPU_PY3: _dpu_py3,
}
