"""What a command prints: one line a stage, as cargo does; colours and progress only on a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from hwgen.errors import HwgenError

_STYLES = {"ok": "1;32", "warning": "1;33", "error": "1;31", "note": "1;36"}
_VERB_WIDTH = 12


class Console:
    """Lines to one stream. quiet: only warnings and errors are printed."""

    def __init__(self, out: TextIO | None = None, err: TextIO | None = None, *, quiet: bool = False) -> None:
        self.out = out or sys.stdout
        self.err = err or sys.stderr
        self.quiet = quiet
        self.terminal = self.out.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("NO_COLOR")

    def stage(self, verb: str, facts: str, seconds: float | None = None, *, style: str = "ok") -> None:
        """`    Emitted 12 modules, 9 memory files (0.4 s)`: the verb ends in column 12; further lines follow."""
        if self.quiet:
            return
        first, *details = facts.splitlines()
        took = "" if seconds is None else f" ({duration(seconds)})"
        print(f"{self._styled(verb.rjust(_VERB_WIDTH), style)} {first}{took}", file=self.out, flush=True)
        for line in details:
            self.detail(line)

    def detail(self, text: str) -> None:
        """A further line of the stage above."""
        if not self.quiet:
            print(f"{'':{_VERB_WIDTH}} {text}", file=self.out, flush=True)

    def announce(self, text: str) -> None:
        """Before long work: what starts and how long it will take, as in `compiling the simulator: about 7 s`."""
        verb, _, rest = text.partition(" ")
        self.stage(verb.capitalize(), rest, style="note")

    def warning(self, text: str) -> None:
        print(f"{self._styled('warning'.rjust(_VERB_WIDTH), 'warning')} {text}", file=self.err, flush=True)

    def error(self, error: HwgenError) -> None:
        """Code and place, the cause, the way out: three lines."""
        print(f"{self._styled('error', 'error')}[{error.code}]: {error.where}: {error.why}", file=self.err)
        print(f"{self._styled('help', 'note')}: {error.help}", file=self.err, flush=True)

    @contextmanager
    def progress(self, text: str, total: int) -> Iterator[Callable[[int], None]]:
        """Yields advance(n); a moving bar on a terminal, nothing elsewhere."""
        if not self.terminal or self.quiet:
            yield lambda n: None
            return
        from rich.console import Console as Rich
        from rich.progress import Progress

        with Progress(console=Rich(file=self.out), transient=True) as bar:
            task = bar.add_task(text, total=total)
            yield lambda n: bar.advance(task, n)

    def _styled(self, text: str, style: str) -> str:
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if self.terminal else text


def duration(seconds: float) -> str:
    """`0.43 s`, `12 s`, `3 min 20 s`."""
    if seconds < 10:
        return f"{seconds:.2g} s" if seconds >= 1 else f"{seconds:.2f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"


def count(number: int, noun: str) -> str:
    """`1 node`, `12 nodes`, `1,250,000 frames`."""
    if number == 1:
        return f"1 {noun}"
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}es" if noun.endswith(("s", "ch")) else f"{noun}s"
    return f"{number:,} {plural}"
