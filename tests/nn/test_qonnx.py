"""The QONNX export: QONNX's executor computes what the module does, also where Brevitas' own export does not."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from hwgen.errors import HwgenError
from hwgen.exact.convolution import Geometry
from hwgen.export import qonnx
from hwgen.export.qonnx import export
from hwgen.frontend import load
from hwgen.ir.graph import Graph, GraphBuilder, Level, Op, Value
from hwgen.ir.tensor import Tensor
from hwgen.ir.types import REAL, IntType
from hwgen.ops.quantized import Dense, Elementwise, MultiThreshold, Quant, QuantizedOp, TopK
from hwgen.ops.quantized_maps import Conv
from hwgen.rounding import Rounding

torch = pytest.importorskip("torch")
pytest.importorskip("qonnx")

from qonnx.core.modelwrapper import ModelWrapper  # noqa: E402
from qonnx.core.onnx_exec import execute_onnx  # noqa: E402
from qonnx.transformation.extract_conv_bias import ExtractBiasFromConv  # noqa: E402

from hwgen import nn as qnn  # noqa: E402
from hwgen.nn.trace import to_ir  # noqa: E402
from tests.nn.random_networks import random_network  # noqa: E402
from tests.nn.running import integer_model, trained  # noqa: E402
from tests.nn.test_converters import NETWORKS  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def activation(**options: Any) -> Any:
    return qnn.QuantReLU(return_quant_tensor=True, **options)


def two_layers(act: dict[str, Any], weights: dict[str, Any]) -> Any:
    return torch.nn.Sequential(qnn.QuantIdentity(bit_width=4, return_quant_tensor=True), qnn.QuantConv2d(
        2, 5, 3, padding=1, **weights), activation(**act), torch.nn.Flatten(), qnn.QuantLinear(180, 4, **weights))


HARD: dict[str, Any] = {
    "one unsigned bit": lambda: two_layers({"bit_width": 1}, {"weight_bit_width": 3}),
    "floor weights": lambda: two_layers({"bit_width": 4}, {"weight_float_to_int_impl_type": "floor"}),
    "ternary 0.7": lambda: two_layers({"bit_width": 4}, {
        "weight_quant_type": "ternary", "weight_scaling_impl_type": "stats", "weight_threshold": 0.7}),
    "binary weights": lambda: two_layers({"bit_width": 4}, {"weight_quant_type": "binary", "weight_bit_width": 1}),
}


def check(model: Any, x: Any, folder: Path) -> None:
    """Executor and module agree on real outputs; the file read again has the integers of the traced graph."""
    graph = to_ir(model, (1, *x.shape[1:]))
    made = export(graph)
    with torch.no_grad():
        expected = model(x).numpy()
    wrapper = ModelWrapper(made)
    for frame, wanted in zip(x.numpy(), expected, strict=True):
        (y,) = execute_onnx(wrapper, {graph.inputs[0]: frame[None]}).values()
        assert np.abs(y[0] - wanted).max() <= 1e-4
    onnx.save(made, folder / "model.onnx")
    again = load(folder / "model.onnx").graph
    outputs = [m.decode(m.run(m.encode({g.inputs[0]: x.numpy()}))) for g in (graph, again) for m in [integer_model(g)]]
    assert all(np.array_equal(a, b) for a, b in zip(outputs[0].values(), outputs[1].values(), strict=True))


@pytest.mark.parametrize("case", HARD)
def test_cases_that_brevitas_exports_wrongly(case: str, tmp_path: Path, seed: int) -> None:
    torch.manual_seed(seed)
    x = torch.randn(4, 2, 6, 6)
    check(trained(HARD[case](), x), x, tmp_path)


@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "ternary 0.3"])
def test_every_function(name: str, tmp_path: Path, seed: int) -> None:
    torch.manual_seed(seed)
    make, flat = NETWORKS[name]
    x = torch.randn(2, 2, 6) if flat else torch.randn(2, 2, 6, 6)
    check(trained(make(), x, steps=1), x, tmp_path)


def test_random_networks(tmp_path: Path, seed: int) -> None:
    for offset in range(8):
        torch.manual_seed(seed + offset)
        model, shape, _ = random_network(seed + offset)
        x = torch.randn(4, *shape)
        check(trained(model, x), x, tmp_path)


def test_finn_takes_out_the_bias_of_a_convolution(seed: int) -> None:
    """The first step of its conversion; it knows a plain constant as the third input."""
    torch.manual_seed(seed)
    model = torch.nn.Sequential(qnn.QuantIdentity(bit_width=4), qnn.QuantConv2d(2, 3, 3))
    whole = ModelWrapper(export(to_ir(trained(model, torch.randn(4, 2, 6, 6)), (1, 2, 6, 6))))
    apart = whole.transform(ExtractBiasFromConv())
    inputs = [[len(node.input) for node in wrapper.get_nodes_by_op_type("Conv")] for wrapper in (whole, apart)]
    assert inputs == [[3], [2]] and len(apart.get_nodes_by_op_type("Add")) == 1
    x = np.random.default_rng(seed).normal(size=(1, 2, 6, 6)).astype(np.float32)
    first, second = (next(iter(execute_onnx(wrapper, {"input": x}).values())) for wrapper in (whole, apart))
    np.testing.assert_allclose(first, second, rtol=0, atol=1e-5)


def refusal(graph: Graph) -> str:
    with pytest.raises(HwgenError) as caught:
        export(graph)
    return str(caught.value)


def test_what_is_no_float32_is_refused() -> None:
    """Values of a step of 1 that is 0.6 of the scale: their ratio is no float32."""
    text = refusal(to_ir(NETWORKS["ternary 0.3"][0](), (1, 2, 6, 6)))
    assert text == ("not-float32: function.scaled: its constant is no float32 number. Export a model whose parameters "
                    "are float32, or use a target with integer constants.")


def graph_of(*ops: Op, shape: tuple[int, ...] = (5,)) -> Graph:
    """A chain behind an input of 5 numbers."""
    builder = GraphBuilder("chain", Level.QUANTIZED)
    name = builder.add_input(Value("x", shape, REAL)).name
    for index, op in enumerate(ops):
        (made,) = builder.add(f"n{index}", op, [name], [f"n{index}"], ())
        name = made.name
    return builder.build([name])


def test_ops_without_a_form_are_named() -> None:
    thresholds = MultiThreshold(Tensor(np.array([[1, 2]])), Tensor(1.0), Tensor(0.0), IntType(0, 2))
    assert refusal(graph_of(thresholds)) == (
        "not-exportable: MultiThreshold 'n0': QONNX has no form of it. Replace these layers.")


@pytest.mark.parametrize(("op", "expected"), [(TopK(1), [3]), (TopK(3), [3, 0, 2]), (TopK(1, keepdims=False), 3)])
def test_indices(op: TopK, expected: Any) -> None:
    made = export(graph_of(Quant(Tensor(1.0), Tensor(0), IntType(-8, 7)), op))
    x = np.array([[2, 0, 1, 5, 0]], np.float32)
    (y,) = execute_onnx(ModelWrapper(made), {"x": x}).values()
    assert y[0].tolist() == expected


@pytest.mark.parametrize(("rounding", "zero", "count"), [
    (Rounding.HALF_EVEN, 3, 2), (Rounding.HALF_EVEN, 4, 1), (Rounding.HALF_EVEN, 0, 1), (Rounding.AWAY, 4, 2),
    (Rounding.AWAY, 0, 1), (Rounding.TOWARD_ZERO, -3, 2), (Rounding.FLOOR, 3, 1), (Rounding.CEIL, -3, 1),
    (Rounding.HALF_AWAY, -4, 2)])
def test_a_zero_point_behind_the_rounding(rounding: Rounding, zero: int, count: int, tmp_path: Path) -> None:
    """Ties and all between them, as the reference has them; as one Quant where that means the same."""
    op = Quant(Tensor(0.5), Tensor(zero), IntType(-8, 7), rounding, zero_point_inside=False)
    graph = graph_of(Elementwise("mul", Tensor(-1.0)), op, IDENTITY)
    made = check_frames(graph, (np.arange(-80, 80) / 8).reshape(-1, 5), tmp_path)
    assert quantizers(made) == count + 1


@pytest.mark.parametrize(("zero", "count"), [(128, 2), (0, 1)])
def test_a_zero_point_of_the_input(zero: int, count: int, tmp_path: Path) -> None:
    """x / scale + 128 would make ties of what is none in float32; pixels of 8 bits lie there."""
    op = Quant(Tensor(np.float64(np.float32(2 / 255))), Tensor(zero), IntType(0, 255), zero_point_inside=False)
    pixels = np.arange(256) / 127.5 - 1
    made = check_frames(graph_of(op, IDENTITY), np.resize(pixels, (52, 5)), tmp_path)
    assert quantizers(made) == count + 1


IDENTITY = Dense(Tensor(np.eye(5, dtype=np.int64)), Tensor(1.0), Tensor(0), None)
FINE = np.array([1 + 2.0**-30, 0.1, 0, -1 / 3, 0.5])
"""Biases that are no float32 numbers; two of them have 53 bits, more than two such numbers hold."""


@pytest.mark.parametrize("make", [
    lambda bias: (IDENTITY, replace(IDENTITY, bias=bias)), lambda bias: (Conv(
        Geometry((1, 1)), Tensor(np.eye(5, dtype=np.int64).reshape(5, 5, 1, 1)), Tensor(1.0), Tensor(0), bias=bias),)],
    ids=["dense", "convolution"])
def test_a_bias_that_is_no_float32_number(make: Any) -> None:
    """Its constants add up to it exactly."""
    *first, layer = make(Tensor(FINE))
    shape = (5,) if first else (5, 1, 1)
    made = export(graph_of(Quant(Tensor(1.0), Tensor(0), IntType(-8, 7)), *first, layer, shape=shape))
    parts = [numpy_helper.to_array(c).ravel() for c in made.graph.initializer if "_bias" in c.name]
    assert len(parts) == 3 and all(part.dtype == np.float32 for part in parts)
    assert [sum(Fraction(float(part[i])) for part in parts) for i in range(5)] == [Fraction(x) for x in FINE]


def quantizers(made: onnx.ModelProto) -> int:
    return sum(node.op_type == "Quant" for node in made.graph.node)


def check_frames(graph: Graph, x: Any, folder: Path) -> onnx.ModelProto:
    """The executor and the file read again give what the integer model gives."""
    made, x = export(graph), x.astype(np.float32)
    (wanted,) = integer_model(graph).predict({"x": x}).values()
    found = [next(iter(execute_onnx(ModelWrapper(made), {"x": frame[None]}).values()))[0] for frame in x]
    np.testing.assert_array_equal(np.array(found, np.float32), wanted)
    onnx.save(made, folder / "model.onnx")
    (again,) = integer_model(load(folder / "model.onnx").graph).predict({"x": x}).values()
    np.testing.assert_array_equal(again, wanted)
    return made


def every_op(cls: type[QuantizedOp] = QuantizedOp) -> set[type[QuantizedOp]]:
    """The classes that can be nodes."""
    children = [child for child in cls.__subclasses__() if child.__module__.startswith("hwgen.")]
    return {sub for child in children for sub in every_op(child)} if children else {cls}


def test_every_op_is_exported_or_refused_by_name() -> None:
    assert every_op() == set(qonnx._WRITERS) | qonnx.REFUSED
    assert not set(qonnx._WRITERS) & qonnx.REFUSED
