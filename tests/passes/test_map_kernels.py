"""Every op becomes a kernel, every branch a fork; graphs that no kernels can be made of are refused by name."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from hwgen import kernels
from hwgen.errors import HwgenError
from hwgen.ir.graph import Graph, GraphBuilder, Level, Value
from hwgen.ir.tensor import Tensor
from hwgen.ir.types import REAL, full_range
from hwgen.kernels import LIBRARY
from hwgen.kernels.fork import ForkUnit
from hwgen.model import IntegerModel
from hwgen.ops.quantized import Dense, Relu, Reshape
from hwgen.ops.quantized_maps import Join
from hwgen.passes.fold_options import kernel_of
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


def test_all_layers_without_a_kernel_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "KERNELS", tuple(kernel for kernel in kernels.KERNELS if kernel.stem != "add"))
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


def branching() -> Graph:
    """An input for two layers, of which one feeds the other's sum and is an output too."""
    builder = GraphBuilder("branching", Level.QUANTIZED)
    builder.add_input(Value("x", (2,), REAL))
    builder.add("q", quant(1.0, full_range(3, True)), ["x"], ["a"])
    weights = Tensor(np.array([[1, -1], [2, 3]]))
    for name in ("left", "right", "a_fork"):
        builder.add(name, Dense(weights, Tensor(1.0), Tensor(0.0)), ["a"], [f"{name}_y"])
    return builder.build(["left_y", "right_y", "a_fork_y"])


def test_a_value_with_several_readers_gets_a_fork() -> None:
    graph = list(lower(branching()))[-1][1]
    (fork,) = [node for node in graph.nodes if isinstance(node.op, ForkUnit)]
    readers = [node for name in fork.outputs for node in graph.consumers(name)]
    assert [kernel_of(node).stem for node in readers] == ["mvau"] * 3
    assert len({node.name for node in graph.nodes}) == len(graph.nodes)
    assert max(Counter(name for node in graph.nodes for name in node.inputs).values()) == 1


def test_forks_change_no_integer(seed: int) -> None:
    stages = dict(lower(branching()))
    x = np.random.default_rng(seed).normal(size=(20, 2)) * 3
    want, got = (IntegerModel(stages[name]).predict({"x": x}) for name in ("narrow-types", "map-kernels"))
    assert want.keys() == got.keys()
    assert all(np.array_equal(want[name], got[name]) for name in want)


def test_a_consumer_and_an_output_get_a_fork() -> None:
    builder = GraphBuilder("both", Level.QUANTIZED)
    builder.add_input(Value("x", (2,), REAL))
    builder.add("q", quant(1.0, full_range(3, True)), ["x"], ["a"])
    weights = Tensor(np.array([[1, -1], [2, 3]]))
    builder.add("one", Dense(weights, Tensor(1.0), Tensor(0.0)), ["a"], ["b"])
    builder.add("step", quant(1.0, full_range(3, True)), ["b"], ["c"])
    builder.add("two", Dense(weights, Tensor(1.0), Tensor(0.0)), ["c"], ["d"])
    graph = list(lower(builder.build(["c", "d"])))[-1][1]
    (fork,) = [node for node in graph.nodes if isinstance(node.op, ForkUnit)]
    assert [kernel_of(node).stem for name in fork.outputs for node in graph.consumers(name)] == ["mvau",
                                                                                                  "stream_output"]
