"""folding.toml: the parallelism of every layer, written to be edited and fed back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hwgen.errors import HwgenError, did_you_mean
from hwgen.ir.graph import Graph, Node
from hwgen.kernels.base import Fold, Kernel
from hwgen.passes.fold_options import LayerFold, alternatives, legal_folds
from hwgen.toml_file import read_toml

_HELP = "Write one table a layer, [name], with pe, simd and kernel; a build writes its own as folding.toml."
_KEYS = ("pe", "simd", "kernel")


def write(graph: Graph) -> str:
    """The text of folding.toml for a folded hardware graph: read() gives back the same folding."""
    head = [f"# Folding of {graph.name}: pe outputs and simd inputs a cycle. Feed it back with --folding.",
            "# Layers that are left out are folded to keep pace with the slowest one given."]
    return "\n".join(head + [line for node in foldable(graph) for line in _table(node)]) + "\n"


def read(path: Path, graph: Graph) -> dict[str, LayerFold]:
    """Foldings by layer name. HwgenError "bad-folding", "unknown-layer" for whatever the graph's layers cannot do."""
    tables = read_toml(path, "bad-folding", _HELP)
    folding = {name: _layer(str(path), name, table) for name, table in tables.items()}
    check(folding, graph, str(path))
    return folding


def check(folding: Mapping[str, Fold], graph: Graph, where: str) -> None:
    """Raise HwgenError for an unknown layer or a folding that is not legal; `where` names the source."""
    layers = {node.name: node for node in foldable(graph)}
    for name, fold in folding.items():
        if name not in layers:
            raise HwgenError("unknown-layer", f"{where}: {name[:80]}", "the network has no layer of this name to fold",
                             did_you_mean(name, layers, "layers"))
        _check_layer(f"{where}: {name}", layers[name], fold)


def foldable(graph: Graph) -> tuple[Node, ...]:
    """The nodes whose kernel or parallelism can be chosen."""
    return tuple(node for node in graph.nodes if _choices(node) > 1)


def _choices(node: Node) -> int:
    return sum(len(legal_folds(kernel)) for kernel in alternatives(node))


def _table(node: Node) -> Iterable[str]:
    kernel = node.op
    assert isinstance(kernel, Kernel)
    stems = sorted(a.stem for a in alternatives(node))
    folds = legal_folds(kernel)
    yield ""
    yield f"[{node.name}]  # {kernel.title}, {kernel.cycles} cycles a frame"
    if len(stems) > 1:
        yield _entry("kernel", f'"{kernel.stem}"', stems)
    yield _entry("pe", str(kernel.fold.pe), _column(folds, "pe"))
    yield _entry("simd", str(kernel.fold.simd), _column(folds, "simd"))


def _entry(key: str, value: str, legal: Iterable[object]) -> str:
    return f"{f'{key} = {value}':<24}# {', '.join(map(str, legal))}"


def _column(folds: Iterable[Fold], key: str) -> list[int]:
    return sorted({getattr(fold, key) for fold in folds})


def _layer(where: str, name: str, table: Any) -> LayerFold:
    """Check the types of one table."""
    place = f"{where}: {name[:80]}"
    if not isinstance(table, Mapping):
        raise HwgenError("bad-folding", place, "this is not a table", _HELP)
    for key in table:
        if key not in _KEYS:
            raise HwgenError("bad-folding", place, f"{key[:40]} is not a setting of a layer",
                             did_you_mean(key, _KEYS, "settings"))
    pe, simd = (_positive(place, key, table.get(key, 1)) for key in ("pe", "simd"))
    kernel = table.get("kernel")
    if kernel is not None and not isinstance(kernel, str):
        raise HwgenError("bad-folding", place, f"kernel is {repr(kernel)[:40]}, not a name", _HELP)
    return LayerFold(pe, simd, kernel)


def _positive(place: str, key: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise HwgenError("bad-folding", place, f"{key} is {repr(value)[:40]}, not a positive integer", _HELP)
    return value


def _check_layer(place: str, node: Node, fold: Fold) -> None:
    """The kernel must exist, and pe and simd must be one of its foldings."""
    kernels = {kernel.stem: kernel for kernel in alternatives(node)}
    stem = getattr(fold, "kernel", None)
    if stem is not None and stem not in kernels:
        raise HwgenError("bad-folding", place, f"no kernel {stem[:40]} can compute this layer",
                         did_you_mean(stem, kernels, "kernels of this layer"))
    chosen = [kernels[stem]] if stem is not None else list(kernels.values())
    folds = {legal for kernel in chosen for legal in legal_folds(kernel)}
    if Fold(fold.pe, fold.simd) in folds:
        return
    for key in ("pe", "simd"):
        if getattr(fold, key) not in (legal := _column(folds, key)):
            raise HwgenError("bad-folding", place, f"{key} = {getattr(fold, key)} does not divide this layer",
                             f"Legal values of {key}: {', '.join(map(str, legal))}.")
    partners = ", ".join(str(legal.simd) for legal in sorted(folds) if legal.pe == fold.pe)
    raise HwgenError("bad-folding", place, f"pe = {fold.pe} does not go with simd = {fold.simd}",
                     f"With this pe, simd can be {partners}.")
