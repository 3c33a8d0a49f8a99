"""Every message a user can meet is an HwgenError: code, place, why and the way out."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of the command line."""

    OK = 0
    VERIFICATION_FAILED = 1
    USER_INPUT = 2
    STAGE_UNAVAILABLE = 3
    INTERNAL = 70


class HwgenError(Exception):
    """An error the user can act on.

    code: stable kebab-case identifier (documented in docs/errors.md)
    where: the place: a node, file, option or layer, as the user knows it
    why: one sentence on the cause, without a final full stop
    help: the way out, as an instruction
    """

    def __init__(self, code: str, where: str, why: str, help: str, *, exit_code: Exit = Exit.USER_INPUT) -> None:
        super().__init__(f"{code}: {where}: {why}. {help}")
        self.code = code
        self.where = where
        self.why = why
        self.help = help
        self.exit_code = exit_code


def did_you_mean(name: str, known: Iterable[str], plural: str) -> str:
    """The help sentence for an unknown name: the closest known one, and all of them."""
    names = sorted(known)
    from difflib import get_close_matches

    spelled = {one.lower(): one for one in reversed(names)}
    close = get_close_matches(name[:100].lower(), spelled, n=1, cutoff=0.5)
    listed = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
    hint = f"Did you mean {spelled[close[0]]}? " if close else ""
    return f"{hint}The {plural} are: {listed}."
