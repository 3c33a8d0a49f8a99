"""hwgen.nn equals Brevitas bit for bit: every logit of a training run over the switch from statistics to parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.nn.documents import document_network, tutorial_network

torch = pytest.importorskip("torch")
pytest.importorskip("brevitas")

STEPS = 330
EVALUATED = (5, 150, 299, 305)


def mixed(**options: Any) -> Callable[[bool], Any]:
    return lambda ours: document_network("MixedFloatQuantLeNet", ours=ours)(**options)


NETWORKS: dict[str, tuple[Callable[[bool], Any], tuple[int, ...]]] = {
    "lowprec": (lambda ours: document_network("LowPrecisionLeNet", ours=ours)(), (3, 32, 32)),
    "mixed": (mixed(), (3, 32, 32)),
    "mixed-pytorch": (mixed(bias_quant=False, reduced_act_quant=True, weight_signed=True), (3, 32, 32)),
    "dpu": (lambda ours: document_network("DPULeNet", ours=ours)(), (3, 32, 32)),
    "tutorial-w1a1": (lambda ours: tutorial_network(1, 16, ours=ours), (1, 28, 28)),
    "tutorial-w8a8": (lambda ours: tutorial_network(8, 8, ours=ours), (1, 28, 28)),
}


def logits(model: Any, shape: tuple[int, ...], seed: int, integers: bool) -> list[Any]:
    """Of each training step, and of an evaluation now and then."""
    numbers = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    seen = []
    for step in range(STEPS):
        x = torch.rand(6, *shape, generator=numbers) * 2 - 1
        x = torch.floor(x * 127) if integers else x
        y = model.train()(x)
        seen.append(y.detach().clone())
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(y, torch.randint(0, 10, (6,), generator=numbers)).backward()
        optimiser.step()
        if step in EVALUATED:
            seen.append(model.eval()(x).detach().clone())
    return [*seen, model.eval()(x).detach()]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("seeds")
@pytest.mark.parametrize("name", NETWORKS)
def test_training_equals_brevitas(name: str, seed: int) -> None:
    make, shape = NETWORKS[name]
    runs = []
    for ours in (True, False):
        torch.manual_seed(seed)
        runs.append(logits(make(ours), shape, seed, name.startswith("tutorial")))
    differing = [i for i, (a, b) in enumerate(zip(*runs, strict=True)) if not torch.equal(a, b)]
    assert (differing, len(runs[0])) == ([], STEPS + len(EVALUATED) + 1)
    assert not torch.isnan(runs[0][-1]).any()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("seeds")
def test_a_wrong_momentum_is_noticed(seed: int) -> None:
    """The comparison bites: another running mean of the statistics changes the evaluation."""
    models = []
    for momentum in (0.1, 0.11):
        torch.manual_seed(seed)
        model = document_network("LowPrecisionLeNet")()
        for module in model.modules():
            if getattr(module, "settings", None) is not None:
                object.__setattr__(module.settings, "scaling_stats_momentum", momentum)
        models.append(model)
    x = torch.rand(4, 3, 32, 32)
    for model in models:
        model.train()
        for k in range(2):
            model(x / (k + 1))
    assert not torch.equal(*(model.eval()(x) for model in models))
