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
    """`head item, item, ... tail`, as many items a line as fit, further lines aligned behind the head.

    indent: the column where the head stands in the template.
    """
    lines, parts = [head], list(items)
    for i, item in enumerate(parts):
        word = item + (tail if i == len(parts) - 1 else ",")
        fits = indent + len(lines[-1]) + 1 + len(word) <= LINE
        if i == 0:
            lines[-1] += word
        elif fits:
            lines[-1] += f" {word}"
        else:
            lines.append(" " * len(head) + word)
    return f"\n{' ' * indent}".join(lines) + ("" if parts else tail)


def render(template: str, context: DataclassInstance) -> str:
    """The text of templates/<template>; the context's fields are the template's names, a missing one is an error."""
    names = {item.name: getattr(context, item.name) for item in fields(context)}
    return _environment().get_template(template).render(names)
