"""Trained networks in the formats of other tools: `export_network` and the table of targets."""

from hwgen.export.managers import FINNManager, PytorchQuantManager, PyXIRManager, StdQOpONNXManager
from hwgen.export.targets import TARGETS, ExportTarget, export_network
from hwgen.export.written import ExportOptions, Written

__all__ = ["TARGETS", "ExportOptions", "ExportTarget", "FINNManager", "PyXIRManager", "PytorchQuantManager",
           "StdQOpONNXManager", "Written", "export_network"]
