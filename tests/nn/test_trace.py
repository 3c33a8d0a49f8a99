"""A traced module and its graph have the same integers; what has no counterpart is named."""

from __future__ import annotations

from typing import Any

import pytest

from hwgen.errors import HwgenError

torch = pytest.importorskip("torch")

from hwgen import nn as qnn  # noqa: E402
from hwgen.nn.trace import to_ir  # noqa: E402
from tests.nn.random_networks import random_network  # noqa: E402
from tests.nn.running import compared, trained  # noqa: E402

NETWORKS = 24


def test_random_networks_keep_every_integer(seed: int) -> None:
    quantizers = integers = near_ties = 0
    for offset in range(NETWORKS):
        torch.manual_seed(seed + offset)
        model, shape, kinds = random_network(seed + offset)
        x = torch.randn(6, *shape)
        found = compared(trained(model, x), x)
        assert found.mismatches == 0, f"network {seed + offset}: {found} ({kinds})"
        assert found.difference <= 1e-4, f"network {seed + offset}: {found} ({kinds})"
        quantizers, integers, near_ties = (
            a + b for a, b in zip((quantizers, integers, near_ties),
                                  (found.quantizers, found.integers, found.near_ties), strict=True))
    assert quantizers >= 2 * NETWORKS
    assert near_ties <= max(1, integers // 10_000)


class Odd(torch.nn.Module):
    """A function without counterpart."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = torch.nn.Sequential(qnn.QuantIdentity(return_quant_tensor=True))

    def forward(self, x: Any) -> Any:
        return torch.cumsum(torch.fft.fft(self.inner(x).value).real, 1)


def test_every_unknown_function_is_named() -> None:
    with pytest.raises(HwgenError) as caught:
        to_ir(Odd(), (1, 4))
    assert caught.value.code == "untraceable"
    assert "cumsum" in caught.value.where and "fft_fft" in caught.value.where


@pytest.mark.parametrize("shape", [(3, 8), (1,), ((1, 3), (2, 3))])
def test_shapes_have_a_batch_of_one(shape: Any) -> None:
    with pytest.raises(HwgenError, match=r"^input-shape: input_shape: .* is no shape of one frame"):
        to_ir(Odd(), shape)


def test_a_function_of_constants_is_no_layer() -> None:
    class Shifted(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table, self.quant = torch.arange(4.0), qnn.QuantIdentity(
                quant_type="int", scaling_impl_type="const", min_val=-8.0, max_val=8.0)

        def forward(self, x: Any) -> Any:
            return self.quant(x) + torch.cumsum(self.table * 2, 0)

    graph = to_ir(Shifted(), (1, 4))
    assert [node.op.label for node in graph.nodes] == ["Quant", "Add"]
    assert graph.nodes[1].op.constant.array.tolist() == [[0.0, 2.0, 6.0, 12.0]] or \
        graph.nodes[1].op.constant.array.tolist() == [0.0, 2.0, 6.0, 12.0]
