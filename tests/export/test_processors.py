"""The same integers on a processor without VNNI instructions, whose sums of byte products saturate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from hwgen.exact.convolution import Geometry
from hwgen.export import pytorch, qop
from hwgen.ir.graph import Graph
from hwgen.ir.tensor import Tensor
from hwgen.ir.types import full_range
from hwgen.ops.quantized_maps import Conv
from hwgen.passes.pipeline import integers_of
from tests.conftest import need_package, need_program
from tests.export.matrix import named
from tests.export.on_processor import processor
from tests.export.running import differences, inputs_of
from tests.export.test_targets import chain, dense
from tests.networks import quant

NO_VNNI = "Haswell-noTSX"
BYTE = full_range(8, False)
TARGETS = {"qop": (qop.export, "onnxruntime"), "pytorch": (pytorch.export, "torch")}
EIGHT_BITS = ("lenet_dpu_fixed8", "lenet_mixed_onnx", "cnn_w8a8_tud", "cnn_asym_wu8_au8")


@pytest.fixture(scope="session")
def qemu() -> str:
    """Path of qemu's user mode."""
    need_package("onnxruntime", "torch")
    return need_program("qemu-x86_64")


def largest_map() -> Graph:
    """Weights and bytes at their ends; many kernels: of 3x3, depthwise, of 1x1, dense."""
    ends = np.random.default_rng(1).choice([-128, 127, 126], (8, 4, 3, 3))
    one, zero = Tensor(np.float64(0.25)), Tensor(0.0)
    depthwise = np.random.default_rng(2).choice([-127, 127], (8, 1, 3, 3))
    pointwise = np.random.default_rng(3).choice([-128, 127], (6, 8, 1, 1))
    return chain((4, 6, 6), quant(0.25, BYTE),
                 Conv(Geometry((3, 3), pads=(1, 1, 1, 1)), Tensor(ends), one, zero), quant(64.0, BYTE),
                 Conv(Geometry((3, 3)), Tensor(depthwise), one, zero, groups=8), quant(32.0, full_range(8, True)),
                 Conv(Geometry((1, 1)), Tensor(pointwise), one, zero), quant(32.0, BYTE))


def largest_vector() -> Graph:
    """Dense layers, whose weights are any of int8."""
    return chain((40,), quant(0.25, BYTE), dense(9, 40, 127), quant(64.0, BYTE), dense(3, 9))


NETWORKS = {"map": largest_map, "vector": largest_vector}


@pytest.mark.parametrize("target", TARGETS)
def test_every_integer(qemu: str, target: str, models: Path, seed: int) -> None:
    """Of random inputs and of a frame of the largest ones."""
    export, engine = TARGETS[target]
    graphs = {name: make() for name, make in NETWORKS.items()}
    graphs |= {name: integers_of(named(name).graph(models)) for name in EIGHT_BITS}
    with processor(qemu, NO_VNNI, engine) as run:
        for name, graph in graphs.items():
            inputs = {port: np.concatenate([x, np.full_like(x, 1e6)]) for port, x in inputs_of(graph, 1, seed).items()}
            assert differences(graph, export(graph), inputs, run) == {}, name


def test_int8_weights_would_saturate(qemu: str) -> None:
    """What the other test is about; with uint8 weights nothing saturates."""
    sums = {}
    with processor(qemu, NO_VNNI, "onnxruntime") as run:
        for dtype in (np.int8, np.uint8):
            sums[dtype] = int(run(product_of(dtype), {"x": np.full((1, 64), 255.0)})["sum"][0, 0])
    assert sums[np.uint8] == 64 * 127 * 255 and sums[np.int8] < sums[np.uint8]


def product_of(dtype: type[np.integer]) -> onnx.ModelProto:
    """64 bytes times 127 each."""
    nodes = [helper.make_node("Cast", ["x"], ["codes"], to=TensorProto.UINT8),
             helper.make_node("MatMulInteger", ["codes", "w"], ["sum"])]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 64])],
                              [helper.make_tensor_value_info("sum", TensorProto.INT32, [1, 8])],
                              [numpy_helper.from_array(np.full((64, 8), 127, dtype), "w")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
