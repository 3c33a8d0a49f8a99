"""Tables of `hwgen kernels`, `hwgen boards` and `hwgen doctor`."""

from __future__ import annotations

import platform
from collections.abc import Sequence

from hwgen import __version__


def table(rows: Sequence[Sequence[str]]) -> str:
    """Columns padded with spaces; the first row is the heading. Ends in a newline."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "".join(f"{line}\n" for line in lines)


def kernel_table() -> str:
    """One line a kernel: stem, what it is, and which of its parts this installation has."""
    from hwgen.data import folder
    from hwgen.kernels import KERNELS, LIBRARY

    rtl, hls, sim = folder("rtl"), folder("hls"), folder("sim")
    rows: list[Sequence[str]] = [("kernel", "job", "model", "rtl", "hls", "bench", "what it is")]
    for job, kernels in (("computes", KERNELS), ("moves data", LIBRARY)):
        for kernel in kernels:
            parts = (rtl / f"hwgen_{kernel.stem}.sv", hls / f"{kernel.stem}.hpp", sim / f"bench_{kernel.stem}.py")
            verilog, cxx, bench = ("yes" if part.is_file() else "-" for part in parts)
            cxx = cxx if kernel.hls_function else "depth"
            rows.append((kernel.stem, job, "yes", verilog, cxx, bench, kernel.title))
    return table(rows)


def board_table() -> str:
    """One line a board: part, clock and what the device has."""
    from hwgen.boards import available, load

    rows: list[Sequence[str]] = [("board", "part", "clock", "LUT", "FF", "BRAM18", "DSP")]
    for board in map(load, available()):
        has = board.resources
        rows.append((board.name, board.part, f"{board.clock_mhz:g} MHz",
                     *(f"{number:,}" for number in (has.lut, has.ff, has.bram18, has.dsp))))
    return table(rows)


def doctor_table() -> str:
    """One line a tool: the version found, or what is lost without it and how to get it."""
    from hwgen.toolchain import doctor

    rows: list[Sequence[str]] = [("tool", "version", "needed for", "if it is missing")]
    rows += [("python", platform.python_version(), "everything", ""), ("hwgen", __version__, "everything", "")]
    rows += [(name, version or "missing", needs, "" if version else get) for name, version, needs, get in doctor()]
    return table(rows)
