"""External tools: where they are, which version, and the cache of what they build."""

from __future__ import annotations

from hwgen.toolchain.cache import cache_folder, cached, content_key, locked, temporary_folder
from hwgen.toolchain.tools import TOOLS, Tool, compiler_cache, doctor, require, versions
from hwgen.toolchain.verilator import Verilator, find_verilator

__all__ = ["TOOLS", "Tool", "Verilator", "cache_folder", "cached", "compiler_cache", "content_key", "doctor",
           "find_verilator", "locked", "require", "temporary_folder",
           "versions"]
