"""Damaged models end in an HwgenError or are read: never a traceback, whatever bytes or fields are wrong."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto, helper, numpy_helper

from hwgen.errors import HwgenError
from hwgen.frontend import load
from tests.frontend.test_maps import CASES as MAP_CASES
from tests.frontend.test_standard import CASES
from tests.frontend.tiny import INT8, QONNX, model, node, quant

ROUNDS = 400
FORMS = ["reshape_exporter", "reshape_sliced", "batch_norm", "topk", "constants", "squeeze", "argmax",
         "gemm_attributes"]
MAP_FORMS = ["conv_geometry", "conv_row_same", "max_pool_ceil", "average_pool_counted", "mean_dropped", "clip", "prelu",
             "concat"]
OPS = ["Quant", "BipolarQuant", "MultiThreshold", "MatMul", "Gemm", "Reshape", "Transpose", "Softmax", "TopK",
       "Squeeze", "Concat", "ConstantOfShape", "Range", "Tile", "Expand", "BatchNormalization", "Conv", "Cast", "Pow",
       "Gather"]
VALUES = [1, -1, 10**15, 0.5, float("nan"), float("inf"), "text", [1, 2], [0.5], [-5]]
ARRAYS = [np.array(np.nan, np.float32), np.zeros((2, 2), np.float32), np.array([0]), np.array([10**15]),
          np.array([True]), np.array(["a"], object), np.ones((1, 1, 1, 4), np.float16), np.array(0, np.float32)]


def samples() -> list[ModelProto]:
    """A quantized layer with everything around it, thresholds, and the standard forms at two opsets."""
    weight = np.arange(-6, 6, dtype=np.float32).reshape(3, 4) / 3
    layer = [quant("x", "a"), quant("w", "b"), node("Gemm", ["a", "b", "c"], "g", transB=1), node("Relu", ["g"], "r"),
             quant("r", "q", signed=0, narrow=1, rounding_mode="FLOOR"), node("Softmax", ["q"])]
    made = [model(layer, {"w": weight, "c": [1.0, 2.0, 3.0], "scale": 0.5, "zero": 0.0, "bits": 4.0})]
    steps = [node("MatMul", ["x", "w"], "a"), node("MultiThreshold", ["a", "t"], domain=QONNX, out_dtype="UINT2")]
    made.append(model(steps, {"w": np.ones((4, 3), np.float32), "t": [[1.0, 2.0, 3.0]]}, annotations={"x": "INT4"}))
    for case in [*(CASES[form] for form in FORMS), *(MAP_CASES[form] for form in MAP_FORMS)]:
        for opset in (max(9, case.since), 17):
            made.append(model(*case.build(opset), x=case.x, opset=opset))
    return made


def damage_bytes(made: ModelProto, rng: random.Random) -> bytes:
    """Truncation, or a few bytes changed, dropped or added."""
    data = bytearray(made.SerializeToString())
    if rng.random() < 0.1:
        return bytes(data[:rng.randrange(len(data))])
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data))
        data[at:at + rng.choice([0, 1, 1, 1])] = bytes(rng.randrange(256) for _ in range(rng.choice([0, 1, 1, 1])))
    return bytes(data)


def damage_fields(made: ModelProto, rng: random.Random) -> bytes:
    """A few fields replaced by values of the right protobuf type and the wrong meaning."""
    broken = ModelProto()
    broken.CopyFrom(made)
    for _ in range(rng.randint(1, 3)):
        rng.choice([damage_node, damage_attribute, damage_tensor, damage_graph])(broken, rng)
    return bytes(broken.SerializeToString())


def some_name(made: ModelProto, rng: random.Random) -> str:
    """A value of the graph, one that is not there, or none."""
    names = [t.name for t in made.graph.initializer] + [o for n in made.graph.node for o in n.output]
    return rng.choice([*names, "x", "nowhere", ""])


def damage_node(made: ModelProto, rng: random.Random) -> None:
    """Inputs, op, domain or copies of a node."""
    target = rng.choice(made.graph.node)
    kind = rng.randrange(6)
    if kind == 0 and target.input:
        target.input[rng.randrange(len(target.input))] = some_name(made, rng)
    elif kind == 1 and target.input:
        del target.input[rng.randrange(len(target.input))]
    elif kind == 2:
        target.input.append(some_name(made, rng))
    elif kind == 3:
        target.op_type = rng.choice(OPS)
    elif kind == 4:
        target.domain = rng.choice(["", QONNX, "ai.onnx", "foo"])
    else:
        made.graph.node.append(target)


def damage_attribute(made: ModelProto, rng: random.Random) -> None:
    """An attribute dropped, or given another type or value."""
    target = rng.choice(made.graph.node)
    name = rng.choice(["axis", "axes", "perm", "alpha", "epsilon", "to", "k", "signed", "rounding_mode", "out_scale"])
    if target.attribute and rng.random() < 0.7:
        name = target.attribute[0].name
        del target.attribute[0]
    if rng.random() < 0.8:
        target.attribute.append(helper.make_attribute(name, rng.choice(VALUES)))


def damage_tensor(made: ModelProto, rng: random.Random) -> None:
    """Another shape, type, content or length."""
    if not made.graph.initializer:
        return
    target = rng.choice(made.graph.initializer)
    kind = rng.randrange(4)
    if kind == 0 and target.dims:
        target.dims[rng.randrange(len(target.dims))] = rng.choice([0, 1, 3, -1, 10**12, 2**62])
    elif kind == 1:
        target.data_type = rng.randrange(25)
    elif kind == 2:
        target.raw_data = rng.randbytes(len(target.raw_data) + rng.choice([0, 0, 1, 4]))
    else:
        target.CopyFrom(numpy_helper.from_array(np.asarray(rng.choice(ARRAYS)), target.name))


def damage_graph(made: ModelProto, rng: random.Random) -> None:
    """The ports and annotations."""
    dims = made.graph.input[0].type.tensor_type.shape.dim
    kind = rng.randrange(3)
    if kind == 0 and dims:
        dims[rng.randrange(len(dims))].dim_value = rng.choice([0, 1, 2, -1, 10**9, 2**62])
    elif kind == 1:
        made.graph.output[0].name = some_name(made, rng)
    else:
        entry = made.graph.quantization_annotation.add(tensor_name=some_name(made, rng))
        kind_name = rng.choice(["INT3", "BIPOLAR", "FIXED<8,4>", "INT99", "FOO", "UINT0"])
        entry.quant_parameter_tensor_names.add(key="finn_datatype", value=kind_name)


@pytest.mark.parametrize("damage", [damage_bytes, damage_fields])
def test_no_traceback(damage: Callable[[ModelProto, random.Random], bytes], tmp_path: Path, seed: int) -> None:
    """Anything but an HwgenError fails here by itself; both outcomes must occur, or the damage does nothing."""
    rng, path, made = random.Random(seed), tmp_path / "damaged.onnx", samples()
    outcomes: set[str] = set()
    for _ in range(ROUNDS):
        path.write_bytes(damage(rng.choice(made), rng))
        try:
            load(path, rng.choice([None, INT8]))
            outcomes.add("read")
        except HwgenError as error:
            outcomes.add(error.code)
    assert "read" in outcomes and len(outcomes) > 4
