"""Reading TOML that a user wrote: hostile until checked."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hwgen.errors import HwgenError

LARGEST_FILE = 1 << 22
"""Bytes; a longer file is not a settings file."""


def read_toml(path: Path, code: str, help: str) -> Mapping[str, Any]:
    """The file's tables. HwgenError `code` where it is missing, too long, not UTF-8 or not TOML."""
    try:
        if path.exists() and not path.is_file():
            raise HwgenError(code, str(path), "this is not a file", help)
        if path.stat().st_size > LARGEST_FILE:
            raise HwgenError(code, str(path), f"the file is longer than {LARGEST_FILE} bytes", help)
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise HwgenError(code, str(path), f"the file cannot be read ({error.strerror})", help) from None
    except UnicodeDecodeError:
        raise HwgenError(code, str(path), "the file is not UTF-8 text", help) from None
    except RecursionError:
        raise HwgenError(code, str(path), "it is not valid TOML: it is nested too deeply", help) from None
    except ValueError as error:
        raise HwgenError(code, str(path), f"it is not valid TOML: {str(error).splitlines()[0]}", help) from None
