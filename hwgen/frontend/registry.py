"""Which function reads which op: handlers by domain family, op and the opset that changed it last."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from onnx import NodeProto

if TYPE_CHECKING:
    from hwgen.frontend.context import Context

Handler = Callable[["Context", NodeProto], None]
FAMILIES = {"": "onnx", "onnx.brevitas": "qonnx", "finn.custom_op.general": "qonnx",
            "qonnx.custom_op.general": "qonnx"}
_handlers: dict[tuple[str, str], dict[int, Handler]] = {}


def handles(family: str, *ops: str, since: int = 1) -> Callable[[Handler], Handler]:
    """Register a handler for ops from this version of their domain on, until a later one takes over."""

    def register(handler: Handler) -> Handler:
        for op in ops:
            _handlers.setdefault((family, op), {})[since] = handler
        return handler

    return register


def family_of(node: NodeProto) -> str:
    """The domain family that defines the node's op: onnx, qonnx, or the unknown domain itself."""
    return FAMILIES.get(node.domain, node.domain)


def lookup(node: NodeProto, version: int) -> Handler | None:
    """The handler of the newest version that is not above the model's; None for an op that is not supported."""
    versions = _handlers.get((family_of(node), node.op_type), {})
    usable = [since for since in versions if since <= version]
    return versions[max(usable)] if usable else None
