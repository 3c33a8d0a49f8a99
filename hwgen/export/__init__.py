"""Trained networks in the formats of other tools: `export_network` and the table of targets."""

from hwgen.export.targets import TARGETS, ExportTarget, export_network

__all__ = ["TARGETS", "ExportTarget", "export_network"]
