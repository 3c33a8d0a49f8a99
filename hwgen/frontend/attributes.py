"""Attributes of a node, by name and kind, with ONNX's defaults."""

from __future__ import annotations

from onnx import AttributeProto, NodeProto

from hwgen.errors import HwgenError
from hwgen.frontend.onnx_file import EXPORT_AGAIN


def node_name(node: NodeProto) -> str:
    """The node's name, or its first output's where it has none."""
    return str(node.name or next((name for name in node.output if name), node.op_type))


def problem(node: NodeProto, code: str, why: str, help: str = EXPORT_AGAIN) -> HwgenError:
    """The error of a node, placed at its name."""
    return HwgenError(code, node_name(node), why, help)


def listing(names: list[str], limit: int = 12) -> str:
    """Up to `limit` names."""
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more


def find(node: NodeProto, name: str, kind: int) -> AttributeProto | None:
    """The attribute, of the right kind, or None."""
    found = next((a for a in node.attribute if a.name == name), None)
    if found is not None and found.type != kind:
        kind_name = AttributeProto.AttributeType.Name(kind)
        raise problem(node, "bad-attribute", f"attribute {name} of {node.op_type} is not of type {kind_name}")
    return found


def integer(node: NodeProto, name: str, default: int) -> int:
    """An INT attribute."""
    found = find(node, name, AttributeProto.INT)
    return default if found is None else int(found.i)


def real(node: NodeProto, name: str, default: float) -> float:
    """A FLOAT attribute: exactly the float32 of the file."""
    found = find(node, name, AttributeProto.FLOAT)
    return default if found is None else float(found.f)


def text(node: NodeProto, name: str, default: str) -> str:
    """A STRING attribute."""
    found = find(node, name, AttributeProto.STRING)
    return default if found is None else bytes(found.s).decode("utf-8", "replace")


def integers(node: NodeProto, name: str) -> list[int] | None:
    """An INTS attribute, or None where it is absent."""
    found = find(node, name, AttributeProto.INTS)
    return None if found is None else [int(i) for i in found.ints]
