"""The IR as JSON: a graph written and read back is equal to itself (docs/architecture.md, "The IR on disk").

A record (a frozen dataclass) is an object with its class, as "ops.pad.Pad", under "$" and its fields; a tuple is a
list; a Tensor has "$": "Tensor", the narrowest numpy dtype, its shape and its bytes in base64, or a list of exact
numbers. Only the records of hwgen.exact, hwgen.ops, hwgen.kernels, hwgen.host and the IR itself can be named.
"""

from __future__ import annotations

import base64
import importlib
import json
import pkgutil
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from enum import Enum
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np

from hwgen.errors import HwgenError
from hwgen.exact.surd import Surd
from hwgen.ir.graph import Graph
from hwgen.ir.tensor import Array, Tensor

FORMAT = 2
_MODULES = ("hwgen.ir.types", "hwgen.ir.graph", "hwgen.rounding", "hwgen.host", "hwgen.stream", "hwgen.kernels.base")
_PACKAGES = ("hwgen.exact", "hwgen.ops", "hwgen.kernels")


def graph_to_json(graph: Graph) -> str:
    """One line of JSON; fields are Tensor, Fraction, Surd, Enum and records, else TypeError."""
    return json.dumps({"format": FORMAT, "graph": _encode(graph)}, separators=(",", ":")) + "\n"


def graph_from_json(text: str, where: str = "the graph file") -> Graph:
    """The inverse. Raises HwgenError "bad-graph-file" for anything that graph_to_json did not write."""
    try:
        document = json.loads(text)
        if document["format"] != FORMAT:
            raise ValueError(f"its format is {document['format']}, this hwgen reads {FORMAT}")
        graph = _decode(document["graph"])
    except (ValueError, KeyError, TypeError) as error:
        raise HwgenError("bad-graph-file", where, f"it does not hold a graph ({error})",
                         "Build the model again with this version of hwgen.") from error
    if not isinstance(graph, Graph):
        raise HwgenError("bad-graph-file", where, "it does not hold a graph",
                         "Build the model again with this version of hwgen.")
    return graph


@cache
def _records() -> dict[str, type]:
    """Every class that a file may name."""
    packages = [importlib.import_module(name) for name in _PACKAGES]
    found = [f"{package.__name__}.{module.name}" for package in packages
             for module in pkgutil.iter_modules(package.__path__)]
    classes: dict[str, type] = {}
    for name in (*_MODULES, *found):
        members = vars(importlib.import_module(name)).values()
        classes.update({_name(member): member for member in members if _is_record(member)})
    return classes


def _is_record(member: object) -> bool:
    return (isinstance(member, type) and member.__module__.startswith("hwgen.")
            and (is_dataclass(member) or issubclass(member, Enum)))


def _name(kind: type) -> str:
    """Of a class: two levels may have a class of the same name."""
    return f"{kind.__module__.removeprefix('hwgen.')}.{kind.__name__}"


def _encode(item: Any) -> Any:
    if item is None or (isinstance(item, bool | int | float | str) and not isinstance(item, Enum)):
        return item
    if isinstance(item, tuple | list):
        return [_encode(part) for part in item]
    if isinstance(item, dict):
        return {"$": "dict", "items": [[key, _encode(value)] for key, value in item.items()]}
    if isinstance(item, Fraction):
        return {"$": "Fraction", "value": str(item)}
    if isinstance(item, Surd):
        return {"$": "Surd", "terms": _encode(item.terms)}
    if isinstance(item, Tensor):
        return {"$": "Tensor", **_encode_array(item.array)}
    if isinstance(item, Enum):
        return {"$": _name(type(item)), "name": item.name}
    if not is_dataclass(item):
        raise TypeError(f"{type(item).__name__} has no JSON form")
    return {"$": _name(type(item)), **{f.name: _encode(getattr(item, f.name)) for f in fields(item) if f.init}}


def _encode_array(array: Array) -> dict[str, Any]:
    shape = list(array.shape)
    if array.dtype == object:
        return {"dtype": "object", "shape": shape, "data": [_encode(item) for item in array.ravel().tolist()]}
    narrow = array.astype(_narrowest(array)) if array.dtype.kind == "i" else array
    raw = np.ascontiguousarray(narrow).astype(narrow.dtype.newbyteorder("<"))
    return {"dtype": narrow.dtype.name, "shape": shape, "data": base64.b64encode(raw.tobytes()).decode()}


def _narrowest(array: Array) -> str:
    low, high = int(array.min(initial=0)), int(array.max(initial=0))
    return next(name for name in ("int8", "int16", "int32", "int64")
                if np.iinfo(name).min <= low and high <= np.iinfo(name).max)


def _decode(item: Any) -> Any:
    if isinstance(item, list):
        return tuple(_decode(part) for part in item)
    if not isinstance(item, dict):
        return item
    special = _SPECIAL.get(item["$"])
    if special is not None:
        return special(item)
    kind = _records()[item["$"]]
    if issubclass(kind, Enum):
        return kind[item["name"]]
    return kind(**{key: _decode(value) for key, value in item.items() if key != "$"})


def _decode_array(item: dict[str, Any]) -> Tensor:
    shape = tuple(item["shape"])
    if item["dtype"] == "object":
        data = np.empty(len(item["data"]), dtype=object)
        data[:] = [_decode(part) for part in item["data"]]
        return Tensor(data.reshape(shape))
    kind = np.dtype(item["dtype"])
    raw = np.frombuffer(base64.b64decode(item["data"]), dtype=kind.newbyteorder("<"))
    return Tensor(raw.astype(kind).reshape(shape))


_SPECIAL: dict[str, Callable[[dict[str, Any]], Any]] = {
    "dict": lambda item: {key: _decode(value) for key, value in item["items"]},
    "Fraction": lambda item: Fraction(item["value"]),
    "Surd": lambda item: Surd(_decode(item["terms"])),
    "Tensor": _decode_array,
}
