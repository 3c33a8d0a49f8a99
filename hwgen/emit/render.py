"""Fills the templates: one frozen dataclass is the context of each."""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from hwgen.data import folder

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@cache
def _environment() -> Environment:
    return Environment(loader=FileSystemLoader(folder("templates")), undefined=StrictUndefined, trim_blocks=True,
                       lstrip_blocks=True, keep_trailing_newline=True, autoescape=False)


def render(template: str, context: DataclassInstance) -> str:
    """The text of templates/<template>; the context's fields are the template's names, a missing one is an error."""
    names = {item.name: getattr(context, item.name) for item in fields(context)}
    return _environment().get_template(template).render(names)
