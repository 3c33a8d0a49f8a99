"""`hwgen inspect`: what each pass made of a model, from the model itself or from a build directory."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Sequence
from pathlib import Path

from hwgen.errors import HwgenError, did_you_mean
from hwgen.frontend import ImportOptions
from hwgen.ir.text import graph_text
from hwgen.passes.pipeline import lower
from hwgen.source import load_network

Pass = tuple[str, str]
"""Name of a pass and the text of the graph after it."""


def load_passes(source: Path, imports: ImportOptions) -> list[Pass]:
    """The texts in ir/ of a build directory; for a model, those of the passes that need no board."""
    if os.path.isdir(source):  # no exception where a folder may not be entered: reading tells it
        files = sorted((source / "ir").glob("[0-9][0-9]-*.txt"))
        if not files:
            raise HwgenError("not-a-build", str(source), "the folder has no ir/ of hwgen",
                             "Give a model file, or a folder that hwgen build made.")
        return [(file.stem[3:], file.read_text(encoding="utf-8")) for file in files]
    imported = load_network(source, imports)
    return [(name, graph_text(graph)) for name, graph in lower(imported.graph)]


def inspected(passes: Sequence[Pass], *, after: str | None, diff: str | None, node: str | None) -> str:
    """The text that answers the options; the list of passes without any. HwgenError unknown-pass, unknown-node."""
    if after is not None:
        shown = passes[index_of(passes, after)][1]
        return shown if node is None else _matching(shown, node, after)
    if diff is not None:
        return difference(passes, index_of(passes, diff))
    if node is not None:
        return history(passes, node)
    return "".join(f"{name:16} {len(_node_lines(text)):4} nodes\n" for name, text in passes)


def index_of(passes: Sequence[Pass], name: str) -> int:
    """Position of the pass. HwgenError unknown-pass."""
    names = [known for known, _ in passes]
    if name not in names:
        raise HwgenError("unknown-pass", name, "there is no pass of this name", did_you_mean(name, names, "passes"))
    return names.index(name)


def difference(passes: Sequence[Pass], index: int) -> str:
    """Unified diff of the graph before and after a pass; empty where it changed nothing."""
    before = passes[index - 1] if index else ("nothing", "")
    after = passes[index]
    return "".join(difflib.unified_diff(before[1].splitlines(True), after[1].splitlines(True), before[0], after[0]))


def history(passes: Sequence[Pass], node: str) -> str:
    """The lines that name the node, under a heading for each pass that has some."""
    found = [(name, lines) for name, text in passes if (lines := _lines_with(text, node))]
    if not found:
        names = sorted({word for _, text in passes for word in re.findall(r"[\w./:-]{2,}", text)})
        raise HwgenError("unknown-node", node, "no pass has a node or value of this name",
                         did_you_mean(node, names, "names"))
    return "".join(f"{name}:\n" + "".join(f"  {line}\n" for line in lines) for name, lines in found)


def _matching(text: str, node: str, where: str) -> str:
    lines = _lines_with(text, node)
    if not lines:
        raise HwgenError("unknown-node", node, f"the graph after {where} has no node or value of this name",
                         "Leave out --after to search in every pass.")
    return "".join(f"{line}\n" for line in lines)


def _lines_with(text: str, node: str) -> list[str]:
    whole = re.compile(rf"(?<![\w./-]){re.escape(node)}(?![\w./-])")
    return [line for line in text.splitlines() if whole.search(line)]


def _node_lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if "  # " in line]
