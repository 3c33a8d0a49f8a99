"""Random networks: bipolar and multi-bit, ties, falling channels, zero points, wide and narrow, in both runtimes."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from hwgen.errors import HwgenError
from hwgen.export import finn, qdq, qop
from hwgen.export.engines import onnxruntime, qonnx
from hwgen.passes.pipeline import integers_of
from tests.conftest import need_package
from tests.export.running import differences, inputs_of
from tests.networks import random_mlp

pytestmark = pytest.mark.filterwarnings("ignore")


def test_random_networks(seed: int) -> None:
    """No network is refused by qdq or qop; finn refuses an input with a zero point that falls or differs by element."""
    need_package("onnxruntime", "qonnx")
    refused = 0
    for offset in range(30):
        graph = integers_of(random_mlp(np.random.default_rng(seed + offset)))
        inputs = inputs_of(graph, 20, seed)
        for optimised in (True, False):
            run = partial(onnxruntime, optimised=optimised)
            for target in (qdq, qop):
                assert differences(graph, target.export(graph), inputs, run) == {}, f"random_mlp({seed + offset})"
        try:
            made = finn.export(graph)
        except HwgenError as error:
            assert error.code == "not-exportable"
            refused += 1
            continue
        assert differences(graph, made, {name: x[:4] for name, x in inputs.items()}, qonnx) == {}
    assert refused < 10
