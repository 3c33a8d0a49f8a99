"""Random networks through the passes: every integer the same before and after each, and in the exact reference."""

from __future__ import annotations

import numpy as np
import pytest

from hwgen.errors import HwgenError
from hwgen.ir.graph import Graph, GraphBuilder, Level, Value
from hwgen.ir.tensor import Array, Tensor
from hwgen.ir.types import BIPOLAR, REAL, full_range
from hwgen.model import IntegerModel
from hwgen.ops.argmax import ArgMax
from hwgen.ops.integer import int_type
from hwgen.ops.quantized import (
    BatchNorm,
    Clip,
    Dense,
    Elementwise,
    LeakyRelu,
    QuantizedOp,
    Relu,
    Reshape,
    Softmax,
    TopK,
    Transpose,
)
from hwgen.ops.threshold import Threshold
from hwgen.passes.canonicalise import canonicalise
from hwgen.passes.fold_scales import fold_scales
from hwgen.passes.narrow_types import narrow_types
from hwgen.passes.thresholds import certificates, certify, thresholds
from hwgen.reference import exact
from tests.networks import quant, random_mlp, random_weights


def integer_levels(graph: Graph) -> list[Graph]:
    folded = fold_scales(canonicalise(graph))
    lowered = thresholds(folded)
    return [folded, lowered, narrow_types(lowered)]


def chain(shape: tuple[int, ...], *ops: QuantizedOp) -> Graph:
    """x -> ops in order; node and value names are n0, n1, ... and v0, v1, ..."""
    builder = GraphBuilder("chain", Level.QUANTIZED)
    value = builder.add_input(Value("x", shape, REAL)).name
    for i, op in enumerate(ops):
        value = builder.add(f"n{i}", op, [value], [f"v{i}"])[0].name
    return builder.build([value])


def dense(weights: Array, scale: float = 0.5, bias: Array | None = None) -> Dense:
    return Dense(Tensor(weights), Tensor(scale), Tensor(0.0), None if bias is None else Tensor(bias))


@pytest.mark.parametrize("part", range(8))
def test_every_pass_keeps_every_integer(seed: int, part: int) -> None:
    rng = np.random.default_rng(seed)
    compared = 0
    for _ in range(15):
        graph = random_mlp(rng, outputs=False)
        levels = integer_levels(graph)
        x = (2 * rng.normal(size=(12, *graph.values["x"].shape))).astype(np.float32)
        reference = exact.run(graph, {"x": x}).integers
        for level in levels:
            model = IntegerModel(level)
            for name, values in model.activations(model.encode({"x": x})).items():
                kind = int_type(level.values[name])
                assert kind.lo <= values.min() and values.max() <= kind.hi
                if name in reference:
                    np.testing.assert_array_equal(values, np.asarray(reference[name]).reshape(values.shape), name)
                    compared += values.size
    assert compared > 1000


def test_compiled_and_plain_runs_agree(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(30):
        graph = integer_levels(random_mlp(rng, outputs=False))[-1]
        model = IntegerModel(graph)
        x = rng.normal(size=(9, *graph_shape(graph))).astype(np.float32)
        values = dict(model.encode({"x": x}))
        fast = model.activations(values)
        for node in graph.nodes:
            values[node.outputs[0]] = node.op.run(*(values[name] for name in node.inputs))[0]
            np.testing.assert_array_equal(values[node.outputs[0]], fast[node.outputs[0]])


def graph_shape(graph: Graph) -> tuple[int, ...]:
    return graph.values[graph.inputs[0]].shape


def test_certificates_hold_and_a_moved_threshold_is_found(seed: int) -> None:
    rng = np.random.default_rng(seed)
    folded, lowered, _ = integer_levels(random_mlp(rng, (7, 6, 5), outputs=False))
    proofs = certificates(folded, lowered)
    assert proofs and all(p.mismatches == 0 and p.probes > 0 for p in proofs.values())
    step = next(n for n in folded.nodes if n.name in proofs)
    good = next(n.op for n in lowered.nodes if n.name == step.name)
    value = folded.inputs_of(step)[0]
    assert isinstance(good, Threshold)
    inner = [i for i, t in np.ndenumerate(good.thresholds.array) if int_type(value).lo < t <= int_type(value).hi]
    moved = good.thresholds.array.copy()
    moved[inner[0]] -= 1
    broken = Threshold(Tensor(np.sort(moved, axis=1)), good.descending, good.type)
    assert certify(step.op, broken, value).mismatches > 0  # type: ignore[arg-type]


def test_half_even_ties_of_power_of_two_networks() -> None:
    """36.5 rounds to 36, which a >= comparison against 36.5 gets wrong (finn-facts, E4)."""
    weights = np.array([[1]])
    graph = chain((1,), quant(1.0, full_range(8, True)), dense(weights, 0.5), quant(1.0, full_range(8, True)))
    x = np.array([[73.0], [75.0], [-73.0], [-75.0]], dtype=np.float32)
    for level in integer_levels(graph):
        model = IntegerModel(level)
        assert model.run(model.encode({"x": x}))["v2"].ravel().tolist() == [36, 38, -36, -38]


def test_transpose_and_reshape_are_absorbed_by_the_weights(seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights = random_weights(rng, 4, 6, full_range(3, True))
    graph = chain((2, 3), quant(0.25, full_range(4, True)), Transpose((1, 0)), Reshape((6,)), dense(weights),
                  quant(1.0, full_range(5, True)))
    x = rng.normal(size=(10, 2, 3)).astype(np.float32)
    reference = exact.run(graph, {"x": x}).integers["v4"]
    for level in integer_levels(graph):
        model = IntegerModel(level)
        np.testing.assert_array_equal(model.run(model.encode({"x": x}))["v4"], reference)
        assert level.nodes[0].op.label == "MatMul"


def test_per_channel_activation_scales_join_the_weights(seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights = random_weights(rng, 3, 4, full_range(3, True))
    graph = chain((4,), quant(0.5, full_range(4, True)), Elementwise("mul", Tensor(np.array([1.0, 0.75, -2.0, 3.0]))),
                  Elementwise("add", Tensor(np.array([0.0, 1.0, 0.5, -2.0]))), dense(weights),
                  quant(1.0, full_range(6, True)))
    x = (3 * rng.normal(size=(50, 4))).astype(np.float32)
    model = IntegerModel(integer_levels(graph)[-1])
    np.testing.assert_array_equal(model.run(model.encode({"x": x}))["v4"], exact.run(graph, {"x": x}).integers["v4"])


def test_an_activation_function_after_a_quantizer_is_a_step_of_its_own(seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights = random_weights(rng, 3, 4, full_range(3, True))
    for activation in (Relu(), Clip(-1.0, 2.0), LeakyRelu(Tensor(np.float64(0.25)))):
        graph = chain((4,), quant(0.5, full_range(4, True)), activation, dense(weights),
                      quant(1.0, full_range(6, True)))
        x = (3 * rng.normal(size=(50, 4))).astype(np.float32)
        for level in integer_levels(graph):
            model = IntegerModel(level)
            got = model.run(model.encode({"x": x}))["v3"]
            np.testing.assert_array_equal(got, exact.run(graph, {"x": x}).integers["v3"])


def test_argmax_is_hardware_for_one_scale_and_the_hosts_otherwise(seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights, bias = random_weights(rng, 5, 4, full_range(3, True)), rng.normal(size=5).astype(np.float32)
    x = rng.normal(size=(200, 4)).astype(np.float32)
    head = [quant(0.25, full_range(4, True))]
    scales = Dense(Tensor(weights), Tensor(rng.uniform(0.1, 1, (5, 1))), Tensor(0.0), Tensor(bias))
    for layer, hardware in ((dense(weights, 0.3, bias), True), (scales, False)):
        graph = chain((4,), *head, layer, Softmax(), TopK(1))
        folded = integer_levels(graph)[-1]
        assert any(isinstance(n.op, ArgMax) for n in folded.nodes) == hardware
        got = IntegerModel(folded).predict({"x": x})["v3"]
        np.testing.assert_array_equal(got, exact.run(graph, {"x": x}).integers["v3"])


def test_outputs_are_scaled_on_the_host(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(20):
        graph = random_mlp(rng)
        x = rng.normal(size=(6, *graph.values["x"].shape)).astype(np.float32)
        model = IntegerModel(integer_levels(graph)[-1])
        name = graph.outputs[0]
        np.testing.assert_allclose(model.predict({"x": x})[name], exact.run(graph, {"x": x}).outputs[name], 1e-6, 1e-6)


def test_levels_that_no_channel_reaches_are_dropped() -> None:
    graph = chain((3,), quant(1.0, full_range(4, False)), dense(np.ones((2, 3), dtype=np.int64), 1.0), Relu(),
                  quant(1.0, full_range(8, True)))
    before, after = integer_levels(graph)[1:]
    assert str(before.values["v3"].type) == "int8"
    assert (after.values["v3"].type.lo, after.values["v3"].type.hi) == (0, 45)  # type: ignore[union-attr]


@pytest.mark.parametrize(("graph", "message"), [
    (chain((2,), dense(np.ones((1, 2), dtype=np.int64))),
     "float-input: n0: the input 'x' reaches the weights without a quantizer. Put a quantizer on the input, or type "
     "it: --input-type int16 --input-scale 1/1024."),
    (chain((1,), quant(1.0, full_range(12, True)), Relu(), dense(np.ones((1, 1), dtype=np.int64))),
     "unquantized-activation: n2: its input passes an activation function without a quantizer, and its values take "
     "2048 levels. Put a quantizer after the activation function."),
    (chain((1,), quant(1.0, BIPOLAR), dense(np.ones((1, 1), dtype=np.int64)), Softmax(), quant(1.0, BIPOLAR)),
     "host-tail: n3: it follows an op that only the host computes (float weights, softmax, argmax). Remove it, or end "
     "the network before it."),
    (chain((2,), Softmax(), quant(1.0, BIPOLAR)),
     "float-input: n0: the input 'x' reaches it without a quantizer. Put a quantizer on the input, or type it: "
     "--input-type uint8 --input-scale 1/255."),
    (chain((2,), quant(1.0, BIPOLAR), Elementwise("rdiv", Tensor(1.0))),
     "division: n1: it divides a constant by the value. Only divisions of the value by a constant can be folded."),
    (chain((2,), quant(1.0, BIPOLAR), BatchNorm(*(Tensor(np.ones(2)) for _ in range(3)), Tensor(-np.ones(2)), 0.5)),
     "bad-batchnorm: n1: variance + epsilon is not positive. Check the running variance in the checkpoint."),
    (chain((2,), Relu()),
     "host-only: v0: this output does not depend on any quantized layer. Remove the output, or put a quantizer on its "
     "path."),
    (chain((2, 2), quant(1.0, BIPOLAR), dense(np.ones((1, 2), dtype=np.int64))),
     "matrix-activation: n1: its input has the shape (2, 2); a dense layer takes one vector a frame in this version. "
     "Flatten the input before the layer."),
])
def test_what_cannot_be_folded_says_why(graph: Graph, message: str) -> None:
    with pytest.raises(HwgenError) as error:
        fold_scales(canonicalise(graph))
    assert str(error.value) == message
