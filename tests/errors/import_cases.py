"""Bad models, each as small as the error allows."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, helper

from hwgen.frontend import ImportOptions
from hwgen.ir.types import IntType
from tests.frontend.tiny import INT8, QONNX, model, node, quant

FLOATS = np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6], [0.7, 0.8]], np.float32)
UNITS = {"scale": 1.0, "zero": 0.0, "bits": 4.0}
MAP = ("N", 4, 6, 5)
KERNEL = {"w": np.ones((2, 4, 3, 3), np.float32)}
TRUNC = {"scale": 1.0, "zero": 0.0, "in": 8.0, "out_scale": 4.0, "out": 6.0}
NORM = {"gamma": [1.0] * 4, "beta": [0.0] * 4, "mean": [0.0] * 4, "variance": [1.0] * 4}


def one(op: str, inputs: list[str] | None = None, constants: dict[str, Any] | None = None, *, x: Any = ("N", 4),
        opset: int = 17, domain: str = "", name: str = "bad", **attributes: Any) -> ModelProto:
    """A model of one node, named `bad`."""
    names = inputs or ["x", *(constants or {})]
    return model([node(op, names, name=name, domain=domain, **attributes)], constants, x=x, opset=opset)


def bad_quant(constants: dict[str, Any], **attributes: Any) -> ModelProto:
    """A Quant named `bad` with some constants replaced."""
    return model([quant("x", "y", name="bad", **attributes)], UNITS | constants)


def two_outputs(op: str, *outputs: str, opset: int = 17, **attributes: Any) -> ModelProto:
    """An op with more than one output and BatchNormalization's constants."""
    made = one(op, ["x", *NORM], NORM, opset=opset, **attributes)
    made.graph.node[0].output.extend(outputs)
    return made


def conv_net() -> ModelProto:
    """A convolution, two sines and an op nobody knows."""
    nodes = [node("Conv", ["x", "k"], "a", name="conv1"), node("Sin", ["a"], "b", name="wave"),
             node("Sin", ["b"], "c", name="ripple"), node("Blur", ["c"], name="blur", domain="my.ops")]
    return model(nodes, {"k": np.ones((1, 1, 1, 1), np.float32)}, x=(1, 1, 4, 4))


def conv_weight_scale() -> ModelProto:
    """A weight scale for each input channel."""
    scales = {"wide": np.arange(1, 5, dtype=np.float32).reshape(1, 4, 1, 1)}
    return model([quant("w", "q", "wide"), node("Conv", ["x", "q"], name="bad")], KERNEL | scales | UNITS, x=MAP)


def pool_indices() -> ModelProto:
    made = one("MaxPool", x=MAP, kernel_shape=[2, 2])
    made.graph.node[0].output.append("indices")
    return made


def attribute_of_wrong_type() -> ModelProto:
    """A float where Quant's `signed` must be an integer (onnx.checker knows nothing of Quant)."""
    return bad_quant({}, signed=1.0)


def cycle() -> ModelProto:
    return model([node("Relu", ["b"], "a", name="one"), node("Relu", ["a"], "b", name="two"), node("Relu", ["b"])])


def two_initializers() -> ModelProto:
    made = one("Add", constants={"c": 1.0})
    made.graph.initializer.append(made.graph.initializer[0])
    return made


def short_data() -> ModelProto:
    made = one("Add", constants={"c": [1.0, 2.0, 3.0, 4.0]})
    made.graph.initializer[0].raw_data = b"1234"
    return made


def huge_dims() -> ModelProto:
    made = one("Add", constants={"c": [1.0, 2.0, 3.0, 4.0]})
    made.graph.initializer[0].dims[:] = [1 << 40, 1 << 40]
    return made


def softmax_inside() -> ModelProto:
    nodes = [quant("x", "a"), node("Softmax", ["a"], "p", name="soft"), node("Relu", ["p"], "r", name="act"),
             quant("r", "y")]
    return model(nodes, UNITS)


def floats_inside() -> ModelProto:
    """A convolution and a dense layer with float weights, a quantizer behind them."""
    nodes = [node("Conv", ["x", "k"], "a", name="conv1"), node("Flatten", ["a"], "f"),
             node("MatMul", ["f", "w"], "b", name="dense1"), quant("b", "y")]
    weights = {"k": np.full((1, 4, 3, 3), 0.3, np.float32), "w": np.full((12, 2), 0.3, np.float32)}
    return model(nodes, UNITS | weights, x=MAP)


def flattened() -> ModelProto:
    """A convolution of 6 x 5 pixels, and a dense layer of all that it makes of them."""
    nodes = [node("Conv", ["x", "k"], "a", name="conv1"), node("Flatten", ["a"], "f"),
             node("MatMul", ["f", "w"], name="dense1")]
    return model(nodes, {"k": np.ones((1, 4, 3, 3), np.float32), "w": np.ones((12, 2), np.float32)}, x=MAP)


def weights_only(w: Any) -> ModelProto:
    """Two layers, and no quantizer of a value."""
    nodes = [quant("w", "q"), node("MatMul", ["x", "q"], "a"), node("Relu", ["a"], "r"), node("MatMul", ["r", w])]
    return model(nodes, UNITS | {"w": np.ones((4, 4), np.float32), "v": np.full((4, 2), 0.3, np.float32)})


def mixed_products() -> ModelProto:
    nodes = [quant("x", "a"), node("MatMul", ["a", "w"], name="dense1"), quant("y", "b")]
    return model(nodes, UNITS | {"w": FLOATS}, outputs=("b",))


def quantized_weight_arithmetic() -> ModelProto:
    nodes = [quant("x", "a"), quant("w", "wq"), node("Mul", ["wq", "half"], "wh", name="bad"),
             node("MatMul", ["a", "wh"])]
    return model(nodes, UNITS | {"w": FLOATS, "half": 0.3})


def no_shape() -> ModelProto:
    made = one("Relu")
    made.graph.input[0].type.tensor_type.ClearField("shape")
    return made


def typed(low: int, high: int, scale: Fraction) -> ImportOptions:
    return ImportOptions(input_types={None: (IntType(low, high), scale)})


def shaped(*shape: int) -> ImportOptions:
    return ImportOptions(input_shapes={None: shape})


Case = tuple[Callable[[], ModelProto], ImportOptions | None]
CASES: dict[str, Case] = {
    "opset_too_old": (lambda: one("Relu", opset=8), None),
    "opset_too_new": (lambda: one("Relu", opset=22), None),
    "cycle": (cycle, None),
    "two_initializers": (two_initializers, None),
    "unknown_standard_op": (lambda: one("Foo"), None),
    "short_data": (short_data, None),
    "huge_dims": (huge_dims, None),
    "empty_constant": (lambda: one("Add", constants={"c": np.zeros((0, 4), np.float32)}), None),
    "unsupported_ops": (conv_net, None),
    "unsupported_single_op": (lambda: one("Sin"), None),
    "float_weights": (mixed_products, None),
    "unquantized_input": (lambda: one("MatMul", constants={"w": np.ones((4, 2), np.float32)}), None),
    "zero_sized_input": (lambda: one("Relu", x=("N", 0)), None),
    "dynamic_shape": (lambda: one("Relu", x=("N", "length")), None),
    "fixed_batch": (lambda: one("Relu", x=(8, 4)), None),
    "no_batch": (lambda: one("Relu", x=(4,)), None),
    "no_shape": (no_shape, None),
    "absurd_shape": (lambda: one("Relu", x=(1, 1 << 40, 1 << 40)), None),
    "input_shape_rank": (lambda: one("Relu", x=("N", "length")), shaped(1, 2, 3)),
    "input_shape_batch": (lambda: one("Relu", x=("N", "length")), shaped(2, 3)),
    "input_scale": (lambda: one("Relu"), typed(0, 255, Fraction(0))),
    "nan_constant": (lambda: one("Add", constants={"c": [1.0, float("nan"), 0.0, 0.0]}), None),
    "infinite_constant": (lambda: one("Mul", constants={"c": float("inf")}), None),
    "nan_weight": (lambda: one("MatMul", constants={"w": np.full((4, 2), np.nan, np.float32)}), INT8),
    "string_constant": (lambda: one("Add", constants={"c": np.array([True])}), None),
    "folded_to_nan": (lambda: model([node("Sqrt", ["c"], "r", name="root"), node("Add", ["x", "r"], name="bad")],
                                    {"c": -1.0}), None),
    "divides_by_zero": (lambda: one("Div", constants={"c": [1.0, 0.0, 1.0, 1.0]}), None),
    "divides_by_value": (lambda: one("Div", ["c", "x"], {"c": 1.0}), None),
    "scale_zero": (lambda: bad_quant({"scale": 0.0}), None),
    "scale_negative": (lambda: bad_quant({"scale": [1.0, -0.5, 1.0, 1.0]}), None),
    "scale_nan": (lambda: bad_quant({"scale": float("nan")}), None),
    "scale_shape": (lambda: bad_quant({"scale": [1.0, 1.0, 1.0]}), None),
    "bit_width": (lambda: bad_quant({"bits": 2.5}), None),
    "bit_width_zero": (lambda: bad_quant({"bits": 0.0}), None),
    "bit_width_shape": (lambda: bad_quant({"bits": [4.0, 4.0]}), None),
    "narrow_bit": (lambda: bad_quant({"bits": 1.0}, signed=0, narrow=1), None),
    "rounding_mode": (lambda: bad_quant({}, rounding_mode="STOCHASTIC"), None),
    "bipolar_zero_point": (lambda: bad_quant({"bits": 1.0, "zero": 1.0}), None),
    "attribute_type": (attribute_of_wrong_type, None),
    "computed_scale": (lambda: model([node("Relu", ["x"], "s"), quant("x", "y", "s", name="bad")], UNITS), None),
    "missing_input": (lambda: model([node("Quant", ["x", "scale"], name="bad", domain=QONNX)], UNITS), None),
    "weight_scale_shape": (lambda: model([quant("x", "a"), quant("w", "wq", "three", name="bad"),
                                          node("MatMul", ["a", "wq"])],
                                         UNITS | {"w": FLOATS, "three": [1.0] * 3}), None),
    "quantized_arithmetic": (quantized_weight_arithmetic, None),
    "weight_annotation": (lambda: model([node("MatMul", ["x", "w"], name="bad")], {"w": np.eye(4, dtype=np.float32)},
                                        annotations={"w": "BIPOLAR"}), INT8),
    "threshold_shape": (lambda: one("MultiThreshold", constants={"t": [[1.0]] * 3}, domain=QONNX), None),
    "threshold_type": (lambda: one("MultiThreshold", constants={"t": [[1.0, 2.0]]}, domain=QONNX,
                                   out_dtype="BINARY"), None),
    "threshold_scale": (lambda: one("MultiThreshold", constants={"t": [[1.0]]}, domain=QONNX, out_scale=-1.0), None),
    "reshape_batch": (lambda: one("Reshape", constants={"s": [4]}), None),
    "reshape_size": (lambda: one("Reshape", constants={"s": [1, 5]}), None),
    "reshape_two_unknown": (lambda: one("Reshape", constants={"s": [-1, -1]}), None),
    "reshape_computed": (lambda: model([node("Cast", ["x"], "s", to=TensorProto.INT64, name="cast"),
                                        node("Reshape", ["x", "s"], name="bad")]), None),
    "transpose_batch": (lambda: one("Transpose"), None),
    "squeeze_batch": (lambda: one("Squeeze", x=(1, 4)), None),
    "axis": (lambda: one("Flatten", axis=7), None),
    "broadcast": (lambda: one("Add", constants={"c": np.ones((3, 1), np.float32)}), None),
    "broadcast_rank": (lambda: one("Add", constants={"c": np.ones((1, 1, 4), np.float32)}), None),
    "broadcast_size": (lambda: one("Add", constants={"c": [1.0, 2.0, 3.0]}), None),
    "matmul_shape": (lambda: one("MatMul", constants={"w": np.ones((3, 2), np.float32)}), INT8),
    "weight_rank": (lambda: one("MatMul", constants={"w": [1.0] * 4}), INT8),
    "bias_shape": (lambda: one("Gemm", constants={"w": np.ones((4, 2), np.float32), "c": [1.0] * 3}), INT8),
    "transposed_input": (lambda: one("Gemm", constants={"w": np.ones((1, 2), np.float32)}, transA=1, x=(1, 4)), INT8),
    "join_of_floats": (lambda: model([node("Relu", ["x"], "r"), node("Add", ["x", "r"], name="bad")]), None),
    "join_by_product": (lambda: model([node("MatMul", ["x", "w"], "m"), node("Mul", ["x", "m"], name="bad")],
                                      {"w": np.eye(4, dtype=np.float32)}), INT8),
    "join_shapes": (lambda: model([node("GlobalMaxPool", ["x"], "m"), node("Add", ["x", "m"], name="bad")], x=MAP),
                    INT8),
    "concat_axis": (lambda: model([node("Concat", ["x", "x"], name="bad", axis=2)], x=MAP), INT8),
    "concat_shapes": (lambda: model([node("GlobalMaxPool", ["x"], "m"), node("Concat", ["x", "m"], name="bad", axis=1)],
                                    x=MAP), INT8),
    "conv_rank": (lambda: one("Conv", constants={"w": np.ones((2, 4, 3, 3), np.float32)}), INT8),
    "conv_channels": (lambda: one("Conv", constants={"w": np.ones((2, 3, 3, 3), np.float32)}, x=MAP), INT8),
    "conv_groups": (lambda: one("Conv", constants={"w": np.ones((3, 2, 3, 3), np.float32)}, x=MAP, group=2), INT8),
    "conv_kernel": (lambda: one("Conv", constants={"w": np.ones((2, 4, 3, 3), np.float32)}, x=MAP,
                                kernel_shape=[2, 2]), INT8),
    "conv_strides": (lambda: one("Conv", constants=KERNEL, x=MAP, strides=[2, 0]), INT8),
    "conv_pads": (lambda: one("Conv", constants=KERNEL, x=MAP, pads=[1, 1]), INT8),
    "conv_huge_pads": (lambda: one("Conv", constants=KERNEL, x=MAP, pads=[10**15] * 4), INT8),
    "conv_negative_pads": (lambda: one("Conv", constants=KERNEL, x=MAP, pads=[-1, 0, 0, 0]), INT8),
    "conv_auto_pad": (lambda: one("Conv", constants=KERNEL, x=MAP, auto_pad="SAME"), INT8),
    "conv_too_large": (lambda: one("Conv", constants={"w": np.ones((2, 4, 9, 9), np.float32)}, x=MAP), INT8),
    "conv_bias": (lambda: one("Conv", constants=KERNEL | {"b": [1.0] * 3}, x=MAP), INT8),
    "conv_float_weights": (floats_inside, INT8),
    "reshaped": (flattened, shaped(1, 4, 8, 5)),
    "weights_only": (lambda: weights_only("q"), None),
    "no_quantizers": (lambda: model([node("MatMul", ["x", "v"])], {"v": FLOATS}), None),
    "conv_weight_scale": (conv_weight_scale, INT8),
    "pool_of_vector": (lambda: one("GlobalAveragePool"), INT8),
    "pool_kernel": (lambda: one("MaxPool", x=MAP, kernel_shape=[2]), INT8),
    "pool_indices": (pool_indices, INT8),
    "pool_empty_window": (lambda: one("MaxPool", x=MAP, kernel_shape=[2, 2], pads=[2, 0, 0, 0]), INT8),
    "pool_uneven": (lambda: one("AveragePool", x=MAP, kernel_shape=[2, 2], pads=[1, 1, 1, 1]), INT8),
    "mean_of_channels": (lambda: one("ReduceMean", x=MAP, axes=[1]), INT8),
    "clip_nan": (lambda: one("Clip", constants={"low": float("nan")}), INT8),
    "leaky_infinite": (lambda: one("LeakyRelu", alpha=float("inf")), INT8),
    "threshold_layout": (lambda: one("MultiThreshold", constants={"t": [[1.0]]}, domain=QONNX, data_layout="CHWN"),
                         None),
    "trunc_float": (lambda: one("Trunc", constants=TRUNC, domain=QONNX), None),
    "trunc_bits": (lambda: one("Trunc", constants=TRUNC | {"out": 4.5}, domain=QONNX), INT8),
    "trunc_scales": (lambda: one("Trunc", constants=TRUNC | {"out_scale": [1.0, 1.0, 1.0, 4.0]}, domain=QONNX), INT8),
    "product_of_values": (lambda: model([node("Relu", ["x"], "r"), node("MatMul", ["x", "r"], name="bad")]), None),
    "weights_on_the_left": (lambda: one("MatMul", ["w", "x"], {"w": np.ones((1, 1), np.float32)}), None),
    "power": (lambda: one("Pow", constants={"e": 2.5}), None),
    "batch_norm_training": (lambda: two_outputs("BatchNormalization", "m", "v", training_mode=1), None),
    "batch_norm_outputs": (lambda: two_outputs("BatchNormalization", "m", "v", "sm", "sv", opset=9), None),
    "batch_norm_variance": (lambda: one("BatchNormalization", ["x", *NORM], NORM | {"variance": [-1.0] * 4}), None),
    "batch_norm_shape": (lambda: one("BatchNormalization", ["x", *NORM], NORM | {"mean": [0.0]}), None),
    "dropout_training": (lambda: one("Dropout", constants={"ratio": np.float32(0.5), "training": np.array(True)}),
                         None),
    "cast": (lambda: one("Cast", to=TensorProto.INT8), None),
    "softmax_axis": (lambda: one("Softmax", axis=1, x=("N", 2, 3)), None),
    "softmax_inside": (softmax_inside, None),
    "topk_smallest": (lambda: model([helper.make_node("TopK", ["x", "k"], ["v", "y"], name="bad", largest=0)],
                                    {"k": [1]}), None),
    "topk_too_many": (lambda: model([helper.make_node("TopK", ["x", "k"], ["v", "y"], name="bad")], {"k": [9]}), None),
    "topk_values": (lambda: model([helper.make_node("TopK", ["x", "k"], ["y", "i"], name="bad")], {"k": [1]}), None),
    "argmax_last": (lambda: one("ArgMax", axis=1, select_last_index=1), None),
    "argmax_batch": (lambda: one("ArgMax"), None),
    "index_arithmetic": (lambda: model([node("ArgMax", ["x"], "i", axis=1), node("Relu", ["i"], name="bad")]), None),
    "constant_output": (lambda: model([node("Neg", ["c"])], {"c": 1.0}), None),
    "input_as_output": (lambda: model([node("Relu", ["x"])], outputs=("y", "x")), None),
    "constant_too_large": (lambda: model([node("ConstantOfShape", ["s"], "c", name="bad"), node("Add", ["x", "c"])],
                                         {"s": [1 << 20, 1 << 20]}), None),
    "constant_expression": (lambda: model([node("Reshape", ["c", "s"], "r", name="bad"), node("Add", ["x", "r"])],
                                          {"c": [1.0, 2.0], "s": [3]}), None),
    "input_of_strings": (lambda: model([node("Identity", ["x"])], element=TensorProto.STRING), None),
}
