"""Graphs that no chain of kernels can be made of are refused by name."""

from __future__ import annotations

import numpy as np
import pytest

from hwgen.errors import HwgenError
from hwgen.ir.graph import GraphBuilder, Level, Value
from hwgen.ir.tensor import Tensor
from hwgen.ir.types import BIPOLAR, REAL, full_range
from hwgen.kernels import LIBRARY
from hwgen.ops.quantized import Dense, Relu, Reshape
from hwgen.ops.quantized_maps import Join
from hwgen.passes.pipeline import lower
from tests.networks import quant, random_mlp


def test_every_op_becomes_a_kernel_and_every_port_an_adapter(seed: int) -> None:
    graph = random_mlp(np.random.default_rng(seed), (6, 5, 4), outputs=False)
    stages = dict(lower(graph))
    made, before = stages["map-kernels"], stages["narrow-types"]
    compute = [node for node in made.nodes if not isinstance(node.op, LIBRARY)]
    assert [node.op.op for node in compute] == [node.op for node in before.nodes]  # type: ignore[attr-defined]
    assert len(made.nodes) == len(compute) + 2


def test_a_network_without_layers() -> None:
    builder = GraphBuilder("empty", Level.QUANTIZED)
    builder.add_input(Value("x", (4,), REAL))
    builder.add("q", quant(1.0, full_range(4, True)), ["x"], ["a"])
    builder.add("r", Reshape((2, 2)), ["a"], ["b"])
    builder.add("relu", Relu(), ["b"], ["y"])
    with pytest.raises(HwgenError) as error:
        list(lower(builder.build(["y"])))
    assert str(error.value) == ("no-layers: a: nothing but the host's quantizer stands between input and output. Build "
                                "a network with at least one quantized layer.")


def test_all_layers_without_a_kernel_are_named_at_once() -> None:
    builder = GraphBuilder("sum", Level.QUANTIZED)
    for name in ("x", "y"):
        builder.add_input(Value(name, (2,), REAL))
        builder.add(f"q{name}", quant(1.0, full_range(4, True)), [name], [f"a{name}"])
    builder.add("first", Join(), ["ax", "ay"], ["b"])
    builder.add("second", Join(), ["b", "ay"], ["c"])
    with pytest.raises(HwgenError) as error:
        list(lower(builder.build(["c"])))
    assert str(error.value) == ("unmapped: Add 'first' (this version has no kernel for this op), Add 'second' (this "
                                "version has no kernel for this op): not built in hardware. Replace these layers, or "
                                "run the integer model: hwgen run.")


def test_a_value_with_two_consumers() -> None:
    builder = GraphBuilder("fork", Level.QUANTIZED)
    builder.add_input(Value("x", (2,), REAL))
    builder.add("q", quant(1.0, BIPOLAR), ["x"], ["a"])
    weights = Tensor(np.ones((1, 2), dtype=np.int64))
    for name in ("left", "right"):
        builder.add(name, Dense(weights, Tensor(1.0), Tensor(0.0)), ["a"], [f"{name}_y"])
    with pytest.raises(HwgenError) as error:
        list(lower(builder.build(["left_y", "right_y"])))
    assert str(error.value) == ("branch: a: the value goes to MatMul 'left' and MatMul 'right'; this version builds "
                                "chains. Give each layer one consumer.")
