"""The form of report.json, as docs/report.md states it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Form = Any
"""A type, a tuple of types, {name: form}, [form of every element], or Keyed(form)."""

_NULL = type(None)
_COUNT = (int, _NULL)
_USED: Form = {"lut": int, "ff": int, "bram18": int, "dsp": int}


class Keyed:
    """An object with free names whose values all have one form."""

    def __init__(self, form: Form) -> None:
        self.form = form


class Optional:
    """Null, or the form."""

    def __init__(self, form: Form) -> None:
        self.form = form


LAYER: Form = {
    "name": str, "origin": [str], "kernel": str, "pe": int, "simd": int, "input_type": str,
    "weight_type": (str, _NULL), "accumulator_type": (str, _NULL), "output_type": str, "cycles_model": int,
    "cycles_ideal": int, "cycles_measured": _COUNT, "estimate": _USED, "synthesis": Optional(_USED),
}
VERIFICATION: Form = {
    "frames": int, "real_frames": int, "boundaries": int,
    "runs": [{"stalls": Optional([float]), "cycles": int, "mismatches": int}],
    "rtl_vs_integer_mismatches": _COUNT, "rtl_problems": _COUNT,
    "csim": Optional({"mismatches": int, "problems": int, "scope": str}),
    "integer_vs_exact_mismatches": int,
    "integer_vs_float32_mismatches": int, "compared_activations": int, "near_ties": int,
    "threshold_certificate": {"probes": int, "covered": int, "ties": int, "mismatches": int},
    "output_levels_hit": Keyed(float),
}
REPORT: Form = {
    "schema_version": int, "model": str, "model_sha256": str, "board": str, "part": str, "family": str,
    "clock_mhz": (int, float), "backend": str,
    "options": {
        "fps": (int, float, _NULL), "folding": (str, _NULL), "frames": _COUNT, "inputs": Keyed(str), "seed": int,
        "check": bool, "allow_oversize": bool, "dialect": str, "rounding": str,
        "input_types": Keyed({"type": str, "scale": str}),
        "input_shapes": Keyed([int]),
    },
    "stages": Keyed(str),
    "layers": [LAYER],
    "streams": [{"name": str, "kernel": str, "parameters": Keyed(int), "estimate": _USED}],
    "host": Keyed([str]),
    "cycles_per_frame": {"model": _COUNT, "measured": _COUNT, "ideal": _COUNT},
    "latency_cycles": {"model": _COUNT, "measured": _COUNT},
    "fps": (int, float, _NULL),
    "verification": Optional(VERIFICATION),
    "resources": {"family": str, "available": _USED, "estimate": Optional(_USED), "synthesis": Optional(_USED)},
    "tool_versions": Keyed((str, _NULL)),
    "names": Keyed(str),
    "warnings": [str],
}


def check(report: object) -> None:
    """Raise ValueError naming the first place where the report has another form; unknown fields are refused too."""
    _check(report, REPORT, "report")


def _check(item: Any, form: Form, where: str) -> None:
    if isinstance(form, Optional):
        if item is not None:
            _check(item, form.form, where)
    elif isinstance(form, Keyed):
        for name, value in _object(item, where).items():
            _check(value, form.form, f"{where}.{name}")
    elif isinstance(form, dict):
        _check_fields(_object(item, where), form, where)
    elif isinstance(form, list):
        _check_list(item, form[0], where)
    elif not isinstance(item, form) or (isinstance(item, bool) and form is not bool):
        raise ValueError(f"{where} is {item!r}")


def _check_fields(item: Mapping[str, Any], form: Mapping[str, Form], where: str) -> None:
    if item.keys() != form.keys():
        raise ValueError(f"{where} has other fields: {sorted(item.keys() ^ form.keys())}")
    for name, part in form.items():
        _check(item[name], part, f"{where}.{name}")


def _check_list(item: Any, form: Form, where: str) -> None:
    if not isinstance(item, list):
        raise ValueError(f"{where} is not a list")
    for index, value in enumerate(item):
        _check(value, form, f"{where}[{index}]")


def _object(item: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(item, dict):
        raise ValueError(f"{where} is not an object")
    return item
