"""A pyxir.onnx model executed as ONNX, with the positions of its attributes and a DPU's constants."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from hwgen.dpu.arithmetic import pool_factor
from hwgen.ir.tensor import Array


def attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {item.name: helper.get_attribute_value(item) for item in node.attribute}


OPSETS = {"Pad": 2, "Clip": 6, "HardSwish": 14}
"""Versions of ops that have these attributes; other ops: the file's."""


def evaluated(node: onnx.NodeProto, values: Mapping[str, Array]) -> Array:
    """The node as plain ONNX on float64 numbers."""
    if node.op_type == "Resize":
        _, _, down, right = values[node.input[2]]
        return values[node.input[0]].repeat(int(down), axis=2).repeat(int(right), axis=3)
    # onnx's evaluator pads for auto_pad=VALID, which means that there are no pads.
    assert attributes(node).get("auto_pad", b"VALID") == b"VALID"
    inputs, bias = [*node.input], np.float32(0)
    if node.op_type == "ConvTranspose" and len(inputs) == 3:
        # onnx's evaluator adds the bias of the first group to every group.
        bias = values[inputs.pop()].reshape(-1, 1, 1)
    kept = [item for item in node.attribute if not item.name.startswith(("vai_quant", "auto_pad"))]
    plain = onnx.NodeProto(op_type=node.op_type, input=inputs, output=node.output, attribute=kept)
    feeds = {name: values[name] for name in inputs}
    ports = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(feeds[name].dtype), feeds[name].shape)
             for name in feeds]
    graph = helper.make_graph([plain], "one", ports, [helper.make_empty_tensor_value_info(node.output[0])])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSETS.get(node.op_type, 11))])
    return np.asarray(ReferenceEvaluator(model).run(None, feeds)[0] + bias)


def rounded(x: Array, position: int) -> Array:
    return np.asarray(np.clip(np.floor(x * 2.0**position + 0.5), -128, 127) * 2.0**-position, np.float32)


def executed(model: onnx.ModelProto, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """All values: what nodes of the domain compute is rounded at vai_quant_out, pools have the DPU's constants."""
    values: dict[str, Array] = dict(inputs)
    plain = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
    activations = {node.input[0]: node.op_type for node in model.graph.node if node.op_type == "LeakyRelu"}
    for node in model.graph.node:
        found = attributes(node)
        roles = [found.get("vai_quant_weights"), found.get("vai_quant_biases")] if node.domain else []
        for name, quantized in zip([name for name in node.input if name in plain], roles or [None] * 9, strict=False):
            values[name] = plain[name] if quantized is None else np.float32(plain[name] * 2.0 ** -quantized[1])
        made = evaluated(node, values)
        if node.op_type.endswith("AveragePool"):
            kernel = tuple(found.get("kernel_shape", values[node.input[0]].shape[2:]))
            made = made * (pool_factor(kernel)[0] * prod(kernel) / (1 << pool_factor(kernel)[1]))
        # The DPU rounds once, behind a fused activation: it matters to a leaky one.
        fused = activations.get(node.output[0]) and node.op_type in ("Conv", "ConvTranspose")
        values[node.output[0]] = rounded(made, found["vai_quant_out"][1]) if node.domain and not fused else made
    return values
