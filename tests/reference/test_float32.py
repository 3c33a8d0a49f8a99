"""The float32 replay: where it leaves the exact reference, the distance to the decision says so."""

from __future__ import annotations

import numpy as np
import pytest

from hwgen.ir.tensor import Tensor
from hwgen.ir.types import BIPOLAR, IntType
from hwgen.ops.quantized import MultiThreshold, Quant, Relu
from hwgen.reference import exact, float32
from hwgen.rounding import Rounding
from tests.reference.test_exact import chain, quant


@pytest.mark.parametrize("kind", [IntType(-4, 3), IntType(0, 7), BIPOLAR])
@pytest.mark.parametrize("mode", list(Rounding))
def test_distance_is_the_least_move_that_changes_the_integer(mode: Rounding, kind: IntType) -> None:
    """Moving x by a little less than the distance leaves the integer, by a little more changes it on one side."""
    graph = chain((1,), quant(0.5, kind, mode))
    x = (np.arange(-40, 41) / 16 + 1 / 64).reshape(-1, 1)
    result = float32.run(graph, {"x": x})
    distance = result.distances["v0"] * 0.5
    near = [exact.run(graph, {"x": x + sign * distance * 0.99}).integers["v0"] for sign in (-1, 1)]
    far = [exact.run(graph, {"x": x + sign * distance * 1.01}).integers["v0"] for sign in (-1, 1)]
    assert all((n == result.integers["v0"]).all() for n in near)
    assert ((far[0] != result.integers["v0"]) | (far[1] != result.integers["v0"])).all()


def test_distance_to_thresholds() -> None:
    op = MultiThreshold(Tensor([[0.0, 2.0], [1.0, 5.0]]), Tensor(1.0), Tensor(0.0), IntType(0, 2))
    result = float32.run(chain((2,), op), {"x": np.array([[0.75, 4.0], [3.0, 0.0]])})
    assert result.distances["v0"].tolist() == [[0.75, 1.0], [1.0, 1.0]]


def test_float32_rounding_shows_as_a_near_tie() -> None:
    """0.1 * 5 / (0.1 * 2) is a tie for float32 and not for the exact floats: they differ, at distance zero."""
    scale = np.float32(0.2)
    values = np.arange(1, 400, dtype=np.float64) * 0.5 * np.float64(scale)
    x = values.astype(np.float32).reshape(-1, 1)
    graph = chain((1,), Relu(), Quant(Tensor(scale), Tensor(0.0), IntType(0, 255)))
    one, other = exact.run(graph, {"x": x}), float32.run(graph, {"x": x})
    differs = one.integers["v1"] != other.integers["v1"]
    assert differs.any()
    assert (other.distances["v1"][differs] < 1e-3).all()
