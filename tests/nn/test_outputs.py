"""What classifiers end with: places of the largest scores, as torch has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from hwgen.errors import HwgenError

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from hwgen import nn as qnn  # noqa: E402
from hwgen.nn.trace import to_ir  # noqa: E402
from tests.nn.running import integer_model  # noqa: E402


class Scores(nn.Module):
    """A function of the scores of a dense layer."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        super().__init__()
        self.first = qnn.QuantIdentity(bit_width=6)
        self.last = qnn.QuantLinear(8, 5, bias=False, weight_bit_width=6)
        self.function = function

    def forward(self, x: Any) -> Any:
        return self.function(self.last(self.first(x)))


PLACES: dict[str, Callable[[Any], Any]] = {
    "argmax": lambda x: torch.argmax(x, 1), "argmax method": lambda x: x.argmax(dim=-1, keepdim=True),
    "max": lambda x: torch.max(x, 1).indices, "max method": lambda x: x.max(dim=1, keepdim=True)[1],
    "topk": lambda x: torch.topk(x, 3)[1], "topk method": lambda x: x.topk(2, dim=1).indices}


@pytest.mark.parametrize("name", PLACES)
def test_places_of_the_largest(name: str, seed: int) -> None:
    """In frames without equal scores, whose order topk leaves open."""
    torch.manual_seed(seed)
    x, model = torch.randn(200, 8), Scores(PLACES[name]).eval()
    with torch.no_grad():
        scores, want = model.last(model.first(x)).numpy(), model(x).numpy()
    apart = np.diff(np.sort(scores, axis=1), axis=1).min(axis=1) > 1e-3
    graph = to_ir(model, (1, 8))
    (found,) = integer_model(graph).predict({graph.inputs[0]: x.numpy()}).values()
    assert found.shape == want.shape and apart.sum() > 100
    assert np.array_equal(found[apart], want[apart])


@pytest.mark.parametrize(("function", "text"), [
    (torch.argmax, "argmax: it runs over all axes. Only the last axis is supported."),
    (lambda x: x.max(1).values, "max: its values are used. Only its indices are supported."),
    (lambda x: x.topk(2)[0], "topk: its values are used. Only its indices are supported."),
    (lambda x: x.topk(2, largest=False)[1], "topk: it takes the smallest, or no order. Only largest=True and "
                                            "sorted=True are supported.")])
def test_other_forms(function: Callable[[Any], Any], text: str) -> None:
    with pytest.raises(HwgenError) as caught:
        to_ir(Scores(function), (1, 8))
    assert str(caught.value) == f"unsupported-form: {text}"


class Sum(nn.Module):
    """Of one value on two grids."""

    def __init__(self) -> None:
        super().__init__()
        self.fine, self.coarse = (qnn.QuantIdentity(bit_width=bits, return_quant_tensor=True) for bits in (6, 3))

    def forward(self, x: Any) -> Any:
        return self.fine(x) + self.coarse(x)


def test_a_sum_of_unequal_grids_names_its_layer() -> None:
    for model, name in ((Scores(Sum()), "function"), (Sum(), "Sum")):
        with pytest.raises(HwgenError) as caught:
            to_ir(model, (1, 8))
        assert str(caught.value) == (f"unequal-grids: IntQuantTensor '{name}': the scale of the operands differs. "
                                     "Quantize them with one shared quantizer.")
