"""hwgen.nn.quantize: a trained float network in one call, and its graph."""

from __future__ import annotations

from typing import Any

import pytest

from hwgen.errors import HwgenError

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from hwgen import nn as qnn  # noqa: E402
from hwgen.nn.calibrate import _error, _least_squares, _percentile, merged_norms  # noqa: E402
from tests.nn.running import compared, trained  # noqa: E402


class Mixed(nn.Module):
    """A residual sum, functions called from Python, pooling, BatchNorm behind layers of three kinds."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.SiLU())
        self.inner = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1, groups=2), nn.BatchNorm2d(4))
        self.act, self.up = nn.ReLU(), nn.ConvTranspose2d(4, 6, 2, 2, groups=2)
        self.norm, self.out = nn.BatchNorm2d(6), nn.Linear(6 * 9, 5)
        self.last, self.shared = nn.BatchNorm1d(5), nn.ReLU()

    def forward(self, x: Any) -> Any:
        x = self.stem(x)
        x = self.act(self.inner(x) + x)
        x = self.shared(self.norm(self.up(x)))
        x = nn.functional.max_pool2d(x, 4)
        return self.last(self.out(x.flatten(1)))


@pytest.fixture
def network(seed: int) -> tuple[nn.Module, Any]:
    torch.manual_seed(seed)
    x = torch.randn(24, 2, 6, 6)
    return trained(Mixed(), x), x


def test_merged_norms_change_nothing(network: tuple[nn.Module, Any]) -> None:
    model, x = network
    before = {name: value.clone() for name, value in model.state_dict().items()}
    merged = merged_norms(model, x[:4])
    assert not any(isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d) for module in merged.modules())
    assert torch.allclose(merged(x), model(x), atol=1e-5)
    assert all(torch.equal(model.state_dict()[name], value) for name, value in before.items())


@pytest.mark.parametrize("options", [{}, {"statistic": "mse", "bits": 5}, {"statistic": "max", "per_channel": False},
                                     {"weight_bits": 4, "bias_correction": False}])
def test_the_quantized_network_is_built_exactly(network: tuple[nn.Module, Any], options: dict[str, Any]) -> None:
    model, x = network
    quantized = qnn.quantize(model, x.split(8), **options)
    assert qnn.check(quantized, (1, 2, 6, 6)) == []
    found = compared(quantized, x)
    assert (found.quantizers, found.mismatches) == (4, 0)
    assert found.near_ties <= max(1, found.integers // 10_000)


def test_more_bits_are_nearer_and_corrected_biases_too(network: tuple[nn.Module, Any]) -> None:
    model, x = network

    def error(**options: Any) -> float:
        made = qnn.quantize(model, x.split(8), **options)
        with torch.no_grad():
            return float((made(x) - model(x)).mean(0).abs().mean())

    assert error(bits=8) < error(bits=3, bias_correction=False)
    assert error(bits=3) < error(bits=3, bias_correction=False)


def test_least_squares_is_the_best_of_the_thresholds(seed: int) -> None:
    torch.manual_seed(seed)
    values = torch.randn(5000) ** 3
    best = _error(values.abs(), _least_squares(values, 3, 100), 3)
    assert best < _error(values.abs(), _percentile(values, 3, 100), 3)
    assert best < _error(values.abs(), _percentile(values, 3, 90), 3)
    assert _percentile(values, 3, 100) == float(values.abs().max())


@pytest.mark.parametrize("options", [{"statistic": "median"}, {"batches": []}])
def test_wrong_arguments(network: tuple[nn.Module, Any], options: dict[str, Any]) -> None:
    model, x = network
    batches = options.pop("batches", x.split(8))
    with pytest.raises(HwgenError, match=r"^bad-argument: quantize: statistic is '.*', with . batches\. Give at least"):
        qnn.quantize(model, batches, **options)


def test_digits_keep_their_accuracy(seed: int) -> None:
    """8 bits cost at most 1 in 100 images, 4 bits at most 5."""
    datasets = pytest.importorskip("sklearn.datasets")
    torch.manual_seed(seed)
    found = datasets.load_digits()
    x, labels = torch.from_numpy(found.images).float()[:, None], torch.from_numpy(found.target)
    model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                          nn.Linear(72, 10))
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(6):
        for batch in torch.randperm(1400).split(50):
            optimiser.zero_grad()
            nn.functional.cross_entropy(model(x[batch]), labels[batch]).backward()
            optimiser.step()

    def hits(network: Any) -> int:
        with torch.no_grad():
            return int((network.eval()(x[1400:]).argmax(1) == labels[1400:]).sum())

    floats = hits(model)
    assert floats >= 340
    assert hits(qnn.quantize(model, x[:200].split(50))) >= floats - 4
    assert hits(qnn.quantize(model, x[:200].split(50), bits=4, statistic="mse")) >= floats - 20
