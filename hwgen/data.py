"""Where the folders of shipped files lie: RTL and HLS libraries, templates, simulation benches."""

from __future__ import annotations

from pathlib import Path

from hwgen.errors import Exit, HwgenError

FOLDERS = ("rtl", "hls", "templates", "sim")


def folder(name: str) -> Path:
    """The folder of that name (one of FOLDERS): `hwgen/_data/<name>` in a wheel, else `<name>` at the checkout's root.

    Raises HwgenError "missing-data" when the installation lacks it.
    """
    package = Path(__file__).resolve().parent
    for path in (package / "_data" / name, package.parent / name):
        if name in FOLDERS and path.is_dir():
            return path
    raise HwgenError("missing-data", f"the folder {name}/", "it is not part of this installation of hwgen",
                     "Install hwgen again from its wheel or checkout.", exit_code=Exit.INTERNAL)
