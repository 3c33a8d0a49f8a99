"""Reading an ONNX file without trusting it: size, protobuf, external data, structure, opset."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import AttributeProto, GraphProto, ModelProto, TensorProto, numpy_helper
from onnx.checker import ValidationError, check_model

from hwgen.errors import HwgenError
from hwgen.ir.tensor import Array

MAX_BYTES = 1 << 30
OPSETS = range(9, 22)
EXPORT_AGAIN = "Export the model again."


def read(path: Path) -> ModelProto:
    """The checked model with its external data inside. Errors name the file and the cause."""
    model = parse(path, file_bytes(path))
    if any(isinstance(name, bytes) for name in names(model.graph)):
        raise HwgenError("not-onnx", str(path), "a name in the file is not text", EXPORT_AGAIN)
    for named in (*model.opset_import, *model.graph.node):
        named.domain = "" if named.domain == "ai.onnx" else named.domain
    for tensor in tensors(model.graph):
        if tensor.data_location == TensorProto.EXTERNAL:
            inline(tensor, path.parent)
    check(path, model)
    opset(path, model)
    return model


def file_bytes(path: Path) -> bytes:
    """The file's content, at most MAX_BYTES."""
    try:
        return _bytes_of(path)
    except OSError as error:
        raise HwgenError("file-unreadable", str(path), f"the file cannot be read ({error.strerror})",
                         "Check its name, and the permissions of the file and its folders.") from error


def _bytes_of(path: Path) -> bytes:
    if not path.exists():
        raise HwgenError("file-not-found", str(path), "there is no such file", "Give the path of an ONNX file.")
    if not path.is_file():
        raise HwgenError("not-a-file", str(path), "this is not a file", "Give the path of an ONNX file.")
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise HwgenError("file-too-large", str(path), f"{size} bytes are more than the limit of {MAX_BYTES}",
                         "Networks of this size do not fit on chip; choose a smaller one.")
    return path.read_bytes()


def parse(path: Path, data: bytes) -> ModelProto:
    """The protobuf message, with a graph and an opset."""
    model = ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError as error:
        raise HwgenError("not-onnx", str(path), "the file is truncated or is not an ONNX model",
                         "Give an ONNX file; copy or export it again if it should be one.") from error
    if not model.graph.node or not model.opset_import:
        raise HwgenError("not-onnx", str(path), "the file holds no ONNX graph",
                         "Give an ONNX file; copy or export it again if it should be one.")
    return model


def names(graph: GraphProto) -> Iterator[object]:
    """Every name; protobuf gives one that is not UTF-8 as bytes."""
    for node in graph.node:
        yield from (node.name, node.op_type, node.domain, *node.input, *node.output)
        yield from (attribute.name for attribute in node.attribute)
    for thing in (*graph.initializer, *graph.input, *graph.output):
        yield thing.name
    for annotation in graph.quantization_annotation:
        yield annotation.tensor_name
        yield from (entry.value for entry in annotation.quant_parameter_tensor_names)


def tensors(graph: GraphProto) -> Iterator[TensorProto]:
    """Every tensor of a graph: initializers and attributes (subgraphs are refused elsewhere)."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == AttributeProto.TENSOR:
                yield attribute.t


def inline(tensor: TensorProto, folder: Path) -> None:
    """Put a tensor's external data into it. The data must lie in the model's own folder."""
    entries = {entry.key: entry.value for entry in tensor.external_data}
    source = external_path(entries.get("location", ""), folder, tensor.name)
    size = source.stat().st_size
    offset = number(entries.get("offset", "0"), tensor.name)
    length = number(entries["length"], tensor.name) if "length" in entries else max(size - offset, 0)
    if offset + length > size or length > MAX_BYTES:
        raise HwgenError("external-data", tensor.name, f"{source.name} has no {length} bytes at offset {offset}",
                         "Copy the model together with its data file.")
    with source.open("rb") as file:
        file.seek(offset)
        tensor.raw_data = file.read(length)
    tensor.data_location = TensorProto.DEFAULT
    del tensor.external_data[:]


def number(text: str, where: str) -> int:
    """A count of bytes."""
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise HwgenError("external-data", where, f"{text!r} is not a number of bytes", EXPORT_AGAIN)
    return int(text)


def external_path(location: str, folder: Path, where: str) -> Path:
    """The data file; refuses absolute paths, "..", symbolic links and files that are not there."""
    parts = Path(location).parts
    linked = any((folder / Path(*parts[:i + 1])).is_symlink() for i in range(len(parts)))
    inside = bool(parts) and not os.path.isabs(location) and ".." not in parts and "\0" not in location
    if not inside or linked:
        raise HwgenError("external-data", where, f"its data file {location!r} is not inside the model's folder",
                         "Put the data file next to the model and export without links or absolute paths.")
    if not (folder / location).is_file():
        raise HwgenError("external-data", where, f"its data file {location!r} is missing",
                         "Copy the data file next to the model.")
    return folder / location


def check(path: Path, model: ModelProto) -> None:
    """onnx.checker on a copy with what exporters forget and we do not need: custom domains, shapes of the ports."""
    names = [tensor.name for tensor in model.graph.initializer]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise HwgenError("invalid-model", twice, "two initializers have this name", EXPORT_AGAIN)
    copy = ModelProto()
    copy.CopyFrom(model)
    declared = {entry.domain for entry in model.opset_import}
    for domain in sorted({node.domain for node in model.graph.node} - declared):
        copy.opset_import.add(domain=domain, version=1)
    for port in (*copy.graph.input, *copy.graph.output):
        if port.type.HasField("tensor_type"):
            port.type.tensor_type.shape.SetInParent()
    try:
        check_model(copy)
    except (ValidationError, ValueError, TypeError) as error:
        raise HwgenError("invalid-model", str(path), f"onnx.checker says: {one_line(str(error))}",
                         EXPORT_AGAIN) from error


def one_line(text: str) -> str:
    """A library's message as part of ours."""
    words = " ".join(text.split())
    return words[:300].rstrip(". ") or "nothing"


def opset(path: Path, model: ModelProto) -> int:
    """The version of the standard domain, 9 to 21."""
    versions = {entry.version for entry in model.opset_import if not entry.domain}
    if len(versions) != 1 or not versions <= set(OPSETS):
        found = ", ".join(map(str, sorted(versions))) or "none"
        raise HwgenError("opset", str(path), f"its ONNX opset is {found}; {OPSETS[0]} to {OPSETS[-1]} can be read",
                         "Export with opset 17 or convert with onnx.version_converter.")
    return int(versions.pop())


def array_of(tensor: TensorProto) -> Array:
    """The tensor as a numpy array; its size is checked before anything is allocated."""
    elements = 1
    for size in tensor.dims:
        elements *= size
    if any(size < 0 for size in tensor.dims) or elements > MAX_BYTES:
        raise HwgenError("invalid-model", tensor.name, f"a tensor of shape {list(tensor.dims)} cannot be", EXPORT_AGAIN)
    if elements == 0:
        raise HwgenError("zero-size", tensor.name, f"its shape {list(tensor.dims)} has no elements", EXPORT_AGAIN)
    if tensor.data_type == TensorProto.STRING:
        raise HwgenError("invalid-model", tensor.name, "a tensor of strings has no meaning here", EXPORT_AGAIN)
    try:
        return np.asarray(numpy_helper.to_array(tensor))
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise HwgenError("invalid-model", tensor.name, f"its data does not fit its shape ({one_line(str(error))})",
                         EXPORT_AGAIN) from error


def float_kind(element_type: int) -> bool:
    """Whether an ONNX element type is a float that float32 arithmetic holds."""
    return element_type in (onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE, onnx.TensorProto.FLOAT16)
