"""The first document: its networks run, train and become integer graphs that equal them."""

from __future__ import annotations

import pytest

from hwgen.errors import HwgenError
from tests.nn.documents import document_network

torch = pytest.importorskip("torch")

from hwgen.nn.trace import to_ir  # noqa: E402
from tests.nn.running import compared, integer_model, trained  # noqa: E402

pytestmark = pytest.mark.usefixtures("seeds")
QUANTIZERS = {"LowPrecisionLeNet": 5, "MixedFloatQuantLeNet": 4, "DPULeNet": 6}


@pytest.mark.parametrize("name", QUANTIZERS)
def test_integers_of_the_graph_are_those_of_the_module(name: str, seed: int) -> None:
    torch.manual_seed(seed)
    x = torch.rand(8, 3, 32, 32) * 2 - 1
    found = compared(trained(document_network(name)(), x), x)
    assert (found.quantizers, found.mismatches) == (QUANTIZERS[name], 0)
    assert found.near_ties <= found.integers // 10_000 and found.difference <= 1e-5


@pytest.mark.parametrize("options", [{"bias_quant": False}, {"reduced_act_quant": True, "weight_signed": True}])
def test_variants_of_the_mixed_network(options: dict[str, bool], seed: int) -> None:
    torch.manual_seed(seed)
    x = torch.rand(4, 3, 32, 32) * 2 - 1
    found = compared(trained(document_network("MixedFloatQuantLeNet")(**options), x), x)
    assert (found.quantizers, found.mismatches) == (4, 0)
    assert found.near_ties <= found.integers // 10_000 and found.difference <= 1e-5


def test_weights_alone_say_what_is_missing_for_hardware() -> None:
    model = document_network("QuantWeightLeNet")()
    assert model(torch.rand(1, 3, 32, 32)).shape == (1, 10)
    with pytest.raises(HwgenError) as caught:
        integer_model(to_ir(model, (1, 3, 32, 32)))
    assert caught.value.code == "float-input"
    assert "conv1" in str(caught.value) and "Put a quantizer on the input" in caught.value.help


def test_layer_names_are_module_names() -> None:
    model = document_network("LowPrecisionLeNet")()
    model.train()(torch.rand(2, 3, 32, 32))
    names = [node.name for node in to_ir(model, (1, 3, 32, 32)).nodes]
    assert [name for name in names if "." not in name] == [
        "quant_inp", "conv1", "relu1", "max_pool2d", "conv2", "relu2", "max_pool2d_2", "reshape", "fc1", "relu3", "fc2",
        "relu4", "fc3"]


def test_a_trace_leaves_the_module_as_it_was() -> None:
    model = document_network("LowPrecisionLeNet")().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.conv1.eval()
    to_ir(model, (1, 3, 32, 32))
    assert model.training and not model.conv1.training and model.conv2.training
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
