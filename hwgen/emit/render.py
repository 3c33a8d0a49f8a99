"""Fills the templates: one frozen dataclass is the context of each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from functools import cache
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from hwgen.data import folder

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


LINE = 120
"""Columns of an emitted line."""


@cache
def _environment() -> Environment:
    made = Environment(loader=FileSystemLoader(folder("templates")), undefined=StrictUndefined, trim_blocks=True,
                       lstrip_blocks=True, keep_trailing_newline=True, autoescape=False)
    made.globals["filled"] = filled
    return made


def filled(head: str, items: Iterable[str], tail: str, indent: int = 0) -> str:
    """`head item, item, ... tail`, as many items a line as fit: as clang-format lays out arguments.

    Further lines are aligned behind the head; where four more columns than the head's begin fewer lines, all items
    stand there. indent: the column where the head stands in the template.
    """
    words = [f"{item}," for item in items]
    words = [*words[:-1], words[-1].removesuffix(",") + tail] if words else [tail]
    behind = _lines(words, indent + len(head))
    below = _lines(words, indent + 4)
    if len(below) + 1 < len(behind):
        return f"\n{' ' * (indent + 4)}".join([head, *below])
    return head + f"\n{' ' * (indent + len(head))}".join(behind)


def _lines(words: Iterable[str], column: int) -> list[str]:
    """Words that begin at a column, in as few lines as hold them."""
    lines: list[str] = []
    for word in words:
        if lines and column + len(lines[-1]) + 1 + len(word) <= LINE:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def render(template: str, context: DataclassInstance) -> str:
    """The text of templates/<template>; the context's fields are the template's names, a missing one is an error."""
    names = {item.name: getattr(context, item.name) for item in fields(context)}
    return _environment().get_template(template).render(names)
