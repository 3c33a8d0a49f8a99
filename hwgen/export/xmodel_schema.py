"""The protobuf messages of an xmodel that an uncompiled graph needs: serial_v2.Graph and what it holds.

Names and numbers of the fields are those that XIR (Vitis AI's src/vai_runtime/xir) reads and writes and that Netron
decodes; messages and fields that only compiled graphs or op definitions have are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory  # type: ignore[import-untyped]

PACKAGE = "serial_v2"
_FieldProto = descriptor_pb2.FieldDescriptorProto
_SCALARS = {"bool": _FieldProto.TYPE_BOOL, "int32": _FieldProto.TYPE_INT32, "uint32": _FieldProto.TYPE_UINT32,
            "float": _FieldProto.TYPE_FLOAT, "string": _FieldProto.TYPE_STRING, "bytes": _FieldProto.TYPE_BYTES}


@dataclass(frozen=True)
class Field:
    """type: a scalar's or a message's name; many: repeated; by_name: a map from strings; choice: of a oneof."""

    name: str
    number: int
    type: str
    many: bool = False
    by_name: bool = False
    choice: bool = False


MESSAGES: Mapping[str, tuple[Field, ...]] = {
    "Graph": (Field("graph_name", 1, "string"), Field("op_node", 5, "OPNode", many=True),
              Field("subg_root", 10, "SubGraph"), Field("graph_attr", 11, "AttrValue", by_name=True)),
    "OPNode": (Field("op_name", 1, "string"), Field("op_type", 2, "string"),
               Field("op_attr", 3, "AttrValue", by_name=True), Field("args", 4, "OpArg", many=True),
               Field("output_tensor", 5, "Tensor")),
    "OpArg": (Field("arg_name", 1, "string"), Field("arg_ops", 2, "string", many=True)),
    "Tensor": (Field("tensor_name", 1, "string"), Field("tensor_dim", 2, "uint32", many=True),
               Field("data_type", 5, "int32"), Field("tensor_bit_width", 6, "int32"),
               Field("tensor_attr", 10, "AttrValue", by_name=True)),
    "SubGraph": (Field("subgraph_name", 1, "string"), Field("op_name", 3, "string", many=True)),
    "AttrValue": (Field("bool_value", 4, "bool", choice=True), Field("int32_value", 5, "int32", choice=True),
                  Field("float_value", 9, "float", choice=True), Field("string_value", 11, "string", choice=True),
                  Field("bytes_value", 12, "Bytes", choice=True),
                  Field("int32_vec_value", 14, "Int32Vec", choice=True),
                  Field("float_vec_value", 18, "FloatVec", choice=True)),
    "Bytes": (Field("value", 1, "bytes"),),
    "Int32Vec": (Field("value", 1, "int32", many=True),),
    "FloatVec": (Field("value", 1, "float", many=True),)}


def message(name: str) -> Any:
    """A new, empty message."""
    return _classes()[name]()


@cache
def _classes() -> dict[str, Any]:
    """The classes of all messages, from a pool of their own: nothing else in the process sees them."""
    file = descriptor_pb2.FileDescriptorProto(name="hwgen/xmodel.proto", package=PACKAGE, syntax="proto3")
    file.message_type.extend(_described(name, fields) for name, fields in MESSAGES.items())
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = {name: pool.FindMessageTypeByName(f"{PACKAGE}.{name}") for name in MESSAGES}
    return {name: message_factory.GetMessageClass(descriptor) for name, descriptor in found.items()}


def _described(name: str, fields: tuple[Field, ...]) -> Any:
    made = descriptor_pb2.DescriptorProto(name=name)
    if any(item.choice for item in fields):
        made.oneof_decl.add(name="value")
    for item in fields:
        own = _field(item)
        if item.by_name:
            made.nested_type.append(_entry(item))
            own.type_name = f".{PACKAGE}.{name}.{_entry_name(item)}"
        made.field.append(own)
    return made


def _field(item: Field) -> Any:
    many = item.many or item.by_name
    made = _FieldProto(name=item.name, number=item.number,
                       label=_FieldProto.LABEL_REPEATED if many else _FieldProto.LABEL_OPTIONAL,
                       type=_SCALARS.get(item.type, _FieldProto.TYPE_MESSAGE))
    if item.type not in _SCALARS:
        made.type_name = f".{PACKAGE}.{item.type}"
    if item.choice:
        made.oneof_index = 0
    return made


def _entry(item: Field) -> Any:
    """The message of one key and its value: protobuf's form of a map."""
    made = descriptor_pb2.DescriptorProto(name=_entry_name(item))
    made.options.map_entry = True
    made.field.extend([_field(Field("key", 1, "string")), _field(Field("value", 2, item.type))])
    return made


def _entry_name(item: Field) -> str:
    """What protobuf demands: the field's name in camel case, and Entry."""
    return "".join(word.capitalize() for word in item.name.split("_")) + "Entry"
