"""What other programs ask of exported files beyond ONNX: qonnx's own transformations, FINN's and hwgen's reader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from hwgen.errors import HwgenError
from hwgen.export import engines, finn, qonnx
from hwgen.frontend import load
from hwgen.ir.graph import Graph, GraphBuilder, Level, Value
from hwgen.ir.tensor import Tensor
from hwgen.ir.types import REAL, full_range
from hwgen.model import IntegerModel
from hwgen.ops.quantized import Dense
from hwgen.passes.pipeline import integers_of
from hwgen.rounding import Rounding
from tests.conftest import need_package
from tests.export.running import differences, inputs_of
from tests.networks import quant as tiny_quant

torch = pytest.importorskip("torch")

from hwgen import nn as qnn  # noqa: E402
from hwgen.nn import quant  # noqa: E402
from hwgen.nn.trace import to_ir  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")


def network(seed: int) -> Graph:
    """Convolutions of one pixel, with a stride, and of single channels; pools with a border and without."""
    torch.manual_seed(seed)
    layers = [qnn.QuantReLU(quant.Int8ActPerTensorFloat, bit_width=6),
              qnn.QuantConv2d(2, 4, 1, bias=False, weight_bit_width=4), qnn.QuantReLU(bit_width=4),
              qnn.QuantConv2d(4, 4, 3, stride=2, padding=1, groups=4, bias=False),
              qnn.QuantIdentity(bit_width=5), torch.nn.MaxPool2d(2), torch.nn.MaxPool2d(3, stride=1, padding=1),
              qnn.QuantConv2d(4, 3, 2, bias=False), qnn.QuantIdentity(bit_width=4), torch.nn.Flatten(),
              qnn.QuantLinear(3, 2, bias=False)]
    model = torch.nn.Sequential(*layers)
    model.train()(torch.randn(64, 2, 9, 9))
    return to_ir(model.eval(), (1, 2, 9, 9))


def test_finn_files_pass_through_the_transformations_of_qonnx(seed: int) -> None:
    """They read attributes from the nodes that ONNX has defaults for."""
    need_package("qonnx")
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.transformation.channels_last import ConvertToChannelsLastAndClean
    from qonnx.transformation.infer_shapes import InferShapes
    from qonnx.transformation.lower_convs_to_matmul import LowerConvsToMatMul
    integers = integers_of(network(seed))
    inputs = inputs_of(integers, 6, seed)
    (wanted,) = IntegerModel(integers).predict(inputs).values()
    for change in (LowerConvsToMatMul(), ConvertToChannelsLastAndClean()):
        changed = ModelWrapper(finn.export(integers).model).transform(change).transform(InferShapes())
        assert not any(node.op_type == "Conv" and not node.domain for node in changed.graph.node)
        (found,) = engines.qonnx(changed.model, inputs).values()
        np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_finn_files_are_read_again(tmp_path: Path, seed: int) -> None:
    """One row of thresholds for all pixels of the input, without those of levels that every number reaches."""
    integers = integers_of(network(seed))
    made = finn.export(integers).model
    assert all(np.isfinite(numpy_helper.to_array(tensor)).all() for tensor in made.graph.initializer)
    first = next(node for node in made.graph.node if node.op_type == "MultiThreshold")
    assert next(a.s for a in first.attribute if a.name == "out_dtype") == b"UINT5"
    onnx.save(made, tmp_path / "m.onnx")
    model, again = IntegerModel(integers), IntegerModel(integers_of(load(tmp_path / "m.onnx").graph))
    inputs = inputs_of(integers, 20, seed)
    (wanted,), (found,) = model.predict(inputs).values(), again.predict(inputs).values()
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


@pytest.mark.parametrize("layer", [torch.nn.Upsample(scale_factor=(2, 3)), torch.nn.PixelShuffle(2)],
                         ids=["upsample", "pixel shuffle"])
def test_finn_files_have_onnx_operators_that_move_pixels(layer: Any, tmp_path: Path, seed: int) -> None:
    """Resize and DepthToSpace, not what they could be composed of."""
    need_package("qonnx")
    torch.manual_seed(seed)
    model = torch.nn.Sequential(qnn.QuantIdentity(bit_width=4), layer, qnn.QuantConv2d(
        8 if isinstance(layer, torch.nn.Upsample) else 2, 2, 2, bias=False), qnn.QuantIdentity(bit_width=4))
    integers = integers_of(to_ir(model.eval(), (1, 8, 3, 2)))
    made = finn.export(integers)
    assert {"Resize", "DepthToSpace"} & {node.op_type for node in made.model.graph.node}
    inputs = inputs_of(integers, 6, seed)
    assert differences(integers, made, inputs, engines.qonnx) == {}
    onnx.save(made.model, tmp_path / "m.onnx")
    model, again = IntegerModel(integers), IntegerModel(integers_of(load(tmp_path / "m.onnx").graph))
    (wanted,), (found,) = model.predict(inputs).values(), again.predict(inputs).values()
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_finn_has_no_doubles() -> None:
    """An output whose integers float32 does not hold; FINN makes every double a float."""
    builder = GraphBuilder("wide", Level.QUANTIZED)
    x = builder.add_input(Value("x", (2,), REAL)).name
    (codes,) = builder.add("quant", tiny_quant(0.5, full_range(4, True)), [x], ["codes"])
    scales = Tensor(np.array([[0.1, 0.3]], dtype=np.float32))
    dense = Dense(Tensor(np.ones((1, 2), dtype=np.int64)), scales, Tensor(0.0), None)
    (y,) = builder.add("dense", dense, [codes.name], ["y"])
    with pytest.raises(HwgenError, match=r"not-exportable: y.*: its sums pass 2\^24"):
        finn.export(integers_of(builder.build([y.name])))


def test_ternary_quantizers_round_half_to_even() -> None:
    """Their ties, toward zero, end at zero in either mode, and hls4ml has this one only."""
    ternary = qnn.QuantIdentity(quant.SignedTernaryActPerTensorConst)
    model = torch.nn.Sequential(ternary, qnn.QuantLinear(3, 2, bias=False))
    nodes = qonnx.export(to_ir(model.eval(), (1, 3))).graph.node
    modes = [a.s for node in nodes if node.output[0] == "0" for a in node.attribute if a.name == "rounding_mode"]
    assert modes == [b"ROUND"]


def test_a_scale_for_each_row_is_behind_the_product(tmp_path: Path, seed: int) -> None:
    """The weights are integers on one grid; hwgen reads the same network."""
    torch.manual_seed(seed)
    layer = qnn.QuantLinear(5, 3, weight_quant=quant.Int8WeightPerChannelFloat, weight_bit_width=4)
    model = torch.nn.Sequential(qnn.QuantIdentity(bit_width=4), layer, qnn.QuantIdentity(bit_width=5))
    model.train()(torch.randn(64, 5))
    graph = to_ir(model.eval(), (1, 5))
    made = qonnx.export(graph)
    assert [node.op_type for node in made.graph.node[2:]] == ["MatMul", "Mul", "Add", "Quant"]
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in made.graph.initializer}
    assert constants["1_weight_scale"] == 1 and (constants["1_weight_float"] % 1 == 0).all()
    onnx.save(made, tmp_path / "m.onnx")
    inputs = inputs_of(integers_of(graph), 50, seed)
    (wanted,), (found,) = (IntegerModel(integers_of(g)).predict(inputs).values()
                           for g in (graph, load(tmp_path / "m.onnx").graph))
    np.testing.assert_array_equal(found, wanted)


def test_zeros_around_a_map_are_the_pads_of_its_convolution(tmp_path: Path, seed: int) -> None:
    """Where it alone reads them: the second border is a Pad, which a pool reads too."""
    class Borders(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.pixels, self.inner = (qnn.QuantIdentity(bit_width=5) for _ in range(2))
            self.first, self.second = (qnn.QuantConv2d(2, 2, 3, padding=1, stride=2, bias=False) for _ in range(2))

        def forward(self, x: Any) -> Any:
            y = self.inner(self.first(torch.nn.functional.pad(self.pixels(x), (2, 1, 0, 1))))
            z = torch.nn.functional.pad(y, (1, 0, 0, 1))
            return self.second(z), torch.nn.functional.max_pool2d(z, 2)

    torch.manual_seed(seed)
    graph = to_ir(Borders().eval(), (1, 2, 6, 6))
    made = qonnx.export(graph)
    assert [node.op_type for node in made.graph.node].count("Pad") == 1
    convolutions = [node for node in made.graph.node if node.op_type == "Conv"]
    pads = [list(a.ints) for node in convolutions for a in node.attribute if a.name == "pads"]
    assert pads == [[1, 3, 2, 2], [1, 1, 1, 1]]
    onnx.save(made, tmp_path / "m.onnx")
    inputs = inputs_of(integers_of(graph), 20, seed)
    wanted, found = (IntegerModel(integers_of(g)).predict(inputs) for g in (graph, load(tmp_path / "m.onnx").graph))
    for name, y in wanted.items():
        np.testing.assert_array_equal(found[name], y)


def test_a_map_becomes_a_vector_by_flatten(seed: int) -> None:
    """FINN's streamlining takes a Reshape for one where its shape is [1, -1] only."""
    graph = network(seed)
    for made in (qonnx.export(graph), finn.export(integers_of(graph)).model):
        kinds = [node.op_type for node in made.graph.node]
        assert "Flatten" in kinds and "Reshape" not in kinds


def test_half_up_is_the_floor_of_half_a_step_more(tmp_path: Path, seed: int) -> None:
    """Which QONNX and hls4ml have; ties are frequent with these scales."""
    builder = GraphBuilder("half_up", Level.QUANTIZED)
    value = builder.add_input(Value("x", (3,), REAL)).name
    half_up = [tiny_quant(0.25, full_range(3, True), Rounding.HALF_UP, zero) for zero in (0.0, 1.0)]
    dense = Dense(Tensor(np.arange(-4, 5).reshape(3, 3)), Tensor(0.25), Tensor(0.0), None)
    ops = [tiny_quant(0.5, full_range(4, True)), dense, half_up[0], dense, half_up[1]]
    for number, op in enumerate(ops):
        value = builder.add(f"n{number}", op, [value], [f"v{number}"])[0].name
    graph = builder.build([value])
    made = qonnx.export(graph)
    onnx.save(made, tmp_path / "m.onnx")
    inputs = inputs_of(integers_of(graph), 100, seed)
    wanted, found = (IntegerModel(integers_of(g)).predict(inputs)[value]
                     for g in (graph, load(tmp_path / "m.onnx").graph))
    np.testing.assert_array_equal(found, wanted)
    np.testing.assert_array_equal(engines.qonnx(made, inputs)[value], wanted)
