"""`load`: walk a checked ONNX graph once, in its own order, and build the graph of the quantized level."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto

from hwgen.errors import HwgenError
from hwgen.frontend import (
    activations,
    conv_transpose,
    curves,
    dense,
    elementwise,
    finn,
    host_tail,
    integers,
    joins,
    layout,
    maps,
    outputs,
    qcdq,
    qonnx,
    qop,
    resize,
    shapes,
    trunc,
)
from hwgen.frontend.attributes import listing, node_name
from hwgen.frontend.constants import FOLDABLE, AnyConstant, Constant, fold
from hwgen.frontend.context import Context
from hwgen.frontend.inner_quantizers import with_inner_quantizers
from hwgen.frontend.onnx_file import EXPORT_AGAIN, array_of, float_kind, opset, read
from hwgen.frontend.options import Imported, ImportOptions, choice
from hwgen.frontend.registry import family_of, lookup
from hwgen.ir.graph import Graph, Op, Value
from hwgen.ir.tensor import Tensor
from hwgen.ir.types import REAL, IntType, full_range
from hwgen.names import readable
from hwgen.ops.quantized import Dense, MultiThreshold, Quant
from hwgen.ops.quantized_layout import ConstantPad, ConvTranspose
from hwgen.ops.quantized_maps import Concat, Conv, Join, MapOp, Trunc

READERS = (activations, conv_transpose, curves, dense, elementwise, finn, joins, layout, maps, outputs, qcdq, qonnx,
           qop, resize, shapes, trunc)
INTEGER_INPUTS: dict[int, IntType] = {TensorProto.UINT8: full_range(8, False), TensorProto.INT8: full_range(8, True),
                                     TensorProto.UINT16: full_range(16, False), TensorProto.INT16: full_range(16, True)}
MAX_FRAME = 1 << 24


def load(path: Path, options: ImportOptions | None = None) -> Imported:
    """Read an ONNX file into a graph of the quantized level. Every problem is an HwgenError that names its place."""
    return build(path, read(path), options or ImportOptions())


def build(path: Path, model: ModelProto, options: ImportOptions) -> Imported:
    """The import of a checked model."""
    nodes = live_nodes(model.graph)
    context = Context(readable(path.stem), model, nodes, opset(path, model), options)
    stored = {str(tensor.name): tensor for tensor in model.graph.initializer}
    refuse_unsupported(context, nodes, set(stored))
    used = {name for node in nodes for name in node.input} | context.outputs
    for name in sorted((used & set(stored)) - resize.absent(context, nodes, stored)):
        context.set_constant(Constant(name, array_of(stored[name])))
    for info in model.graph.input:
        if info.name not in stored:
            add_input(context, info)
    try:
        for node in nodes:
            read_node(context, node)
    except HwgenError as error:
        raise reshaped(error, model, options) from error
    return finish(context, [str(output.name) for output in model.graph.output])


def reshaped(error: HwgenError, model: ModelProto, options: ImportOptions) -> HwgenError:
    """The error, with a word about --input-shape where that may be the cause: sizes that a file holds do not follow."""
    if not options.input_shapes or error.code not in ("broadcast", "shape-mismatch"):
        return error
    own = ", ".join(f"{info.name} {shape_text(dims_of(info))}" for info in model.graph.input
                    if info.name not in {tensor.name for tensor in model.graph.initializer})
    return HwgenError(error.code, error.where, error.why, "--input-shape changes the sizes behind it, and the layers "
                      f"take only some: choose another, or the model's own ({own}).")


def dims_of(info: ValueInfoProto) -> list[int | None]:
    """The declared sizes of an input, None where one is open."""
    return [int(d.dim_value) if d.HasField("dim_value") else None for d in info.type.tensor_type.shape.dim]


def live_nodes(graph: GraphProto) -> list[NodeProto]:
    """The nodes that an output depends on, in file order; the rest is ignored."""
    wanted = {output.name for output in graph.output}
    live = []
    for node in reversed(graph.node):
        if wanted & set(node.output):
            live.append(node)
            wanted |= set(node.input)
    return live[::-1]


def refuse_unsupported(context: Context, nodes: list[NodeProto], stored: set[str]) -> None:
    """Name every node that cannot be read, not only the first."""
    constant = set(stored)
    missing: dict[str, list[str]] = {}
    for node in nodes:
        known = all(name in constant for name in node.input if name) or node.op_type in ("Shape", "Size")
        if known:
            constant |= set(node.output)
        folds = known and family_of(node) == "onnx" and node.op_type in FOLDABLE
        if not folds and lookup(node, context.version) is None:
            missing.setdefault(op_name(node), []).append(node_name(node))
    if missing:
        raise unsupported(missing)


def op_name(node: NodeProto) -> str:
    """The op with the domain it comes from."""
    return f"{node.domain}.{node.op_type}" if family_of(node) not in ("onnx", "qonnx") else str(node.op_type)


def unsupported(missing: dict[str, list[str]]) -> HwgenError:
    """The error that lists ops and their nodes."""
    count = sum(len(names) for names in missing.values())
    listed = "; ".join(f"{op} ({listing(names)})" for op, names in missing.items())
    advice = dict.fromkeys(qop.ADVICE[op] for op in missing if op in qop.ADVICE)
    return HwgenError("unsupported-op", f"{count} node{'s' if count > 1 else ''}", f"no support for {listed}",
                      " ".join([*advice, "Export the model with ops of the list in docs/frontend.md."]))


def add_input(context: Context, info: ValueInfoProto) -> None:
    """A graph input, and the quantizer of its declared integer type."""
    name = str(info.name)
    element = info.type.tensor_type.elem_type
    if not info.type.HasField("tensor_type") or not (float_kind(element) or element in INTEGER_INPUTS):
        raise HwgenError("input-type", name, "this graph input is not a tensor of floats or of 8 or 16 bit integers",
                         "Export the model with a float input.")
    value = context.builder.add_input(Value(name, input_shape(context, info), REAL))
    context.alias[name] = name
    typed = input_type(context, name, element)
    if typed is not None:
        add_input_quantizer(context, value, *typed)
    if element in INTEGER_INPUTS:
        context.integers[name] = Quant(Tensor(1.0), Tensor(0.0), INTEGER_INPUTS[element])


def add_input_quantizer(context: Context, value: Value, kind: IntType, scale: Fraction) -> None:
    """The quantizer of a typed input: the host's, as the first one that the input meets."""
    quantized = context.fresh(f"{value.name}_typed")
    if scale <= 0:
        raise HwgenError("input-scale", value.name, f"the input's scale {scale} is not positive",
                         "Give a positive scale.")
    steps = Tensor(float(scale) if Fraction(float(scale)) == scale else np.array(scale, dtype=object))
    op = Quant(steps, Tensor(0.0), kind)
    context.builder.add(context.unique(quantized), op, [value.name], [quantized])
    context.names[quantized] = value.name
    context.alias[value.name] = quantized


def input_type(context: Context, name: str, element: int) -> tuple[IntType, Fraction] | None:
    """The user's word, or the file's annotation, or the integer type of the input; None for a plain float."""
    chosen = choice(context.options.input_types, name)
    if chosen is not None:
        return chosen
    annotated = finn.parse_datatype(context.annotations.get(name, ""))
    if annotated is not None:
        return annotated
    return (INTEGER_INPUTS[element], Fraction(1)) if element in INTEGER_INPUTS else None


def input_shape(context: Context, info: ValueInfoProto) -> tuple[int, ...]:
    """The shape of one frame: dimension 0 is the batch, 1 or symbolic; the others are fixed."""
    name = str(info.name)
    dims = dims_of(info)
    given = choice(context.options.input_shapes, name)
    if given is not None:
        if dims and len(given) != len(dims):
            raise HwgenError("input-shape", name, f"--input-shape has {len(given)} dimensions, the model's input "
                             f"{len(dims)}",
                             "Give every dimension, the batch of 1 first.")
        dims = list(given)
    if len(dims) < 2:
        raise HwgenError("input-shape", name, f"shape {shape_text(dims)} has no dimension besides the batch",
                         "Export the model with a batch dimension first.")
    return frame_shape(name, dims)


def frame_shape(name: str, dims: list[int | None]) -> tuple[int, ...]:
    """The dimensions after the batch, checked."""
    if dims[0] not in (None, 1):
        raise HwgenError("batch-size", name, f"shape {shape_text(dims)} fixes a batch of {dims[0]}",
                         "Export with a batch of 1 or a symbolic batch, or give --input-shape with a 1 first.")
    frame = [size for size in dims[1:] if size is not None]
    if len(frame) < len(dims) - 1:
        raise HwgenError("dynamic-shape", name, f"shape {shape_text(dims)} has open dimensions after the batch",
                         "Fix them with --input-shape, the batch of 1 first.")
    elements = 1
    for size in frame:
        elements *= max(size, 0)
    if elements == 0 or elements > MAX_FRAME:
        raise HwgenError("zero-size" if elements == 0 else "input-shape", name,
                         f"shape {shape_text(dims)} has {elements} elements a frame",
                         "Export with the real input shape.")
    return tuple(frame)


def shape_text(dims: list[int | None]) -> str:
    """A shape as ONNX viewers show it."""
    return f"[{', '.join('?' if size is None else str(size) for size in dims)}]"


def read_node(context: Context, node: NodeProto) -> None:
    """Fold the node if everything it needs is constant, else hand it to its reader."""
    if family_of(node) == "onnx" and node.op_type in FOLDABLE:
        inputs = constant_inputs(context, node)
        if inputs is not None:
            for constant in fold(node, inputs, context.version):
                context.set_constant(constant)
            return
    handler = lookup(node, context.version)
    if handler is None:
        raise unsupported({op_name(node): [node_name(node)]})
    integers.check(context, node)
    handler(context, node)
    integers.follow(context, node)


def constant_inputs(context: Context, node: NodeProto) -> list[AnyConstant | None] | None:
    """The node's inputs if it can be folded; the shape of a computed value counts as a constant (with a batch of 1)."""
    if node.op_type in ("Shape", "Size") and not context.is_constant(context.input(node, 0)):
        shape = (1, *context.value(node).shape)
        return [Constant(node.input[0], np.broadcast_to(np.float32(0), shape))]
    names = list(node.input)
    if any(name and not context.is_constant(name) for name in names):
        return None
    return [context.constants[name] if name else None for name in names]


def finish(context: Context, output_names: list[str]) -> Imported:
    """Check what only the whole graph shows, and close it. Constant outputs beside computed ones are left out."""
    computed = [name for name in output_names if name not in context.constants]
    context.notes.constants = [name for name in output_names if computed and name not in computed]
    output_names = computed or output_names
    for name in output_names:
        if name in context.constants or context.alias.get(name) in context.builder.inputs:
            raise HwgenError("constant-output", name, "this graph output does not depend on any computation",
                             "Export the model with the network's own output.")
        if name in context.integers and not integers.is_plain(context.integers[name]):
            raise HwgenError("unsupported-form", name, "this graph output is a tensor of integers",
                             "End the model with a DequantizeLinear.")
        if context.alias.get(name) not in context.builder.values:
            raise HwgenError("invalid-model", name, "nothing computes this graph output", EXPORT_AGAIN)
    graph = with_inner_quantizers(context.builder.build([context.alias[name] for name in output_names]))
    host_tail.refuse_without_quantizers(graph)
    refuse_unquantized_inputs(graph)
    layers = host_tail.host_layers(graph)
    if layers:
        context.warn(host_tail.warning(layers))
    warnings = (*context.warnings, *context.notes.warnings(context.options.dialect))
    return Imported(graph, warnings, dict(context.names))


def refuse_unquantized_inputs(graph: Graph) -> None:
    """A float input that meets weights, a pool or a join with no quantizer between them has no integers there."""
    float_from = {name: name for name in graph.inputs}
    for node in graph.nodes:
        source = next((float_from[name] for name in node.inputs if name in float_from), None)
        if source is None or isinstance(node.op, Quant | MultiThreshold):
            continue
        if isinstance(node.op, Dense | MapOp | Join | Concat | Trunc | ConvTranspose | ConstantPad):
            raise HwgenError("unquantized-input", node.name,
                             f"graph input {source} reaches {meeting(node.op)} as a float, with no quantizer between "
                             "them", "Give --input-type and --input-scale, for example uint8 and 1/255, or export the "
                             "model with an input quantizer.")
        float_from.update(dict.fromkeys(node.outputs, source))


def meeting(op: Op) -> str:
    """What a float must not reach."""
    return "its weights" if isinstance(op, Dense | Conv | ConvTranspose) else f"this {op.label}"
