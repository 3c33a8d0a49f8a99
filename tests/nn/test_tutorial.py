"""The tutorial: its cells print what they print there, its network trains and becomes an equal integer graph."""

from __future__ import annotations

import ast
import re
from typing import Any

import pytest

from tests.nn.documents import SEEDS, TUTORIAL, executed, tutorial_network

torch = pytest.importorskip("torch")

from hwgen import nn as qnn  # noqa: E402
from hwgen.nn import QuantType  # noqa: E402
from tests.nn.running import compared, trained  # noqa: E402

pytestmark = pytest.mark.usefixtures("seeds")


def cells() -> list[tuple[str, str]]:
    """(number, text) of each cell: its code, then what it printed."""
    parts = re.split(r"In \[([0-9 ]+)\]:\n", (SEEDS / TUTORIAL).read_text())[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


def code_and_output(text: str) -> tuple[str, str]:
    """The code is the longest beginning that is Python; what it printed, and prose, follow."""
    lines = text.strip("\n").split("\n")
    last = max(n for n in range(len(lines) + 1) if _is_python("\n".join(lines[:n])))
    return "\n".join(lines[:last]), "\n".join(lines[last:])


def _is_python(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


def test_deterministic_cells_print_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    compared_cells = []
    for number, text in cells():
        if number not in {"1", "2", "3", "4", "5", "11", "12"}:
            continue
        code, printed = code_and_output(text)
        names = executed(code, ours=True, **names)
        shown = capsys.readouterr().out
        if shown.strip():
            assert _stripped(shown) == _stripped(printed)[: len(_stripped(shown))], number
            compared_cells.append(number)
    assert compared_cells == ["3", "5", "11", "12"]


def _stripped(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip().splitlines()]


def printed_weights() -> Any:
    text = (SEEDS / TUTORIAL).read_text()
    rows = re.search(r"Parameter containing:\ntensor\((.*?), requires_grad", text, re.S)
    assert rows is not None
    return torch.tensor([[float(x) for x in re.findall(r"-?\d+\.\d+", row)] for row in rows[1].split("],")])


def test_cells_of_random_weights_replayed_from_the_printed_ones() -> None:
    layer = qnn.QuantLinear(10, 4, weight_bit_width=8, weight_quant_type=QuantType.INT, bias=False)
    layer.weight.data = printed_weights()
    y = layer(torch.arange(30, dtype=torch.float32).reshape(3, 10))
    wanted = torch.tensor([1.3777, 6.3361, -1.0303, -2.4129e-03])
    assert torch.allclose(y[0], wanted, atol=45 * 5e-5 * 10)
    assert layer.quant_weight().scale.item() == pytest.approx(0.3064 / 127, abs=1e-6)
    normal = torch.nn.BatchNorm1d(4)(y)
    assert torch.allclose(normal[0], torch.tensor([-1.2247, -1.2247, 1.2247, 1.2246]), atol=1e-4)
    smooth = torch.nn.GELU()(normal)
    assert torch.allclose(smooth[2], torch.tensor([1.0896, 1.0896, -0.1351, -0.1351]), atol=1e-4)
    const = qnn.QuantIdentity(quant_type="int", scaling_impl_type="const", bit_width=8, min_val=-128.0, max_val=127.0,
                              return_quant_tensor=True)(smooth)
    assert const.value.tolist() == [[0, 0, 1, 1], [0, 0, 0, 0], [1, 1, 0, 0]]
    assert (float(const.scale), float(const.zero_point), float(const.bit_width), const.signed) == (1, 0, 8, True)
    tanh = qnn.QuantTanh(bit_width=8, return_quant_tensor=True)(normal)
    assert torch.allclose(tanh.value[0], torch.tensor([-0.8410, -0.8410, 0.8345, 0.8345]), atol=5e-5)
    assert tanh.scale.item() == pytest.approx(0.0066, abs=5e-5)
    assert tanh._pre_round_int_value.tolist() == [[-128, -128, 127, 127], [0, 0, 0, 0], [127, 127, -128, -128]]


@pytest.mark.parametrize("bits", [1, 8])
def test_integers_of_the_graph_are_those_of_the_module(bits: int, seed: int) -> None:
    torch.manual_seed(seed)
    x = torch.floor(torch.rand(8, 1, 28, 28) * 255 - 128)
    found = compared(trained(tutorial_network(bits, 8, ours=True), x), x)
    assert (found.quantizers, found.mismatches) == (4, 0)
    assert found.near_ties <= found.integers // 10_000 and found.difference <= 1e-5
