"""Identifiers from the names of nodes and values: the only text of the user's model that reaches an output file."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping

from hwgen.reserved_words import RESERVED_WORDS

MAX_LENGTH = 40
"""Characters of an identifier."""
_HASH_LENGTH = 8
_TAKEN_PREFIX = re.compile(r"(hwgen|[sm]_axis)(_|$)")
_TAKEN_SUFFIX = re.compile(r"(^|_)top$")


def readable(file_name: str) -> str:
    """A file's name as text: bytes of it that are not UTF-8, which no report and no ONNX file takes, become U+FFFD."""
    return os.fsencode(file_name).decode("utf-8", errors="replace")


class Names:
    """A one-to-one map from any strings to identifiers.

    An identifier has lower-case letters, digits and single inner underscores, starts with a letter, ends in neither an
    underscore nor `top` (the emitted top modules do), starts neither with `hwgen` (the library) nor with `s_axis` or
    `m_axis` (ports), has at most MAX_LENGTH characters, is no word of RESERVED_WORDS, and is unique. A name that was
    cut, or whose identifier was taken, ends in a hash of the whole name, so only the order of the first calls matters.
    """

    def __init__(self) -> None:
        self._identifiers: dict[str, str] = {}
        self._taken: set[str] = set()

    def of(self, name: str) -> str:
        """The identifier of a name; the same at every call."""
        if name not in self._identifiers:
            identifier = self._fresh(name)
            self._taken.add(identifier)
            self._identifiers[name] = identifier
        return self._identifiers[name]

    @property
    def map(self) -> Mapping[str, str]:
        """Name to identifier, in the order of the first calls: for the report."""
        return dict(self._identifiers)

    def _fresh(self, name: str) -> str:
        plain = _plain(name)
        candidate = plain if len(plain) <= MAX_LENGTH else _hashed(plain, name, 0)
        attempt = 0
        while candidate in self._taken:
            candidate = _hashed(plain, name, attempt)
            attempt += 1
        return candidate


def _plain(name: str) -> str:
    """Lower case, letter first, no foreign character, no taken word; of any length."""
    text = re.sub(r"[^A-Za-z0-9]+", "_", name).lower().strip("_")
    if not text or text[0].isdigit() or _TAKEN_PREFIX.match(text):
        text = f"n_{text}".strip("_")
    return f"{text}_n" if text in RESERVED_WORDS or _TAKEN_SUFFIX.search(text) else text


def _hashed(plain: str, name: str, attempt: int) -> str:
    source = f"{attempt}:{name}".encode("utf-8", "surrogatepass")
    digest = hashlib.sha256(source).hexdigest()[:_HASH_LENGTH]
    return f"{plain[:MAX_LENGTH - _HASH_LENGTH - 1].rstrip('_')}_{digest}"
