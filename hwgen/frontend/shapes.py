"""Ops that only move or rename elements. Dimension 0 stays the batch; shapes are worked out with a batch of 1."""

from __future__ import annotations

from onnx import NodeProto, TensorProto

from hwgen.frontend import attributes
from hwgen.frontend.attributes import problem
from hwgen.frontend.constants import product
from hwgen.frontend.context import Context
from hwgen.frontend.integers import of_cast
from hwgen.frontend.registry import handles
from hwgen.ir.graph import Node, Value
from hwgen.ir.types import IntType
from hwgen.ops.quantized import Quant, Reshape, Transpose


@handles("onnx", "Reshape", since=5)
def reshape(context: Context, node: NodeProto) -> None:
    """0 copies a dimension unless allowzero, -1 is inferred."""
    value = context.value(node)
    shape = [1, *value.shape]
    target = context.sizes(node, 1)
    if not attributes.integer(node, "allowzero", 0):
        target = [copied(node, shape, i) if size == 0 else size for i, size in enumerate(target)]
    known = product([size for size in target if size != -1])
    if target.count(-1) > 1 or any(size < -1 for size in target):
        raise problem(node, "bad-constant", f"{target} is not a shape")
    target = [value.elements // known if size == -1 and known else size for size in target]
    add_reshape(context, node, value, target)


def copied(node: NodeProto, shape: list[int], index: int) -> int:
    """Dimension `index` of the input."""
    if index >= len(shape):
        raise problem(node, "bad-constant", f"it copies dimension {index} of a value of shape {shape}")
    return shape[index]


def add_reshape(context: Context, node: NodeProto, value: Value, target: list[int]) -> None:
    """The op, if the target keeps the batch in front and every element."""
    if product(target) != value.elements:
        raise problem(node, "shape-mismatch", f"shape {[1, *value.shape]} cannot become {target}")
    if not target or target[0] != 1:
        raise problem(node, "batch-axis", f"shape {[1, *value.shape]} becomes {target}, which mixes the batch "
                         "with the frame", "Keep dimension 0 as the batch.")
    context.add(node, Reshape(tuple(target[1:])), value)


def axis_in(node: NodeProto, axis: int, rank: int) -> int:
    """A non-negative axis."""
    if not -rank <= axis < rank:
        raise problem(node, "bad-attribute", f"axis {axis} does not exist in {rank} dimensions")
    return axis % rank


@handles("onnx", "Flatten")
def flatten(context: Context, node: NodeProto) -> None:
    """Two dimensions: those before the axis, and the rest."""
    value = context.value(node)
    shape = [1, *value.shape]
    given = attributes.integer(node, "axis", 1)
    axis = given if given == len(shape) else axis_in(node, given, len(shape))
    add_reshape(context, node, value, [product(shape[:axis]), product(shape[axis:])])


@handles("onnx", "Squeeze", "Unsqueeze", since=1)
def squeeze_by_attribute(context: Context, node: NodeProto) -> None:
    """Axes in an attribute, up to opset 12."""
    resize(context, node, attributes.integers(node, "axes"))


@handles("onnx", "Squeeze", "Unsqueeze", since=13)
def squeeze_by_input(context: Context, node: NodeProto) -> None:
    """Axes in a constant input."""
    resize(context, node, None if context.optional(node, 1) is None else context.sizes(node, 1))


def resize(context: Context, node: NodeProto, axes: list[int] | None) -> None:
    """Drop or insert dimensions of size 1."""
    value = context.value(node)
    shape = [1, *value.shape]
    if node.op_type == "Unsqueeze":
        rank = len(shape) + len(axes or [])
        places = {axis_in(node, axis, rank) for axis in axes or []}
        rest = iter(shape)
        target = [1 if i in places else next(rest, 1) for i in range(rank)]
    else:
        places = {axis_in(node, axis, len(shape)) for axis in axes} if axes is not None else set(range(len(shape)))
        dropped = {i for i in places if shape[i] == 1}
        if axes is not None and dropped != places:
            raise problem(node, "shape-mismatch", f"it drops axes {axes} of shape {shape}")
        if 0 in dropped:
            raise problem(node, "batch-axis", "it drops the batch dimension", "Squeeze the other axes by number.")
        target = [size for i, size in enumerate(shape) if i not in dropped]
    add_reshape(context, node, value, target)


@handles("onnx", "Transpose")
def transpose(context: Context, node: NodeProto) -> None:
    """Axes of the frame permuted; the default reverses all axes, the batch too."""
    value = context.value(node)
    rank = len(value.shape) + 1
    given = attributes.integers(node, "perm")
    permutation = list(range(rank))[::-1] if given is None else given
    if sorted(permutation) != list(range(rank)):
        raise problem(node, "bad-attribute", f"{permutation} does not permute {rank} dimensions")
    if permutation[0] != 0:
        raise problem(node, "batch-axis", "it moves the batch dimension", "Keep dimension 0 as the batch.")
    op = Transpose(tuple(axis - 1 for axis in permutation[1:]))
    quantizer = input_quantizer(context, node, value)
    if quantizer is None or op.permutation != (rank - 2, *range(rank - 2)):
        context.add(node, op, value)
    else:
        moved = context.add_inner(node, op, context.builder.values[quantizer.inputs[0]], "first")
        context.add(node, quantizer.op, moved)


def input_quantizer(context: Context, node: NodeProto, value: Value) -> Node | None:
    """The quantizer that makes the value of a graph input, if only this node reads it and it has one scale.

    A map of the input with its channels last is transposed before it, on the host: the hardware's order is then the
    same as without a transpose.
    """
    producer = context.producer(value)
    if producer is None or not isinstance(producer.op, Quant) or producer.inputs[0] not in context.builder.inputs:
        return None
    read = any(value.name in other.inputs for other in context.builder.nodes)
    alone = context.readers[context.input(node, 0)] == 1 and not read
    return producer if alone and producer.op.scale.array.size == producer.op.zero_point.array.size == 1 else None


@handles("onnx", "Gather", since=1)
def select(context: Context, node: NodeProto) -> None:
    """One index of an axis of size 1, which goes away."""
    value = context.value(node)
    shape = [1, *value.shape]
    axis = axis_in(node, attributes.integer(node, "axis", 0), len(shape))
    index = context.plain(node, 1).array
    if index.shape != () or shape[axis] != 1 or axis == 0 or int(index) not in (0, -1):
        raise problem(node, "unsupported-form", f"it takes {index.tolist()} of axis {axis} of shape {shape}",
                      "Only the selection of an axis of size 1 is supported.")
    add_reshape(context, node, value, shape[:axis] + shape[axis + 1:])


@handles("onnx", "Identity")
def identity(context: Context, node: NodeProto) -> None:
    """The same value under another name."""
    context.same(node, context.value(node))


@handles("onnx", "Dropout", since=7)
def dropout(context: Context, node: NodeProto) -> None:
    """Nothing, in evaluation."""
    training = context.optional(node, 2)
    if training is not None and bool(context.plain(node, 2).array.any()):
        raise problem(node, "training-mode", "Dropout is exported in training mode",
                         "Put the model in evaluation mode before the export.")
    context.same(node, context.value(node))


@handles("onnx", "Cast", since=6)
def cast(context: Context, node: NodeProto) -> None:
    """To float or double, or of integers to a wider integer type: nothing changes."""
    whole = context.input(node, 0) in context.integers
    value = of_cast(context, node)
    target = attributes.integer(node, "to", 0)
    floats = {TensorProto.FLOAT, TensorProto.DOUBLE}
    allowed = {TensorProto.INT64, TensorProto.INT32} | floats if whole or isinstance(value.type, IntType) else floats
    if target not in allowed:
        raise problem(node, "unsupported-form", "it casts a computed value to another type than float",
                         "Only casts to float32 or float64 are supported.")
    context.same(node, value)
